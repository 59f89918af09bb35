"""Losses for TensorBoard."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

import pytest

from distill.training import Epoch
from firmware.errors import MissingToolError
from l1distill.study.tensorboard import LossLog

if TYPE_CHECKING:
    from pathlib import Path


def test_losses_are_read_back(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        log = LossLog(tmp_path)
        log("teacher", Epoch(0, 0.5, 0.75))
        log("teacher", Epoch(1, 0.25, 0.5))
        log("student", Epoch(0, 2.0, 3.0))
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        found = EventAccumulator(str(tmp_path / "teacher"))
        found.Reload()
        losses = [(one.step, one.value) for one in found.Scalars("loss/validation")]
    assert losses == [(0, 0.75), (1, 0.5)]
    assert (tmp_path / "student").is_dir()


def test_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingToolError, match=r"install l1distill\[tensorboard\]"):
        LossLog(tmp_path)
