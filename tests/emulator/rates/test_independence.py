"""What sets a threshold is never measured with it."""

from __future__ import annotations

import pytest

from emulator.rates import CountsError, ScoreCounts
from emulator.rates.independence import require_apart, require_other_pools


@pytest.mark.parametrize(
    ("stream", "first_event", "shared"),
    [("zb", 0, "0 to 2"), ("zb", 2, "2 to 2"), ("zb", 3, ""), ("other", 0, "")],
)
def test_counts_of_the_same_events_are_not_apart(
    stream: str, first_event: int, shared: str
) -> None:
    ours = ScoreCounts.from_scores([1, 2, 3], stream="zb")
    other = ScoreCounts.from_scores([4, 5, 6], stream=stream, first_event=first_event)
    if not shared:
        require_apart(ours, other, "two")
        return
    with pytest.raises(CountsError, match=f"^two must be disjoint, but both hold events {shared}"):
        require_apart(ours, other, "two")


def test_samples_that_share_pool_events_are_refused() -> None:
    require_other_pools(0)
    with pytest.raises(CountsError, match=r"^crossings that set .* share 3 pool events"):
        require_other_pools(3)
    with pytest.raises(CountsError, match=r"^pu60: crossings that set"):
        require_other_pools(1, where="pu60")
