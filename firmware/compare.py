"""Event by event: the engine against the plain-Python reference, C-simulation and simulated RTL.

Nothing is tolerated: a raw that differs in one bit is a mismatch.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np

from emulator.engine import Emulator, evaluate, evaluate_rows
from emulator.errors import MissingNameError, SettingsError
from emulator.files import replace_file
from emulator.results import Record
from firmware.building import Build, simulations_folder
from firmware.causes import Evidence, LikelyCause, likely_cause
from firmware.cost import CostFigure, simulated_latency
from firmware.csim import CSimulation
from firmware.rtl import RtlSettings, RtlSimulation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from emulator.graph import Graph
    from firmware.hls import HlsSettings

    Raws = dict[str, NDArray[np.int64]]

Against = Literal["reference", "csim", "rtl"]

SHOWN = 5
#: Events with a difference, and as many without, in which its cause is looked for.
LOOKED_AT = 40


class Execution(Protocol):
    """Anything that runs a graph."""

    def run(self, rows: NDArray[np.integer]) -> Raws:
        """Return the raws of the graph's outputs, each (n events, size)."""
        ...

    def trace(self, rows: NDArray[np.integer]) -> Raws:
        """Return the raws of every node, each (n events, size)."""
        ...


@dataclass(frozen=True, slots=True)
class NodeValues(Record):
    """Raws of one node on both sides.

    Parameters
    ----------
    node
        Its name.
    engine, other
        Raws by the engine and by the other execution, one for each element.
    """

    node: str
    engine: tuple[int, ...]
    other: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mismatch(Record):
    """One event on which two executions differ.

    Parameters
    ----------
    event
        Its place among the rows.
    row
        Its hardware integers.
    outputs
        The outputs that differ.
    first_node
        The first node, in order of evaluation, that differs; none if the outputs differ only when
        the network runs as a whole.
    inputs
        What that node was given.
    """

    event: int
    row: tuple[int, ...]
    outputs: tuple[NodeValues, ...]
    first_node: NodeValues | None
    inputs: tuple[NodeValues, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison(Record):
    """How the engine compares with another execution.

    Parameters
    ----------
    against
        The other execution; ``with`` in JSON.
    n_events, n_mismatch
        Events compared, and events with any difference.
    seconds
        Time of the other execution, without compiling it.
    events_per_second
        Rate of the other execution.
    mismatches
        The first five.
    build
        What compiling the other execution took, perhaps in an earlier run; None if nothing is compiled.
    cause
        The known fault that explains the first node that differs; None if none does.
    latency
        Of the RTL, measured in its simulation; None for other executions.
    """

    against: str
    n_events: int
    n_mismatch: int
    seconds: float
    events_per_second: float
    mismatches: tuple[Mismatch, ...]
    build: Build | None = None
    cause: LikelyCause | None = None
    latency: CostFigure | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, with the key ``with`` for ``against``."""
        values = asdict(self)
        return {"with": values.pop("against"), **values}


class Reference:
    """The plain-Python reference as an execution.

    Parameters
    ----------
    graph
        The network.
    jobs
        Processes for `run`.
    """

    def __init__(self, graph: Graph, *, jobs: int = 1) -> None:
        self.graph = graph
        self.jobs = jobs

    def run(self, rows: NDArray[np.integer]) -> Raws:
        """Return the raws of the graph's outputs, each (n events, size)."""
        return evaluate_rows(self.graph, rows, jobs=self.jobs)

    def trace(self, rows: NDArray[np.integer]) -> Raws:
        """Return the raws of every node, each (n events, size)."""
        events = [evaluate(self.graph, row) for row in rows.tolist()]
        return {
            node.name: np.array([values[node.name] for values in events], dtype=np.int64)
            for node in self.graph.nodes
        }


def compare(
    graph: Graph,
    rows: NDArray[np.integer],
    *,
    against: Sequence[Against] = ("reference",),
    score: str | None = None,
    jobs: int = 2,
    work_dir: str | Path | None = None,
    settings: HlsSettings | None = None,
    rtl_settings: RtlSettings | None = None,
) -> tuple[Comparison, ...]:
    """Compare the engine with other executions of the same graph, event by event.

    Parameters
    ----------
    graph
        The network.
    rows
        Hardware integers, (n events, n features).
    against
        What to compare with, in this order.
    score
        The output to compare; all outputs if omitted.
    jobs
        Processes of the reference, threads of the engine, of C-simulation and of RTL.
    work_dir
        Where C-simulation and RTL are compiled and kept; the user's cache folder if omitted.
    settings
        Settings of the hls4ml project.
    rtl_settings
        Settings of the RTL.

    Returns
    -------
    One record for each of ``against``.

    Raises
    ------
    SettingsError
        If ``against`` names something unknown.
    MissingNameError
        If ``score`` is no output of the graph.
    firmware.errors.UnsupportedNodeError, firmware.errors.MissingToolError
        See `CSimulation.build` and `RtlSimulation.build`.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Graph, Input, Square
    >>> x = Input("x", (), FixedFormat(8, 8), size=2)
    >>> y = Square("y", ("x",), FixedFormat(8, 8, signed=False, overflow="SAT"))
    >>> (comparison,) = compare(Graph((x, y), ("y",)), np.array([[-3, 20]]))
    >>> comparison.against, comparison.n_events, comparison.n_mismatch
    ('reference', 1, 0)
    """
    unknown = [name for name in against if name not in get_args(Against)]
    if unknown:
        msg = f"cannot compare with {unknown[0]!r}; known: {', '.join(get_args(Against))}"
        raise SettingsError(msg)
    if score is not None:
        if score not in graph.outputs:
            raise MissingNameError("output", score, graph.outputs, "the graph")
        graph = graph.with_outputs((score,))
    engine = Emulator(graph, threads=jobs)
    folder = work_dir or simulations_folder()
    makers: dict[Against, Callable[[], Execution]] = {
        "reference": lambda: Reference(graph, jobs=jobs),
        "csim": lambda: CSimulation.build(graph, folder, settings, threads=jobs),
        "rtl": lambda: RtlSimulation.build(graph, folder, rtl_settings, threads=jobs),
    }
    return tuple(
        compare_executions(graph, rows, engine, makers[name](), against=name) for name in against
    )


def compare_executions(
    graph: Graph, rows: NDArray[np.integer], engine: Execution, other: Execution, *, against: str
) -> Comparison:
    """Compare two executions of a graph, event by event.

    Parameters
    ----------
    graph
        Gives the outputs and the order of the nodes.
    rows
        Hardware integers, (n events, n features).
    engine, other
        The two sides.
    against
        Name of the other side.
    """
    found = engine.run(rows)
    start = time.perf_counter()
    expected = other.run(rows)
    seconds = time.perf_counter() - start
    differs = np.zeros(len(rows), dtype=bool)
    for name in graph.outputs:
        differs |= (found[name] != expected[name]).any(axis=1)
    mismatches, cause = _explained(
        graph, rows, differs, (engine, found), (other, expected), against=against
    )
    return Comparison(
        against=against,
        n_events=len(rows),
        n_mismatch=int(differs.sum()),
        seconds=seconds,
        events_per_second=len(rows) / max(seconds, 1e-9),
        mismatches=mismatches,
        build=getattr(other, "build_cost", None),
        cause=cause,
        latency=simulated_latency(other.project) if isinstance(other, RtlSimulation) else None,
    )


def _explained(
    graph: Graph,
    rows: NDArray[np.integer],
    differs: NDArray[np.bool_],
    engine: tuple[Execution, Raws],
    other: tuple[Execution, Raws],
    *,
    against: str,
) -> tuple[tuple[Mismatch, ...], LikelyCause | None]:
    """Return the first mismatches, node by node, and what explains them."""
    if not differs.any():
        return (), None
    wrong, right = (np.flatnonzero(part)[:LOOKED_AT] for part in (differs, ~differs))
    events = np.concatenate([wrong, right])
    # Only now, since tracing the C-simulation compiles a second project.
    traces = engine[0].trace(rows[events]), other[0].trace(rows[events])
    shown = []
    for place, event in enumerate(wrong[:SHOWN]):
        outputs = _differences(graph.outputs, int(event), engine[1], other[1])
        inner = _differences([node.name for node in graph.nodes], place, *traces)
        first = inner[0] if inner else None
        inputs = (
            tuple(_values(name, place, *traces) for name in graph[first.node].inputs)
            if first
            else ()
        )
        shown.append(Mismatch(int(event), tuple(rows[event].tolist()), outputs, first, inputs))
    return tuple(shown), _cause(graph, *traces, against=against)


def _cause(graph: Graph, engine: Raws, other: Raws, *, against: str) -> LikelyCause | None:
    """Look for what explains the first node that differs in any of the traced events."""
    for node in graph.nodes:
        if not np.array_equal(engine[node.name], other[node.name]):
            break
    else:
        return None
    given = [engine[name].tolist() for name in node.inputs]
    sides = zip(engine[node.name].tolist(), other[node.name].tolist(), strict=True)
    evidence = [
        Evidence([part[place] for part in given], *pair) for place, pair in enumerate(sides)
    ]
    tensors = [graph.tensors[name] for name in node.inputs]
    return likely_cause(node, tensors, evidence, against=against)


def _values(name: str, place: int, engine: Raws, other: Raws) -> NodeValues:
    left, right = (tuple(side[name][place].tolist()) for side in (engine, other))
    return NodeValues(name, left, right)


def _differences(
    names: Sequence[str], place: int, engine: Raws, other: Raws
) -> tuple[NodeValues, ...]:
    pairs = (_values(name, place, engine, other) for name in names)
    return tuple(pair for pair in pairs if pair.engine != pair.other)


def write_mismatches(path: str | Path, comparisons: Sequence[Record]) -> Path:
    """Write comparisons, with their first mismatches, as JSON.

    Parameters
    ----------
    path
        The file; replaced if it is there.
    comparisons
        What `compare` returned.

    Returns
    -------
    The file.
    """
    target = Path(path)
    plain = {"version": 1, "comparisons": [one.as_dict() for one in comparisons]}
    with replace_file(target) as temporary:
        temporary.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    return target
