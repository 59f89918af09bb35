"""The autoencoder, its score and the target of the student."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from distill.targets import LogTarget
from distill.teachers import SCORES, Autoencoder, TeacherSpec, VariationalAutoencoder, make_teacher
from distill.training import torch_seed
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from distill.data import TrainingData

SMALL = TeacherSpec(widths=(16, 4, 16))


@pytest.fixture(scope="module")
def teacher(background: TrainingData) -> Autoencoder:
    with torch_seed(1):
        network = Autoencoder(57, SMALL)
    network.scaling.fit(background, SMALL.field_weights)
    return network


def test_default_shape_is_the_large_autoencoder() -> None:
    sizes = [tuple(p.shape) for p in Autoencoder(57, TeacherSpec()).parameters() if p.ndim == 2]
    assert sizes == [(128, 57), (64, 128), (12, 64), (64, 12), (128, 64), (57, 128)]


def test_score_is_the_masked_weighted_mean_squared_error(
    teacher: Autoencoder, background: TrainingData
) -> None:
    rows = torch.from_numpy(background.rows[:50].astype(np.float32))
    with torch.no_grad():
        scores = teacher(rows)
        scaled, _ = teacher.scaling(rows)
        error = (teacher.network(scaled) - scaled).numpy()
    by_hand = np.zeros(50)
    weight_sum = 0.0
    for column, feature in enumerate(background.layout.features):
        if feature.field == "zero":
            continue
        weight = SMALL.field_weights[feature.field]
        weight_sum += weight
        pt = background.rows[:50, 3 * (column // 3)]
        by_hand += np.where(pt != 0, weight * error[:, column] ** 2, 0.0)
    np.testing.assert_allclose(scores, by_hand / weight_sum, rtol=1e-5)


def test_empty_crossing_scores_zero(teacher: Autoencoder) -> None:
    assert teacher(torch.zeros(1, 57)).tolist() == [0.0]


def test_training_loss_is_robust(teacher: Autoencoder, background: TrainingData) -> None:
    usual = torch.from_numpy(background.rows[:20].astype(np.float32))
    hard = usual.clone()
    hard[:, 27] = 20_000.0
    # Far out, the score grows with the square and the training loss only linearly.
    with torch.no_grad():
        score_growth = float(teacher(hard * 2).mean() / teacher(hard).mean())
        loss_growth = float(teacher.training_loss(hard * 2) / teacher.training_loss(hard))
    assert score_growth > 3.5
    assert loss_growth < 2.5


def test_scaling_travels_with_the_state(teacher: Autoencoder, background: TrainingData) -> None:
    copy = Autoencoder(57, SMALL)
    copy.load_state_dict(teacher.state_dict())
    rows = torch.from_numpy(background.rows[:50].astype(np.float32))
    assert torch.equal(copy(rows), teacher(rows))


def test_target_is_the_logarithm_of_the_score() -> None:
    scores = torch.tensor([0.0, 1.0, 2.0, 8.0, 2.0])
    target = LogTarget.fit(scores)
    assert target.reference == 2.0
    torch.testing.assert_close(target(scores), torch.log(1 + scores / 2))


def test_plain_values_round_trip() -> None:
    spec = TeacherSpec((8, 2), {"pt": 2.0}, 1.5, "variational", "rz", 0.25)
    assert TeacherSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec


@pytest.fixture(scope="module")
def variational(background: TrainingData) -> VariationalAutoencoder:
    spec = TeacherSpec((16, 4, 16), kind="variational", score="mu2")
    with torch_seed(2):
        network = make_teacher(57, spec)
    network.scaling.fit(background, spec.field_weights)
    assert isinstance(network, VariationalAutoencoder)
    return network


def test_scores_of_a_variational_teacher_are_those_of_its_latent_gaussian(
    variational: VariationalAutoencoder, background: TrainingData
) -> None:
    rows = torch.from_numpy(background.rows[:50].astype(np.float32))
    with torch.no_grad():
        means, logs = (
            part.double().numpy() for part in variational.latent(variational.scaling(rows)[0])
        )
        found = {name: variational.score_of(name, rows).numpy() for name in SCORES["variational"]}
        assert torch.equal(variational(rows), variational.score_of("mu2", rows))
    assert means.shape == (50, 4)
    variances = np.exp(logs)
    gaussian = 0.5 * (variances + means**2 - 1 - np.log(variances)).sum(axis=1)
    np.testing.assert_allclose(found["kl"], gaussian, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["mu2"], (means**2).sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(found["rz"], (means**2 / variances).sum(axis=1), rtol=1e-4)
    for values in found.values():
        assert (values >= 0).all()
        assert np.ptp(values) > 0


def test_noise_of_a_variational_teacher_follows_its_counter(
    variational: VariationalAutoencoder, background: TrainingData
) -> None:
    rows = torch.from_numpy(background.rows[:50].astype(np.float32))
    state = {name: value.clone() for name, value in variational.state_dict().items()}
    first, second = (float(variational.training_loss(rows).detach()) for _ in range(2))
    assert first != second
    variational.load_state_dict(state)
    assert float(variational.training_loss(rows).detach()) == first
    with torch.no_grad():
        assert variational.training_loss(rows) == variational.training_loss(rows)


def test_divergence_has_the_weight_beta(background: TrainingData) -> None:
    rows = torch.from_numpy(background.rows[:50].astype(np.float32))
    losses = []
    for beta in (0.0, 1.0, 2.0):
        spec = TeacherSpec((16, 4, 16), kind="variational", beta=beta)
        with torch_seed(2):
            network = make_teacher(57, spec)
        network.scaling.fit(background, spec.field_weights)
        with torch.no_grad():
            losses.append(float(network.training_loss(rows)))
            mean = float(network.score_of("kl", rows).mean())
            scale = float(network.scaling.weight.sum())
    assert losses[1] - losses[0] == pytest.approx(2 * mean / scale, rel=1e-3)
    assert losses[2] - losses[1] == pytest.approx(2 * mean / scale, rel=1e-3)


def test_distance_in_feature_space_ignores_what_is_not_there(teacher: Autoencoder) -> None:
    rows = torch.zeros(2, 57)
    rows[0, 0], rows[1, 0] = 40.0, 40.0
    # An angle of an absent object is seen by nobody.
    rows[1, 4] = 11.0
    with torch.no_grad():
        first, second = teacher.score_of("feature", rows).tolist()
        scaled, _ = teacher.scaling(rows[:1])
        again = teacher.network(scaled) * teacher.scaling.shown(rows[:1])
        layers = zip(teacher.encoded(scaled), teacher.encoded(again), strict=True)
        by_hand = np.mean([float(((a - b) ** 2).sum()) for a, b in layers])
    assert first == second == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"kind": "convolutional"},
            "kind 'convolutional' is unknown; known: autoencoder, variational",
        ),
        ({"score": "kl"}, "has no score 'kl'; it has mse, feature"),
        ({"beta": -1.0}, "beta not negative"),
        ({"widths": ()}, "at least one unit"),
        ({"widths": (8, 0, 8)}, "at least one unit"),
        ({"field_weights": {"pt": -1.0}}, "cannot be negative"),
        ({"robust_width": 0.0}, "must be positive"),
    ],
)
def test_refuses_impossible_teachers(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        TeacherSpec(**options)  # type: ignore[arg-type]


def test_target_refuses_a_perfect_teacher() -> None:
    with pytest.raises(SettingsError, match=r"must be positive, got 0\.0"):
        LogTarget.fit(torch.zeros(5))
