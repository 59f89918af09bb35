"""Settings of hls4ml projects."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.errors import SettingsError
from firmware.hls import HlsSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"backend": "Quartus"}, "unknown backend 'Quartus'; known: Vitis, Vivado"),
        ({"strategy": "Fast"}, "unknown strategy 'Fast'"),
        ({"clock_period_ns": 0.0}, "clock_period_ns must be positive, got 0.0"),
        ({"clock_uncertainty_percent": 100.0}, "clock_uncertainty_percent must be 0 to 100"),
        ({"reuse_factor": 0}, "reuse_factor must be at least 1, got 0"),
        ({"project_name": "my-net"}, "project_name must be a C identifier, got 'my-net'"),
    ],
)
def test_impossible_settings_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        HlsSettings(**values)
