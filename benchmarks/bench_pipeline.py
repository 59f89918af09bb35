"""What stands around the engine: features from jagged objects, training, samples, report.

Each peer does the same work beside ours in the same run, and results are asserted.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pytest

from benchmarks import reference
from benchmarks.limits import (
    Work,
    bytes_of_objects,
    float_products_per_second,
    tell_no_limit,
    time_warm,
    time_work,
)
from emulator.features import feature_rows, load_layout
from emulator.features.layout import ZERO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

    from emulator.features import FeatureLayout

N_TRAINING = 20_000

#: Networks that are trained: their hidden layers, where they are students, and the size of a batch.
TRAINED = {
    "teacher": ((), 512),
    "float student": ((32, 16), 512),
    "quantized student": ((32, 16), 512),
    "quantized 57-16-1": ((16,), 512),
    "quantized 57-16-1 in batches of 2048": ((16,), 2_048),
}
N_PYTHIA = 100
N_OVERLAID = 2_000
PILEUP = 50.0


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


ROWS_OF = {"l1distill": feature_rows, "awkward.pad_none": padded_rows}


@pytest.mark.benchmark(group="jagged objects to rows, one thread")
@pytest.mark.parametrize("who", list(ROWS_OF))
def test_rows(
    benchmark: BenchmarkFixture, events: ak.Array, layout: FeatureLayout, who: str
) -> None:
    make = ROWS_OF[who]
    found = make(events, layout)
    np.testing.assert_array_equal(found[:10_000], padded_rows(events[:10_000], layout))
    np.testing.assert_array_equal(found, feature_rows(events, layout))
    moved = (bytes_of_objects(events, layout) + found.nbytes) / len(events)
    time_work(benchmark, lambda: make(events, layout), Work(len(events), moved), rounds=7)


@pytest.mark.benchmark(group="training step, one thread")
@pytest.mark.parametrize("who", ["l1distill", "plain torch"])
@pytest.mark.parametrize("kind", TRAINED)
def test_training_epoch(
    benchmark: BenchmarkFixture, events: ak.Array, layout: FeatureLayout, kind: str, who: str
) -> None:
    """One epoch and its validation; the loss falls, and both come to the same one, to the last bit."""
    torch = pytest.importorskip("torch")
    training = pytest.importorskip("distill.training")
    network, loss, tensors = _network(kind, feature_rows(events[:N_TRAINING], layout), layout)
    settings = training.TrainingSettings(epochs=1, batch_size=TRAINED[kind][1])
    start = {name: value.clone() for name, value in network.state_dict().items()}
    before = training.evaluate(network, loss, tensors, kind)

    def epoch(who: str) -> float:
        network.load_state_dict(start)
        if who == "plain torch":
            return _plain_epoch(network, loss, tensors, settings)
        history = training.fit(network, loss, tensors, tensors, settings, stage=kind)
        return float(history.best_loss)

    losses = [epoch(each) for each in ("l1distill", "plain torch", "l1distill")]
    assert losses[0] == losses[1] == losses[2]
    assert losses[0] < before
    assert torch.isfinite(torch.tensor(losses[0]))
    products = _products(network)
    work = Work(
        N_TRAINING, others={"float_product": lambda: float_products_per_second() / products}
    )
    time_warm(benchmark, lambda: epoch(who), work, rounds=3)


def _products(network: Any) -> int:
    """Return the products of an event, at least: forwards, backwards to weights and inputs, validation.

    Nobody needs the gradient with respect to the inputs of the first layer.
    """
    sizes: list[int] = [each.numel() for each in network.parameters() if each.dim() == 2]
    return 4 * sum(sizes) - sizes[0]


def _plain_epoch(network: Any, loss: Any, tensors: Any, settings: Any) -> float:
    """Train as one would write it down: a loader of the library, and a step for each of its batches."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from distill.training import evaluate, one_cycle, torch_threads

    order = np.random.default_rng([settings.seed, 0]).permutation(len(tensors[0]))
    batches = DataLoader(TensorDataset(*tensors), settings.batch_size, sampler=order.tolist())
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    with torch_threads(1):
        for step, batch in enumerate(batches):
            (group,) = optimizer.param_groups
            group["lr"] = one_cycle(step, len(batches), settings.learning_rate)
            optimizer.zero_grad()
            loss(network, batch).backward()
            optimizer.step()
        return evaluate(network, loss, tensors, "plain")


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
    student_spec = StudentSpec.uniform(TRAINED[kind][0])
    student: Any = FloatStudent(student_spec, InputScaling.fit(data, student_spec.input_format))
    if kind.startswith("quantized"):
        student = QuantStudent.from_float(student)
    scaled = student.scale(inputs)
    goals = scaled.abs().sum(dim=1).log1p()
    return student, _squared_error, [scaled, goals]


