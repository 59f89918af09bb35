"""Settings of the RTL."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.errors import SettingsError
from firmware.rtl import RtlSettings


def test_stage_leaves_the_uncertainty_free() -> None:
    assert RtlSettings().stage_ns == 4.5
    assert RtlSettings(clock_period_ns=25.0, clock_uncertainty_percent=0.0).stage_ns == 25.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"clock_period_ns": 0.0}, "clock_period_ns must be positive, got 0"),
        ({"clock_period_ns": float("inf")}, "clock_period_ns must be positive"),
        ({"clock_uncertainty_percent": 100.0}, "must be 0 to 100, got 100"),
        ({"project_name": "a__b"}, "must be a C identifier without double"),
        ({"project_name": "1a"}, "must be a C identifier"),
    ],
)
def test_impossible_values_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        RtlSettings(**values)
