"""What stands around the engine: features from jagged objects, training, samples, report.

Each peer does the same work beside ours in the same run, and results are asserted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pytest

from benchmarks import reference
from emulator.features import feature_rows, load_layout
from emulator.features.layout import ZERO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

    from emulator.features import FeatureLayout

N_TRAINING = 20_000
N_PYTHIA = 100
N_OVERLAID = 2_000


def rate(benchmark: BenchmarkFixture, n: float, what: str) -> None:
    """Tell how many of something are done in a second, unless nothing is timed."""
    if benchmark.stats is None:
        return
    benchmark.extra_info[f"{what}_per_second"] = n / benchmark.stats.stats.median


def timed(benchmark: Any, work: Callable[[], Any], rounds: int) -> Any:
    """Time work that takes long, a few rounds of it."""
    return benchmark.pedantic(work, rounds=rounds)


@pytest.fixture(scope="session")
def events() -> ak.Array:
    """Hundred thousand crossings, the measuring sample over and over."""
    one = reference.sample("measuring")
    return ak.concatenate([one] * 20)


@pytest.fixture(scope="session")
def layout() -> FeatureLayout:
    return load_layout("axol1tl_57")


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A finished small study, as the tests of the report have it."""
    from tests.l1distill.report.conftest import make_run

    return make_run(tmp_path / "run")


def padded_rows(events: ak.Array, layout: FeatureLayout) -> NDArray[np.int16]:
    """What one would write with awkward: pad each collection, fill, take the columns."""
    rows = np.zeros((len(events), len(layout)), dtype=np.int16)
    slots: dict[tuple[str, str], int] = {}
    for feature in layout.features:
        if feature.field != ZERO:
            key = (feature.object, layout.era.source_field(feature))
            slots[key] = max(slots.get(key, 0), feature.slot + 1)
    padded = {
        (name, field): ak.to_numpy(
            ak.fill_none(ak.pad_none(events[name][field], n, clip=True, axis=1), 0)
        )
        for (name, field), n in slots.items()
    }
    for column, feature in enumerate(layout.features):
        if feature.field != ZERO:
            key = (feature.object, layout.era.source_field(feature))
            rows[:, column] = padded[key][:, feature.slot]
    return rows


@pytest.mark.benchmark(group="jagged objects to rows, one thread")
def test_feature_rows(benchmark: BenchmarkFixture, events: ak.Array, layout: FeatureLayout) -> None:
    feature_rows(events[:1], layout)
    found = benchmark(feature_rows, events, layout)
    np.testing.assert_array_equal(found[:10_000], padded_rows(events[:10_000], layout))
    rate(benchmark, len(events) / 1e6, "million_crossings")


@pytest.mark.benchmark(group="jagged objects to rows, one thread")
def test_awkward_pad_none(
    benchmark: BenchmarkFixture, events: ak.Array, layout: FeatureLayout
) -> None:
    found = timed(benchmark, lambda: padded_rows(events, layout), rounds=3)
    np.testing.assert_array_equal(found, feature_rows(events, layout))
    rate(benchmark, len(events) / 1e6, "million_crossings")


@pytest.mark.benchmark(group="training step, one thread")
@pytest.mark.parametrize("kind", ["teacher", "float student", "quantized student"])
def test_training_epoch(
    benchmark: BenchmarkFixture, events: ak.Array, layout: FeatureLayout, kind: str
) -> None:
    """One epoch; the loss falls, and the same seed gives the same loss in every round."""
    torch = pytest.importorskip("torch")
    training = pytest.importorskip("distill.training")
    network, loss, tensors = _network(kind, feature_rows(events[:N_TRAINING], layout), layout)
    settings = training.TrainingSettings(epochs=1)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    before = training.evaluate(network, loss, tensors, kind)

    def epoch() -> float:
        network.load_state_dict(start)
        training.fit(network, loss, tensors, tensors, settings, stage=kind)
        return float(training.evaluate(network, loss, tensors, kind))

    losses = [timed(benchmark, epoch, rounds=3), epoch()]
    assert losses[0] == losses[1]
    assert losses[0] < before
    assert torch.isfinite(torch.tensor(losses[0]))
    rate(benchmark, N_TRAINING, "crossings")


