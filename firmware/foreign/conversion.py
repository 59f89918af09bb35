"""What all of hls4ml's front ends share: quiet conversion, errors of one sentence, reading."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from emulator.errors import InputFileError, L1Error
from firmware.errors import MissingToolError
from firmware.hls.library import load_extension, quiet_hls4ml
from firmware.hls.reader import read_model_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from emulator.graph import Graph

#: Longest sentence of another program that is shown.
SHOWN = 200


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """A network of another program.

    Parameters
    ----------
    kind
        The form of its file, in words.
    graph
        The network; its input takes the raws of the type that the model states for it.
    hls_model
        hls4ml's ``ModelGraph`` from which it was read.
    """

    kind: str
    graph: Graph
    hls_model: Any


def require(name: str, extra: str = "foreign") -> ModuleType:
    """Import an optional package.

    Raises
    ------
    MissingToolError
        If it is not installed; the message names the extra.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or name.partition(".")[0] != error.name.partition(".")[0]:
            raise
        msg = f"{error.name} is not installed: pip install 'l1distill[{extra}]'"
        raise MissingToolError(msg) from error


def convert(
    path: Path, kind: str, make: Callable[[], Any], check: Callable[[Any], None] = lambda _: None
) -> ForeignModel:
    """Let hls4ml convert a model, quietly, and read the graph from the result.

    Parameters
    ----------
    path
        The file, for messages.
    kind
        Its form, in words.
    make
        Returns hls4ml's ``ModelGraph``.
    check
        Refuses what of it may not be read.

    Raises
    ------
    InputFileError
        If hls4ml cannot convert it.
    UnreadableLayerError
        If a layer has no exact counterpart.
    """
    load_extension()
    with one_sentence(path, f"hls4ml cannot convert this {kind}"), quiet_hls4ml():
        model = make()
    check(model)
    return ForeignModel(kind, read_model_graph(model), model)


@contextmanager
def one_sentence(path: Path, problem: str) -> Iterator[None]:
    """Turn whatever another program raises about a file into an error of ours, made short."""
    try:
        yield
    except L1Error:
        raise
    # Converters raise anything, bare ``Exception`` included, for files that they do not understand.
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise InputFileError(path, f"{problem}: {said[:SHOWN]}") from error


def hls_options(folder: Path) -> dict[str, Any]:
    """Return the options of hls4ml's front ends that concern the project, not the network."""
    return {"output_dir": str(folder), "project_name": "foreign", "backend": "Vitis"}
