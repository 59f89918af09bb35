"""What the engine is asked to reach, as ratios of figures of one run wherever that can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.students import BYTES, HARDWARE, SCALED, SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from l1distill.bench import BenchRecord

    Figures = Mapping[str, float]

RATE = "million_events_per_second"
BY_PROCESSOR = "million_events_per_second_and_processor"
ISSUE = "fraction_of_issue_limit"
MAIN = "57-32-16-1"

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
    """

    what: str
    limit: float
    unit: str
    value: Callable[[Figures], float]
    least: bool = True


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
    met = value >= target.limit if target.least else value <= target.limit
    return Judged(target.what, wanted, _shown(value, target.unit), "met" if met else "not met")


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


def _engine(shape: str, kind: str, threads: int, what: str) -> Callable[[Figures], float]:
    name = f"engine, {threads} threads: test_engine[{shape}-{kind}-{threads}], {what}"
    return lambda figures: figures[name]


def _engine_targets() -> Iterator[Target]:
    for shape, rate in ROWS.items():
        yield Target(
            f"{shape}, int16 rows, 2 threads", rate, "M/s", _engine(shape, HARDWARE, 2, RATE)
        )
    for kind in (HARDWARE, SCALED, BYTES):
        for shape in SHAPES:
            what = f"{shape}, {kind} rows, part of the issue limit"
            yield Target(what, 0.5, "%", _engine(shape, kind, 1, ISSUE))
    yield Target(f"{MAIN}, int8 rows, 2 threads", 220.0, "M/s", _engine(MAIN, BYTES, 2, RATE))
    for shape, rate in JAGGED.items():
        group = "jagged objects to scores, 2 threads"
        name = f"{group}: test_from_jagged_objects[{shape}-flat-2]"
        for what, limit, unit in ((RATE, rate, "M/s"), (ISSUE, 0.5, "%")):
            told = "" if what == RATE else ", part of the issue limit"
            yield Target(
                f"{shape}, from flat jagged objects, 2 threads{told}",
                limit,
                unit,
                lambda figures, name=name, what=what: figures[f"{name}, {what}"],  # type: ignore[misc]
            )


def _peer(figures: Figures, shape: str, threads: int, test: str, what: str = RATE) -> float:
    return figures[f"peers, {shape}, {threads} threads: {test}, {what}"]


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
        )
    for shape in SHAPES:
        what = f"{shape}, times alkaid's interpreter, one core"
        yield Target(what, 50, "x", _times_slow(shape, f"test_alkaid[{shape}]"))
    for threads in (1, 2):
        for shape in SHAPES:
            yield Target(
                f"{shape}, times the best of torch and onnxruntime, {threads} threads",
                2.0 if (shape, threads) == (MAIN, 2) else 1.7,
                "x",
                _times_best(shape, threads),
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


def _batch_targets() -> Iterator[Target]:
    place = "small batches, 57-32-16-1: test_small_batch"
    yield Target("1 event", 50, "µs", lambda figures: 1e6 * figures[f"{place}[1-2]"], least=False)
    yield Target(
        "1,000 events, two threads allowed, times one thread",
        1.1,
        "x",
        lambda figures: figures[f"{place}[1000-2]"] / figures[f"{place}[1000-1]"],
        least=False,
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
            )


def _file_targets() -> Iterator[Target]:
    for name, part in FILES.items():

        def ratio(figures: Figures, name: str = name) -> float:
            place = f"file to score, {name}, one process: test_file_to_score[{name}"
            rate, plain = (
                figures[f"{place}-{who}], {RATE}"] for who in ("first pass", "reading alone")
            )
            return rate / plain

        yield Target(f"file to score, {name}, first pass, part of reading alone", part, "%", ratio)
