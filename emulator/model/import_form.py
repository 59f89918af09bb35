"""Models from networks in the form ``l1-fixed-point-network/1``.

The form's layers become nodes of the graph: ``dense`` with relu becomes a `Dense` whose result is
its accumulator, and a `Relu`; ``sum_of_squares`` a `Square` and a `Sum`. Every layer keeps its name,
for the node that holds its result (characters that no identifier has become ``_``); the scaled input, which layers call ``input``, becomes the node
``scaled``, since hls4ml uses that name itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from emulator.errors import L1Error, ModelFileError
from emulator.features import Era, Feature, FeatureLayout
from emulator.fixed import FixedFormat, Interval
from emulator.graph import (
    Dense,
    Graph,
    Input,
    Node,
    OffsetShift,
    Quantize,
    Relu,
    Square,
    Subtract,
    Sum,
)
from emulator.model.model import Model, NamedThreshold
from emulator.model.network_form import (
    DenseEntry,
    LayerEntry,
    NetworkForm,
    SubtractEntry,
    layer_place,
    read_network_form,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emulator.features.layout import MuonPosition

#: The name under which the form's layers read the scaled input.
INPUT = "input"

# How the form names where a muon's angles are taken.
_POSITIONS: Final[Mapping[str, MuonPosition]] = {
    "raw": "measured",
    "vtx": "vertex",
    "vertex": "vertex",
}

# As the graph asks of its nodes; checked here to name the place.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """One crossing worked through by whoever passed the network on.

    Attributes
    ----------
    row
        Its features, as raws of the network's input.
    raws
        Raws of some layers, by their names in the file, in order of evaluation; the score is among
        them.
    nodes
        The node of each of these layers.
    """

    row: tuple[int, ...]
    raws: Mapping[str, tuple[int, ...]]
    nodes: Mapping[str, str]


def import_network_form(path: str | Path) -> tuple[Model, WorkedExample | None]:
    """Read a network in the JSON form.

    Parameters
    ----------
    path
        A file of the form ``l1-fixed-point-network/1``.

    Returns
    -------
    The model, and the file's worked example, which is not checked here: that takes an execution of
    the network (`emulator.engine.check_example`).

    Raises
    ------
    InputFileError, ModelFileError
        If the file is not of the form or cannot be expressed exactly; the message gives the place in
        the JSON.
    """
    form = _with_identifiers(read_network_form(path))
    try:
        model = _model(form)
        return model, _example(form, model.graph)
    except L1Error as error:
        msg = f"{path}: {error}"
        raise ModelFileError(msg) from error


def _with_identifiers(form: NetworkForm) -> NetworkForm:
    """Return the form with layers whose names can be names of nodes; most are already."""
    taken = {layer.name for layer in form.layers} | {INPUT}
    names: dict[str, str] = {}
    for layer in form.layers:
        if layer.name and not _NAME.fullmatch(layer.name):
            plain = re.sub(r"[^A-Za-z0-9_]", "_", layer.name)
            wish = (
                plain if plain[0].isalpha() else f"layer{plain if plain[0] == '_' else '_' + plain}"
            )
            names[layer.name] = _free_name(wish, taken)
            taken.add(names[layer.name])
    if not names:
        return form
    layers = [
        layer.model_copy(
            update={
                "name": names.get(layer.name, layer.name),
                "inputs": [names.get(name, name) for name in layer.inputs],
            }
        )
        for layer in form.layers
    ]
    score = form.score.model_copy(update={"layer": names.get(form.score.layer, form.score.layer)})
    example = form.example
    if example is not None:
        mantissas = {names.get(name, name): each for name, each in example.mantissas.items()}
        example = example.model_copy(update={"mantissas": mantissas})
    return form.model_copy(update={"layers": layers, "score": score, "example": example})


def _model(form: NetworkForm) -> Model:
    layout = _layout(form)
    nodes = _input_nodes(form, layout)
    scaled = nodes[-1].name
    sizes = {INPUT: len(layout)}
    for number, layer in enumerate(form.layers):
        place = layer_place(number, layer.name)
        _require(layer.name not in sizes, place, "its name is taken by an earlier layer")
        is_name = _NAME.fullmatch(layer.name) is not None
        _require(is_name, place, "its name is no C identifier (letters, digits, _)")
        _check_layer(layer, sizes, place)
        names = {node.name for node in nodes} | _layer_names(form)
        nodes += _layer_nodes(layer, names, scaled=scaled)
        sizes[layer.name] = _size(layer, sizes)
    _check_score(form)
    return Model(
        name=form.name,
        layout=layout,
        graph=Graph(tuple(nodes), (form.score.layer,)),
        score=form.score.layer,
        thresholds=_thresholds(form),
        provenance={
            "imported_from": form.format,
            "source": form.source,
            "conventions": form.conventions,
            "input_rule": form.input.rule,
            "input_selection": form.input.selection,
            "era": form.input.era.meaning,
            "score_definition": form.score.definition,
        },
    )


def _layer_names(form: NetworkForm) -> set[str]:
    return {INPUT, *(layer.name for layer in form.layers)}


def _require(rule_holds: bool, place: str, rule: str) -> None:
    if not rule_holds:
        msg = f"{place}: {rule}"
        raise ModelFileError(msg)


def _layout(form: NetworkForm) -> FeatureLayout:
    era = Era(
        pt="halved" if form.input.era.pt_halved_to_integer else "exact_half",
        muon_position=_POSITIONS[form.input.era.muon_phi],
        muon_eta=_POSITIONS[form.input.era.muon_eta],
    )
    indices = [entry.index for entry in form.input.features]
    for number, index in enumerate(indices):
        place, rule = f"input.features[{number}]", f"are 0 to {len(indices) - 1}, each once"
        good = 0 <= index < len(indices) and index not in indices[:number]
        _require(good, place, f"its index is {index}; indices {rule}")
    listed = sorted(form.input.features, key=lambda entry: entry.index)
    features = tuple(Feature(f.object, f.slot, f.field) for f in listed)
    # "objects in readout order, no sorting": the trigger hands them to the network as they come.
    try:
        return FeatureLayout(form.name, features, era, "readout")
    except L1Error as error:
        msg = f"input.features: {error}"
        raise ModelFileError(msg) from error


def _input_nodes(form: NetworkForm, layout: FeatureLayout) -> list[Node]:
    given = form.input
    size = len(layout)
    for key, values in (("offset", given.offset), ("shift", given.shift)):
        count = f"has {len(values)} numbers for {size} features"
        _require(len(values) == size, f"input.{key}", count)
    taken = _layer_names(form)
    source = Input(_free_name("features", taken), (), layout.format, size=size)
    nodes: list[Node] = [source]
    if not _holds(given.raw_type, source.format):
        nodes.append(Quantize(_free_name("input_raw", taken), (source.name,), given.raw_type))
    offsets = tuple(
        _offset_raw(offset, given.offset_type, f"input.offset[{place}]")
        for place, offset in enumerate(given.offset)
    )
    for place, shift in enumerate(given.shift):
        rule = f"is {shift}, beyond the {given.raw_type.width} bits of {given.raw_type}"
        _require(abs(shift) < given.raw_type.width, f"input.shift[{place}]", rule)
    scaled = OffsetShift(
        _free_name("scaled", taken),
        (nodes[-1].name,),
        given.type,
        offset=offsets,
        offset_format=given.offset_type,
        shift=tuple(given.shift),
        inner=given.raw_type,
    )
    return [*nodes, scaled]


def _holds(target: FixedFormat, source: FixedFormat) -> bool:
    """Whether a cast changes nothing: every number of ``source`` is one of ``target``."""
    bits = target.fraction - source.fraction
    return bits >= 0 and Interval.of(source).times(1 << bits).within(Interval.of(target))


def _offset_raw(offset: float, offset_type: FixedFormat, place: str) -> int:
    numerator, denominator = offset.as_integer_ratio()
    # Shifting both keeps it exact for types of negative fraction, too.
    up = max(offset_type.fraction, 0)
    raw, rest = divmod(numerator << up, denominator << max(-offset_type.fraction, 0))
    exact = rest == 0 and offset_type.lowest <= raw <= offset_type.raw_max
    _require(exact, place, f"{offset:g} cannot be represented in {offset_type}")
    return raw


def _check_layer(layer: LayerEntry, sizes: Mapping[str, int], place: str) -> None:
    arity = 2 if isinstance(layer, SubtractEntry) else 1
    _require(
        len(layer.inputs) == arity,
        f"{place}.inputs",
        f"a {layer.kind} layer takes {arity}, has {len(layer.inputs)}",
    )
    for name in layer.inputs:
        known = ", ".join(sizes)
        _require(name in sizes, f"{place}.inputs", f"{name!r} is no earlier layer ({known})")
    n_in = sizes[layer.inputs[0]]
    if isinstance(layer, SubtractEntry):
        second = sizes[layer.inputs[1]]
        _require(second == n_in, place, f"its inputs have {n_in} and {second} elements")
    if isinstance(layer, DenseEntry):
        _check_dense(layer, n_in, place)
    n_out = _size(layer, sizes)
    # Of two inputs a file may mean one, or both together.
    several = arity * n_in
    for key, stated, found in (
        ("n_in", layer.n_in, {n_in, several}),
        ("n_out", layer.n_out, {n_out}),
    ):
        rule = f"is {stated}, but the layer has {min(found)}"
        _require(stated is None or stated in found, f"{place}.{key}", rule)


def _check_dense(layer: DenseEntry, n_in: int, place: str) -> None:
    n_out = len(layer.bias)
    _require(n_out >= 1, f"{place}.bias", "has no numbers")
    rows = len(layer.weight)
    _require(rows == n_in, f"{place}.weight", f"has {rows} rows for {n_in} inputs")
    for number, row in enumerate(layer.weight):
        where = f"{place}.weight[{number}]"
        _require(len(row) == n_out, where, f"has {len(row)} numbers for {n_out} outputs")
        _check_mantissas(row, layer.weight_type, where)
    _check_mantissas(layer.bias, layer.bias_type, f"{place}.bias")


def _check_mantissas(numbers: Sequence[int], target: FixedFormat, place: str) -> None:
    for number, mantissa in enumerate(numbers):
        rule = f"is {mantissa}, out of the range of {target}, {target.lowest} to {target.raw_max}"
        _require(target.lowest <= mantissa <= target.raw_max, f"{place}[{number}]", rule)


def _size(layer: LayerEntry, sizes: Mapping[str, int]) -> int:
    if isinstance(layer, DenseEntry):
        return len(layer.bias)
    return sizes[layer.inputs[0]] if isinstance(layer, SubtractEntry) else 1


def _layer_nodes(layer: LayerEntry, taken: set[str], *, scaled: str) -> list[Node]:
    """Return the nodes of a layer; helper nodes get names that no layer and no node has."""
    inputs = tuple(scaled if name == INPUT else name for name in layer.inputs)
    if isinstance(layer, SubtractEntry):
        return [Subtract(layer.name, inputs, layer.output_type)]
    if not isinstance(layer, DenseEntry):
        squares = Square(_free_name(f"{layer.name}_squares", taken), inputs, layer.accum_type)
        total = Sum(layer.name, (squares.name,), layer.output_type, accumulator=layer.accum_type)
        return [squares, total]
    linear = layer.activation == "linear"
    dense = Dense(
        layer.name if linear else _free_name(f"{layer.name}_sum", taken),
        inputs,
        layer.output_type if linear else layer.accum_type,
        weights=tuple(tuple(row) for row in layer.weight),
        weight_format=layer.weight_type,
        bias=tuple(layer.bias),
        bias_format=layer.bias_type,
        accumulator=layer.accum_type,
    )
    return [dense] if linear else [dense, Relu(layer.name, (dense.name,), layer.output_type)]


def _free_name(wish: str, taken: set[str]) -> str:
    return wish if wish not in taken else _free_name(f"{wish}_", taken)


def _check_score(form: NetworkForm) -> None:
    score = form.score
    layers = {layer.name: layer for layer in form.layers}
    known = ", ".join(layers)
    _require(score.layer in layers, "score.layer", f"{score.layer!r} is no layer ({known})")
    found = layers[score.layer].output_type
    rule = f"is {score.type}, but the output of {score.layer!r} is {found}"
    # How its last cast rounds the output says already.
    same = (score.type.width, score.type.integer, score.type.signed)
    _require(same == (found.width, found.integer, found.signed), "score.type", rule)
    one_count = 2.0**-found.fraction
    rule = f"is {score.lsb}, but one count of {found} is {one_count:g}"
    _require(score.lsb in {None, one_count}, "score.lsb", rule)


def _thresholds(form: NetworkForm) -> tuple[NamedThreshold, ...]:
    several = len(form.thresholds) > 1
    listed = []
    for menu, bits in form.thresholds.items():
        _require(bool(menu), "thresholds", "a menu has no name")
        for bit, entry in bits.items():
            _require(bool(entry.seed), f"thresholds.{menu}.{bit}.seed", "is empty")
            name = f"{entry.seed}__{menu}" if several else entry.seed
            listed.append(
                NamedThreshold(name, entry.threshold, menu=menu, seed=entry.seed, bit=int(bit))
            )
    return tuple(listed)


def _example(form: NetworkForm, graph: Graph) -> WorkedExample | None:
    example = form.example
    if example is None:
        return None
    size = graph.input.size
    _require(
        len(example.raw) == size, "example.raw", f"has {len(example.raw)} numbers for {size} inputs"
    )
    row = tuple(
        _offset_raw(number, graph.input.format, f"example.raw[{place}]")
        for place, number in enumerate(example.raw)
    )
    layers = [INPUT, *(layer.name for layer in form.layers)]
    for name in example.mantissas:
        known = ", ".join(layers)
        _require(name in layers, "example.mantissas", f"{name!r} is no layer ({known})")
    raws = {
        name: _as_tuple(example.mantissas[name]) for name in layers if name in example.mantissas
    }
    scaled = next(node.name for node in graph.nodes if isinstance(node, OffsetShift))
    nodes = {name: scaled if name == INPUT else name for name in layers}
    for name, numbers in raws.items():
        found = graph.tensors[nodes[name]].size
        rule = f"has {len(numbers)} numbers, the layer {found}"
        _require(len(numbers) == found, f"example.mantissas.{name}", rule)
    stated = (example.score,)
    rule = f"is {example.score}, but example.mantissas.{form.score.layer} is another number"
    _require(raws.get(form.score.layer, stated) == stated, "example.score", rule)
    return WorkedExample(row, {**raws, form.score.layer: stated}, nodes)


def _as_tuple(numbers: int | list[int]) -> tuple[int, ...]:
    return (numbers,) if isinstance(numbers, int) else tuple(numbers)
