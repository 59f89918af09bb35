"""Integer scaling against its graph node; scaling and masks of the teacher."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from distill.data import TrainingData
from distill.errors import TrainingDataError
from distill.scaling import FloatScaling, InputScaling, presence
from emulator.engine import evaluate_rows
from emulator.errors import SettingsError
from emulator.fixed import FixedFormat, quantize
from emulator.graph import Graph, Input

if TYPE_CHECKING:
    from emulator.features import FeatureLayout

FORMATS = [
    "fixed<8,5,RND_CONV,SAT>",
    "fixed<9,6,RND_CONV,SAT>",
    "fixed<6,4,TRN,WRAP>",
    "ufixed<12,4,RND,SAT>",
    "fixed<24,17,RND_MIN_INF,SAT_SYM>",
    "fixed<10,14,RND_INF,SAT_ZERO>",
]


def graph_of(scaling: InputScaling) -> Graph:
    x = Input("x", (), FixedFormat(16, 16), size=len(scaling))
    return Graph((x, scaling.node("scaled", "x")), ("scaled",))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("text", FORMATS)
def test_values_equal_the_node(text: str, dtype: torch.dtype) -> None:
    rng = np.random.default_rng(9)
    n = 24
    scaling = InputScaling(
        offsets=(-32768, 32767, *rng.integers(-300, 300, n - 2).tolist()),
        shifts=tuple(range(n)),
        format=FixedFormat.parse(text),
    )
    extreme = np.array([-32768, -32767, -1, 0, 1, 32766, 32767])
    rows = np.concatenate([np.repeat(extreme[:, None], n, 1), rng.integers(-600, 600, (300, n))])
    found = scaling.values(torch.from_numpy(rows).to(dtype)).double().numpy()
    expected = evaluate_rows(graph_of(scaling), rows.astype(np.int16))["scaled"]
    np.testing.assert_array_equal(np.ldexp(found, scaling.format.fraction), expected)


def test_every_hardware_integer_equals_the_node() -> None:
    scaling = InputScaling((13,), (3,), FixedFormat.parse("fixed<9,6,RND_CONV,SAT>"))
    rows = np.arange(-32768, 32768).reshape(-1, 1)
    found = scaling.values(torch.from_numpy(rows).float()).double().numpy()
    # By hand: seven bits survive the shift by three, then the cast to steps of 1/8.
    exact = np.floor((rows - 13) / 8 * 128) / 128
    np.testing.assert_array_equal(found * 8, quantize(exact, scaling.format))


def test_fit_brings_spreads_near_one(background: TrainingData) -> None:
    scaling = InputScaling.fit(background)
    rows = torch.from_numpy(background.rows.astype(np.float64))
    scaled = scaling.float_values(rows).numpy()
    there = presence(background.rows, background.layout)
    for column, feature in enumerate(background.layout.features):
        if feature.object == "mu" or feature.field == "zero":
            continue
        seen = scaled[:, column] if feature.field == "pt" else scaled[there[:, column], column]
        assert 0.70 < seen.std() < 1.42, feature
        if feature.field == "pt":
            assert abs(scaled[:, column].mean()) < 0.5


def test_fit_is_field_aware(background: TrainingData) -> None:
    scaling = InputScaling.fit(background)
    columns = {str(feature): place for place, feature in enumerate(background.layout.features)}
    assert all(scaling.offsets[place] == 0 for name, place in columns.items() if "eta" in name)
    assert scaling.shifts[columns["jet[0].eta"]] == 5
    # A muon is mostly absent: its pT keeps a spread of at least 1 GeV, 2 counts.
    assert scaling.shifts[columns["mu[2].pt"]] >= 1
    # The fourth muon never occurs: it takes the scale of the third.
    assert not background.rows[:, columns["mu[3].pt"]].any()
    for field in ("pt", "eta", "phi"):
        fourth, third = columns[f"mu[3].{field}"], columns[f"mu[2].{field}"]
        assert scaling.shifts[fourth] == scaling.shifts[third]
    assert scaling.offsets[columns["mu[3].phi"]] == 0


def test_fit_does_not_depend_on_order(background: TrainingData) -> None:
    turned = background.take(np.arange(len(background))[::-1])
    assert InputScaling.fit(turned) == InputScaling.fit(background)


def test_plain_values_round_trip(background: TrainingData) -> None:
    scaling = InputScaling.fit(background)
    assert InputScaling.from_dict(json.loads(json.dumps(scaling.as_dict()))) == scaling


@pytest.mark.parametrize(
    ("offsets", "shifts", "text", "message"),
    [
        ((1, 2), (1,), "fixed<8,5>", "2 offsets and 1 shifts"),
        ((), (), "fixed<8,5>", "0 offsets"),
        ((40_000,), (1,), "fixed<8,5>", "beyond 16 bits"),
        ((1,), (24,), "fixed<8,5>", "between 0 and 23"),
        ((1,), (-1,), "fixed<8,5>", "between 0 and 23"),
        ((1,), (1,), "fixed<25,5>", "wider than 24 bits"),
    ],
)
def test_refuses_impossible_scalings(
    offsets: tuple[int, ...], shifts: tuple[int, ...], text: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        InputScaling(offsets, shifts, FixedFormat.parse(text))


def test_refuses_constant_data(layout: FeatureLayout) -> None:
    data = TrainingData.from_arrays(np.full((5, 57), 3), layout)
    with pytest.raises(TrainingDataError, match="none of the 57 features varies over 5 crossings"):
        InputScaling.fit(data)
    with pytest.raises(TrainingDataError, match="none of the 57 features varies"):
        FloatScaling(57).fit(data, {})


def test_presence_follows_pt(layout: FeatureLayout) -> None:
    rows = np.zeros((1, 57), dtype=np.int16)
    rows[0, 3] = 5  # pT of the leading e/gamma at eta 0, phi 0
    rows[0, 1] = 1  # the constant of the sum is never an object
    names = [
        str(f) for f, there in zip(layout.features, presence(rows, layout)[0], strict=True) if there
    ]
    assert names == ["eg[0].pt", "eg[0].eta", "eg[0].phi"]


def test_float_scaling_masks_absent_objects(background: TrainingData) -> None:
    scaling = FloatScaling(57)
    scaling.fit(background, {"pt": 1.0, "eta": 0.5, "phi": 0.25})
    rows = torch.zeros((2, 57))
    rows[1, 27:30] = torch.tensor([60.0, 10.0, 100.0])  # a jet
    scaled, weights = scaling(rows)
    assert weights[0].sum() == 0.0
    assert weights[1].nonzero()[:, 0].tolist() == [27, 28, 29]
    assert weights[1, 27:30].tolist() == [1.0, 0.5, 0.25]
    assert scaled[0, 28] == 0.0
    assert scaled[0, 27] == -scaling.mean[27] / scaling.scale[27]  # no jet is not the usual jet
    assert scaling.weight[1] == 0.0  # the constant of the sum
    assert torch.isfinite(scaled).all()
