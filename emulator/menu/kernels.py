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

#: Lowest limit of a quantity that is not limited.
NO_LOWEST = -np.iinfo(np.int64).max


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


# The arrays of legs and tables become local names before the loops, and what is inlined takes
# numbers: reading a field of a tuple costs as much as all the rest, and numba does not move it out.


@inline_kernel
def _turn(phi_1: int, phi_2: int, half_turn: int) -> int:
    """Distance of two angles."""
    steps = abs(phi_1 - phi_2)
    return 2 * half_turn - steps if steps > half_turn else steps


@inline_kernel
def _close(eta_part: int, phi_part: int, limits: Integers) -> bool:
    """Whether two objects keep limits (lowest, highest) on deta, dphi and dR**2."""
    square = eta_part * eta_part + phi_part * phi_part
    close: bool = (
        limits[0] <= eta_part <= limits[1]
        and limits[2] <= phi_part <= limits[3]
        and limits[4] <= square <= limits[5]
    )
    return close


@kernel
def any_pair(  # noqa: C901 - one loop in a loop in a loop
    first: Leg,
    second: Leg,
    charge: Codes,
    metric: Metric,
    limits: Integers,
    transverse: int,
    sign: int,
    same: int,
) -> Decisions:
    """Whether any pair of objects keeps all limits.

    Parameters
    ----------
    first, second
        The two legs.
    charge
        Of the first leg's objects, if ``sign`` asks for it.
    metric, limits
        Tables, and lowest and highest deta, dphi, dR**2 and half squared mass, which is
        ``pt1 pt2 (cosh deta - cos dphi)``.
    transverse
        1 for transverse masses, with 1 in place of the hyperbolic cosine, else 0.
    sign
        0 for any charges, `ALIKE` or `OPPOSITE`.
    same
        0 if the legs choose from different objects; 1 if from the same ones, of which a pair needs
        two; 2 if also by the same cuts, so that each pair needs to be looked at once.
    """
    masks_1, offsets_1, eta_1, phi_1, pt_1, bx_1 = first
    masks_2, offsets_2, eta_2, phi_2, pt_2, bx_2 = second
    deta_table, dphi_table, cosh, cos, half_turn = metric
    distances = max(limits[0], limits[2], limits[4]) > NO_LOWEST
    n_rows = len(masks_1)
    result = np.zeros(n_rows, dtype=np.bool_)
    for row in range(n_rows):
        row_1, row_2 = row + bx_1, row + bx_2
        if min(row_1, row_2) < 0 or max(row_1, row_2) >= n_rows:
            continue
        left, right = masks_1[row_1], masks_2[row_2]
        if left == 0 or right == 0:
            continue
        start_1, start_2 = offsets_1[row_1], offsets_2[row_2]
        n_2 = offsets_2[row_2 + 1] - start_2
        found = False
        for k in range(offsets_1[row_1 + 1] - start_1):
            if found or not left >> k & 1:
                continue
            i = start_1 + k
            for m in range(k + 1 if same == 2 else 0, n_2):
                if not right >> m & 1 or (same == 1 and m == k):
                    continue
                j = start_2 + m
                deta = abs(eta_1[i] - eta_2[j])
                dphi = _turn(phi_1[i], phi_2[j], half_turn)
                mass = pt_1[i] * pt_2[j] * (cosh[0 if transverse else deta] - cos[dphi])
                if mass < limits[6] or mass > limits[7]:
                    continue
                if distances and not _close(deta_table[deta], dphi_table[dphi], limits):
                    continue
                found = sign == 0 or (charge[i] == charge[j]) == (sign == ALIKE)
                if found:
                    break
        result[row] = found
    return result


@kernel
def any_triple(
    legs: tuple[Leg, ...], charge: Codes, metric: Metric, limits: Integers, sign: int
) -> Decisions:
    """Whether any three distinct objects of one collection have their mass within limits."""
    first, second, third = legs
    offsets, eta, phi, pt = first.offsets, first.eta, first.phi, first.pt
    cosh, cos = metric.cosh, metric.cos
    n_rows = len(first.masks)
    result = np.zeros(n_rows, dtype=np.bool_)
    for row in range(n_rows):
        start = offsets[row]
        n = offsets[row + 1] - start
        for code in range(n * n * n if n >= 3 else 0):
            a, b, c = code // (n * n), code // n % n, code % n
            passes = first.masks[row] >> a & second.masks[row] >> b & third.masks[row] >> c & 1
            if not passes or a == b or c in (a, b):
                continue
            places = (start + a, start + b, start + c)
            if sign:
                negative = charge[places[0]] + charge[places[1]] + charge[places[2]]
                if (negative in (0, 3)) != (sign == ALIKE):
                    continue
            mass = 0
            for i, j in ((0, 1), (0, 2), (1, 2)):
                x, y = places[i], places[j]
                dphi = _turn(phi[x], phi[y], metric.half_turn)
                mass += pt[x] * pt[y] * (cosh[abs(eta[x] - eta[y])] - cos[dphi])
            if limits[6] <= mass <= limits[7]:
                result[row] = True
                break
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
            eta_part = metric.deta[abs(leg.eta[i] - reference.eta[j])]
            phi_part = metric.dphi[_turn(leg.phi[i], reference.phi[j], metric.half_turn)]
            if leg.masks[row] >> k & 1 and not _close(eta_part, phi_part, limits):
                masks[row] |= 1 << k
    return masks
