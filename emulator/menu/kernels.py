"""Kernels that evaluate conditions crossing by crossing.

Objects that pass the cuts of a leg are a bit mask for each crossing; bit k is the k-th object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emulator.jit import inline_kernel, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Masks = NDArray[np.uint16]
    Decisions = NDArray[np.bool_]
    Codes = NDArray[np.int16]
    Integers = NDArray[np.int64]

#: Relations of charges.
ALIKE, OPPOSITE = 1, 2


@kernel
def every_object(offsets: Integers) -> Masks:
    """Return masks with a bit for each object."""
    masks = np.zeros(len(offsets) - 1, dtype=np.uint16)
    for row in range(len(masks)):
        masks[row] = (1 << (offsets[row + 1] - offsets[row])) - 1
    return masks


@kernel
def keep_passing(
    masks: Masks, offsets: Integers, codes: Codes, lowest: int, table: Decisions
) -> None:
    """Clear the bits of objects whose code does not pass."""
    for row in range(len(masks)):
        start = offsets[row]
        for k in range(offsets[row + 1] - start):
            if not table[codes[start + k] - lowest]:
                masks[row] &= np.uint16(~(1 << k) & 0xFFFF)


@inline_kernel
def _count(bits: int) -> int:
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


@kernel
def distinct_objects(legs: NDArray[np.uint16]) -> Decisions:
    """Whether each leg can have an object of its own; masks of all legs, (n legs, n crossings).

    By Hall's theorem that is so if every set of legs has together at least as many objects.
    """
    n_legs, n_rows = legs.shape
    result = np.zeros(n_rows, dtype=np.bool_)
    for row in range(n_rows):
        good = True
        for subset in range(1, 1 << n_legs):
            together = 0
            for leg in range(n_legs):
                if subset >> leg & 1:
                    together |= legs[leg, row]
            if _count(together) < _count(subset):
                good = False
                break
        result[row] = good
    return result


@kernel
def distinct_with_charges(
    legs: NDArray[np.uint16], offsets: Integers, charge: Codes, sign: int
) -> Decisions:
    """As `distinct_objects` for two to four muons whose charges are alike, or opposite.

    Opposite: two of both signs; of three, not all alike; of four, two of each sign.
    """
    n_legs, n_rows = legs.shape
    result = np.zeros(n_rows, dtype=np.bool_)
    chosen = np.zeros(n_legs, dtype=np.int64)
    for row in range(n_rows):
        n = offsets[row + 1] - offsets[row]
        total = n**n_legs if n >= n_legs else 0
        for code in range(total):
            used, negative, rest, good = 0, 0, code, True
            for leg in range(n_legs):
                chosen[leg] = rest % n
                rest //= n
                bit = 1 << chosen[leg]
                if used & bit or not legs[leg, row] & bit:
                    good = False
                    break
                used |= bit
                negative += charge[offsets[row] + chosen[leg]]
            if not good:
                continue
            if sign == OPPOSITE:
                good = 0 < negative < n_legs and (n_legs < 4 or negative == 2)
            else:
                good = negative in (0, n_legs)
            if good:
                result[row] = True
                break
    return result


class Leg(NamedTuple):
    """The objects of one leg of a condition, in the steps that the condition works in.

    Attributes
    ----------
    masks, offsets
        Which objects pass, and where each crossing's objects begin.
    eta, phi, pt
        Of each object: codes in common steps, and pt in units of the masses.
    bx
        Relative crossing of the objects.
    """

    masks: Masks
    offsets: Integers
    eta: Integers
    phi: Integers
    pt: Integers
    bx: int


class Metric(NamedTuple):
    """How two objects are compared; see `emulator.menu.tables.PairTables`."""

    deta: Integers
    dphi: Integers
    cosh: Integers
    cos: Integers
    half_turn: int


@inline_kernel
def _half_mass(metric: Metric, first: Leg, i: int, second: Leg, j: int, transverse: int) -> int:
    """Half the squared mass of two massless objects; ``transverse`` is 1 or 0."""
    dphi = abs(first.phi[i] - second.phi[j])
    if dphi > metric.half_turn:
        dphi = 2 * metric.half_turn - dphi
    # The hyperbolic cosine of no difference is 1, in the unit of the tables.
    deta = 0 if transverse else abs(first.eta[i] - second.eta[j])
    mass: int = first.pt[i] * second.pt[j] * (metric.cosh[deta] - metric.cos[dphi])
    return mass


@inline_kernel
def _close(metric: Metric, first: Leg, i: int, second: Leg, j: int, limits: Integers) -> bool:
    """Whether two objects keep limits (lowest, highest) on deta, dphi and dR**2."""
    dphi = abs(first.phi[i] - second.phi[j])
    if dphi > metric.half_turn:
        dphi = 2 * metric.half_turn - dphi
    eta_part = metric.deta[abs(first.eta[i] - second.eta[j])]
    phi_part = metric.dphi[dphi]
    square = eta_part * eta_part + phi_part * phi_part
    close: bool = (
        limits[0] <= eta_part <= limits[1]
        and limits[2] <= phi_part <= limits[3]
        and limits[4] <= square <= limits[5]
    )
    return close


@inline_kernel
def _pair_keeps(
    metric: Metric,
    first: Leg,
    i: int,
    second: Leg,
    j: int,
    charge: Codes,
    limits: Integers,
    transverse: int,
    sign: int,
) -> bool:
    if sign and (charge[i] == charge[j]) != (sign == ALIKE):
        return False
    if not _close(metric, first, i, second, j, limits):
        return False
    keeps: bool = limits[6] <= _half_mass(metric, first, i, second, j, transverse) <= limits[7]
    return keeps


@kernel
def any_pair(
    first: Leg,
    second: Leg,
    charge: Codes,
    metric: Metric,
    limits: Integers,
    transverse: int,
    sign: int,
    same: bool,
) -> Decisions:
    """Whether any pair of objects keeps all limits.

    Parameters
    ----------
    first, second
        The two legs.
    charge
        Of the first leg's objects, if ``sign`` asks for it.
    metric, limits
        Tables, and lowest and highest deta, dphi, dR**2 and half squared mass.
    transverse
        1 for transverse masses, else 0.
    sign
        0 for any charges, `ALIKE` or `OPPOSITE`.
    same
        Whether both legs choose from the same objects, of which a pair needs two.
    """
    n_rows = len(first.masks)
    result = np.zeros(n_rows, dtype=np.bool_)
    for row in range(n_rows):
        row_1, row_2 = row + first.bx, row + second.bx
        if min(row_1, row_2) < 0 or max(row_1, row_2) >= n_rows:
            continue
        start_1, n_1 = first.offsets[row_1], first.offsets[row_1 + 1] - first.offsets[row_1]
        start_2, n_2 = second.offsets[row_2], second.offsets[row_2 + 1] - second.offsets[row_2]
        for code in range(n_1 * n_2):
            k, m = code // n_2, code % n_2
            both = first.masks[row_1] >> k & second.masks[row_2] >> m & 1
            if not both or (same and m == k):
                continue
            i, j = start_1 + k, start_2 + m
            if _pair_keeps(metric, first, i, second, j, charge, limits, transverse, sign):
                result[row] = True
                break
    return result


@kernel
def any_triple(
    legs: tuple[Leg, ...], charge: Codes, metric: Metric, limits: Integers, sign: int
) -> Decisions:
    """Whether any three distinct objects of one collection have their mass within limits."""
    first, second, third = legs
    n_rows = len(first.masks)
    result = np.zeros(n_rows, dtype=np.bool_)
    for row in range(n_rows):
        start = first.offsets[row]
        n = first.offsets[row + 1] - start
        found = False
        for code in range(n * n * n if n >= 3 else 0):
            a, b, c = code // (n * n), code // n % n, code % n
            passes = first.masks[row] >> a & second.masks[row] >> b & third.masks[row] >> c & 1
            if not passes or a == b or c in (a, b):
                continue
            i, j, k = start + a, start + b, start + c
            if sign:
                negative = charge[i] + charge[j] + charge[k]
                if (negative in (0, 3)) != (sign == ALIKE):
                    continue
            mass = (
                _half_mass(metric, first, i, second, j, 0)
                + _half_mass(metric, first, i, third, k, 0)
                + _half_mass(metric, second, j, third, k, 0)
            )
            if limits[6] <= mass <= limits[7]:
                found = True
                break
        result[row] = found
    return result


@kernel
def apart_from(leg: Leg, reference: Leg, which: int, metric: Metric, limits: Integers) -> Masks:
    """Masks of a leg's objects that are not close to the reference object in place ``which``.

    Crossings without such a reference object have none.
    """
    masks = np.zeros_like(leg.masks)
    for row in range(len(masks)):
        if not reference.masks[row] >> which & 1:
            continue
        j = reference.offsets[row] + which
        for k in range(leg.offsets[row + 1] - leg.offsets[row]):
            i = leg.offsets[row] + k
            if leg.masks[row] >> k & 1 and not _close(metric, leg, i, reference, j, limits):
                masks[row] |= 1 << k
    return masks
