"""A graph becomes an hls4ml ``ModelGraph``, every type explicit, and from it an HLS project."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.graph import Conv2d, Dense, QuantizeEach
from firmware.building import check_replaceable, complete_folder
from firmware.errors import ReadBackError, UnsupportedNodeError
from firmware.hls.checks import check_exact
from firmware.hls.layer_readers import Source
from firmware.hls.layers import layer_entry, layer_settings, layer_types
from firmware.hls.library import load_extension, quiet_hls4ml, require_da4ml
from firmware.hls.reader import read_model_graph
from firmware.hls.settings import DISTRIBUTED_ARITHMETIC, HlsSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.graph import Graph, Node
    from firmware.hls.settings import Strategy


#: In each project of hls4ml.
CONFIGURATION = "hls4ml_config.yml"
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

    def make(chosen: HlsSettings) -> Any:
        with quiet_hls4ml():
            return ModelGraph.from_layer_list(
                _configuration(graph, Path(folder), chosen),
                [layer_entry(node, graph) for node in graph.nodes],
                inputs=[graph.input.name],
                outputs=list(graph.outputs),
            )

    if settings.strategy == DISTRIBUTED_ARITHMETIC:
        # It keeps no weights to read back: those of the same network, made otherwise, are read.
        _prove(graph, make(replace(settings, strategy="Latency")), settings)
        require_da4ml()
        model = make(settings)
        _check_distributed(graph, model)
        return model
    model = make(settings)
    _prove(graph, model, settings)
    return model


def _prove(graph: Graph, model: Any, settings: HlsSettings) -> None:
    _check_reuse(model, settings)
    check_equal(graph, read_model_graph(model))


def _check_distributed(graph: Graph, model: Any) -> None:
    """Check what a model without weights still shows: its layers and the types of their results.

    A `QuantizeEach` may have gone into the layer behind it.
    """
    layers = {layer.name: layer for layer in model.get_layers()}
    for node in graph.nodes:
        layer = layers.get(node.name)
        if layer is None:
            if isinstance(node, QuantizeEach):
                continue
            raise ReadBackError(node.name, "the nodes", node.name, ", ".join(layers))
        found = Source(layer, ()).format(layer.get_output_variable().type.precision)
        if found != node.format:
            raise ReadBackError(node.name, "format", node.format, found)
        if isinstance(node, Dense | Conv2d) and layer.get_attr("da_codegen") is None:
            raise ReadBackError(node.name, "strategy", DISTRIBUTED_ARITHMETIC, "another one")


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
    emulator.errors.InputFileError
        If the folder holds something else.
    """
    return write_project_with(graph, folder, settings or HlsSettings(), lambda *_: None)


def write_project_with(
    graph: Graph,
    folder: str | Path,
    settings: HlsSettings,
    complete: Callable[[Path, Any], None],
) -> Path:
    """Write a project as `write_project`; ``complete`` adds to it, given folder and model."""
    target = Path(folder).resolve()
    check_replaceable(target, CONFIGURATION)
    with complete_folder(target, lambda: False) as temporary:
        model = build_model_graph(graph, temporary, settings)
        write_model_graph(model)
        complete(temporary, model)
    return target


def write_model_graph(model: Any) -> None:
    """Let hls4ml write its project, quietly, without the folder's name in it."""
    folder = Path(model.config.get_output_dir())
    with quiet_hls4ml():
        model.write()
    yaml_file = folder / CONFIGURATION
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
    common = {"ReuseFactor": settings.reuse_factor, "Trace": False}
    layers = {
        node.name: {
            "Precision": _precisions(node, graph),
            **common,
            "Strategy": _strategy(node, settings),
            **layer_settings(node),
        }
        for node in graph.nodes
    }
    model = {
        # Nothing may fall back on this type: the model is read back and compared.
        "Precision": "fixed<16,6>",
        "ReuseFactor": settings.reuse_factor,
        "Strategy": _strategy(None, settings),
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
            "Namespace": settings.namespace or None,
            "WriteWeightsTxt": not settings.namespace,
            "WriteTar": False,
            "TBOutputStream": "both",
        },
    }


def _strategy(node: Node | None, settings: HlsSettings) -> Strategy:
    """hls4ml refuses layers without weights that are asked for distributed arithmetic."""
    distributed = settings.strategy == DISTRIBUTED_ARITHMETIC
    return settings.strategy if not distributed or isinstance(node, Dense | Conv2d) else "Latency"


def _precisions(node: Node, graph: Graph) -> dict[str, str]:
    inputs = [graph.tensors[name] for name in node.inputs]
    return {name: str(part) for name, part in layer_types(node, inputs).items()}
