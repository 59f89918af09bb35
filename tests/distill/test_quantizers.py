"""Fake quantization against `emulator.fixed`, exhaustively at small widths."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distill.quantizers import Cast, QuantDense, cover, fake_quantize
from emulator.errors import SettingsError
from emulator.fixed import FixedFormat, cast, quantize, to_float
from emulator.fixed.format import OVERFLOWS, ROUNDINGS, Overflow, Rounding

FLOATS = [torch.float32, torch.float64]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("rounding", "overflow"), list(product(ROUNDINGS, OVERFLOWS)))
def test_equals_emulator_for_every_raw(
    rounding: Rounding, overflow: Overflow, dtype: torch.dtype
) -> None:
    # Three more fraction bits than the target: all ties, and all places around them; four times
    # the range, so that wrapping goes round more than once.
    for width, integer, signed in product((1, 2, 3, 5), (-1, 1, 3), (True, False)):
        if width == 1 and signed and overflow == "SAT_SYM":
            continue  # no type
        target = FixedFormat(width, integer, signed, rounding, overflow)
        raw = np.arange(-(1 << width + 5), (1 << width + 5) + 1)
        expected = cast(raw, target.fraction + 3, target)
        x = torch.from_numpy(np.ldexp(raw.astype(np.float64), -target.fraction - 3)).to(dtype)
        found = fake_quantize(x, target)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.double().numpy(), to_float(expected, target))


@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1),
    width=st.integers(2, 24),
    integer=st.integers(-4, 28),
    signed=st.booleans(),
    rounding=st.sampled_from(ROUNDINGS),
    overflow=st.sampled_from(OVERFLOWS),
    dtype=st.sampled_from(FLOATS),
)
def test_equals_emulator_for_any_float(
    values: list[float],
    width: int,
    integer: int,
    signed: bool,
    rounding: Rounding,
    overflow: Overflow,
    dtype: torch.dtype,
) -> None:
    target = FixedFormat(width, integer, signed, rounding, overflow)
    x = torch.tensor(values, dtype=dtype)
    expected = to_float(quantize(x.double().numpy(), target), target)
    np.testing.assert_array_equal(fake_quantize(x, target).double().numpy(), expected)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_floats_next_to_a_tie_are_no_ties(rounding: Rounding) -> None:
    # Where adding 0.5 or subtracting the floor would already round.
    target = FixedFormat(8, 8, rounding=rounding, overflow="SAT")
    ties = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    values = np.concatenate([np.nextafter(ties, -np.inf), ties, np.nextafter(ties, np.inf)])
    expected = quantize(values, target)
    np.testing.assert_array_equal(fake_quantize(torch.from_numpy(values), target), expected)


@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_gradient_passes_where_nothing_saturates(overflow: Overflow) -> None:
    target = FixedFormat(4, 2, rounding="RND", overflow=overflow)  # -2 to 1.75
    x = torch.tensor([-3.0, -2.0, 0.1, 1.8, 1.9, 5.0], requires_grad=True)
    fake_quantize(x, target).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    # 1.8 rounds to 1.75 and fits, 1.9 rounds to 2 and does not.
    expected = {
        "WRAP": [1, 1, 1, 1, 1, 1],
        "SAT": [0, 1, 1, 1, 0, 0],
        "SAT_ZERO": [0, 1, 1, 1, 0, 0],
        "SAT_SYM": [0, 0, 1, 1, 0, 0],
    }
    assert x.grad.tolist() == expected[overflow]


def test_gradient_is_scaled_by_what_comes_after() -> None:
    x = torch.tensor([0.3, -0.7], requires_grad=True)
    (fake_quantize(x, FixedFormat(8, 2)) * torch.tensor([2.0, -3.0])).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, -3.0]


def test_refuses_types_that_are_not_exact() -> None:
    with pytest.raises(ValueError, match=r"fixed<25,4> cannot be held exactly in torch.float32"):
        fake_quantize(torch.zeros(1), FixedFormat(25, 4))
    with pytest.raises(ValueError, match=r"cannot be held exactly in torch.int64"):
        fake_quantize(torch.zeros(1, dtype=torch.int64), FixedFormat(4, 4))


def test_dense_uses_quantized_parameters() -> None:
    weight_format = FixedFormat(4, 2, rounding="RND", overflow="SAT")
    bias_format = FixedFormat(3, 2, overflow="SAT")
    layer = QuantDense(2, 1, weight_format, bias_format)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[0.3, 9.0]]))
        layer.linear.bias.copy_(torch.tensor([0.6]))
    result = layer(torch.tensor([[1.0, 2.0]]))
    assert result.tolist() == [[0.25 + 2 * 1.75 + 0.5]]
    result.sum().backward()
    gradient = layer.linear.weight.grad
    assert gradient is not None
    assert gradient.tolist() == [[1.0, 0.0]]  # the second weight is saturated


EACH = (
    FixedFormat(4, 2, rounding="RND", overflow="SAT"),
    None,
    FixedFormat(6, -1, rounding="RND", overflow="SAT"),
)


@pytest.mark.parametrize("axis", [0, -1])
def test_a_cast_of_channels_is_the_cast_of_each(axis: int) -> None:
    x = torch.randn(200, 3, generator=torch.Generator().manual_seed(3), requires_grad=True)
    found = Cast(EACH, axis=axis)(x.T if axis == 0 else x)
    found = found.T if axis == 0 else found
    found.sum().backward()
    assert x.grad is not None
    gradient = x.grad.clone()
    x.grad.zero_()
    for channel, target in enumerate(EACH):
        if target is None:
            assert not found[:, channel].any()
            continue
        alone = fake_quantize(x[:, channel], target)
        assert torch.equal(found[:, channel], alone)
        alone.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.equal(gradient[:, [0, 2]], x.grad[:, [0, 2]])


def test_the_cover_of_channels_holds_all_of_them() -> None:
    common = cover(EACH)
    assert (common.integer, common.fraction, common.signed) == (2, 7, True)
    assert cover(EACH[0]) == EACH[0]
    assert cover((None, None), signed=False) == FixedFormat(1, 1, False, "RND", "SAT")


def test_channels_round_to_nearest_and_saturate() -> None:
    with pytest.raises(
        SettingsError, match="must round by RND and saturate by SAT, got fixed<4,2>"
    ):
        Cast((FixedFormat(4, 2),))
