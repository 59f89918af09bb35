"""One training loop for teachers and students."""

from __future__ import annotations

import hashlib
import math
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch

from distill.checkpoints import load_checkpoint, save_checkpoint
from distill.errors import CheckpointError, TrainingDataError, TrainingError
from emulator.errors import SettingsError
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    # (network, tensors of one batch) -> mean loss over the batch
    Loss = Callable[[Any, Sequence[Tensor]], Tensor]

Device = Literal["auto", "cpu", "cuda"]

# Validation needs no gradients: batches as large as the cache likes.
_VALIDATION_BATCH = 8192
# Crossings are gathered in their new order so many batches at a time, which costs less than batch by
# batch.
_GATHERED_BATCHES = 64


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How to train; the same settings and seed give the same result on one machine.

    Parameters
    ----------
    epochs
        Passes over the training crossings at most.
    batch_size
        Crossings in a batch.
    learning_rate
        Peak of the one-cycle schedule.
    weight_decay
        Of AdamW.
    patience
        Stop when the loss on the validation background has not fallen for so many epochs.
    seed
        Of the order of the crossings.
    threads
        Of torch; another number may change the last digits. Networks this small gain little from
        a second one, and where another process wants the core its barriers cost a factor of ten.
    device
        ``cpu``, ``cuda``, or ``auto``: a GPU if there is one.

    Raises
    ------
    SettingsError
        If a number is out of range.
    """

    epochs: int = 10
    batch_size: int = 512
    learning_rate: float = 4e-3
    weight_decay: float = 1e-4
    patience: int = 5
    seed: int = 0
    threads: int = 1
    device: Device = "auto"

    def __post_init__(self) -> None:
        if self.device not in get_args(Device):
            msg = f"training: device must be one of {', '.join(get_args(Device))}, got {self.device!r}"
            raise SettingsError(msg)
        for name in ("epochs", "batch_size", "patience", "threads"):
            if getattr(self, name) < 1:
                msg = f"training: {name} must be at least 1, got {getattr(self, name)}"
                raise SettingsError(msg)
        if not self.learning_rate > 0.0 or self.weight_decay < 0.0:
            msg = (
                "training: learning_rate must be positive and weight_decay not negative, got "
                f"{self.learning_rate} and {self.weight_decay}"
            )
            raise SettingsError(msg)


@dataclass(frozen=True, slots=True)
class Epoch(Record):
    """Losses of one epoch, both on background."""

    epoch: int
    training_loss: float
    validation_loss: float


@dataclass(frozen=True, slots=True)
class History(Record):
    """What a training did; the parameters kept are those of ``best_epoch``."""

    stage: str
    epochs: tuple[Epoch, ...]
    best_epoch: int
    stopped_early: bool

    @property
    def best_loss(self) -> float:
        """Loss on the validation background of the parameters that were kept."""
        return self.epochs[self.best_epoch].validation_loss


def fit(
    network: nn.Module,
    loss: Loss,
    training: Sequence[Tensor],
    validation: Sequence[Tensor],
    settings: TrainingSettings,
    *,
    stage: str,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[str, Epoch], None] | None = None,
) -> History:
    """Train a network in place; it ends with the parameters of the best validation epoch.

    Parameters
    ----------
    network
        Teacher or student, its parameters already initialised; it is on the CPU before and after.
    loss
        Mean loss of a batch.
    training, validation
        Tensors whose first axis is the crossing; both are background.
    settings
        Optimizer, schedule and seed.
    stage
        Name for messages and the checkpoint.
    checkpoint
        File to write after each epoch.
    resume
        Go on from the checkpoint if there is one; the result is that of an uninterrupted run.
    progress
        Called after each epoch with the stage and its losses.

    Raises
    ------
    TrainingDataError
        If there is nothing to train or to validate on.
    TrainingError
        If a loss is not finite, with the epoch and batch.
    CheckpointError
        If the checkpoint is of another stage or of other settings.
    """
    with torch_threads(settings.threads):
        trainer = Trainer(network, loss, training, validation, settings, stage=stage)
        if resume and checkpoint is not None and checkpoint.exists():
            trainer.load_state(load_checkpoint(checkpoint), checkpoint)
        while not trainer.finished:
            done = trainer.run_epoch()
            if checkpoint is not None:
                save_checkpoint(checkpoint, trainer.state())
            if progress is not None:
                progress(stage, done)
        return trainer.finish()


def evaluate(network: nn.Module, loss: Loss, tensors: Sequence[Tensor], stage: str) -> float:
    """Return the mean loss over all crossings.

    Raises
    ------
    TrainingError
        If it is not finite.
    """
    total = 0.0
    with torch.no_grad():
        for start in range(0, len(tensors[0]), _VALIDATION_BATCH):
            batch = [tensor[start : start + _VALIDATION_BATCH] for tensor in tensors]
            total += float(loss(network, batch)) * len(batch[0])
    if not math.isfinite(total):
        msg = f"{stage}: the validation loss is {total}; lower the learning rate"
        raise TrainingError(msg)
    return total / len(tensors[0])


class Trainer:
    """A training that stops after each epoch, for those who do something in between.

    Parameters are those of `fit`. `state` is all that a checkpoint has to hold.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        training: Sequence[Tensor],
        validation: Sequence[Tensor],
        settings: TrainingSettings,
        *,
        stage: str,
    ) -> None:
        for name, tensors in (("train", training), ("validate", validation)):
            if not tensors or not len(tensors[0]):
                msg = f"{stage}: there is no crossing to {name} on"
                raise TrainingDataError(msg)
        self.network = network
        self.loss = loss
        self.settings = settings
        self.stage = stage
        self.n_crossings = len(training[0])
        self.batches = math.ceil(self.n_crossings / settings.batch_size)
        self.device = chosen_device(settings.device)
        self.identity = {
            "stage": stage,
            "data_sha256": _sha256([*training, *network.state_dict().values()]),
            **asdict(settings),
            "device": self.device.type,
        }
        network.to(self.device)
        self.training = [tensor.to(self.device) for tensor in training]
        self.validation = [tensor.to(self.device) for tensor in validation]
        self.optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.epochs: list[Epoch] = []
        self.best_epoch = 0
        self.best_state: dict[str, Tensor] = {}

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the loss has not fallen for too long."""
        return self._is_enough(len(self.epochs), self.best_epoch)

    def _is_enough(self, n_epochs: int, best_epoch: int) -> bool:
        waited = n_epochs - 1 - best_epoch
        return n_epochs >= self.settings.epochs or waited >= self.settings.patience

    def learn_from(self, training: Sequence[Tensor], validation: Sequence[Tensor]) -> None:
        """Take other tensors of the same crossings from now on, as when targets change.

        Losses are no longer comparable with earlier ones, so the best epoch is looked for anew.
        """
        self.training = [tensor.to(self.device) for tensor in training]
        self.validation = [tensor.to(self.device) for tensor in validation]
        self.best_state = {}

    def run_epoch(self) -> Epoch:
        """Train one epoch, validate, keep the parameters if they are the best so far."""
        return self.close_epoch(self._train())

    def close_epoch(self, training_loss: float) -> Epoch:
        """Validate after an epoch of steps, and keep the parameters if they are the best so far."""
        validation_loss = evaluate(self.network, self.loss, self.validation, self.stage)
        number = len(self.epochs)
        done = Epoch(number, training_loss, validation_loss)
        self.epochs.append(done)
        if not self.best_state or validation_loss < self.epochs[self.best_epoch].validation_loss:
            self.best_epoch = number
            self.best_state = deepcopy(self.network.state_dict())
        return done

    def finish(self) -> History:
        """Give the network its best parameters, on the CPU, and tell how it got there."""
        self.network.load_state_dict(self.best_state)
        self.network.to("cpu")
        stopped = len(self.epochs) < self.settings.epochs
        return History(self.stage, tuple(self.epochs), self.best_epoch, stopped)

    def step(self, batch: Sequence[Tensor], number: int) -> float:
        """Take one step of the optimizer, step ``number`` of all, and return the loss of the batch."""
        rate = one_cycle(number, self.batches * self.settings.epochs, self.settings.learning_rate)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        value = self.loss(self.network, batch)
        batch_loss = float(value.detach())
        if not math.isfinite(batch_loss):
            epoch, place = divmod(number, self.batches)
            msg = (
                f"{self.stage}: the loss is {batch_loss} in epoch {epoch}, batch {place}, "
                f"{_origin(batch)}"
            )
            size = self.settings.batch_size
            picked = self._order(epoch)[place * size : (place + 1) * size]
            raise TrainingError(msg, stage=self.stage, crossings=tuple(picked.tolist()))
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return batch_loss

    def batches_of(self, epoch: int) -> Iterator[list[Tensor]]:
        """Yield the batches of an epoch; their order depends on seed and epoch alone."""
        order = torch.from_numpy(self._order(epoch)).to(self.device)
        size = self.settings.batch_size
        for picked in torch.split(order, size * _GATHERED_BATCHES):
            gathered = [torch.split(tensor[picked], size) for tensor in self.training]
            yield from (list(batch) for batch in zip(*gathered, strict=True))

    def _order(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self.settings.seed, epoch]).permutation(self.n_crossings)

    def _train(self) -> float:
        epoch = len(self.epochs)
        total = 0.0
        for number, batch in enumerate(self.batches_of(epoch)):
            total += self.step(batch, epoch * self.batches + number) * len(batch[0])
        return total / self.n_crossings

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on later, as plain values and tensors."""
        return {
            "identity": self.identity,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "best_epoch": self.best_epoch,
            "best_state": self.best_state,
        }

    def load_state(self, content: Mapping[str, Any], path: Path) -> None:
        """Go on from a state; ``path`` is where it was stored.

        Raises
        ------
        CheckpointError
            If it is of another training.
        """
        found = content.get("identity")
        differing = sorted(
            key
            for key, value in self.identity.items()
            if not isinstance(found, dict) or found.get(key) != value
        )
        epochs = [Epoch(**epoch) for epoch in content.get("epochs", [])]
        best_epoch = int(content.get("best_epoch", 0))
        # Where it was trained matters only if there is more to train.
        done = differing == ["device"] and self._is_enough(len(epochs), best_epoch)
        if differing and not done:
            msg = (
                f"{path}: a checkpoint of another training, it differs in {', '.join(differing)}; "
                "delete it or start without resuming"
            )
            raise CheckpointError(msg)
        self.network.load_state_dict(content["network"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.epochs = epochs
        self.best_epoch = best_epoch
        self.best_state = content["best_state"]


def chosen_device(device: Device) -> torch.device:
    """Return where to train.

    Raises
    ------
    SettingsError
        If a GPU is asked for and there is none.
    """
    present = torch.cuda.is_available()
    if device == "cuda" and not present:
        msg = "training: device 'cuda' was asked for, but torch sees no GPU; use 'auto' or 'cpu'"
        raise SettingsError(msg)
    return torch.device("cuda" if present and device != "cpu" else "cpu")


def _origin(batch: Sequence[Tensor]) -> str:
    """Say which crossing of a batch is not finite, if one is."""
    for tensor in batch:
        finite = torch.isfinite(tensor.reshape(len(tensor), -1)).all(dim=1)
        if not bool(finite.all()):
            place = int((~finite).nonzero()[0, 0])
            values = tensor[place].reshape(-1)
            bad = int((~torch.isfinite(values)).nonzero()[0, 0])
            where = (
                f"input {bad} of its crossing {place}"
                if len(values) > 1
                else f"the target of its crossing {place}"
            )
            return f"where {where} is {float(values[bad])}: check the data it was drawn from"
    return "whose inputs and targets are all finite: lower the learning rate"


def _sha256(tensors: Sequence[Tensor]) -> str:
    """Hash the crossings and initial parameters, so that a checkpoint cannot be of others."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def one_cycle(step: int, n_steps: int, peak: float) -> float:
    """Return the learning rate: cosine from peak/25 to the peak over 30 %, then down to ~0.

    The schedule of Smith and Topin (2017) as a function of the step alone, so that it needs no state.

    Examples
    --------
    >>> [round(one_cycle(step, 11, 1.0), 3) for step in (0, 3, 10)]
    [0.04, 1.0, 0.0]
    """
    warm_up = 0.3 * (n_steps - 1)
    if step <= warm_up and warm_up > 0:
        start, end, done = peak / 25, peak, step / warm_up
    else:
        start, end, done = peak, peak / 1e5, (step - warm_up) / max(n_steps - 1 - warm_up, 1.0)
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Use a number of torch threads inside the block, and the earlier number after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def torch_seed(seed: int) -> Iterator[None]:
    """Seed torch inside the block, for the initial parameters; torch's own state is untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
