"""Random crossings with many low objects, close to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.objects import SHOWERS, Columns, build_events, known_fields, load_scales

if TYPE_CHECKING:
    import awkward as ak


def draw_crossings(n: int, seed: int) -> ak.Array:
    """Crossings with many low objects, some close to each other, and all codes somewhere."""
    rng = np.random.default_rng(seed)
    scales = load_scales()
    collections = {}
    for name in ("mu", "eg", "tau", "jet", "ett", "htt", "etm", "htm", "etmhf", "htmhf"):
        most = min(5, scales.multiplicity(name))
        counts = rng.integers(0, most, n, endpoint=True)
        offsets = np.concatenate([[0], counts.cumsum()])
        size = int(offsets[-1])
        fields = {}
        for field in known_fields(name):
            scale = scales.field(name, field)
            drawn = rng.integers(scale.minimum, scale.maximum, size, endpoint=True)
            if field == "pt":
                drawn = np.clip(rng.exponential(60, size).astype(int), 1, scale.maximum)
            elif field.startswith(("eta", "phi")):
                # Half of the objects stand close together.
                middle = scale.maximum // 3
                near = np.clip(rng.normal(middle, middle / 8, size).astype(int), 0, scale.maximum)
                drawn = np.where(rng.random(size) < 0.5, near, drawn)
            elif field == "charge_valid":
                drawn = np.ones(size, dtype=int)
            fields[field] = drawn
        collections[name] = Columns(offsets, fields)
    ids = {key: np.zeros(n, int) for key in ("run", "lumi", "event", "orbit", "crossing")}
    showers = {name: rng.integers(0, 2, n) for name in SHOWERS}
    return build_events({**ids, **showers}, collections)
