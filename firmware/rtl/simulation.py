"""Pipelined Verilog of a graph, compiled by Verilator and run clock by clock."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.errors import RangeError
from emulator.graph.codec import graph_to_plain
from emulator.results import Record
from firmware.rtl.errors import RtlCompileError
from firmware.rtl.library import Verilator, require_alkaid
from firmware.rtl.settings import RtlSettings
from firmware.rtl.trace import trace_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.graph import Graph

LIBRARY_ID = "l1"
#: Written last; a project without it is not complete.
SUMMARY = "l1distill.json"
# Bounds the memory of the doubles that go to the library.
CHUNK_EVENTS = 65_536
# Verilator's lint of unused bits says nothing about the result; every other warning stops the build.
VERILATOR_FLAGS = "-Wall -Wno-UNUSEDSIGNAL -Wno-ALWNEVER"


@dataclass(frozen=True, slots=True)
class RtlEstimate(Record):
    """Size of the pipelined circuit, estimated without synthesis.

    Parameters
    ----------
    lut, ff
        Look-up tables of six inputs, and flip-flops.
    source
        Who says so.
    """

    lut: int
    ff: int
    source: str


class RtlSimulation:
    """The compiled RTL of one graph; make it with `build`.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Graph, Input, Square
    >>> x = Input("x", (), FixedFormat(8, 8), size=2)
    >>> y = Square("y", ("x",), FixedFormat(8, 8, signed=False, overflow="SAT"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     simulation = RtlSimulation.build(Graph((x, y), ("y",)), folder)
    ...     simulation.latency_clocks, simulation.run(np.array([[-3, 20]]))
    (3, {'y': array([[  9, 255]])})
    """

    def __init__(
        self, graph: Graph, project: Path, cache: Path, settings: RtlSettings, threads: int
    ) -> None:
        self.graph = graph
        #: Folder of the Verilog (``src``), the constraints and the library.
        self.project = project
        self.settings = settings
        self.threads = threads
        summary = json.loads((project / SUMMARY).read_text())
        #: Clock edges from a row at the input ports to its results at the output ports, the
        #: registers of both included; a new row is taken at every clock.
        self.latency_clocks: int = summary["latency_clocks"]
        #: Size of the circuit.
        self.estimate = RtlEstimate(**summary["estimate"])
        self._cache = cache
        self._traced: RtlSimulation | None = None
        self._design = _Design(_library(project, settings))

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
            Jobs of the compilation and OpenMP threads of `run`.

        Raises
        ------
        UnsupportedRtlError
            If a node cannot be written exactly; an `firmware.errors.UnsupportedNodeError`.
        MissingToolError
            If alkaid, Verilator, make or g++ is not installed.
        RtlCompileError
            If the Verilog or its C++ does not compile.
        """
        settings = settings or RtlSettings()
        alkaid, verilator = require_alkaid(), Verilator.find()
        cache = Path(folder).resolve()
        project = cache / f"rtl-{_key(graph, settings, alkaid, verilator)}"
        if not (project / SUMMARY).exists():
            _build(graph, project, settings, verilator, threads)
        return cls(graph, project, cache, settings, threads)

    def run(self, rows: NDArray[np.integer]) -> dict[str, NDArray[np.int64]]:
        """Compute the graph's outputs, one row at each clock.

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
        self._check_rows(rows)
        sizes = [self.graph.tensors[name].size for name in self.graph.outputs]
        raws = np.empty((len(rows), sum(sizes)), dtype=np.int64)
        for start in range(0, len(rows), CHUNK_EVENTS):
            chunk = slice(start, start + CHUNK_EVENTS)
            raws[chunk] = self._design.run(
                rows[chunk], sum(sizes), self.latency_clocks, self.threads
            )
        parts = np.split(raws, np.cumsum(sizes)[:-1], axis=1)
        return {
            name: np.ascontiguousarray(part)
            for name, part in zip(self.graph.outputs, parts, strict=True)
        }

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
                self.graph.with_outputs(inner), self._cache, self.settings, threads=self.threads
            )
        return {source: np.asarray(rows, dtype=np.int64), **self._traced.run(rows)}

    def _check_rows(self, rows: NDArray[np.integer]) -> None:
        source = self.graph.input
        if rows.ndim != 2 or rows.shape[1] != source.size:
            msg = f"the network takes {source.size} features, the rows have shape {rows.shape}"
            raise ValueError(msg)
        low, high = source.format.raw_min, source.format.raw_max
        wrong = (rows < low) | (rows > high)
        if wrong.any():
            event, feature = (int(part) for part in np.argwhere(wrong)[0])
            msg = (
                f"event {event}, feature {feature}: {rows[event, feature]} is out of the range of "
                f"the input {source.name!r}, {source.format}: {low} to {high}"
            )
            raise RangeError(msg)


class _Design:
    """One instance of a verilated design, through the C interface that alkaid writes."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.fsm_create.restype = ctypes.c_void_p
        self._library.fsm_run.restype = None
        for function in (self._library.fsm_destroy, self._library.fsm_soft_reset):
            function.restype = None
            function.argtypes = [ctypes.c_void_p]
        self._handle = ctypes.c_void_p(self._library.fsm_create())

    def run(
        self, rows: NDArray[np.integer], n_outputs: int, latency: int, threads: int
    ) -> NDArray[np.int64]:
        """Present one row at each clock, then wait until the last result is out."""
        values = np.ascontiguousarray(rows, dtype=np.float64)
        results = np.empty((len(rows), n_outputs))
        pointer = ctypes.c_void_p
        self._library.fsm_soft_reset(self._handle)
        self._library.fsm_run(
            self._handle,
            (pointer * 1)(values.ctypes.data),
            (ctypes.c_size_t * 1)(len(values)),
            (pointer * 1)(results.ctypes.data),
            ctypes.c_size_t(len(values)),
            ctypes.c_size_t(latency - 1),
            ctypes.c_uint8(1),
            ctypes.c_size_t(threads),
        )
        return results.astype(np.int64)

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self._library.fsm_destroy(self._handle)


def _library(project: Path, settings: RtlSettings) -> Path:
    return project / "sim" / f"lib{settings.project_name}_fsm_{LIBRARY_ID}.so"


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


def _build(
    graph: Graph, project: Path, settings: RtlSettings, verilator: Verilator, jobs: int
) -> None:
    program = trace_graph(graph)
    project.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{project.name}-", dir=project.parent))
    try:
        summary = _write(program, temporary, settings)
        _compile(temporary, settings, verilator, jobs, log=project.with_name(f"{project.name}.log"))
        (temporary / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n")
        temporary.chmod(0o755)
        _move(temporary, project)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(program: Any, folder: Path, settings: RtlSettings) -> dict[str, Any]:
    """Write the Verilog, and return what is worth knowing about it."""
    from alkaid.codegen import RTLModel

    model = RTLModel(
        program,
        folder,
        settings.project_name,
        flavor="verilog",
        latency_cutoff=settings.stage_ns,
        part_name=settings.part,
        clock_period=settings.clock_period_ns,
        clock_uncertainty=settings.clock_uncertainty_percent / 100,
    )
    model.write()
    (output,) = model.fsm.out_signals
    lut = sum(logic.cost for logic in model.fsm.logic.values())
    source = f"alkaid {require_alkaid()}, no synthesis"
    return {
        "latency_clocks": int(output.schedule.bias),
        "estimate": asdict(RtlEstimate(lut=round(lut), ff=int(model.reg_bits), source=source)),
    }


def _compile(
    folder: Path, settings: RtlSettings, verilator: Verilator, jobs: int, *, log: Path
) -> None:
    simulation, programs = folder / "sim", folder / "bin"
    verilator.link(programs)
    # By the environment, which Verilator's own makefile overrides, since it uses the same names.
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
        "VERILATOR_ROOT": str(verilator.root),
        "VM_PREFIX": settings.project_name,
        "TOP_MODULE": f"{settings.project_name}_wrapper",
        "SOURCE_TYPE": "verilog",
        "STAMP": LIBRARY_ID,
        "EXTRA_CXXFLAGS": "-fopenmp",
        "VERILATOR_FLAGS": VERILATOR_FLAGS,
        "N_JOBS": str(max(jobs, 1)),
    }
    command = ["make", "-f", "build_fsm_binder.mk"]
    command += [f"{name}={value}" for name, value in verilator.make_variables.items()]
    done = subprocess.run(
        command, cwd=simulation, env=environment, capture_output=True, text=True, check=False
    )
    log.write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        raise RtlCompileError(_first_error(done.stdout + done.stderr), log)
    shutil.rmtree(simulation / "obj_dir")
    shutil.rmtree(programs)


def _first_error(messages: str) -> str:
    lines = [line.strip() for line in messages.splitlines() if "rror" in line]
    first = lines[0] if lines else messages.strip().partition("\n")[0]
    return first[:200] or "(make says nothing)"


def _move(temporary: Path, project: Path) -> None:
    """Name the finished project; another process may have been faster, with the same content."""
    if project.exists() and not (project / SUMMARY).exists():
        shutil.rmtree(project)
    try:
        os.replace(temporary, project)  # noqa: PTH105 - the folder as a whole
    except OSError:
        if not (project / SUMMARY).exists():
            raise
