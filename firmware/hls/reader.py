"""An hls4ml ``ModelGraph`` becomes a graph, from its own attributes: weights, types, wiring.

What has no exact counterpart among the graph's operations is refused, naming the layer. See hls4ml
1.3.0, ``model/layers.py``, ``model/types.py`` and the ``nnet_utils`` templates.
"""

from __future__ import annotations

from math import prod
from typing import Any

from emulator.graph import Graph, Input, Node, Reshape
from firmware.errors import UnreadableLayerError
from firmware.hls.layer_readers import READERS, Source


def read_model_graph(model: Any) -> Graph:
    """Read a graph from hls4ml's model after its optimizer passes.

    Parameters
    ----------
    model
        An ``hls4ml.model.ModelGraph`` of the Vivado or Vitis back end.

    Returns
    -------
    A graph that computes, bit for bit, what the C-simulation of the model computes.

    Raises
    ------
    UnreadableLayerError
        If a layer, its strategy or one of its types has no exact counterpart.
    emulator.errors.GraphError
        If the graph that comes out breaks a rule, for example has two inputs.
    """
    nodes: list[Node] = []
    # Layers name the *results* that they take, which may be called otherwise than their layers.
    makers: dict[str, str] = {}
    for layer in model.get_layers():
        inputs = () if layer.class_name == "Input" else tuple(makers[name] for name in layer.inputs)
        nodes += _read_layer(Source(layer, inputs))
        makers |= dict.fromkeys(layer.outputs, nodes[-1].name)
    return Graph(tuple(nodes), tuple(makers[name] for name in model.outputs))


def _read_layer(source: Source) -> list[Node]:
    layer = source.layer
    if layer.class_name == "Input":
        return _read_input(source)
    read = READERS.get(layer.class_name)
    if read is None:
        reason = f"it is a {layer.class_name}; known: {', '.join(['Input', *READERS])}"
        raise UnreadableLayerError(layer.name, reason)
    return [read(source)]


def _read_input(source: Source) -> list[Node]:
    """Read the features; those of an image are a vector that is reshaped."""
    shape = tuple(int(axis) for axis in source.layer.get_output_variable().shape)
    name, _, target = source.common
    features = Input(name, (), target, size=prod(shape))
    if len(shape) == 1:
        return [features]
    return [features, Reshape(f"{name}_image", (name,), target, shape=shape)]
