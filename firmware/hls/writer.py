"""A graph becomes an hls4ml ``ModelGraph``, every type explicit, and from it an HLS project."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firmware.errors import ReadBackError, UnsupportedNodeError
from firmware.hls.checks import check_exact
from firmware.hls.layers import layer_entry, layer_settings, layer_types
from firmware.hls.library import load_extension, quiet_hls4ml
from firmware.hls.reader import read_model_graph
from firmware.hls.settings import HlsSettings

if TYPE_CHECKING:
    from emulator.graph import Graph, Node


# Layers whose reuse factor hls4ml changes where it does not fit.
_MULTIPLYING = ("Dense", "Conv2D", "PointwiseConv2D")


def build_model_graph(graph: Graph, folder: str | Path, settings: HlsSettings | None = None) -> Any:
    """Build hls4ml's model of a graph and prove that it is that graph; nothing is written.

    Parameters
    ----------
    graph
        The network.
    folder
        Where hls4ml will write its project.
    settings
        Back end, part, clock, strategy; `HlsSettings()` if omitted.

    Returns
    -------
    An ``hls4ml.model.ModelGraph`` after hls4ml's optimizer passes.

    Raises
    ------
    UnsupportedNodeError
        If C-simulation could not compute a node exactly.
    ReadBackError
        If the model, read back, differs from the graph.
    MissingToolError
        If hls4ml is not installed.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Graph, Input, Square
    >>> x = Input("x", (), FixedFormat(8, 8), size=2)
    >>> y = Square("y", ("x",), FixedFormat(8, 8, signed=False, overflow="SAT"))
    >>> model = build_model_graph(Graph((x, y), ("y",)), "unused")
    >>> [layer.class_name for layer in model.get_layers()]
    ['Input', 'L1Square']
    """
    settings = settings or HlsSettings()
    load_extension()
    check_exact(graph, settings)
    from hls4ml.model import ModelGraph

    layers = [layer_entry(node, graph) for node in graph.nodes]
    with quiet_hls4ml():
        model = ModelGraph.from_layer_list(
            _configuration(graph, Path(folder), settings),
            layers,
            inputs=[graph.input.name],
            outputs=list(graph.outputs),
        )
    _check_reuse(model, settings)
    check_equal(graph, read_model_graph(model))
    return model


def write_project(graph: Graph, folder: str | Path, settings: HlsSettings | None = None) -> Path:
    """Write the HLS project of a graph: C++, weights, test bench and Tcl scripts of the back end.

    Parameters
    ----------
    graph
        The network.
    folder
        The project's folder; replaced if it is there already.
    settings
        Back end, part, clock, strategy; `HlsSettings()` if omitted.

    Returns
    -------
    The folder.

    Raises
    ------
    UnsupportedNodeError, ReadBackError, MissingToolError
        See `build_model_graph`.
    """
    target = Path(folder).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        write_model_graph(build_model_graph(graph, temporary, settings))
        if target.exists():
            shutil.rmtree(target)
        temporary.chmod(0o755)
        os.replace(temporary, target)  # noqa: PTH105 - the folder as a whole
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def write_model_graph(model: Any) -> None:
    """Let hls4ml write its project, quietly, without the folder's name in it."""
    folder = Path(model.config.get_output_dir())
    with quiet_hls4ml():
        model.write()
    yaml_file = folder / "hls4ml_config.yml"
    yaml_file.write_text(yaml_file.read_text().replace(str(folder), "."))


def check_equal(given: Graph, found: Graph) -> None:
    """Compare a graph with what was read back.

    Raises
    ------
    ReadBackError
        Naming the first node and field that differ.
    """
    if given == found:
        return
    names = [node.name for node in given.nodes]
    found_names = [node.name for node in found.nodes]
    if names != found_names:
        missing = next((name for name in names if name not in found_names), names[0])
        raise ReadBackError(missing, "the nodes", names, found_names)
    for node, other in zip(given.nodes, found.nodes, strict=True):
        if type(node) is not type(other):
            raise ReadBackError(
                node.name, "the operation", type(node).__name__, type(other).__name__
            )
        for item in fields(node):
            value, back = getattr(node, item.name), getattr(other, item.name)
            if value != back:
                raise ReadBackError(node.name, item.name, *_first_difference(value, back))
    raise ReadBackError(found.outputs[0], "the outputs", given.outputs, found.outputs)


def _first_difference(value: object, back: object) -> tuple[object, object]:
    if isinstance(value, tuple) and isinstance(back, tuple):
        for left, right in zip(value, back, strict=False):
            if left != right:
                return _first_difference(left, right)
    return value, back


def _check_reuse(model: Any, settings: HlsSettings) -> None:
    for layer in model.get_layers():
        reuse = layer.get_attr("reuse_factor")
        if layer.class_name in _MULTIPLYING and reuse != settings.reuse_factor:
            reason = (
                f"reuse factor {settings.reuse_factor} does not divide its size, hls4ml would take "
                f"{reuse}"
            )
            raise UnsupportedNodeError(layer.name, reason)


def _configuration(graph: Graph, folder: Path, settings: HlsSettings) -> dict[str, Any]:
    common = {"ReuseFactor": settings.reuse_factor, "Strategy": settings.strategy, "Trace": False}
    layers = {
        node.name: {"Precision": _precisions(node, graph), **common, **layer_settings(node)}
        for node in graph.nodes
    }
    model = {
        # Nothing may fall back on this type: the model is read back and compared.
        "Precision": "fixed<16,6>",
        "ReuseFactor": settings.reuse_factor,
        "Strategy": settings.strategy,
        "BitExact": False,
    }
    return {
        "Backend": settings.backend,
        "ProjectName": settings.project_name,
        "OutputDir": str(folder),
        "Part": settings.part,
        "ClockPeriod": settings.clock_period_ns,
        "ClockUncertainty": f"{settings.clock_uncertainty_percent:g}%",
        "IOType": "io_parallel",
        "Version": "1.0.0",
        "HLSConfig": {"Model": model, "LayerName": layers},
        "WriterConfig": {
            "Namespace": None,
            "WriteWeightsTxt": True,
            "WriteTar": False,
            "TBOutputStream": "both",
        },
    }


def _precisions(node: Node, graph: Graph) -> dict[str, str]:
    inputs = [graph.tensors[name] for name in node.inputs]
    return {name: str(part) for name, part in layer_types(node, inputs).items()}