def _network(kind: str, rows: NDArray[np.int16], layout: FeatureLayout) -> tuple[Any, Any, Any]:
    import torch

    from distill.data import TrainingData
    from distill.scaling import InputScaling
    from distill.students import FloatStudent, QuantStudent, StudentSpec
    from distill.teachers import Autoencoder, TeacherSpec

    data = TrainingData.from_arrays(rows, layout)
    inputs = torch.from_numpy(rows.astype(np.float32))
    torch.manual_seed(1)
    if kind == "teacher":
        spec = TeacherSpec()
        teacher = Autoencoder(len(layout), spec)
        teacher.scaling.fit(data, spec.field_weights)
        return teacher, lambda network, batch: network.training_loss(batch[0]), [inputs]
    student_spec = StudentSpec.uniform((32, 16))
    student: Any = FloatStudent(student_spec, InputScaling.fit(data, student_spec.input_format))
    if kind == "quantized student":
        student = QuantStudent.from_float(student)
    scaled = student.scale(inputs)
    goals = scaled.abs().sum(dim=1).log1p()
    return student, _squared_error, [scaled, goals]


def _squared_error(network: Any, batch: Any) -> Any:
    inputs, goals = batch
    return ((network(inputs).reshape(-1) - goals) ** 2).mean()


@pytest.mark.benchmark(group="samples, one process")
def test_pythia_events(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Minimum-bias events with towers and muon candidates, Pythia's start included."""
    pytest.importorskip("pythia8mc")
    from emulator.samples import load_generator, load_response
    from emulator.samples.pools import load_pool, make_piece, piece_requests

    folders = iter(range(1_000))
    generator, response = load_generator(), load_response()

    def make() -> Path:
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        (request,) = piece_requests("minbias", "train", N_PYTHIA, N_PYTHIA, 1, folder)
        return make_piece(request, generator, response)

    made = timed(benchmark, make, rounds=2)
    assert len(load_pool([made]).event_id) >= N_PYTHIA
    rate(benchmark, N_PYTHIA, "events")


@pytest.mark.benchmark(group="samples, one process")
def test_overlaid_crossings(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Crossings of pile-up 50 from a pool of minimum bias; the same seed gives the same ones."""
    pytest.importorskip("pythia8mc")
    from dataclasses import replace

    from emulator.objects import load_scales
    from emulator.samples import load_generator, load_response, strata
    from emulator.samples.crossings import simulate
    from emulator.samples.overlays import build_overlays
    from emulator.samples.pools import load_pool, make_piece, piece_requests

    generator, response = load_generator(), load_response()
    (request,) = piece_requests("minbias", "train", N_PYTHIA, N_PYTHIA, 1, tmp_path)
    pools = {"minbias": load_pool([make_piece(request, generator, response)])}
    only = replace(generator.strata, ranks=("minbias",), forced_muons=())
    overlays = build_overlays(pools, only, response.muons)
    settings = replace(generator, strata=only)
    means = strata.class_means(settings, overlays.muon_fraction, {"minbias": 78.6}, 50.0)

    def overlay() -> Any:
        rng = np.random.default_rng(3)
        draw = strata.draw_natural(overlays, means, N_OVERLAID, rng)
        return simulate(overlays, draw, "minbias", response, load_scales(), rng, stratum=0)

    first = overlay()
    found = timed(benchmark, overlay, rounds=3)
    assert len(found) == N_OVERLAID
    np.testing.assert_array_equal(found.weight, first.weight)
    rate(benchmark, N_OVERLAID, "crossings")


@pytest.mark.benchmark(group="report")
def test_report(benchmark: BenchmarkFixture, run_folder: Path) -> None:
    """Plots as PNG, PDF and JSON, and the page, of a finished small study."""
    from l1distill.report import write_report

    written = timed(benchmark, lambda: write_report(run_folder), rounds=2)
    assert (run_folder / "report.html") in written
    assert sum(path.suffix == ".png" for path in written) >= 8
    assert all(path.stat().st_size > 0 for path in written)
