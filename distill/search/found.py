"""What a search has found so far, read off its Optuna study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distill.search.storage import require_optuna
from emulator.results import Record

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial


@dataclass(frozen=True, slots=True)
class Found(Record):
    """One finished trial.

    Parameters
    ----------
    number
        Of the trial.
    agreement
        Of accept sets, or the geometric mean of the efficiencies for the tuning signals.
    luts, latency_ns, ebops
        Estimates.
    feasible
        Whether it keeps the limits.
    on_front
        Whether no feasible trial is better in one objective and worse in none.
    event_passes
        Crossings times epochs that its training saw.
    params
        What was chosen.
    """

    number: int
    agreement: float
    luts: float
    latency_ns: float
    ebops: float
    feasible: bool
    on_front: bool
    event_passes: int
    params: dict[str, Any]


def count_finished(study: Study) -> int:
    """Return how many trials have come to an end, good or bad; not those that were killed."""
    states = require_optuna().trial.TrialState
    ended = (states.COMPLETE, states.PRUNED)
    return len(study.get_trials(deepcopy=False, states=ended))


def spent_passes(study: Study) -> int:
    """Return crossings times epochs that all trials have seen, those that were stopped included."""
    trials = study.get_trials(deepcopy=False)
    return sum(int(trial.user_attrs.get("event_passes", 0)) for trial in trials)


def finished(study: Study) -> list[FrozenTrial]:
    """Return the trials that have values."""
    states = require_optuna().trial.TrialState
    found: list[FrozenTrial] = study.get_trials(deepcopy=False, states=(states.COMPLETE,))
    return found


def results(study: Study) -> tuple[Found, ...]:
    """Return the finished trials, in order."""
    found = []
    for trial in finished(study):
        agreement, luts, latency = trial.values
        feasible = all(value <= 0.0 for value in trial.constraints.values())
        found.append((trial, (agreement, -luts, -latency), feasible))
    candidates = [values for _, values, feasible in found if feasible]
    return tuple(
        Found(
            number=trial.number,
            agreement=values[0],
            luts=-values[1],
            latency_ns=-values[2],
            ebops=float(trial.user_attrs["ebops"]),
            feasible=feasible,
            on_front=feasible and not any(_dominates(other, values) for other in candidates),
            event_passes=int(trial.user_attrs["event_passes"]),
            params=dict(trial.params),
        )
        for trial, values, feasible in found
    )


def _dominates(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first != second and all(a >= b for a, b in zip(first, second, strict=True))
