"""What a search may choose."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import FixedTrial

from distill.recipe import StudentRecipe
from distill.search.space import SearchSpace
from distill.students import StudentSpec
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from emulator.features import FeatureLayout

BASE = StudentRecipe(StudentSpec.uniform())
CHOSEN = {
    "depth": 2,
    "width_0": 16,
    "width_1": 8,
    "inputs": "hadronic",
    "activation": "hard_tanh",
    "learning_rate": 2e-3,
    "batch_size": 256,
    "loss": "mae",
    "tail_weight": 0.75,
    **{f"weight_bits_{place}": 3 + place for place in range(3)},
    **{f"bias_bits_{place}": 8 for place in range(3)},
    **{f"activation_bits_{place}": 5 for place in range(2)},
}
SPACE = SearchSpace(
    activation=("relu", "hard_tanh"),
    loss=("mse", "mae"),
    inputs={"all": (), "hadronic": ("jet", "etm")},
)


def test_a_choice_becomes_a_recipe(layout: FeatureLayout) -> None:
    recipe = SPACE.suggest(FixedTrial(CHOSEN), BASE, layout, "aware")  # type: ignore[arg-type]
    assert recipe.spec.widths == (16, 8)
    assert recipe.spec.activation == "hard_tanh"
    assert recipe.spec.inputs is not None
    assert len(recipe.spec.inputs) == 32
    assert recipe.loss.kind == "mae"
    assert recipe.loss.tail_weight == 0.75
    assert recipe.training is not None
    assert (recipe.training.learning_rate, recipe.training.batch_size) == (2e-3, 256)
    assert recipe.quantized_training.batch_size == 256
    assert recipe.quantized_training.learning_rate == BASE.quantized_training.learning_rate
    bits = recipe.quantization.bits
    assert bits is not None
    assert (bits.weights, bits.biases, bits.activations) == ((3, 4, 5), (8, 8, 8), (5, 5))


def test_a_float_search_chooses_no_bits(layout: FeatureLayout) -> None:
    chosen = {key: value for key, value in CHOSEN.items() if "bits" not in key}
    recipe = SPACE.suggest(FixedTrial(chosen), BASE, layout, "float")  # type: ignore[arg-type]
    assert recipe.quantization.bits is None


def test_plain_values_are_those_of_json() -> None:
    plain = SPACE.as_dict()
    assert json.loads(json.dumps(plain)) == plain


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": ()}, "widths offers nothing to choose from"),
        ({"widths": (4, 0)}, "widths and batch sizes must be at least 1"),
        ({"depth": (2, 1)}, "depth must be a range between 1 and 8, got 2 to 1"),
        ({"weight_bits": (2, 25)}, "weight_bits must be a range between 2 and 24, got 2 to 25"),
        ({"activation": ("tanh",)}, "activation 'tanh' is unknown; known: relu, hard_tanh"),
        ({"loss": ("l2",)}, "loss 'l2' is unknown"),
    ],
)
def test_refuses_impossible_spaces(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SearchSpace(**options)
