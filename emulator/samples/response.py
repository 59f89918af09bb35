"""Jets, e/gammas and taus of one crossing as hardware integers, from trigger primitives.

The algorithms follow CMS's Stage-2 calorimeter trigger (JINST 15 P10017) without its look-up tables:
9x9 jets with chunky-donut subtraction, e/gamma and tau clusters around local maxima. Muons are in
`emulator.samples.muons`, sums in `emulator.samples.sums`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.jit import kernel
from emulator.samples.towers import JET_REACH, PAD, RIM_WIDTH, Primitives, absolute_ring

if TYPE_CHECKING:
    from emulator.objects import HardwareScales
    from emulator.samples.detector import (
        EgammaResponse,
        JetResponse,
        TauResponse,
        TowerGeometry,
    )

Int32Array = NDArray[np.int32]
Int16Array = NDArray[np.int16]

#: Most candidates of one kind in a crossing; a 9x9 search cannot find more than 80 x 72 / 25 jets.
MAX_CANDIDATES: Final = 512

#: Columns of calorimeter objects.
CLUSTER_COLUMNS: Final = ("pt", "eta", "phi", "iso")


class Steps(NamedTuple):
    """Steps and largest codes of the hardware integers, as kernels need them.

    Attributes
    ----------
    ring_eta
        Hardware eta of the middle of each ring, int32.
    calo_per_phi
        Hardware steps in phi for each tower.
    """

    ring_eta: Int32Array
    calo_per_phi: int
    calo_turn: int
    central_rings: int
    jet_max: int
    egamma_max: int
    tau_max: int
    muon_max: int
    sum_max: int
    muon_lsb_gev: float
    muon_eta_lsb: float
    muon_eta_max: int
    muon_turn: int


def hardware_steps(scales: HardwareScales, geometry: TowerGeometry) -> Steps:
    """Collect steps and largest codes from the hardware scales."""
    eta = scales.field("jet", "eta")
    turn = scales.field("jet", "phi").turn
    muon_pt, muon_eta = scales.field("mu", "pt"), scales.field("mu", "eta_vtx")
    ring_eta = np.clip(np.rint(geometry.centres / eta.lsb), eta.minimum + 1, eta.maximum)
    return Steps(
        ring_eta=ring_eta.astype(np.int32),
        calo_per_phi=turn // geometry.n_phi,
        calo_turn=turn,
        central_rings=geometry.central_rings,
        jet_max=scales.field("jet", "pt").maximum,
        egamma_max=scales.field("eg", "pt").maximum,
        tau_max=scales.field("tau", "pt").maximum,
        muon_max=muon_pt.maximum,
        sum_max=scales.field("ett", "pt").maximum,
        muon_lsb_gev=muon_pt.lsb,
        muon_eta_lsb=muon_eta.lsb,
        muon_eta_max=muon_eta.maximum,
        muon_turn=scales.field("mu", "phi_vtx").turn,
    )


@kernel
def is_maximum(plane: Int32Array, row: int, column: int, reach_eta: int, reach_phi: int) -> bool:
    """Whether a tower is the highest around it; of equal towers exactly one is.

    A tower must exceed the half of its neighbours that lies "before" it, and reach the other half.
    """
    value = plane[row, column]
    for d_eta in range(-reach_eta, reach_eta + 1):
        for d_phi in range(-reach_phi, reach_phi + 1):
            other = plane[row + d_eta, column + d_phi]
            if other < value:
                continue
            after = d_eta + d_phi > 0 or (d_eta + d_phi == 0 and d_eta > 0)
            if other > value or not (after or (d_eta == 0 and d_phi == 0)):
                return False
    return True


@kernel
def box_sum(plane: Int32Array, row: int, column: int, reach_eta: int, reach_phi: int) -> int:
    """Sum of a box around a tower."""
    total = 0
    for r in range(row - reach_eta, row + reach_eta + 1):
        for c in range(column - reach_phi, column + reach_phi + 1):
            total += plane[r, c]
    return total


@kernel
def rim_sum(plane: Int32Array, row: int, column: int) -> int:
    """Chunky donut: the three lowest of the four 3x9 strips around a 9x9 jet."""
    middle = JET_REACH + 1 + RIM_WIDTH // 2
    half = RIM_WIDTH // 2
    up = box_sum(plane, row, column + middle, JET_REACH, half)
    down = box_sum(plane, row, column - middle, JET_REACH, half)
    right = box_sum(plane, row + middle, column, half, JET_REACH)
    left = box_sum(plane, row - middle, column, half, JET_REACH)
    return up + down + right + left - max(up, down, right, left)


@kernel
def phi_in_turn(phi: float, turn: int) -> int:
    """Nearest code of an angle: a code times the step is the angle, as for towers."""
    return round(phi / (2.0 * math.pi) * turn) % turn


@kernel
def _phi_code(step: int, s: Steps) -> int:
    return s.calo_per_phi * step + s.calo_per_phi // 2


@kernel
def find_jets(
    p: Primitives, r: JetResponse, s: Steps, rng: np.random.Generator, out: Int32Array
) -> int:
    """Fill jets (pt, eta, phi) and return their number; not ordered."""
    n_eta = s.ring_eta.size
    n_phi = p.total.shape[1] - 2 * PAD
    n = 0
    for ring in range(n_eta):
        for step in range(n_phi):
            row, column = ring + PAD, step + PAD
            if p.total[row, column] < r.seed_lsb:
                continue
            if not is_maximum(p.total, row, column, JET_REACH, JET_REACH):
                continue
            net = box_sum(p.total, row, column, JET_REACH, JET_REACH)
            net -= rim_sum(p.total, row, column)
            if net <= 0:
                continue
            absolute = absolute_ring(ring, n_eta)
            calibrated = min(r.offset_lsb[absolute] + r.slope[absolute] * net, r.max_factor * net)
            calibrated *= 1.0 + r.extra_resolution * rng.standard_normal()
            if calibrated < 1.0 or n == out.shape[0]:
                continue
            out[n, 0] = min(int(calibrated), s.jet_max)
            out[n, 1] = s.ring_eta[ring]
            out[n, 2] = _phi_code(step, s)
            out[n, 3] = 0
            n += 1
    return n


@kernel
def find_egammas(
    p: Primitives, r: EgammaResponse, s: Steps, rng: np.random.Generator, out: Int32Array
) -> int:
    """Fill e/gamma clusters (pt, eta, phi, iso) and return their number; not ordered."""
    half = s.ring_eta.size // 2
    n_phi = p.total.shape[1] - 2 * PAD
    n = 0
    for ring in range(half - r.rings, half + r.rings):
        for step in range(n_phi):
            row, column = ring + PAD, step + PAD
            seed = p.em[row, column]
            if seed < r.seed_lsb or not is_maximum(p.em, row, column, 1, 2):
                continue
            had = p.total[row, column] - seed
            if had > r.free_had_lsb and had > r.max_had_over_em * seed:
                continue
            below = box_sum(p.em, row - 1, column, 0, 1)
            above = box_sum(p.em, row + 1, column, 0, 1)
            et = box_sum(p.em, row, column, 0, 1) + max(below, above)
            # Hadrons beside the seed: a jet that fluctuates into photons has some, an electron none.
            beside = box_sum(p.total, row, column, 1, 1) - box_sum(p.em, row, column, 1, 1)
            if beside > r.free_beside_lsb + r.max_beside_over_em * et:
                continue
            excess = 0.5 * et - r.accept_midpoint_gev
            turn_on = 1.0 / (1.0 + math.exp(-excess / r.accept_width_gev))
            accepted = r.accept_floor + (1.0 - r.accept_floor) * turn_on
            if rng.random() > accepted or n == out.shape[0]:
                continue
            around = box_sum(p.total, row, column, 3, 4) - et - had
            limit = (
                r.isolation_base_lsb
                + int(r.isolation_per_tower * p.n_central)
                + int(r.isolation_per_et * et)
            )
            measured = int(et * (1.0 + r.extra_resolution * rng.standard_normal()))
            if measured < 1:
                continue
            out[n, 0] = min(measured, s.egamma_max)
            out[n, 1] = s.ring_eta[ring]
            out[n, 2] = _phi_code(step, s)
            out[n, 3] = 1 if around <= limit else 0
            n += 1
    return n


@kernel
def find_taus(p: Primitives, r: TauResponse, s: Steps, out: Int32Array) -> int:
    """Fill tau clusters (pt, eta, phi, iso) and return their number; not ordered."""
    half = s.ring_eta.size // 2
    n_phi = p.total.shape[1] - 2 * PAD
    n = 0
    for ring in range(half - r.rings, half + r.rings):
        for step in range(n_phi):
            row, column = ring + PAD, step + PAD
            if p.total[row, column] < r.seed_lsb or not is_maximum(p.total, row, column, 2, 2):
                continue
            et = box_sum(p.total, row, column, 1, 1)
            around = box_sum(p.total, row, column, 3, 4) - et
            limit = (
                r.isolation_base_lsb
                + int(r.isolation_per_tower * p.n_central)
                + int(r.isolation_per_et * et)
            )
            if n == out.shape[0]:
                continue
            out[n, 0] = min(int(r.scale * et), s.tau_max)
            out[n, 1] = s.ring_eta[ring]
            out[n, 2] = _phi_code(step, s)
            out[n, 3] = 1 if around <= limit else 0
            n += 1
    return n


@kernel
def keep_best(found: Int32Array, n: int, out: Int16Array) -> None:
    """Copy the objects of highest pt in falling order; equal ones keep their order.

    ``found`` is used up. ``out`` must be zero: what is not filled stays absent.
    """
    for place in range(min(n, out.shape[0])):
        best = 0
        for i in range(1, n):
            if found[i, 0] > found[best, 0]:
                best = i
        if found[best, 0] <= 0:
            return
        for column in range(out.shape[1]):
            out[place, column] = found[best, column]
        found[best, 0] = 0
