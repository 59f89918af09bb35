"""torch's ``nn.Sequential`` with types from a file: it has none of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from emulator.errors import FormatError, InputFileError, SettingsError
from emulator.fixed import FixedFormat
from firmware.errors import ReadBackError, UnreadableLayerError
from firmware.foreign.conversion import ForeignModel, convert, hls_options, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.graph import Graph

KIND = "torch nn.Sequential"

#: Types that each layer needs, under the names of the file; a bias only where there is one.
NEEDED: dict[str, tuple[str, ...]] = {
    "Linear": ("weight", "bias", "accumulator", "result"),
    "ReLU": ("result",),
    "Sigmoid": ("table", "result"),
    "Tanh": ("table", "result"),
}
#: hls4ml's names for them, and where the graph's nodes hold them.
_OF_HLS4ML = {"accumulator": "accum"}
_FIELDS = {
    "weight": "weight_format",
    "bias": "bias_format",
    "accumulator": "accumulator",
    "table": "table_format",
    "result": "format",
}
#: Entries of the table of a Sigmoid or Tanh, as in hls4ml.
TABLE_SIZE = 1024


@dataclass(frozen=True, slots=True)
class TypedLayer:
    """One layer of the sequence.

    Parameters
    ----------
    name
        Name of the node to be.
    kind
        Its class in ``torch.nn``.
    types
        Its types, under the names of the file.
    """

    name: str
    kind: str
    types: Mapping[str, FixedFormat]


@dataclass(frozen=True, slots=True)
class SequentialTypes:
    """The types of a sequence, and the classes of its layers, which a state dict does not name.

    Parameters
    ----------
    path
        The file, for messages.
    input_format
        The type to which the inputs are cast.
    layers
        The layers in order; the first one's parameters are ``0.weight`` and so on.
    """

    path: Path
    input_format: FixedFormat
    layers: tuple[TypedLayer, ...]


def read_types(source: str | Path) -> SequentialTypes:
    r"""Read a file of types.

    Parameters
    ----------
    source
        YAML or JSON: ``input``, a type, and ``layers``, a list with one entry ``{class: types}`` for
        each layer of the sequence.

    Raises
    ------
    InputFileError
        If it is missing or no YAML.
    SettingsError
        If a key or a type is missing, unknown or wrong; the message names its place.
    UnreadableLayerError
        If a layer is of a class that is not supported.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "types.yaml"
    ...     _ = path.write_text("input: fixed<8,8>\nlayers: [{ReLU: {result: 'ufixed<7,7>'}}]")
    ...     read_types(path).layers
    (TypedLayer(name='relu_0', kind='ReLU', types={'result': ufixed<7,7>}),)
    """
    path = Path(source)
    if not path.is_file():
        raise InputFileError(path, "there is no such file")
    try:
        content = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputFileError(path, f"is no valid YAML ({' '.join(str(error).split())})") from error
    top = _mapping(content, str(path), ("input", "layers"))
    if not isinstance(top["layers"], list) or not top["layers"]:
        msg = f"{path}: layers must be a list of layers"
        raise SettingsError(msg)
    layers = tuple(_layer(entry, number, path) for number, entry in enumerate(top["layers"]))
    return SequentialTypes(path, _format(top["input"], f"{path}: input"), layers)


def _layer(entry: object, number: int, path: Path) -> TypedLayer:
    where = f"{path}: layers[{number}]"
    if not isinstance(entry, dict) or len(entry) != 1:
        msg = f"{where} must be one layer with its types, as {{ReLU: {{result: 'ufixed<8,4>'}}}}"
        raise SettingsError(msg)
    ((kind, types),) = entry.items()
    if kind not in NEEDED:
        reason = f"it is a {kind}; known: {', '.join(NEEDED)}"
        raise UnreadableLayerError(where.rpartition(": ")[2], reason)
    needed = NEEDED[kind]
    if isinstance(types, dict) and "bias" not in types:
        needed = tuple(name for name in needed if name != "bias")
    plain = _mapping(types, f"{where}.{kind}", needed)
    formats = {name: _format(plain[name], f"{where}.{kind}.{name}") for name in needed}
    return TypedLayer(f"{kind.lower()}_{number}", kind, formats)


def _mapping(content: object, where: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(content, dict) or set(content) != set(keys):
        found = ", ".join(map(str, content)) if isinstance(content, dict) else f"{content!r:.40}"
        msg = f"{where}: needs the keys {', '.join(keys)}, found {found}"
        raise SettingsError(msg)
    return content


def _format(text: object, where: str) -> FixedFormat:
    try:
        return FixedFormat.parse(str(text))
    except FormatError as error:
        msg = f"{where}: {error}"
        raise SettingsError(msg) from error


def read_sequential(source: str | Path, module: Any, types: SequentialTypes) -> ForeignModel:
    """Read a ``torch.nn.Sequential`` whose children have the names of the typed layers.

    Parameters
    ----------
    source
        The file it comes from, for messages.
    module
        The module, on the CPU.
    types
        All its types.

    Raises
    ------
    InputFileError
        If hls4ml cannot convert it.
    ReadBackError
        If hls4ml gave a layer another type than asked.
    MissingToolError
        If hls4ml is not installed.
    """
    require("hls4ml", "firmware")
    from hls4ml.converters import convert_from_pytorch_model

    _check_biases(module, types)
    first = next(layer for layer in module if hasattr(layer, "in_features"))
    configuration = {
        "Model": {
            # Nothing may fall back on this type: what comes out is compared with what was asked.
            "Precision": {"default": "fixed<16,6>"},
            "ReuseFactor": 1,
            "Strategy": "Latency",
            "BitExact": False,
            "ChannelsLastConversion": "full",
            "TransposeOutputs": False,
        },
        "InputShape": (int(first.in_features),),
        "LayerName": {
            # torch's own tracing names the input so.
            "input_1": {"Precision": {"result": str(types.input_format)}},
            **{layer.name: _settings(layer) for layer in types.layers},
        },
    }
    found = convert(
        Path(source),
        KIND,
        lambda: convert_from_pytorch_model(
            module, hls_config=configuration, **hls_options(Path("unused"))
        ),
    )
    _check_types(found.graph, types)
    return found


def _check_biases(module: Any, types: SequentialTypes) -> None:
    for number, (layer, typed) in enumerate(zip(module, types.layers, strict=True)):
        has_bias, has_type = getattr(layer, "bias", None) is not None, "bias" in typed.types
        if has_bias != has_type:
            given = "is given, it has none" if has_type else "is missing"
            msg = f"{types.path}: layers[{number}].{typed.kind}: the type of its bias {given}"
            raise SettingsError(msg)
    if not any(layer.kind == "Linear" for layer in types.layers):
        msg = f"{types.path}: layers: needs at least one Linear"
        raise SettingsError(msg)


def _settings(layer: TypedLayer) -> dict[str, Any]:
    types = {_OF_HLS4ML.get(name, name): str(part) for name, part in layer.types.items()}
    settings: dict[str, Any] = {"Precision": types, "ReuseFactor": 1, "Strategy": "Latency"}
    if "table" in types:
        settings |= {"table_t": types["table"], "TableSize": TABLE_SIZE}
    return settings


def _check_types(graph: Graph, types: SequentialTypes) -> None:
    if graph.input.format != types.input_format:
        raise ReadBackError(graph.input.name, "format", types.input_format, graph.input.format)
    nodes = {node.name: node for node in graph.nodes}
    for layer in types.layers:
        node = nodes.get(layer.name)
        if node is None:
            raise ReadBackError(layer.name, "the nodes", layer.name, tuple(nodes))
        for name, asked in layer.types.items():
            found = getattr(node, _FIELDS[name])
            if found != asked:
                raise ReadBackError(layer.name, _FIELDS[name], asked, found)
