"""Crowded random crossings for the tests of seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
from crowded_crossings import draw_crossings

if TYPE_CHECKING:
    import awkward as ak


class MakeCrossings(Protocol):
    """Draws crossings."""

    def __call__(self, n: int, seed: int) -> ak.Array:
        """Draw ``n`` crossings; the same seed gives the same ones."""
        ...


@pytest.fixture(scope="session")
def make_crossings() -> MakeCrossings:
    """Draws crossings."""
    return draw_crossings
