"""Checkpoints: tensors and plain values only, so that a foreign file cannot run code."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile

import torch

from distill.errors import CheckpointError
from emulator.files import replace_file

#: Changes when what a checkpoint holds changes.
VERSION = 1


def save_checkpoint(path: str | Path, content: dict[str, Any]) -> None:
    """Write a checkpoint; an earlier one is replaced only when the new one is complete.

    Parameters
    ----------
    path
        File to write.
    content
        Tensors, numbers, text, and lists and dictionaries of them.
    """
    with replace_file(path) as temporary:
        torch.save({"version": VERSION, **content}, temporary)


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint that `save_checkpoint` wrote.

    Raises
    ------
    CheckpointError
        If the file is missing or damaged, holds anything but tensors and plain values (it is not
        unpickled then), or was written by another version.
    """
    if not Path(path).is_file():
        msg = f"{path}: no such checkpoint"
        raise CheckpointError(msg)
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except UnpicklingError as error:
        msg = f"{path}: refused, since it holds more than tensors and plain values, or is damaged"
        raise CheckpointError(msg) from error
    except (RuntimeError, EOFError, BadZipFile, OSError) as error:
        msg = f"{path}: the checkpoint is damaged; delete it to start again"
        raise CheckpointError(msg) from error
    version = content.get("version") if isinstance(content, dict) else None
    if version != VERSION:
        msg = f"{path}: a checkpoint of version {version!r}, needed is {VERSION}"
        raise CheckpointError(msg)
    return dict(content)
