"""Muons of one crossing as hardware integers, from the candidates of pool events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from emulator.jit import kernel
from emulator.samples.response import phi_in_turn

if TYPE_CHECKING:
    from emulator.samples.detector import MuonResponse
    from emulator.samples.response import Steps

Int32Array = NDArray[np.int32]

#: How a muon candidate is measured: decided by chance, well, or badly (in the tail).
FREE: Final = -1
WELL: Final = 0
BADLY: Final = 1

#: Columns of muons while a crossing is made.
MUON_COLUMNS: Final = ("pt", "eta_vtx", "phi_vtx", "eta", "phi", "qual", "charge")


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
        if curvature < 0.0:
            # It bends to the other side: the other charge, and not a straight line.
            curvature, charge = -curvature, -charge
        measured = min(r.scale / max(curvature, 1.0 / r.max_pt_gev), r.max_pt_gev)
        eta += r.eta_resolution * rng.standard_normal()
        phi = float(candidates[i, 2]) + turn + r.phi_resolution_rad * rng.standard_normal()
        bend = min(r.bend_barrel_rad_gev, r.bend_endcap_rad_gev / max(math.sinh(abs(eta)), 1e-6))
        draw = rng.random()
        out[n, 0] = min(int(measured / s.muon_lsb_gev) + 1, s.muon_max)
        eta_code = round((-eta if flip else eta) / s.muon_eta_lsb)
        out[n, 1] = max(min(eta_code, s.muon_eta_max), -s.muon_eta_max)
        out[n, 2] = phi_in_turn(phi, s.muon_turn)
        out[n, 3] = out[n, 1]
        out[n, 4] = phi_in_turn(phi - charge * bend / measured, s.muon_turn)
        if draw < r.quality_12:
            out[n, 5] = 12
        else:
            out[n, 5] = 8 if draw < r.quality_12 + r.quality_8 else 4
        out[n, 6] = 1 if charge < 0.0 else 0
        n += 1
    return n
