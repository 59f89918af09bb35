"""Verdicts; and that a kernel which became slower is caught."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from l1distill.bench import Subject, gate, judge, timing

if TYPE_CHECKING:
    from tests.l1distill.bench.conftest import FakeClock


@pytest.mark.parametrize(
    ("milliseconds", "outcome", "attempts"),
    [
        (2.0, "faster", 1),
        (2.71, "pass", 1),
        (3.0, "pass", 1),
        (3.29, "pass", 1),
        (3.31, "warn", 4),
        (3.89, "warn", 4),
        (3.91, "fail", 4),
        (30.0, "fail", 4),
    ],
)
def test_outcome(clock: FakeClock, milliseconds: float, outcome: str, attempts: int) -> None:
    subject = Subject("x", clock.work(milliseconds), 1_000)
    verdict = judge(subject, 6_000.0, pause_seconds=0)
    assert (verdict.outcome, verdict.attempts) == (outcome, attempts)
    assert verdict.change == pytest.approx(milliseconds / 3 - 1, abs=0.005)


def test_without_a_reference_it_is_recorded_only(clock: FakeClock) -> None:
    verdict = judge(Subject("x", clock.work(3.0), 1_000), None)
    assert (verdict.outcome, verdict.attempts, verdict.change) == ("no reference", 1, None)
    assert verdict.cost.units_per_million == pytest.approx(6_000)


def test_a_bad_state_of_the_machine_passes_away(clock: FakeClock) -> None:
    """Other processes push this one's data out of the caches, for two measurements."""
    disturbed = [True]
    pauses = [0]

    def work() -> None:
        clock.work(5.0 if disturbed[0] else 3.0)()

    def measure(subject: Subject) -> timing.Cost:
        disturbed[0] = pauses[0] < 2
        pauses[0] += 1
        return timing.measure(subject)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "measure", measure)
        verdict = judge(Subject("x", work, 1_000), 6_000.0, pause_seconds=0)
    assert (verdict.outcome, verdict.attempts) == ("pass", 3)


@pytest.mark.deep
def test_a_slowed_kernel_fails_on_the_real_clock() -> None:
    """The same sum, by a kernel that does it once and by one that does 60 % more."""
    values = np.arange(20_000, dtype=np.int64)

    def kernel() -> None:
        for _ in range(100):
            values.sum()

    def slowed() -> None:
        for _ in range(160):
            values.sum()

    accepted = min(
        timing.measure(Subject("sum", kernel, 1_000)).units_per_million for _ in range(3)
    )
    assert judge(Subject("sum", kernel, 1_000), accepted * 1.1).outcome != "fail"
    assert judge(Subject("sum", slowed, 1_000), accepted * 1.1).outcome == "fail"
