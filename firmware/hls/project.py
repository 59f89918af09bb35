"""An HLS project that a user with the vendor's tools can take: vectors, test bench, scripts, README."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.engine import evaluate_rows
from emulator.errors import InputFileError
from emulator.results import Record
from firmware.building import check_rows, first_error, n_outputs, run_tool
from firmware.compiler import Compiler
from firmware.errors import CompileError, UnsupportedNodeError
from firmware.hls.layers import layer_types
from firmware.hls.settings import HlsSettings
from firmware.hls.writer import write_project_with

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.graph import Graph

_FILES = Path(__file__).parent / "project_files"
#: What was asked for, beside the project; `firmware.reports` reads it.
SUMMARY = "l1distill.json"
FEATURES = Path("tb_data", "tb_input_features.dat")
PREDICTIONS = Path("tb_data", "tb_output_predictions.dat")

_TOOLS = {"Vitis": "Vitis HLS and Vivado", "Vivado": "Vivado HLS and Vivado"}
_SYNTHESIS = {
    # The program was renamed in 2024.2.
    "Vitis": "if command -v vitis-run > /dev/null; then vitis-run --mode hls --tcl build_prj.tcl; "
    "else vitis_hls -f build_prj.tcl; fi",
    "Vivado": 'vivado_hls -f build_prj.tcl "reset=1 csim=1 synth=1 cosim=1 validation=1 vsynth=1"',
}
_OPTIONS = {"Vitis": "in `build_opt.tcl`", "Vivado": "in the `Makefile`"}


@dataclass(frozen=True, slots=True)
class Vectors:
    """Crossings for the test bench.

    Parameters
    ----------
    rows
        Hardware integers, (n events, n features), within the input's type.
    source
        Where they come from, for people.
    """

    rows: NDArray[np.integer]
    source: str

    @classmethod
    def random(cls, graph: Graph, n_events: int, seed: int) -> Vectors:
        """Draw rows over the whole range of the input's type."""
        target = graph.input.format
        rng = np.random.default_rng(seed)
        shape = (n_events, graph.input.size)
        rows = rng.integers(target.lowest, target.raw_max, shape, endpoint=True)
        return cls(rows, f"random integers of the input's type, seed {seed}")


@dataclass(frozen=True, slots=True)
class BenchResult(Record):
    """How the test bench of a project ended.

    Parameters
    ----------
    passed
        Whether every crossing gave what was expected.
    said
        The last line that it printed.
    """

    passed: bool
    said: str


