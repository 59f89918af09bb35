"""What is true of a network and of its decisions on fixed crossings, as plain exact values.

A fact is an integer, a hash, or a float that is the rounded quotient of two integers: all machines and
versions must give the same one. Nothing here carries a tolerance.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.constants import WEIGHT_FRACTION_BITS
from emulator.graph import graph_cost
from emulator.rates import efficiency_at, working_point
from emulator.samples.content import events_sha256
from firmware.cost import analytic_figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.model import Model, NamedThreshold
    from emulator.rates import RateScenario, ScoreCounts

    Facts = dict[str, Any]


def scores_sha256(scores: NDArray[np.int64]) -> str:
    """Return the SHA-256 of integer scores as little-endian 64-bit integers, in their order.

    Examples
    --------
    >>> scores_sha256(np.array([1, -2]))[:16]
    'ad47ab1aede0a7b8'
    """
    return hashlib.sha256(np.ascontiguousarray(scores, dtype="<i8").tobytes()).hexdigest()


def network_facts(model: Model) -> Facts:
    """Return identity and cost of a network: EBOPs, counts, LUTs for each flow and stage.

    The LUTs are those of `firmware.cost.analytic_figures`, rounded, so that the last digits of its fit,
    which are the machine's, are not in them.
    """
    costs = graph_cost(model.graph)
    luts = [each for each in analytic_figures(model.graph) if each.quantity == "luts"]
    return {
        "sha256": model.network_sha256,
        "ebops": sum(cost.ebops for cost in costs),
        "weights": sum(cost.n_weights for cost in costs),
        "multiplications": sum(cost.n_nonzero for cost in costs),
        "luts": {f"{each.flow}, {each.stage}": round(each.value) for each in luts},
    }


def events_facts(events: ak.Array) -> Facts:
    """Return what crossings are: their number and the hash of their content."""
    return {"crossings": len(events), "content_sha256": events_sha256(events)}


def passing_facts(
    scores: NDArray[np.int64],
    weights: NDArray[np.int64] | None,
    thresholds: Sequence[NamedThreshold],
    scenario: RateScenario | None = None,
) -> Facts:
    """Return the scores' hash and range, and what fires at each named threshold.

    Parameters
    ----------
    scores
        Integer scores, axis (crossing), at least one.
    weights
        Weights in units of ``2**-32``, axis (crossing), or None if all count the same.
    thresholds
        Fixed integer thresholds.
    scenario
        If given, the crossings are zero bias and the passing fraction is told as a rate in kHz.
    """
    counted = np.full(len(scores), 1 << WEIGHT_FRACTION_BITS) if weights is None else weights
    total = sum(counted.tolist())
    facts: Facts = {
        "scores_sha256": scores_sha256(scores),
        "score_min": int(scores.min()),
        "score_max": int(scores.max()),
    }
    for threshold in thresholds:
        decision = scores >= threshold.threshold
        passing = sum(counted[decision].tolist())
        measured = (
            {"fraction": float(Fraction(passing, total))}
            if scenario is None
            else {"rate_khz": scenario.rate_khz(passing, total)}
        )
        facts[f"at {threshold.name}"] = {
            "threshold": threshold.threshold,
            "fires": int(decision.sum()),
            **measured,
        }
    return facts


def rate_facts(
    counts: Mapping[str, ScoreCounts], *, scenario: RateScenario, targets_khz: Sequence[float]
) -> Facts:
    """Return thresholds at fixed rates, the rates measured at them, and signal efficiencies.

    Parameters
    ----------
    counts
        Scores of one model: ``setting`` and ``measuring`` are zero bias, all others are signals.
    scenario
        Turns fractions of zero-bias crossings into rates.
    targets_khz
        Target rates, kHz.
    """
    setting, measuring = counts["setting"], counts["measuring"]
    signals = [name for name in counts if name not in {"setting", "measuring"}]
    facts: Facts = {}
    for target in targets_khz:
        point = working_point(setting, measuring, model="", target_khz=target, scenario=scenario)
        facts[f"{target:g} kHz"] = {
            "threshold": point.threshold,
            "setting_rate_khz": point.setting_rate_khz,
            "rate_khz": point.rate_khz,
            "fires": point.entries_passing,
            "replicas_sha256": scores_sha256(measuring.passing(point.threshold).replicas),
            **{
                f"efficiency {name}": efficiency_at(
                    counts[name],
                    setting,
                    signal=name,
                    model="",
                    target_khz=target,
                    scenario=scenario,
                ).efficiency
                for name in signals
            },
        }
    return facts
