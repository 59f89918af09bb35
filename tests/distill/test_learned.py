"""Learned widths: fewer bits where they do not matter, and nothing lost on the way to fixed types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from distill.export import export_graph, prove_export
from distill.learned import LearnedCast, LearnedStudent
from distill.scaling import InputScaling
from distill.students import FloatStudent, StudentSpec
from distill.training import TrainingSettings, fit, torch_seed
from distill.widths import BitWidths
from emulator.errors import SettingsError
from emulator.graph import graph_cost, total_ebops

if TYPE_CHECKING:
    from torch import Tensor

    from distill.data import TrainingData

BITS = BitWidths.uniform(2, weights=6, biases=8, activations=6)


@pytest.fixture(scope="module")
def rows(background: TrainingData) -> Tensor:
    return torch.from_numpy(background.rows.astype(np.float32))


@pytest.fixture(scope="module")
def student(background: TrainingData) -> FloatStudent:
    with torch_seed(3):
        return FloatStudent(StudentSpec.uniform((8, 4)), InputScaling.fit(background))


def learn(student: FloatStudent, rows: Tensor, granularity: Any, penalty: float) -> LearnedStudent:
    network = LearnedStudent(student, BITS, student.scale(rows), granularity)
    # Only the first jet matters.
    targets = network.scale(rows)[:, 27].detach() / 4

    def loss(learning: LearnedStudent, batch: Any) -> Tensor:
        error: Tensor = learning.regress(batch[0]) - batch[1]
        return (error**2).mean() + penalty * learning.ebops()

    tensors = [network.scale(rows), targets]
    settings = TrainingSettings(epochs=12, batch_size=128, learning_rate=1e-2)
    fit(network, loss, tensors, tensors, settings, stage="widths")
    return network


@pytest.mark.parametrize("granularity", ["layer", "channel"])
def test_penalty_takes_bits_and_what_is_found_scores_the_same(
    granularity: Any, student: FloatStudent, rows: Tensor
) -> None:
    costs = []
    for penalty in (0.0, 1e-3):
        learned = learn(student, rows, granularity, penalty)
        frozen = learned.freeze(learned.scale(rows))
        with torch.no_grad():
            expected = learned.regress(learned.scale(rows))
            assert torch.equal(frozen.regress(frozen.scale(rows)), expected)
        graph = export_graph(frozen)
        assert prove_export(frozen, graph, rows.numpy().astype(np.int16)).n_mismatch == 0
        costs.append(total_ebops(graph))
    assert costs[1] < 0.25 * costs[0]
    # Weights without a bit are gone.
    nonzero = sum(cost.n_nonzero for cost in graph_cost(graph))
    assert nonzero < 0.7 * sum(cost.n_weights for cost in graph_cost(graph))


def test_a_student_may_lose_all_its_bits(student: FloatStudent, rows: Tensor) -> None:
    learned = learn(student, rows, "channel", 1e3)
    frozen = learned.freeze(learned.scale(rows))
    graph = export_graph(frozen)
    assert total_ebops(graph) == 0
    assert prove_export(frozen, graph, rows.numpy().astype(np.int16)).n_mismatch == 0


def test_more_bits_are_wanted_where_the_rounding_hurts() -> None:
    cast = LearnedCast(torch.tensor([2.0]))
    x = torch.tensor([[0.3]])  # rounds to 0.25: too low
    assert float(cast(x).detach()) == 0.25
    (-cast(x)).sum().backward()  # the loss wants it higher
    assert cast.units.grad is not None
    assert float(cast.units.grad) < 0  # so the bits rise


def test_bits_hold_the_largest_value() -> None:
    cast = LearnedCast(torch.tensor([3.0]))
    assert float(cast(torch.tensor([[3.9], [0.2]])).detach().max()) == 3.875
    assert cast.bits().tolist() == [5.0]  # 2 integer bits and 3 of fraction


def test_hard_tanh_is_refused(background: TrainingData, rows: Tensor) -> None:
    spec = StudentSpec.uniform((8, 4), activation="hard_tanh")
    network = FloatStudent(spec, InputScaling.fit(background))
    with pytest.raises(SettingsError, match="cannot be learned behind the activation 'hard_tanh'"):
        LearnedStudent(network, BITS, network.scale(rows), "layer")
