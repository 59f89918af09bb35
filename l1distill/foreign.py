"""Networks of other programs as model files: which reader, which features, and the proof."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import chain, count
from typing import TYPE_CHECKING

from emulator.errors import InputFileError, ModelFileError, SettingsError
from emulator.features import load_layout
from emulator.graph import Graph, Input, Quantize
from emulator.model import Model
from emulator.results import Record
from firmware.foreign import (
    EVENTS,
    prove,
    read_keras,
    read_qonnx,
    read_sequential,
    read_serialised,
    read_types,
)
from l1distill.input_scaling import read_scaling

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from distill.scaling import InputScaling
    from emulator.features import FeatureLayout
    from emulator.fixed import FixedFormat
    from emulator.graph import Node
    from firmware.foreign import ForeignModel, Proof

#: What a foreign network reads unless another layout is named.
DEFAULT_LAYOUT = "axol1tl_57"


@dataclass(frozen=True, slots=True)
class ImportOptions(Record):
    """What a foreign file does not say.

    Parameters
    ----------
    layout
        Name or YAML file of the features that the network takes.
    types
        File of types, for a torch module.
    scaling
        File of offsets and shifts of the inputs; see `read_scaling`.
    score
        The output that is the score; may be left out if there is one.
    n_events
        Random events of the proof; 0 for none.
    threads
        Of the proof.
    """

    layout: str | Path = DEFAULT_LAYOUT
    types: Path | None = None
    scaling: Path | None = None
    score: str | None = None
    n_events: int = EVENTS
    threads: int = 2


def foreign_kind(path: Path) -> str | None:
    """Return the kind of a foreign network by what the file holds; None if it is text.

    Raises
    ------
    InputFileError
        If it is missing, a folder, or of no kind that is read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "net.fml"
    ...     _ = file.write_bytes(bytes.fromhex("1f8b0800"))
    ...     foreign_kind(file)
    'hls4ml'
    """
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "no such file"
        raise InputFileError(path, problem)
    with path.open("rb") as stream:
        start = stream.read(4)
    if start.startswith(b"\x1f\x8b"):
        return "hls4ml"
    if start.startswith(b"PK"):
        return _kind_of_zip(path)
    if start.startswith(b"\x80"):
        problem = "is a pickle, which could run code and is not opened"
        raise InputFileError(path, problem)
    # Field 1 of ONNX's message, the version of the format, a number; no text begins so.
    return "qonnx" if start.startswith(b"\x08") else None


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputFileError(path, f"is a damaged archive ({error})") from error
    if "config.json" in names:
        return "keras"
    if any(name.endswith("data.pkl") for name in names):
        return "torch"
    raise InputFileError(path, "is an archive of neither Keras (.keras) nor torch (.pt)")


def import_foreign(path: Path, kind: str, options: ImportOptions) -> tuple[Model, Proof | None]:
    """Read a foreign network and prove, by C-simulation, that the model computes the same.

    Parameters
    ----------
    path
        Its file.
    kind
        As `foreign_kind` says.
    options
        What the file does not say.

    Returns
    -------
    The model, fed with hardware integers, and the proof if one was asked for.

    Raises
    ------
    InputFileError, SettingsError, firmware.errors.UnreadableLayerError, emulator.errors.GraphError
        If the file, the options or a layer does not allow an exact import.
    ModelFileError
        If features and inputs differ in number, or C-simulation disagrees.
    firmware.errors.MissingToolError
        If a package that reads this kind, or the compiler, is not installed.
    """
    layout = load_layout(options.layout)
    if (options.types is None) == (kind == "torch"):
        needs = "needs --types" if kind == "torch" else "states its own types, --types is for torch"
        msg = f"{path}: {needs}"
        raise SettingsError(msg)
    given = layout.format
    if kind == "qonnx" and options.scaling is not None:
        given = read_scaling(options.scaling, layout, None).format
    foreign = _read(path, kind, given, options.types)
    size = foreign.graph.input.size
    if size != len(layout):
        msg = (
            f"{path}: takes {size} inputs, layout {layout.name!r} has {len(layout)} features; "
            "--layout FILE.yaml says what they are"
        )
        raise ModelFileError(msg)
    scaling = None
    if options.scaling is not None:
        scaling = read_scaling(options.scaling, layout, foreign.graph.input.format)
    score = options.score or foreign.graph.outputs[0]
    if options.score is None and len(foreign.graph.outputs) > 1:
        msg = f"{path}: --score must say which output: {', '.join(foreign.graph.outputs)}"
        raise SettingsError(msg)
    model = Model(
        name=path.stem,
        layout=layout,
        graph=with_hardware_input(foreign.graph, layout, scaling),
        score=score,
        provenance={
            "imported_from": foreign.kind,
            "source_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "hls4ml": version("hls4ml"),
            "proved_events": options.n_events,
        },
    )
    if not options.n_events:
        return model, None
    proof = prove(foreign, n_events=options.n_events, threads=options.threads)
    if proof.n_mismatch:
        msg = (
            f"{path}: refused, hls4ml's C-simulation differs in {proof.n_mismatch} of "
            f"{proof.n_events} events, first for {list(proof.first_row)}: "
            f"{list(proof.expected)}, read were {list(proof.found)}"
        )
        raise ModelFileError(msg)
    return model, proof


def _read(path: Path, kind: str, given: FixedFormat, types: Path | None) -> ForeignModel:
    if kind == "keras":
        return read_keras(path)
    if kind == "qonnx":
        return read_qonnx(path, given)
    if kind == "hls4ml":
        return read_serialised(path)
    if types is None:
        msg = f"{path}: needs --types"
        raise SettingsError(msg)
    from distill.sequential import load_sequential

    typed = read_types(types)
    module = load_sequential(path, [(layer.name, layer.kind) for layer in typed.layers])
    return read_sequential(path, module, typed)


def with_hardware_input(
    graph: Graph, layout: FeatureLayout, scaling: InputScaling | None = None
) -> Graph:
    """Feed a network with hardware integers, scaled or as they are, cast to the type of its own input.

    Casting is what its C-simulation does with the numbers that it is given.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> layout = load_layout(DEFAULT_LAYOUT)
    >>> graph = Graph((Input("x", (), FixedFormat(8, 5), size=57),), ("x",))
    >>> [type(node).__name__ for node in with_hardware_input(graph, layout).nodes]
    ['Input', 'Quantize']
    """
    source = graph.input
    if source.format == layout.format and scaling is None:
        return graph
    names = {node.name for node in graph.nodes}
    features, scaled = (_free(name, names) for name in ("features", "scaled"))
    hardware = replace(source, name=features, format=layout.format)
    cast = Quantize(source.name, (features,), source.format)
    first: list[Node] = [hardware, cast]
    if scaling is not None:
        first = [hardware, scaling.node(scaled, features), replace(cast, inputs=(scaled,))]
        if scaling.format == source.format:  # a second cast would change nothing
            first = [hardware, scaling.node(source.name, features)]
    nodes = [node for node in graph.nodes if not isinstance(node, Input)]
    return Graph((*first, *nodes), graph.outputs)


def _free(name: str, taken: Collection[str]) -> str:
    numbered = (f"{name}_{number}" for number in count())
    return next(one for one in chain([name], numbered) if one not in taken)