def write_full_project(
    graph: Graph,
    folder: str | Path,
    vectors: Vectors,
    settings: HlsSettings | None = None,
    *,
    name: str = "",
    network_sha256: str = "",
    jobs: int = 1,
) -> Path:
    """Write the HLS project of a graph with all that its user needs.

    Parameters
    ----------
    graph
        The network.
    folder
        The project's folder; replaced if it is there already.
    vectors
        Crossings for the test bench; what is expected of them is computed by the plain-Python reference.
    settings
        Back end, part, clock, strategy; `HlsSettings()` if omitted.
    name, network_sha256
        Of the model, for the README.
    jobs
        Processes of the reference.

    Returns
    -------
    The folder.

    Raises
    ------
    UnsupportedNodeError, ReadBackError, MissingToolError
        See `firmware.hls.build_model_graph`.
    RangeError
        If a row is out of the input's range.
    """
    settings = settings or HlsSettings()
    check_rows(graph, vectors.rows)
    _check_outputs(graph)
    raws = evaluate_rows(graph, vectors.rows, jobs=jobs)
    expected = np.concatenate([raws[output] for output in graph.outputs], axis=1)

    def complete(temporary: Path, model: Any) -> None:
        (temporary / "tb_data").mkdir(exist_ok=True)
        _write_integers(temporary / FEATURES, vectors.rows)
        _write_integers(temporary / PREDICTIONS, expected)
        words = _words(graph, model, settings, vectors, name, network_sha256)
        project = settings.project_name
        for source, target in (
            ("test.cpp.in", f"{project}_test.cpp"),
            ("Makefile.in", "Makefile"),
            ("README.md.in", "README.md"),
        ):
            text = Template((_FILES / source).read_text(encoding="utf-8")).substitute(words)
            (temporary / target).write_text(text, encoding="utf-8")
        for script in ("vivado_synth.tcl", "vivado_impl.tcl"):
            (temporary / script).write_bytes((_FILES / script).read_bytes())
        _choose_stages(temporary)
        summary = {
            "name": name,
            "network_sha256": network_sha256,
            "n_vectors": len(vectors.rows),
            "vectors": vectors.source,
            "versions": {one: version(one) for one in ("l1distill", "hls4ml")},
            **asdict(settings),
        }
        (temporary / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")

    return write_project_with(graph, folder, settings, complete)


def run_test_bench(folder: str | Path) -> BenchResult:
    """Compile the test bench of a project with g++ and run it.

    Raises
    ------
    MissingToolError
        If there is no compiler.
    CompileError
        If the project does not compile.
    InputFileError
        If the folder holds no project of `write_full_project`.
    """
    root = Path(folder)
    if not (root / SUMMARY).is_file() or not (root / "Makefile").is_file():
        raise InputFileError(root, "no HLS project with a test bench")
    compiler = Compiler.find()
    project = json.loads((root / SUMMARY).read_text(encoding="utf-8"))["project_name"]
    program = root.resolve() / "build" / "testbench"
    program.parent.mkdir(exist_ok=True)
    log = program.with_suffix(".log")
    # The command of the Makefile.
    command = [compiler.path, "-std=c++17", "-O1", "-w", "-DNDEBUG", "-I.", "-Ifirmware/ap_types"]
    command += ['-DWEIGHTS_DIR="firmware/weights"', f"{project}_test.cpp"]
    command += [f"firmware/{project}.cpp", "-o", str(program)]
    if run_tool(command, log, folder=root).code != 0:
        raise CompileError(first_error(log), log)
    done = run_tool([str(program)], log, folder=root)
    lines = log.read_text(errors="replace").strip().splitlines()
    return BenchResult(done.code == 0, lines[-1] if lines else f"ended with code {done.code}")


def _check_outputs(graph: Graph) -> None:
    for name in graph.outputs:
        target = graph.tensors[name].format
        if target.width + (not target.signed) > 64:
            reason = f"its result {target} does not fit the 64 bits of the test bench"
            raise UnsupportedNodeError(name, reason)


def _write_integers(path: Path, numbers: NDArray[np.integer]) -> None:
    lines = (" ".join(map(str, row)) for row in numbers.tolist())
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _choose_stages(folder: Path) -> None:
    """Ask for a fresh project and for logic synthesis, which hls4ml leaves out."""
    options = folder / "build_opt.tcl"
    if not options.is_file():
        return
    text = options.read_text(encoding="utf-8")
    for stage in ("reset", "vsynth"):
        text = re.sub(rf"({stage}\s+)0\b", r"\g<1>1", text)
    options.write_text(text, encoding="utf-8")


def _words(
    graph: Graph,
    model: Any,
    settings: HlsSettings,
    vectors: Vectors,
    name: str,
    network_sha256: str,
) -> dict[str, Any]:
    """Return what the templates name."""
    (source,) = model.get_input_variables()
    return {
        **_bench_words(graph, model),
        "project": settings.project_name,
        "name": name or settings.project_name,
        "version": version("l1distill"),
        "hls4ml": version("hls4ml"),
        "backend": settings.backend,
        "strategy": settings.strategy,
        "reuse_factor": settings.reuse_factor,
        "part": settings.part,
        "clock": f"{settings.clock_period_ns:g}",
        "uncertainty": f"{settings.clock_uncertainty_percent:g}",
        "sha256": network_sha256 or "(not from a model file)",
        "where": f"Vectors: {vectors.source}.",
        "layers": "\n".join(_layer_rows(graph, model)),
        "n_events": len(vectors.rows),
        "expected_from": "l1distill's plain-Python reference",
        "tool": _TOOLS[settings.backend],
        "synthesis": _SYNTHESIS[settings.backend],
        "options": _OPTIONS[settings.backend],
        "input_type": source.type.name,
    }


def _bench_words(graph: Graph, model: Any) -> dict[str, Any]:
    declarations, copies, arguments, offset = [], [], [], 0
    for place, variable in enumerate(model.get_output_variables()):
        target = graph.tensors[graph.outputs[place]].format
        size, name = variable.size(), f"output{place}"
        kind = "signed_raw" if target.signed else "unsigned_raw"
        declarations.append(f"        {variable.type.name} {name}[{size}];")
        copies.append(f"        for (int i = 0; i < {size}; i++)")
        copies.append(f"            found[{offset} + i] = {kind}<{target.width}>({name}[i]);")
        arguments.append(name)
        offset += size
    return {
        "n_inputs": graph.input.size,
        "n_outputs": n_outputs(graph),
        "input_format": str(graph.input.format),
        "input_high": graph.input.format.width - 1,
        "outputs": ", ".join(f"{name} {graph.tensors[name].format}" for name in graph.outputs),
        "declarations": "\n".join(declarations),
        "copies": "\n".join(copies),
        "arguments": ", ".join(arguments),
    }


def _layer_rows(graph: Graph, model: Any) -> Sequence[str]:
    layers: Mapping[str, Any] = {layer.name: layer for layer in model.get_layers()}
    rows = []
    for node in graph.nodes:
        types = layer_types(node, [graph.tensors[name] for name in node.inputs])
        others = ", ".join(f"{kind} {part}" for kind, part in types.items() if kind != "result")
        layer = layers.get(node.name)
        kind = layer.class_name if layer is not None else "inside the next layer"
        size = graph.tensors[node.name].size
        rows.append(f"| {node.name} | {kind} | {size} | {types['result']} | {others} |")
    return rows
