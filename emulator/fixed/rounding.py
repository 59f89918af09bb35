"""Rounding of raws when fraction bits are dropped, one line per mode of ``ap_fixed``.

Everything follows from the floor, the highest dropped bit (*half*) and whether any lower dropped bit
is set (*sticky*), as in AMD's header ``ap_fixed_base.h``. Only operators are used, so that Python
integers of any size work as well as int64 arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from emulator.fixed.format import ROUNDINGS, Rounding

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    # All four are 0 or 1: floor is odd, half, sticky, negative. The result is added to the floor.
    Rule = Callable[[Any, Any, Any, Any], Any]

    Raw = TypeVar("Raw", int, NDArray[np.int64])

_RULES: dict[Rounding, Rule] = {
    "TRN": lambda _odd, half, _sticky, _negative: half & 0,
    "TRN_ZERO": lambda _odd, half, sticky, negative: negative & (half | sticky),
    "RND": lambda _odd, half, _sticky, _negative: half,
    "RND_ZERO": lambda _odd, half, sticky, negative: half & (negative | sticky),
    "RND_INF": lambda _odd, half, sticky, negative: half & (negative ^ 1 | sticky),
    "RND_MIN_INF": lambda _odd, half, sticky, _negative: half & sticky,
    "RND_CONV": lambda odd, half, sticky, _negative: half & (odd | sticky),
}


def drop_bits(raw: Raw, drop: int, mode: Rounding) -> Raw:
    """Remove fraction bits.

    Parameters
    ----------
    raw
        Raws: a Python integer, or an int64 array of any shape with ``|raw| < 2**62``.
    drop
        Number of fraction bits to remove, at least 0; at most 62 for arrays.
    mode
        Rounding mode, named as in ``ap_fixed`` without the ``AP_``.

    Returns
    -------
    Raws with ``drop`` fewer fraction bits, same kind and shape.

    Raises
    ------
    ValueError
        If ``drop`` is negative or ``mode`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> drop_bits(np.array([5, 6, 7, -6]), 2, "RND")
    array([ 1,  2,  2, -1])
    >>> drop_bits(-6, 2, "RND_CONV")
    -2
    """
    if drop < 0:
        msg = f"cannot drop {drop} bits"
        raise ValueError(msg)
    if mode not in _RULES:
        msg = f"unknown rounding {mode!r}; known: {', '.join(ROUNDINGS)}"
        raise ValueError(msg)
    if drop == 0:
        return raw
    floor = raw >> drop
    half = raw >> drop - 1 & 1
    sticky = (raw & (1 << drop - 1) - 1 != 0) * 1
    negative = (raw < 0) * 1
    rounded: Raw = floor + _RULES[mode](floor & 1, half, sticky, negative)
    return rounded