def _squared_error(network: Any, batch: Any) -> Any:
    inputs, goals = batch
    return ((network(inputs).reshape(-1) - goals) ** 2).mean()


@pytest.mark.benchmark(group="samples, one process")
@pytest.mark.parametrize("who", ["l1distill", "Pythia alone"])
def test_pythia_events(benchmark: BenchmarkFixture, tmp_path: Path, who: str) -> None:
    """Minimum-bias events with towers and muon candidates, beside Pythia that only makes events.

    Both start Pythia, whose initialisation of multiparton interactions was kept.
    """
    pytest.importorskip("pythia8mc")
    from emulator.samples import load_generator, load_response
    from emulator.samples.pools import init_path, load_pool, make_piece, piece_requests
    from emulator.samples.pythia import Generator, make_init_file

    generator, response, seeds = load_generator(), load_response(), count(1)
    process = generator.process("minbias")
    initialised = init_path(tmp_path, process, generator)
    make_init_file(generator, process, initialised)

    def pool() -> Path:
        request = piece_requests("minbias", "train", N_PYTHIA, N_PYTHIA, next(seeds), tmp_path)
        return make_piece(request[0], generator, response)

    def alone() -> int:
        pythia = Generator(generator, process, next(seeds), initialised)._pythia
        return len(pythia.nextBatch(N_PYTHIA))

    assert load_pool([pool()]).n_events == alone() == N_PYTHIA
    run: Callable[[], Any] = pool if who == "l1distill" else alone
    benchmark.pedantic(run, rounds=3)  # type: ignore[no-untyped-call]
    why = "Pythia's branches and random numbers; Pythia alone is its limit"
    tell_no_limit(benchmark, why, N_PYTHIA)


@pytest.mark.benchmark(group="samples, one process")
def test_overlaid_crossings(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Crossings from a pool of minimum bias; the same seed gives the same ones."""
    pytest.importorskip("pythia8mc")
    from emulator.objects import load_scales
    from emulator.samples import draws, load_generator, load_response, strata
    from emulator.samples.crossings import simulate
    from emulator.samples.overlays import build_overlays
    from emulator.samples.pools import load_pool, make_piece, piece_requests

    generator, response = load_generator(), load_response()
    (request,) = piece_requests("minbias", "train", N_PYTHIA, N_PYTHIA, 1, tmp_path)
    pool = load_pool([make_piece(request, generator, response)])
    only = replace(generator.strata, ranks=("minbias",), forced_muons=())
    overlays = build_overlays({"minbias": pool}, only, response.muons)
    settings = replace(generator, strata=only)
    means = strata.class_means(settings, overlays.muon_fraction, {"minbias": 78.6}, PILEUP)

    def overlay() -> Any:
        rng = np.random.default_rng(3)
        draw = draws.draw_natural(overlays, means, N_OVERLAID, rng)
        return simulate(overlays, draw, means, response, load_scales(), rng, stratum=0)

    first, found = overlay(), overlay()
    assert len(found) == N_OVERLAID
    np.testing.assert_array_equal(found.weight, first.weight)
    np.testing.assert_array_equal(found.jets, first.jets)
    # The towers of the events that meet are read; sums of them stay in the caches.
    towers = sum(values.nbytes for values in pool.deposits) / pool.n_events
    work = Work(N_OVERLAID, PILEUP * towers)
    time_warm(benchmark, overlay, work, rounds=3)


@pytest.mark.benchmark(group="report")
def test_report(benchmark: BenchmarkFixture, run_folder: Path) -> None:
    """Plots as PNG, PDF and JSON, and the page, of a finished small study."""
    from l1distill.report import write_report

    written = write_report(run_folder)
    assert (run_folder / "report.html") in written
    assert sum(path.suffix == ".png" for path in written) >= 8
    assert all(path.stat().st_size > 0 for path in written)
    benchmark.pedantic(lambda: write_report(run_folder), rounds=1)  # type: ignore[no-untyped-call]
    tell_no_limit(benchmark, "Python that draws by matplotlib")
