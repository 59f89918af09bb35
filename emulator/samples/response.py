"""Level-1 objects of one crossing as hardware integers, from trigger primitives and muon candidates.

The algorithms follow CMS's Stage-2 calorimeter trigger (JINST 15 P10017) without its look-up tables:
9x9 jets with chunky-donut subtraction, e/gamma and tau clusters around local maxima, and sums.
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
    from emulator.samples._yaml import FloatArray
    from emulator.samples.detector import (
        EgammaResponse,
        JetResponse,
        MuonResponse,
        SumResponse,
        TauResponse,
        TowerGeometry,
    )

Int32Array = NDArray[np.int32]
Int16Array = NDArray[np.int16]

#: Most candidates of one kind in a crossing; a 9x9 search cannot find more than 80 x 72 / 25 jets.
MAX_CANDIDATES: Final = 512

#: How a muon candidate is measured: decided by chance, well, or badly (in the tail).
FREE: Final = -1
WELL: Final = 0
BADLY: Final = 1

#: Columns of muons while a crossing is made.
MUON_COLUMNS: Final = ("pt", "eta_vtx", "phi_vtx", "eta", "phi", "qual", "charge")
#: Columns of calorimeter objects.
CLUSTER_COLUMNS: Final = ("pt", "eta", "phi", "iso")
#: Rows of sums: pt and phi each.
SUM_ROWS: Final = ("ett", "htt", "etm", "htm", "etmhf", "htmhf")


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
def _curvature_resolution(
    abs_eta: float, how: float, r: MuonResponse, rng: np.random.Generator
) -> float:
    if abs_eta < r.overlap_min_abs_eta:
        width = r.curvature_resolution_barrel
    elif abs_eta < r.endcap_min_abs_eta:
        width = r.curvature_resolution_overlap
    else:
        growth = r.curvature_resolution_endcap_slope * (abs_eta - r.endcap_min_abs_eta)
        width = r.curvature_resolution_endcap + growth
    if how == BADLY or (how == FREE and rng.random() < r.tail_fraction):
        width *= r.tail_factor
    return width


def found_probability(candidates: NDArray[np.float32], r: MuonResponse) -> NDArray[np.float32]:
    """Return the probability of candidates to be realised and found by the trigger.

    Parameters
    ----------
    candidates
        Candidates of a pool, float32, ``(n, 5)``.
    r
        Numbers of the response.

    Returns
    -------
    float32, ``(n,)``.
    """
    pt, eta, probability = (candidates[:, column].astype(np.float64) for column in (0, 1, 4))
    size = np.abs(eta)
    barrel = size < r.barrel_max_abs_eta
    far_enough = np.where(
        barrel, pt >= r.barrel_min_pt_gev, pt * np.cosh(eta) >= r.endcap_min_p_gev
    )
    turn_on = r.efficiency / (1.0 + np.exp(-(pt - r.turn_on_pt_gev) / r.turn_on_width_gev))
    reached = far_enough & (size <= r.max_abs_eta)
    return np.where(reached, probability * turn_on, 0.0).astype(np.float32)


@kernel
def _phi_in_turn(phi: float, turn: int) -> int:
    """Nearest code of an angle: a code times the step is the angle, as for towers."""
    return round(phi / (2.0 * math.pi) * turn) % turn


@kernel
def measure_muons(
    candidates: NDArray[np.float32],
    turn: float,
    flip: bool,
    r: MuonResponse,
    s: Steps,
    rng: np.random.Generator,
    out: Int32Array,
    n: int,
) -> int:
    """Append the muons of one pool event that are realised; return the new number.

    Parameters
    ----------
    candidates
        Candidates of the event, float32, ``(n_candidates, 6)``: the columns of a pool, with the
        probability to be found, and `FREE`, `WELL` or `BADLY`.
    turn
        Angle in radians by which the event is turned.
    flip
        Whether its eta changes sign.
    r, s
        Numbers of the response and of the hardware.
    rng
        Source of randomness.
    out
        int32, ``(room, 7)``, columns of `MUON_COLUMNS`.
    n
        Muons that are there already.
    """
    for i in range(candidates.shape[0]):
        probability = candidates[i, 4]
        if probability < 1.0 and rng.random() > probability:
            continue
        pt = float(candidates[i, 0])
        eta = float(candidates[i, 1])
        if n == out.shape[0]:
            break
        width = _curvature_resolution(abs(eta), candidates[i, 5], r, rng)
        curvature = (1.0 + width * rng.standard_normal()) / pt
        charge = float(candidates[i, 3])
        if r.fold_curvature and curvature < 0.0:
            # It bends to the other side: the other charge, and not a straight line.
            curvature, charge = -curvature, -charge
        measured = r.max_pt_gev
        if curvature > 0.0:
            measured = min(r.scale / max(curvature, 1.0 / r.max_pt_gev), r.max_pt_gev)
        eta += r.eta_resolution * rng.standard_normal()
        phi = float(candidates[i, 2]) + turn + r.phi_resolution_rad * rng.standard_normal()
        bend = min(r.bend_barrel_rad_gev, r.bend_endcap_rad_gev / max(math.sinh(abs(eta)), 1e-6))
        draw = rng.random()
        out[n, 0] = min(int(measured / s.muon_lsb_gev) + 1, s.muon_max)
        eta_code = round((-eta if flip else eta) / s.muon_eta_lsb)
        out[n, 1] = max(min(eta_code, s.muon_eta_max), -s.muon_eta_max)
        out[n, 2] = _phi_in_turn(phi, s.muon_turn)
        out[n, 3] = out[n, 1]
        out[n, 4] = _phi_in_turn(phi - charge * bend / measured, s.muon_turn)
        if draw < r.quality_12:
            out[n, 5] = 12
        else:
            out[n, 5] = 8 if draw < r.quality_12 + r.quality_8 else 4
        out[n, 6] = 1 if charge < 0.0 else 0
        n += 1
    return n


@kernel
def _put_vector(x: float, y: float, s: Steps, out: Int16Array) -> None:
    """Store magnitude and direction of a missing momentum."""
    out[0] = min(int(math.hypot(x, y)), s.sum_max)
    out[1] = _phi_in_turn(math.atan2(y, x), s.calo_turn)


@kernel
def jet_sums(jets: Int32Array, n: int, r: SumResponse, s: Steps, out: Int16Array) -> None:
    """Fill HTT, HTM and HTMHF from all jets of a crossing, before they are cut to the best ones."""
    scalar = 0
    x = y = x_all = y_all = 0.0
    for i in range(n):
        if jets[i, 0] < r.jet_min_lsb:
            continue
        phi = jets[i, 2] * 2.0 * math.pi / s.calo_turn
        px, py = jets[i, 0] * math.cos(phi), jets[i, 0] * math.sin(phi)
        x_all -= px
        y_all -= py
        if abs(jets[i, 1]) <= r.jet_max_eta_lsb:
            scalar += jets[i, 0]
            x -= px
            y -= py
    out[1, 0] = min(scalar, s.sum_max)
    _put_vector(x, y, s, out[3])
    _put_vector(x_all, y_all, s, out[5])


@kernel
def tower_sums(
    p: Primitives,
    r: SumResponse,
    s: Steps,
    cosine: FloatArray,
    sine: FloatArray,
    out: Int16Array,
) -> None:
    """Fill ETT, ETM and ETMHF from the towers; ``cosine`` and ``sine`` belong to the phi steps."""
    n_eta = s.ring_eta.size
    n_phi = cosine.size
    scalar = 0
    x = y = x_all = y_all = 0.0
    for ring in range(n_eta):
        absolute = absolute_ring(ring, n_eta)
        threshold = r.tower_threshold_lsb[absolute]
        px = py = 0.0
        ring_sum = 0
        for step in range(n_phi):
            et = p.total[ring + PAD, step + PAD]
            if et > threshold:
                ring_sum += et
                px += et * cosine[step]
                py += et * sine[step]
        x_all -= px
        y_all -= py
        if absolute < s.central_rings:
            scalar += ring_sum
            x -= px
            y -= py
    out[0, 0] = min(scalar, s.sum_max)
    _put_vector(x, y, s, out[2])
    _put_vector(x_all, y_all, s, out[4])


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
