"""The training loop: determinism, resuming, early stopping, errors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from distill.checkpoints import load_checkpoint, save_checkpoint
from distill.errors import CheckpointError, TrainingDataError, TrainingError
from distill.training import (
    Epoch,
    History,
    TrainingSettings,
    fit,
    one_cycle,
    torch_seed,
    torch_threads,
)
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

QUICK = TrainingSettings(epochs=6, batch_size=100, learning_rate=2e-2, threads=1)


def build(seed: int = 1) -> nn.Module:
    with torch_seed(seed):
        return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))


def crossings(n: int, seed: int) -> list[Tensor]:
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    return [x, x[:, 0] * 2 - x[:, 1].abs()]


def loss(network: Any, batch: Sequence[Tensor]) -> Tensor:
    error: Tensor = network(batch[0])[:, 0] - batch[1]
    return (error**2).mean()


def train(network: nn.Module, settings: TrainingSettings = QUICK, **options: Any) -> History:
    # 950 crossings: the last batch is smaller than the others.
    return fit(
        network, loss, crossings(950, 1), crossings(300, 2), settings, stage="test", **options
    )


def same(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_training_reduces_both_losses() -> None:
    history = train(build())
    first, last = history.epochs[0], history.epochs[-1]
    assert last.training_loss < first.training_loss / 2
    assert last.validation_loss < first.validation_loss / 2
    assert [epoch.epoch for epoch in history.epochs] == list(range(6))


def test_same_seed_same_parameters() -> None:
    first, second, other = build(), build(), build()
    assert train(first) == train(second)
    assert same(first, second)
    train(other, replace(QUICK, seed=1))
    assert not same(first, other)


def test_torch_state_is_left_alone() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    train(build(), TrainingSettings(epochs=1, threads=threads + 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    with torch_threads(threads + 1):
        assert torch.get_num_threads() == threads + 1


@pytest.mark.parametrize("stop_after", [0, 2, 5])
def test_resume_equals_an_uninterrupted_run(tmp_path: Path, stop_after: int) -> None:
    whole = build()
    expected = train(whole)

    def interrupt(_stage: str, epoch: Epoch) -> None:
        if epoch.epoch == stop_after:
            raise KeyboardInterrupt

    path = tmp_path / "test.pt"
    with pytest.raises(KeyboardInterrupt):
        train(build(), checkpoint=path, progress=interrupt)
    seen: list[int] = []
    resumed = build()
    history = train(
        resumed, checkpoint=path, resume=True, progress=lambda _, epoch: seen.append(epoch.epoch)
    )
    assert history == expected
    assert same(resumed, whole)
    assert seen == list(range(stop_after + 1, 6))


def test_without_resume_a_checkpoint_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "test.pt"
    seen: list[int] = []
    for _ in range(2):
        train(build(), checkpoint=path, progress=lambda _, epoch: seen.append(epoch.epoch))
    assert seen == [*range(6), *range(6)]


def test_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "test.pt"
    train(build(), checkpoint=path)
    other = replace(QUICK, epochs=7, seed=3)
    with pytest.raises(CheckpointError, match="differs in epochs, seed; delete it"):
        train(build(), other, checkpoint=path, resume=True)
    with pytest.raises(CheckpointError, match="differs in data_sha256"):
        train(build(seed=9), checkpoint=path, resume=True)


def test_a_finished_training_of_another_device_is_only_read(tmp_path: Path) -> None:
    whole, path = build(), tmp_path / "test.pt"
    history = train(whole, checkpoint=path)

    def written_on_a_gpu() -> None:
        content = load_checkpoint(path)
        assert content["identity"]["device"] == "cpu" or torch.cuda.is_available()
        content["identity"]["device"] = "somewhere else"
        save_checkpoint(path, content)

    written_on_a_gpu()
    again = build()
    assert train(again, checkpoint=path, resume=True) == history
    assert same(again, whole)

    def interrupt(_stage: str, epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(build(), checkpoint=path, progress=interrupt)
    written_on_a_gpu()
    # The rest would not be that of the other device.
    with pytest.raises(CheckpointError, match="differs in device; delete it"):
        train(build(), checkpoint=path, resume=True)


def test_stops_early_and_keeps_the_best_epoch() -> None:
    # Validation wants the opposite of training: only the start is good.
    training, validation = crossings(950, 1), crossings(300, 2)
    validation[1] = -validation[1]
    settings = TrainingSettings(epochs=20, batch_size=100, patience=2, threads=1)
    network = build()
    history = fit(network, loss, training, validation, settings, stage="test")
    assert history.stopped_early
    assert len(history.epochs) == history.best_epoch + 3
    with torch.no_grad():
        assert float(loss(network, validation)) == pytest.approx(history.best_loss, rel=1e-6)
    assert history.best_loss == min(epoch.validation_loss for epoch in history.epochs)


def test_loss_that_is_not_finite_names_epoch_and_batch() -> None:
    training = crossings(950, 1)
    training[1][:] = float("nan")
    first = "test: the loss is nan in epoch 0, batch 0, where the target of its crossing 0 is nan"
    with pytest.raises(TrainingError, match=first):
        fit(build(), loss, training, crossings(300, 2), QUICK, stage="test")
    inputs = crossings(950, 1)
    inputs[0][:, 2] = float("inf")
    with pytest.raises(
        TrainingError, match="where input 2 of its crossing 0 is inf: check the data"
    ):
        fit(build(), loss, inputs, crossings(300, 2), QUICK, stage="test")
    steep = replace(QUICK, learning_rate=1e38)
    with pytest.raises(TrainingError, match="targets are all finite: lower the learning rate"):
        fit(build(), loss, crossings(950, 1), crossings(300, 2), steep, stage="test")
    with pytest.raises(TrainingError, match="test: the validation loss is nan"):
        fit(build(), loss, crossings(950, 1), training, QUICK, stage="test")


def test_refuses_to_train_on_nothing() -> None:
    with pytest.raises(TrainingDataError, match="no crossing to train on"):
        fit(build(), loss, crossings(0, 1), crossings(300, 2), QUICK, stage="test")
    with pytest.raises(TrainingDataError, match="no crossing to validate on"):
        fit(build(), loss, crossings(950, 1), [], QUICK, stage="test")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"device": "tpu"}, "device must be one of auto, cpu, cuda, got 'tpu'"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive"),
        ({"weight_decay": -1.0}, "weight_decay not negative"),
    ],
)
def test_refuses_impossible_settings(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        TrainingSettings(**options)


def test_one_cycle_rises_and_falls() -> None:
    rates = [one_cycle(step, 101, 2.0) for step in range(101)]
    assert rates[0] == pytest.approx(2.0 / 25)
    assert max(rates) == rates[30] == 2.0
    assert rates[:31] == sorted(rates[:31])
    assert rates[30:] == sorted(rates[30:], reverse=True)
    assert rates[-1] == pytest.approx(2e-5)
    assert one_cycle(0, 1, 2.0) == 2.0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_said() -> None:
    with pytest.raises(SettingsError, match="'cuda' was asked for, but torch sees no GPU"):
        train(build(), replace(QUICK, device="cuda"))
