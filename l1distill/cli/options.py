"""Options that several commands share."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emulator.errors import SettingsError
from emulator.kernel_names import KernelName

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence


#: How many processors this process may use.
PROCESSORS = len(os.sched_getaffinity(0))


class SourceName(StrEnum):
    """Which of the two sets of objects to read where a file has both."""

    unpacked = "unpacked"
    emulated = "emulated"


Files = Annotated[
    list[str],
    typer.Argument(
        help="Files with L1 objects of any format that is read (L1Ntuple, L1 NanoAOD, uGT test vector, "
        "Parquet, HDF5), patterns, folders, lists of files, or root:// addresses.",
        metavar="FILE...",
    ),
]
ModelFile = Annotated[Path, typer.Argument(help="A model file.", metavar="MODEL.json")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Source = Annotated[SourceName, typer.Option(help="Objects to read where a file has both kinds.")]
Crossings = Annotated[
    str,
    typer.Option(help="Relative crossings to read, comma-separated, for example -1,0,1."),
]
Jobs = Annotated[
    int,
    typer.Option("--jobs", "-j", min=1, help="Processes and threads.", show_default="processors"),
]
Kernel = Annotated[
    KernelName | None,
    typer.Option(
        help="Kernel of the engine instead of the fastest that is proved exact; results are the same.",
        show_default=False,
    ),
]
TensorBoard = Annotated[
    bool,
    typer.Option("--tensorboard", help="Write what is learned to RUN/tensorboard too, as it goes."),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")]


def parse_integers(text: str, name: str) -> tuple[int, ...]:
    """Read comma-separated integers."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        msg = f"{name} takes comma-separated integers, got {text!r}"
        raise typer.BadParameter(msg) from error


def parse_rates(text: str, name: str) -> tuple[float, ...]:
    """Read comma-separated positive numbers."""
    try:
        rates = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        msg = f"{name} takes comma-separated rates in kHz, got {text!r}"
        raise typer.BadParameter(msg) from error
    return rates


def named_files(texts: Sequence[str], *, reserved: Collection[str]) -> dict[str, list[str]]:
    """Return the files of each signal; a name that comes again adds a file.

    ``reserved`` names are those of zero-bias samples.
    """
    signals: dict[str, list[str]] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            msg = f"--signal takes NAME=FILE, got {text!r}"
            raise SettingsError(msg)
        if name in reserved:
            msg = f"--signal: {name!r} is a role of zero-bias crossings, take another name"
            raise SettingsError(msg)
        signals.setdefault(name, []).append(path)
    return signals


def print_json(values: Mapping[str, Any] | list[Any]) -> None:
    """Print a result record to standard output."""
    typer.echo(json.dumps(values, indent=1))


def print_caveats(caveats: Iterable[str]) -> None:
    """Print what a reader of the result must know of its files."""
    for caveat in caveats:
        typer.echo(f"note: {caveat}")
