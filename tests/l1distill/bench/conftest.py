"""A clock that only work moves, so that no test depends on the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from l1distill.bench import timing

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class FakeClock:
    """Processor time, and how slow the machine is."""

    now_ns: int = 0
    slowness: float = 1.0

    def work(self, milliseconds: float) -> Callable[[], None]:
        """Return work that takes this long on a machine of slowness 1."""

        def run() -> None:
            self.now_ns += round(1e6 * milliseconds * self.slowness)

        return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Replaces the processor time; a calibration takes 0.5 ms."""
    fake = FakeClock()
    monkeypatch.setattr("time.process_time_ns", lambda: fake.now_ns)
    monkeypatch.setattr(timing, "calibrate", fake.work(0.5))
    return fake
