"""What the bands of a response card leave open: rates with cards drawn at random inside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.samples.detector import drawn_response
from emulator.samples.seeds import STANDARD_SEEDS, View, fires

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import awkward as ak

    from emulator.samples.detector import ResponseSettings

    Overlay = Callable[[ResponseSettings], ak.Array]


def rate_bands(
    overlay: Overlay,
    response: ResponseSettings,
    cards: int,
    seed: int,
    progress: Callable[[int], None],
) -> Mapping[str, tuple[float, float]]:
    """Return by which factors rates of standard seeds move, lowest and highest, over drawn cards.

    Parameters
    ----------
    overlay
        Makes crossings with a card, always from the same random numbers.
    response
        The card whose bands are drawn from.
    cards, seed
        How many cards to draw, and how.
    progress
        Called with the number of cards done.

    Returns
    -------
    By seed; those that do not fire with the card itself are left out.
    """
    rng = np.random.default_rng(np.random.SeedSequence((seed, 1)))
    central = _rates(overlay(response))
    factors: dict[str, list[float]] = {name: [] for name, rate in central.items() if rate > 0.0}
    for number in range(cards):
        rates = _rates(overlay(drawn_response(response, rng)))
        for name, found in factors.items():
            found.append(rates[name] / central[name])
        progress(number + 1)
    return {name: (min(found), max(found)) for name, found in factors.items() if found}


def _rates(events: ak.Array) -> dict[str, float]:
    view = View(events)
    return {seed.name: float(view.share[fires(view, seed)].sum()) for seed in STANDARD_SEEDS}
