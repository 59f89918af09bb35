"""The verdict on a cost: against the reference of the same kind of machine, with a margin for noise."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from emulator.results import Record
from l1distill.bench.timing import measure

if TYPE_CHECKING:
    from l1distill.bench.timing import Cost, Subject

#: Relative increases of the cost beyond which the gate fails, and beyond which it warns.
FAIL_ABOVE: Final = 0.30
WARN_ABOVE: Final = 0.10

#: Measurements of a subject until one is within the limit.
ATTEMPTS: Final = 4
_PAUSE_SECONDS: Final = 2.0

Outcome = Literal["fail", "warn", "pass", "faster", "no reference"]


@dataclass(frozen=True, slots=True)
class Verdict(Record):
    """How a subject's cost stands against its reference.

    Parameters
    ----------
    cost
        The smallest cost that was measured.
    reference
        Units per million events that were accepted for this kind of machine; None if there are none.
    attempts
        Measurements that were made.
    outcome
        ``fail`` beyond +30 %, ``warn`` beyond +10 %, ``faster`` beyond -10 %, ``pass`` between;
        ``no reference`` is recorded and fails nothing.
    """

    cost: Cost
    reference: float | None
    attempts: int
    outcome: Outcome

    @property
    def change(self) -> float | None:
        """Relative change of the cost, or None without a reference."""
        return None if self.reference is None else self.cost.units_per_million / self.reference - 1


def judge(
    subject: Subject, reference: float | None, *, pause_seconds: float = _PAUSE_SECONDS
) -> Verdict:
    """Measure a subject and compare its cost with a reference.

    Noise only ever makes something slower in this measure, so a cost that warns or fails is measured again,
    after a pause, and the smallest one counts. What has become slower stays so in every attempt.

    Parameters
    ----------
    subject
        What to time.
    reference
        Accepted units per million events on this kind of machine; None if there are none.
    pause_seconds
        Pause before another attempt, seconds.
    """
    best, attempts = measure(subject), 1
    while reference is not None and attempts < ATTEMPTS:
        if best.units_per_million <= (1 + WARN_ABOVE) * reference:
            break
        time.sleep(pause_seconds)
        best = min(best, measure(subject), key=lambda cost: cost.units_per_million)
        attempts += 1
    return Verdict(best, reference, attempts, _outcome(best.units_per_million, reference))


def _outcome(cost: float, reference: float | None) -> Outcome:
    if reference is None:
        return "no reference"
    change = cost / reference - 1
    if change > FAIL_ABOVE:
        return "fail"
    if change > WARN_ABOVE:
        return "warn"
    return "faster" if change < -WARN_ABOVE else "pass"
