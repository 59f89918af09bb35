"""Training on a GPU: exact types there, exact export, resuming, and checkpoints that a CPU reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
import torch

from distill.checkpoints import load_checkpoint
from distill.cotraining import CoTraining, cotrain
from distill.errors import CheckpointError
from distill.export import export_graph, prove_export
from distill.learned import LearnedCast
from distill.quantizers import Cast, fake_quantize
from distill.recipe import Quantization, Recipe, Stages, StudentRecipe, distill, train_teacher
from distill.sampling import Drawn, natural_sample, split
from distill.students import StudentSpec
from distill.teachers import TeacherSpec
from distill.training import Epoch, TrainingSettings
from distill.widths import BitWidths
from emulator.fixed import FixedFormat
from emulator.fixed.format import OVERFLOWS, ROUNDINGS

if TYPE_CHECKING:
    from pathlib import Path

    from distill.data import TrainingData
    from distill.recipe import Distilled

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")

DEVICE: Final = "cuda"
FAST = TrainingSettings(epochs=3, batch_size=256, learning_rate=8e-3, device=DEVICE)
WIDTHS = BitWidths.uniform(2, weights=5, biases=7, activations=6)
TEACHERS = {
    "autoencoder": TeacherSpec((32, 6, 32)),
    "variational": TeacherSpec((32, 6, 32), kind="variational", score="kl"),
}
WAYS = {
    "aware": Quantization("aware"),
    "per-channel": Quantization("aware", replace(WIDTHS, per_channel=True)),
    "post": Quantization("post", WIDTHS),
    "learned": Quantization("learned", WIDTHS, ebops_penalty=1e-5),
}


def recipe_of(way: str, teacher: str = "autoencoder") -> Recipe:
    fine = replace(FAST, epochs=2, learning_rate=1e-3)
    student = StudentRecipe(
        StudentSpec.uniform((16, 8)),
        quantization=WAYS[way],
        training=FAST,
        quantized_training=fine,
        width_training=replace(fine, learning_rate=1e-2),
    )
    return Recipe(student, teacher=TEACHERS[teacher], teacher_training=FAST)


@pytest.fixture(scope="module")
def halves(background: TrainingData) -> Drawn:
    training, validation = split(background, 0.25, seed=1)
    return Drawn(natural_sample(training, 4_000, seed=1), natural_sample(validation, 1_000, seed=2))


def states(found: Distilled) -> list[torch.Tensor]:
    networks: list[Any] = [found.teacher, found.float_student, found.student]
    return [tensor for network in networks for tensor in network.state_dict().values()]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_types_are_the_same_on_both_devices(rounding: Any, overflow: Any) -> None:
    target = FixedFormat(7, 3, rounding=rounding, overflow=overflow)
    # Every quarter of a step, far beyond both ends.
    x = torch.arange(-6000, 6000, dtype=torch.float32) / 4 / 2**4
    for values in (x, x.double(), torch.nextafter(x, torch.tensor(100.0))):
        there = fake_quantize(values.to(DEVICE), target)
        assert there.device.type == DEVICE
        assert torch.equal(there.cpu(), fake_quantize(values, target))


def test_types_for_each_channel_are_the_same_on_both_devices() -> None:
    formats = tuple(FixedFormat(6, n, rounding="RND", overflow="SAT") for n in range(-3, 9))
    x = torch.randn(500, 12, generator=torch.Generator().manual_seed(1)) * 30
    cast = Cast(formats)
    assert torch.equal(cast.to(DEVICE)(x.to(DEVICE)).cpu(), Cast(formats)(x))
    steps = torch.arange(-20.0, 25.0)
    y = torch.randn(500, 45, generator=torch.Generator().manual_seed(2)) * 8
    learned = LearnedCast(steps)
    here, bits_here = learned(y), learned.bits()
    learned = LearnedCast(steps).to(DEVICE)
    there, bits_there = learned(y.to(DEVICE)), learned.bits()
    assert torch.equal(there.cpu(), here)
    assert torch.equal(bits_there.cpu(), bits_here)
    # Whole multiples of exact powers of two, also of those that no type of the CPU rounds.
    raws = there.detach().cpu().double() * torch.exp2(steps.double())
    assert torch.equal(raws, raws.round())


@pytest.mark.parametrize("teacher", TEACHERS)
@pytest.mark.parametrize("way", WAYS)
def test_trained_student_equals_the_emulator(way: str, teacher: str, halves: Drawn) -> None:
    found = distill(halves, recipe_of(way, teacher))
    assert {tensor.device.type for tensor in states(found)} == {"cpu"}
    first = found.histories[0]
    assert first.epochs[-1].validation_loss < first.epochs[0].validation_loss
    graph = export_graph(found.student)
    proof = prove_export(found.student, graph, halves.training.rows)
    assert (proof.n_events, proof.n_mismatch) == (4_000, 0)


@pytest.mark.parametrize("way", ["aware", "learned"])
def test_resumed_training_ends_the_same(way: str, halves: Drawn, tmp_path: Path) -> None:
    whole = distill(halves, recipe_of(way))

    def interrupt(stage: str, epoch: Epoch) -> None:
        if (stage, epoch.epoch) == ("student", 0):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(halves, recipe_of(way), stages=Stages(tmp_path, progress=interrupt))
    seen: list[str] = []
    again = distill(
        halves,
        recipe_of(way),
        stages=Stages(tmp_path, resume=True, progress=lambda stage, _: seen.append(stage)),
    )
    assert seen == ["student"]
    assert again.histories == whole.histories
    assert all(torch.equal(a, b) for a, b in zip(states(again), states(whole), strict=True))


@pytest.mark.parametrize("mode", ["joint", "alternating"])
def test_cotraining_resumes_to_the_same(mode: Any, halves: Drawn, tmp_path: Path) -> None:
    settings = CoTraining(mode, student_epochs=2)
    whole = cotrain(halves, recipe_of("aware"), settings)

    def interrupt(stage: str, epoch: Epoch) -> None:
        # The first round is on disk then.
        if (stage, epoch.epoch) == ("teacher", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cotrain(halves, recipe_of("aware"), settings, stages=Stages(tmp_path, progress=interrupt))
    again = cotrain(halves, recipe_of("aware"), settings, stages=Stages(tmp_path, resume=True))
    assert all(torch.equal(a, b) for a, b in zip(states(again), states(whole), strict=True))
    assert prove_export(again.student, export_graph(again.student), halves[1].rows).n_mismatch == 0


def test_a_cpu_reads_what_a_gpu_wrote(halves: Drawn, tmp_path: Path) -> None:
    recipe = recipe_of("aware")
    teacher, history = train_teacher(halves, recipe, Stages(tmp_path))
    stored = load_checkpoint(tmp_path / "teacher.pt")
    assert {tensor.device.type for tensor in stored["best_state"].values()} == {"cpu"}
    on_cpu = replace(recipe, teacher_training=replace(FAST, device="cpu"))

    def none_left(stage: str, epoch: Epoch) -> None:
        pytest.fail(f"{stage} was trained again, epoch {epoch.epoch}")

    # What is finished is only read ...
    stages = Stages(tmp_path, resume=True, progress=none_left)
    same, told = train_teacher(halves, on_cpu, stages)
    assert told == history
    for here, there in zip(same.state_dict().values(), teacher.state_dict().values(), strict=True):
        assert torch.equal(here, there)

    # ... but the rest of a training would not be that of the GPU.
    def interrupt(_stage: str, epoch: Epoch) -> None:
        if epoch.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_teacher(halves, recipe, Stages(tmp_path, progress=interrupt))
    with pytest.raises(CheckpointError, match="differs in device; delete it"):
        train_teacher(halves, on_cpu, Stages(tmp_path, resume=True))
