"""C-simulation of a graph: hls4ml's C++ compiled, and run for many events at a time."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.fixed import to_float
from emulator.graph.codec import graph_to_plain
from firmware.building import (
    Build,
    by_output,
    check_rows,
    complete_folder,
    n_outputs,
    one_at_a_time,
)
from firmware.compiler import Compiler
from firmware.csim.ap_types import speed_up_ap_types
from firmware.csim.bridge import bridge_source
from firmware.errors import UnsupportedNodeError
from firmware.hls.layers import n_weight_files
from firmware.hls.library import load_extension, require_da4ml
from firmware.hls.settings import DISTRIBUTED_ARITHMETIC, HlsSettings
from firmware.hls.writer import build_model_graph, write_model_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.graph import Graph

LIBRARY = "csim.so"
#: What compiling the library took.
BUILD = "build.json"
# Bounds the memory of the doubles that go to the library.
CHUNK_EVENTS = 65_536


class CSimulation:
    """The compiled C-simulation of one graph; make it with `build`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Graph, Input, Square
    >>> x = Input("x", (), FixedFormat(8, 8), size=2)
    >>> y = Square("y", ("x",), FixedFormat(8, 8, signed=False, overflow="SAT"))
    >>> with TemporaryDirectory() as folder:
    ...     simulation = CSimulation.build(Graph((x, y), ("y",)), folder)
    ...     simulation.run(np.array([[-3, 20]]))
    {'y': array([[  9, 255]])}
    """

    def __init__(
        self, graph: Graph, project: Path, kept: Path, settings: HlsSettings, threads: int
    ) -> None:
        self.graph = graph
        #: Folder of the hls4ml project and of the library.
        self.project = project
        #: What compiling the library took, perhaps long ago.
        self.build_cost = _build_cost(project)
        self.threads = threads
        self._settings = settings
        self._kept = kept
        self._traced: CSimulation | None = None
        library = ctypes.CDLL(str(project / LIBRARY))
        self._run_rows = library.l1_run
        self._run_rows.restype = None
        self._run_rows.argtypes = [
            np.ctypeslib.ndpointer(np.float64, ndim=2, flags="C_CONTIGUOUS"),
            np.ctypeslib.ndpointer(np.int64, ndim=2, flags=("C_CONTIGUOUS", "WRITEABLE")),
            ctypes.c_int64,
            ctypes.c_int,
        ]
        library.l1_set_weights_folder.restype = None
        library.l1_set_weights_folder.argtypes = [ctypes.c_char_p]
        library.l1_set_weights_folder(os.fsencode(_weights(project)))
        # Loads the weights while they are known to be there: without them the library ends the process.
        self.run(np.zeros((1, graph.input.size), dtype=np.int64))

    @classmethod
    def build(
        cls,
        graph: Graph,
        folder: str | Path,
        settings: HlsSettings | None = None,
        *,
        threads: int = 2,
    ) -> CSimulation:
        """Write and compile the hls4ml project of a graph, or take it from the folder.

        Parameters
        ----------
        graph
            The network.
        folder
            Holds one project for each graph, settings and versions of hls4ml and the compiler; what
            is there already is not compiled again.
        settings
            Back end, part, clock, strategy; `HlsSettings()` if omitted.
        threads
            OpenMP threads of `run`.

        Raises
        ------
        UnsupportedNodeError
            If C-simulation could not compute a node exactly, or an output needs more than 64 bits.
        MissingToolError
            If hls4ml or g++ is not installed.
        CompileError
            If the C++ does not compile.
        """
        settings = settings or HlsSettings()
        _check_outputs(graph)
        compiler = Compiler.find()
        load_extension()
        kept = Path(folder).resolve()
        project = kept / f"csim-{_key(graph, settings, compiler)}"
        if not _is_complete(project, graph, settings):
            with one_at_a_time(project):
                if not _is_complete(project, graph, settings):
                    _build(graph, project, settings, compiler)
        return cls(graph, project, kept, settings, threads)

    def run(self, rows: NDArray[np.integer]) -> dict[str, NDArray[np.int64]]:
        """Compute the graph's outputs.

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
        for start in range(0, len(rows), CHUNK_EVENTS):
            chunk = slice(start, start + CHUNK_EVENTS)
            values = np.ascontiguousarray(to_float(rows[chunk], self.graph.input.format))
            self._run_rows(values, raws[chunk], len(values), self.threads)
        return by_output(self.graph, raws)

    def trace(self, rows: NDArray[np.integer]) -> dict[str, NDArray[np.int64]]:
        """Compute every node; the first call compiles a second project whose outputs are all nodes.

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
        if self._traced is None:
            self._traced = CSimulation.build(
                self.graph.with_outputs(inner), self._kept, self._settings, threads=self.threads
            )
        return {source: np.asarray(rows, dtype=np.int64), **self._traced.run(rows)}


def _build_cost(project: Path) -> Build:
    plain = json.loads((project / BUILD).read_text())
    return Build(plain["seconds"], plain["peak_mib"])


def _weights(project: Path) -> Path:
    return project / "firmware" / "weights"


def _is_complete(project: Path, graph: Graph, settings: HlsSettings) -> bool:
    """Whether a project has its library and all files of constants."""
    try:
        size = json.loads((project / BUILD).read_text())["library_bytes"]
        made = (project / LIBRARY).stat().st_size == size
    except (OSError, ValueError, LookupError):
        return False
    return made and len(list(_weights(project).glob("*.txt"))) == n_weight_files(graph, settings)


def _check_outputs(graph: Graph) -> None:
    for name in graph.outputs:
        target = graph.tensors[name].format
        if target.width + (not target.signed) > 64:
            reason = f"its result {target} does not fit the 64 bits that C-simulation returns"
            raise UnsupportedNodeError(name, reason)


def _key(graph: Graph, settings: HlsSettings, compiler: Compiler) -> str:
    """Name of the cached project: a hash of all that decides what the library computes."""
    parts = {
        "graph": graph_to_plain(graph),
        "settings": asdict(settings),
        "hls4ml": version("hls4ml"),
        "da4ml": _version_of_da4ml(settings),
        "compiler": compiler.version,
        "flags": compiler.flags,
        "target": compiler.target,
        "sources": _sources(),
    }
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _version_of_da4ml(settings: HlsSettings) -> str:
    if settings.strategy != DISTRIBUTED_ARITHMETIC:
        return ""
    require_da4ml()
    return version("da4ml")


@cache
def _sources() -> dict[str, str]:
    """Hash of each file of ours that decides what C++ is written."""
    firmware = Path(__file__).parents[1]
    files = (path for folder in ("hls", "csim") for path in (firmware / folder).rglob("*.*"))
    return {
        path.relative_to(firmware).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
        if path.suffix in {".py", ".h", ".in"}
    }


def _build(graph: Graph, project: Path, settings: HlsSettings, compiler: Compiler) -> None:
    with complete_folder(project, lambda: _is_complete(project, graph, settings)) as temporary:
        model = build_model_graph(graph, temporary, settings)
        compile_model(model, compiler, log=project.with_name(f"{project.name}.log"))


def compile_model(model: Any, compiler: Compiler, *, log: Path) -> None:
    """Write the project of hls4ml's ``ModelGraph`` into its folder, and compile the library there.

    Raises
    ------
    CompileError
        If the C++ does not compile.
    """
    folder = Path(model.config.get_output_dir())
    write_model_graph(model)
    speed_up_ap_types(folder)
    source = folder / "bridge.cpp"
    source.write_text(bridge_source(model))
    build = compiler.build_library(source, folder / LIBRARY, log=log)
    plain = {**build.as_dict(), "library_bytes": (folder / LIBRARY).stat().st_size}
    (folder / BUILD).write_text(json.dumps(plain) + "\n")
