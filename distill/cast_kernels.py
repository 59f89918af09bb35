"""The commonest casts of training in one pass over a tensor; what `quantizers` does in eight, to the last bit.

A student's tensors are so small that each operation of torch costs more than its arithmetic: in one pass a
quantization-aware training takes 73 to 85 % of the time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from emulator.jit import inline_kernel, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from emulator.fixed import FixedFormat

    Floats = NDArray[np.floating[Any]]

_TRN, _RND, _RND_CONV = range(3)
_MODES = {"TRN": _TRN, "RND": _RND, "RND_CONV": _RND_CONV}


def can_cast(x: Tensor, target: FixedFormat) -> bool:
    """Whether `cast` knows how: saturating types, three roundings, on the CPU and without holes."""
    in_place = x.device.type == "cpu" and x.is_contiguous()
    return in_place and target.overflow == "SAT" and target.rounding in _MODES


def cast(x: Tensor, target: FixedFormat) -> tuple[Tensor, Tensor]:
    """Return the values of a type, and 1 where a number fitted it, 0 where it saturated.

    Parameters
    ----------
    x
        Finite float32 or float64, any shape, see `can_cast`.

    Returns
    -------
    Two tensors of the shape and type of ``x``. What is not a number stays so, and does not fit.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> values, fits = cast(torch.tensor([0.3, 9.0]), FixedFormat(4, 2, rounding="RND", overflow="SAT"))
    >>> values.tolist(), fits.tolist()
    ([0.25, 1.75], [1.0, 0.0])
    """
    source: Floats = x.detach().numpy().reshape(-1)
    values, fits = np.empty_like(source), np.empty_like(source)
    _cast(source, _numbers(target, source.dtype.char), _MODES[target.rounding], values, fits)
    return torch.from_numpy(values).view(x.shape), torch.from_numpy(fits).view(x.shape)


@lru_cache(maxsize=1024)
def _numbers(target: FixedFormat, kind: str) -> Floats:
    """What the kernel is told of a type: one array is handed over faster than five numbers."""
    fraction = target.fraction
    told = (2.0**fraction, 2.0**-fraction, target.lowest, target.raw_max, 0.5)
    return np.array(told, dtype=kind)


@kernel
def _cast(source: Floats, numbers: Floats, mode: int, values: Floats, fits: Floats) -> None:
    scale, step, low, high, half = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    # A loop for each mode: with the mode inside, nothing runs in vectors.
    if mode == _RND:
        for place in range(len(source)):
            scaled = source[place] * scale
            floor = np.floor(scaled)
            raw = floor + (half + half if scaled - floor >= half else half - half)
            _limit(raw, low, high, step, place, values, fits)
    elif mode == _TRN:
        for place in range(len(source)):
            _limit(np.floor(source[place] * scale), low, high, step, place, values, fits)
    else:
        for place in range(len(source)):
            _limit(np.rint(source[place] * scale), low, high, step, place, values, fits)


@inline_kernel
def _limit(
    raw: Any, low: Any, high: Any, step: Any, place: int, values: Floats, fits: Floats
) -> None:
    # As min and max, which care about what is no number, it is five times as slow.
    limited = low if raw < low else raw  # noqa: FURB136
    limited = high if limited > high else limited  # noqa: FURB136
    fits[place] = limited == raw
    values[place] = limited * step
