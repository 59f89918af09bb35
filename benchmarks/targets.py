"""What the engine is asked to reach, as ratios of figures of one run wherever that can be.

What is not met says what stops it, from figures of the same run: the part of a limit of this machine that the
target would take, or what else the time goes to.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from benchmarks.students import BYTES, HARDWARE, SCALED, SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from l1distill.bench import BenchRecord

    Figures = Mapping[str, float]

RATE = "million_events_per_second"
BY_PROCESSOR = "million_events_per_second_and_processor"
ISSUE = "fraction_of_issue_limit"
COPY = "fraction_of_copy_limit"
MAIN = "57-32-16-1"

#: Threads of the rates that are asked for in M/s.
THREADS = 2

#: Rates by shape, M events/s on two threads.
ROWS = {MAIN: 120.0, "57-16-8-1": 200.0, "57-64-32-1": 75.0}
JAGGED = {MAIN: 85.0, "57-16-8-1": 120.0, "57-64-32-1": 50.0}

#: Parts of the rate of reading alone.
FILES = {
    "TTree, zlib": 0.75,
    "TTree, zstd": 0.75,
    "TTree, lz4": 0.45,
    "TTree, uncompressed": 0.45,
    "RNTuple, zstd": 0.45,
}


@dataclass(frozen=True)
class Target:
    """A figure that is asked for.

    Parameters
    ----------
    what
        In words.
    limit
        What it must reach, or stay below.
    unit
        Unit of both; ``%`` and ``x`` are for ratios.
    value
        Computes it from the figures of a run; a KeyError says that it was not measured.
    least
        Whether the limit is a lower one.
    row
        The row of the engine that must become faster, without what is told of it.
    stops
        Says what stops it; if omitted, the part of the issue limit that the row would have to reach.
    """

    what: str
    limit: float
    unit: str
    value: Callable[[Figures], float]
    least: bool = True
    row: str = ""
    stops: Callable[[Figures], str] | None = None

    def reason(self, figures: Figures) -> str:
        """Return what stops a target that is not met."""
        if self.stops is not None:
            return self.stops(figures)
        if not self.row:
            return ""
        reached = figures[f"{self.row}, {ISSUE}"]
        value = self.value(figures)
        if self.unit == "M/s":
            # Parts are by processor time; rates on the wall clock say less where others run.
            value = THREADS * figures[f"{self.row}, {BY_PROCESSOR}"]
        needed = reached * self.limit / value
        beyond = ", more than this processor can issue" if needed > 1 else ""
        return f"takes {needed:.0%} of the issue limit{beyond}; {reached:.0%} are reached"


@dataclass(frozen=True)
class Judged:
    """A target beside what was measured, as texts."""

    what: str
    wanted: str
    measured: str
    verdict: str


def judged_targets(record: BenchRecord) -> list[Judged]:
    """Judge all targets by the figures of one run."""
    figures = {figure.name: figure.value for figure in record.figures}
    return [_judged(target, figures) for target in targets()]


def _judged(target: Target, figures: Figures) -> Judged:
    wanted = f"{'≥' if target.least else '≤'} {_shown(target.limit, target.unit)}"
    try:
        value = target.value(figures)
    except KeyError:
        return Judged(target.what, wanted, "-", "not measured")
    shown = _shown(value, target.unit)
    if value >= target.limit if target.least else value <= target.limit:
        return Judged(target.what, wanted, shown, "met")
    try:
        reason = target.reason(figures)
    except KeyError:
        reason = ""
    return Judged(target.what, wanted, shown, f"not met: {reason}" if reason else "not met")


def _shown(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:.3g} %"
    return f"{value:,.0f} {unit}" if value >= 1_000 else f"{value:.3g} {unit}"


def targets() -> Iterator[Target]:
    """Yield what is asked for, in the order of the page."""
    yield from _engine_targets()
    yield from _peer_targets()
    yield from _instruction_targets()
    yield from _batch_targets()
    yield from _file_targets()
    yield from _training_targets()


def _engine_row(shape: str, kind: str, threads: int) -> str:
    return f"engine, {threads} threads: test_engine[{shape}-{kind}-{threads}]"


def _told(row: str, what: str) -> Callable[[Figures], float]:
    return lambda figures: figures[f"{row}, {what}"]


def _time_goes(row: str, rest: str) -> Callable[[Figures], str]:
    """Return what tells where the time of a row goes: products, bytes, and the rest."""

    def sentence(figures: Figures) -> str:
        products, moved = (figures[f"{row}, {what}"] for what in (ISSUE, COPY))
        return (
            f"products at the issue limit are {products:.0%} of its time, bytes at the copy limit "
            f"{moved:.0%}; the rest {rest}"
        )

    return sentence


def _engine_targets() -> Iterator[Target]:
    for kind, what in ((HARDWARE, "int16 rows"), (SCALED, "int16 rows scaled to 8 bits")):
        for shape, rate in ROWS.items():
            row = _engine_row(shape, kind, 2)
            yield Target(f"{shape}, {what}, 2 threads", rate, "M/s", _told(row, RATE), row=row)
    for kind in (HARDWARE, SCALED, BYTES):
        for shape in SHAPES:
            row = _engine_row(shape, kind, 1)
            yield Target(
                f"{shape}, {kind} rows, part of the issue limit",
                0.5,
                "%",
                _told(row, ISSUE),
                stops=_time_goes(row, "brings rows into lanes, scales, casts and clips"),
            )
    row = _engine_row(MAIN, BYTES, 2)
    yield Target(f"{MAIN}, int8 rows, 2 threads", 220.0, "M/s", _told(row, RATE), row=row)
    for shape, rate in JAGGED.items():
        row = f"jagged objects to scores, 2 threads: test_from_jagged_objects[{shape}-flat-2]"
        what = f"{shape}, from flat jagged objects, 2 threads"
        yield Target(what, rate, "M/s", _told(row, RATE), row=row)
        yield Target(
            f"{what}, part of the issue limit",
            0.5,
            "%",
            _told(row, ISSUE),
            stops=_time_goes(row, "brings objects into lanes, scales, casts and clips"),
        )


def _peer_row(shape: str, threads: int, test: str) -> str:
    return f"peers, {shape}, {threads} threads: {test}"


def _peer(figures: Figures, shape: str, threads: int, test: str, what: str = RATE) -> float:
    return figures[f"{_peer_row(shape, threads, test)}, {what}"]


def _times_slow(shape: str, peer: str) -> Callable[[Figures], float]:
    """Return the ratio to a peer by processor time, which is by core."""

    def ratio(figures: Figures) -> float:
        mine = _peer(figures, shape, 1, f"test_engine[{shape}-1]", BY_PROCESSOR)
        return mine / _peer(figures, shape, 1, peer, BY_PROCESSOR)

    return ratio


def _times_best(shape: str, threads: int) -> Callable[[Figures], float]:
    def ratio(figures: Figures) -> float:
        best = max(
            _peer(figures, shape, threads, f"test_floats[{shape}-{library}-{precision}-{threads}]")
            for library in ("torch", "onnxruntime")
            for precision in ("float32", "int8")
        )
        return _peer(figures, shape, threads, f"test_engine[{shape}-{threads}]") / best

    return ratio


def _peer_targets() -> Iterator[Target]:
    for shape in SHAPES:
        yield Target(
            f"{shape}, times hls4ml's predict, one core",
            1_500,
            "x",
            _times_slow(shape, f"test_hls4ml_predict[{shape}]"),
            row=_peer_row(shape, 1, f"test_engine[{shape}-1]"),
        )
    for shape in SHAPES:
        what = f"{shape}, times alkaid's interpreter, one core"
        yield Target(
            what,
            50,
            "x",
            _times_slow(shape, f"test_alkaid[{shape}]"),
            row=_peer_row(shape, 1, f"test_engine[{shape}-1]"),
        )
    for threads in (1, 2):
        for shape in SHAPES:
            yield Target(
                f"{shape}, times the best of torch and onnxruntime, {threads} threads",
                2.0 if (shape, threads) == (MAIN, 2) else 1.7,
                "x",
                _times_best(shape, threads),
                row=_peer_row(shape, threads, f"test_engine[{shape}-{threads}]"),
            )


def _instruction_targets() -> Iterator[Target]:
    for target, part in (("AVX2", 0.25), ("no intrinsics", 0.08)):

        def lowest(figures: Figures, target: str = target) -> float:
            place = "instruction sets, one thread: test_instruction_set"
            return min(
                figures[f"{place}[{shape}-{HARDWARE}-{target}], {BY_PROCESSOR}"]
                / figures[f"{place}[{shape}-{HARDWARE}-host], {BY_PROCESSOR}"]
                for shape in SHAPES
            )

        yield Target(f"{target}, part of this processor's best, any shape", part, "%", lowest)


#: What the time to the first scores goes to.
_STARTS = {
    "cold": "LLVM compiles the kernels on one thread",
    "from cache": "numba starts, checks the cache and loads the kernels",
}


def _processors(figures: Figures, row: str) -> float:
    return figures[f"{row}, {RATE}"] / figures[f"{row}, {BY_PROCESSOR}"]


def _batch_targets() -> Iterator[Target]:
    place = "small batches, 57-32-16-1: test_small_batch"
    yield Target(
        "1 event",
        50,
        "µs",
        lambda figures: 1e6 * figures[f"{place}[1-2]"],
        least=False,
        stops=lambda figures: f"one thread takes {1e6 * figures[f'{place}[1-1]']:.3g} µs",
    )
    yield Target(
        "1,000 events, two threads allowed, times one thread",
        1.1,
        "x",
        lambda figures: figures[f"{place}[1000-2]"] / figures[f"{place}[1000-1]"],
        least=False,
        stops=lambda figures: f"they use {_processors(figures, f'{place}[1000-2]'):.2g} processors",
    )
    for state, seconds in (("cold", 5.0), ("from cache", 1.5)):
        for kind in (HARDWARE, SCALED):
            name = f"ready to run, 57-32-16-1: test_compilation[{kind}-{state}]"
            yield Target(
                f"first scores, {kind} rows, kernels {state}",
                seconds,
                "s",
                lambda figures, name=name: figures[f"{name}, seconds_to_first_scores"],  # type: ignore[misc]
                least=False,
                stops=lambda _, state=state: _STARTS[state],  # type: ignore[misc]
            )


def _file_rate(figures: Figures, name: str, who: str, processes: str = "one process") -> float:
    test = "test_file_to_score" + ("" if processes == "one process" else f"_in_{processes}")
    row = f"file to score, {name}, {processes}: {test.replace(' ', '_')}[{name}-{who}]"
    return figures[f"{row}, {RATE}"]


def _file_stops(name: str, part: float) -> Callable[[Figures], str]:
    def sentence(figures: Figures) -> str:
        plain, scored = (_file_rate(figures, name, who) for who in ("reading alone", "from cache"))
        most = scored / (plain + scored)
        text = f"scoring and writing the table, after plain reading, would give {most:.0%}"
        return text if most < part else f"{text}; decoding, checking and keeping rows take the rest"

    return sentence


def _file_targets() -> Iterator[Target]:
    for (name, part), processes in product(FILES.items(), ("one process", "two processes")):

        def ratio(figures: Figures, name: str = name, processes: str = processes) -> float:
            first, plain = (
                _file_rate(figures, name, who, processes) for who in ("first pass", "reading alone")
            )
            return first / plain

        what = f"file to score, {name}, {processes}, first pass, part of reading alone"
        yield Target(what, part, "%", ratio, stops=_file_stops(name, part))


def _training_targets() -> Iterator[Target]:
    """Trainings side by side, one on each core, validation included."""
    for kind in ("quantized 57-16-1", "quantized 57-16-1 in batches of 2048"):
        row = f"training step, one thread: test_training_epoch[{kind}-l1distill]"

        def on_two_cores(figures: Figures, row: str = row) -> float:
            return 2 * figures[f"{row}, {BY_PROCESSOR}"]

        what = f"training of {kind}, two on two cores"
        yield Target(what, 1.0, "M/s", on_two_cores, stops=_small_tensors)


def _small_tensors(_figures: Figures) -> str:
    return "an operation of torch on tensors this small costs more than its arithmetic"
