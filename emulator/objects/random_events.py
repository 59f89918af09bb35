"""Crossings of random hardware integers: no physics, but every slot, field and range is met."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.objects.arrange import sort_by_pt
from emulator.objects.events import OPTIONAL_FIELDS, REQUIRED_FIELDS, Columns, build_events
from emulator.objects.scales import load_scales

if TYPE_CHECKING:
    import awkward as ak
    from numpy.random import Generator
    from numpy.typing import NDArray

    from emulator.objects.scales import FieldScale

#: Fields that say the same as others, or that not every format has room for.
_LEFT_OUT = {("mu", "eta"), ("jet", "qual")}


def random_events(n: int, seed: int) -> ak.Array:
    """Draw crossings with any number of objects.

    Momenta fall, differently steeply from crossing to crossing, and saturate sometimes; all else is
    even over the codes that the trigger uses. For tests of implementations, where no file with
    objects is at hand.

    Parameters
    ----------
    n
        How many crossings.
    seed
        The same seed gives the same crossings.

    Returns
    -------
    The events, objects in falling pt.

    Examples
    --------
    >>> events = random_events(100, seed=1)
    >>> int(events.mu.pt.layout.content.data.max()) <= 511
    True
    """
    rng = np.random.default_rng(seed)
    scalars = {
        "run": np.ones(n, np.int64),
        "lumi": np.ones(n, np.int64),
        "event": np.arange(1, n + 1),
        "orbit": np.ones(n, np.int64),
        "crossing": np.zeros(n, np.int64),
    }
    return sort_by_pt(
        build_events(scalars, {name: _collection(rng, n, name) for name in REQUIRED_FIELDS})
    )


def _collection(rng: Generator, n: int, name: str) -> Columns:
    scale = load_scales().collections[name]
    most = scale.multiplicity
    # Sums are always there; half of the crossings have all slots filled or none.
    counts = rng.integers(0, most, n, endpoint=True) if most > 1 else np.ones(n, np.int64)
    if most > 1:
        counts[::4], counts[2::4] = most, 0
    hardness = np.repeat(rng.choice([0.02, 0.1, 0.5], n), counts)
    fields = [
        field
        for field in (*REQUIRED_FIELDS[name], *OPTIONAL_FIELDS.get(name, ()))
        if (name, field) not in _LEFT_OUT
    ]
    return Columns(
        np.concatenate([[0], counts.cumsum()]),
        {
            field: _momenta(rng, scale.fields[field], hardness)
            if field == "pt"
            else _even(rng, scale.fields[field], len(hardness))
            for field in fields
        },
    )


def _momenta(rng: Generator, scale: FieldScale, hardness: NDArray[np.float64]) -> NDArray[np.int64]:
    drawn = np.rint(rng.exponential(hardness * scale.maximum)).astype(np.int64)
    return np.clip(drawn, max(scale.minimum, 1), scale.maximum)


def _even(rng: Generator, scale: FieldScale, n: int) -> NDArray[np.int64]:
    return rng.integers(scale.minimum, scale.maximum, n, endpoint=True)
