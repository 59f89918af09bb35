"""Energy sums of one crossing as hardware integers, from jets and trigger primitives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from emulator.jit import kernel
from emulator.samples.response import phi_in_turn
from emulator.samples.towers import PAD, Primitives, absolute_ring

if TYPE_CHECKING:
    from emulator.samples._yaml import FloatArray
    from emulator.samples.detector import SumResponse
    from emulator.samples.response import Steps

Int32Array = NDArray[np.int32]
Int16Array = NDArray[np.int16]

#: Rows of sums: pt and phi each.
SUM_ROWS: Final = ("ett", "htt", "etm", "htm", "etmhf", "htmhf")


@kernel
def _put_vector(x: float, y: float, s: Steps, out: Int16Array) -> None:
    """Store magnitude and direction of a missing momentum."""
    out[0] = min(int(math.hypot(x, y)), s.sum_max)
    out[1] = phi_in_turn(math.atan2(y, x), s.calo_turn)


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
