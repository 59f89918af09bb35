"""Checkpoints hold tensors and plain values only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from distill.checkpoints import load_checkpoint, save_checkpoint
from distill.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path


class Foreign:
    """Unpickling it would run code."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return type(self.trace).touch, (self.trace,)


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "stage.pt"
    save_checkpoint(path, {"network": {"w": torch.tensor([1.5, -2.0])}, "epochs": [{"epoch": 0}]})
    content = load_checkpoint(path)
    assert content["network"]["w"].tolist() == [1.5, -2.0]
    assert content["epochs"] == [{"epoch": 0}]
    assert [entry.name for entry in path.parent.iterdir()] == ["stage.pt"]


def test_foreign_object_is_refused_and_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "foreign.pt", tmp_path / "trace"
    torch.save({"version": 1, "network": Foreign(trace)}, path)
    with pytest.raises(CheckpointError, match=r"foreign\.pt: refused"):
        load_checkpoint(path)
    assert not trace.exists()
    # The object is what it claims to be: trusted blindly, it runs.
    torch.load(path, weights_only=False)
    assert trace.exists()


def test_failed_write_keeps_the_earlier_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "stage.pt"
    save_checkpoint(path, {"epochs": [1]})
    with pytest.raises((AttributeError, TypeError), match="pickle"):
        save_checkpoint(path, {"epochs": (number for number in range(2))})
    assert load_checkpoint(path)["epochs"] == [1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["stage.pt"]


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"PK\x03\x04 broken"])
def test_damaged_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "stage.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(path)


def test_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "stage.pt"
    save_checkpoint(path, {"network": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(path)


def test_missing_and_other_versions(tmp_path: Path) -> None:
    path = tmp_path / "stage.pt"
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(path)
    torch.save({"version": 0}, path)
    with pytest.raises(CheckpointError, match="version 0, needed is 1"):
        load_checkpoint(path)
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match="version None"):
        load_checkpoint(path)
