"""Costs in units of the calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from l1distill.bench import Subject, measure

if TYPE_CHECKING:
    from tests.l1distill.bench.conftest import FakeClock


def test_cost(clock: FakeClock) -> None:
    # 3 ms for 1,000 events: six calibrations, 6,000 for a million events.
    cost = measure(Subject("x", clock.work(3.0), 1_000))
    assert cost.name == "x"
    assert cost.units_per_million == pytest.approx(6_000)
    assert cost.events_per_second == pytest.approx(1_000 / 0.003)
    assert cost.calibration_ms == pytest.approx(0.5)
    assert cost.spread == pytest.approx(0)


def test_a_slower_machine_has_the_same_cost(clock: FakeClock) -> None:
    clock.slowness = 3.0
    cost = measure(Subject("x", clock.work(3.0), 1_000))
    assert cost.units_per_million == pytest.approx(6_000)
    assert cost.calibration_ms == pytest.approx(1.5)


def test_a_machine_that_becomes_slower_meanwhile_has_the_same_cost(clock: FakeClock) -> None:
    steady = clock.work(3.0)

    def work() -> None:
        clock.slowness *= 1.01
        steady()

    cost = measure(Subject("x", work, 1_000))
    assert clock.slowness > 1.5
    assert cost.units_per_million == pytest.approx(6_000, rel=0.02)


def test_disturbed_rounds_do_not_count(clock: FakeClock) -> None:
    calls = [0]

    def work() -> None:
        calls[0] += 1
        clock.work(30.0 if calls[0] % 3 == 0 else 3.0)()

    cost = measure(Subject("x", work, 1_000, rounds=21))
    assert cost.units_per_million == pytest.approx(6_000)
    assert cost.spread > 1


def test_short_work_is_repeated_within_a_round(clock: FakeClock) -> None:
    calls = [0]
    short = clock.work(0.01)

    def work() -> None:
        calls[0] += 1
        short()

    cost = measure(Subject("x", work, 10, rounds=2))
    assert calls[0] == 1 + 3 + 2 * 400
    assert cost.units_per_million == pytest.approx(2_000)
