"""The RTL of a graph as an execution: compiled by Verilator and run clock by clock."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emulator.graph.codec import graph_to_plain
from firmware.building import by_output, check_rows, n_outputs
from firmware.rtl.design import Design
from firmware.rtl.library import Verilator, require_alkaid
from firmware.rtl.project import build_project, is_complete, load_project
from firmware.rtl.settings import RtlSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.graph import Graph
    from firmware.building import Build
    from firmware.rtl.project import RtlProject

# Bounds the memory of the doubles that go to the library.
CHUNK_EVENTS = 65_536


class RtlSimulation:
    """The simulated RTL of one graph; make it with `build`.

    Parameters
    ----------
    graph
        The network.
    project
        Its Verilog and compiled simulation.
    threads
        Instances of the design that `run` clocks side by side.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Graph, Input, Square
    >>> x = Input("x", (), FixedFormat(8, 8), size=2)
    >>> y = Square("y", ("x",), FixedFormat(8, 8, signed=False, overflow="SAT"))
    >>> with TemporaryDirectory() as folder:
    ...     simulation = RtlSimulation.build(Graph((x, y), ("y",)), folder)
    ...     simulation.project.timing, simulation.run(np.array([[-3, 20]]))
    (RtlTiming(latency_clocks=2, initiation_interval_clocks=1), {'y': array([[  9, 255]])})
    """

    def __init__(self, graph: Graph, project: RtlProject, *, threads: int = 2) -> None:
        self.graph = graph
        #: Folder, latency, size and clock.
        self.project = project
        self.threads = threads
        self._settings = RtlSettings()
        self._traced: RtlSimulation | None = None

    @classmethod
    def build(
        cls,
        graph: Graph,
        folder: str | Path,
        settings: RtlSettings | None = None,
        *,
        threads: int = 2,
    ) -> RtlSimulation:
        """Write and compile the RTL of a graph, or take it from the folder.

        Parameters
        ----------
        graph
            The network.
        folder
            Holds one project for each graph, settings and versions of alkaid and Verilator; what is
            there already is not compiled again.
        settings
            Clock and part; `RtlSettings()` if omitted.
        threads
            Jobs of the compilation, and instances of the design that `run` clocks side by side.

        Raises
        ------
        UnsupportedRtlError
            If a node cannot be written exactly; an `firmware.errors.UnsupportedNodeError`.
        MissingToolError
            If alkaid, Verilator, make or g++ is not installed.
        RtlCompileError
            If the Verilog or its C++ does not compile.
        RtlTimingError
            See `build_project`.
        """
        settings = settings or RtlSettings()
        alkaid, verilator = require_alkaid(), Verilator.find()
        project = Path(folder).resolve() / f"rtl-{_key(graph, settings, alkaid, verilator)}"
        if is_complete(project):
            found = load_project(project)
        else:
            found = build_project(graph, project, settings, jobs=threads)
        simulation = cls(graph, found, threads=threads)
        simulation._settings = settings
        return simulation

    @property
    def build_cost(self) -> Build:
        """What compiling the simulation took, perhaps in an earlier run."""
        return self.project.build

    def run(self, rows: NDArray[np.integer]) -> dict[str, NDArray[np.int64]]:
        """Compute the graph's outputs, a new row at each clock.

        Parameters
        ----------
        rows
            Hardware integers, (n events, n features), within the input's type.

        Returns
        -------
        For each output its raws, int64, (n events, size).

        Raises
        ------
        RangeError
            If an integer is out of the input's range.
        ValueError
            If the rows have another number of features.
        """
        check_rows(self.graph, rows)
        raws = np.empty((len(rows), n_outputs(self.graph)), dtype=np.int64)
        n_blocks = max(self.threads, -(-len(rows) // CHUNK_EVENTS), 1)
        blocks = zip(np.array_split(rows, n_blocks), np.array_split(raws, n_blocks), strict=True)
        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(self._run_block, *zip(*blocks, strict=True)))
        return by_output(self.graph, raws)

    def _run_block(self, rows: NDArray[np.integer], raws: NDArray[np.int64]) -> None:
        if not len(rows):
            return
        timing = self.project.timing
        # Where nothing could be measured, all results are equal once the pipeline is full.
        latency = self.project.scheduled_clocks if timing is None else timing.latency_clocks
        design = Design(self.project.library, n_outputs(self.graph))
        raws[:] = design.clock(rows, len(rows) + latency - 1)[latency - 1 :]

    def trace(self, rows: NDArray[np.integer]) -> dict[str, NDArray[np.int64]]:
        """Compute every node; the first call compiles a second design whose outputs are all nodes.

        Parameters
        ----------
        rows
            As in `run`.

        Returns
        -------
        For each node, in order of evaluation, its raws, int64, (n events, size).
        """
        source = self.graph.input.name
        inner = tuple(node.name for node in self.graph.nodes if node.name != source)
        if not inner:
            return self.run(rows)
        if self._traced is None:
            self._traced = RtlSimulation.build(
                self.graph.with_outputs(inner),
                self.project.folder.parent,
                self._settings,
                threads=self.threads,
            )
        return {source: np.asarray(rows, dtype=np.int64), **self._traced.run(rows)}


def _key(graph: Graph, settings: RtlSettings, alkaid: str, verilator: Verilator) -> str:
    """Name of the cached project: a hash of all that decides what the library computes."""
    sources = [path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))]
    parts = {
        "graph": graph_to_plain(graph),
        "settings": asdict(settings),
        "alkaid": alkaid,
        "verilator": verilator.version,
        "sources": sources,
    }
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
