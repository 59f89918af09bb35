"""What a student is worth: which crossings it accepts as its teacher does, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distill.errors import TrainingDataError
from distill.foreign_teachers import exact_scores_of
from distill.scores import (
    float_student_scores,
    log_grid,
    quantized_scores,
    to_integer_grid,
)
from distill.students import FloatStudent
from emulator.rates import Crossings, ScoreCounts
from emulator.rates.working_points import threshold_at
from emulator.results import Record
from firmware.cost import analytic_figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from distill.data import TrainingData
    from distill.foreign_teachers import Teacher
    from distill.students import QuantStudent
    from emulator.graph import Graph
    from emulator.rates import RateScenario
    from firmware.cost import CostFigure

# Float scores become integers on a grid this fine; see `to_integer_grid`.
_GRID_BITS = 20


@dataclass(frozen=True, slots=True)
class Cost(Record):
    """Estimates of `firmware.cost.analytic_figures` for one flow and stage."""

    luts: float
    latency_ns: float
    ebops: float


def estimated_cost(graph: Graph, *, flow: str, stage: str) -> Cost:
    """Return the quick estimate of a student.

    Parameters
    ----------
    graph
        The student.
    flow, stage
        Which of the calibrated LUT estimates counts.

    Raises
    ------
    TrainingDataError
        If no estimate is calibrated for this flow and stage.
    """
    figures = analytic_figures(graph)

    def one(quantity: str, chosen: list[CostFigure]) -> float:
        if not chosen:
            known = sorted(
                {f"{each.flow}, {each.stage}" for each in figures if each.quantity == "luts"}
            )
            msg = f"no {quantity} estimate for {flow}, {stage}; there are: {'; '.join(known)}"
            raise TrainingDataError(msg)
        return float(chosen[0].value)

    luts = [f for f in figures if (f.quantity, f.flow, f.stage) == ("luts", flow, stage)]
    latency = [f for f in figures if f.quantity == "latency_ns"]
    ebops = [f for f in figures if f.quantity == "ebops"]
    return Cost(one("luts", luts), one("latency_ns", latency), one("ebops", ebops))


class Judge:
    """Compares what student and teacher accept at the same rate, on background that neither learned from.

    Parameters
    ----------
    teacher
        Trained teacher.
    background
        Weighted crossings (as they are stored, not drawn): the rare ones are many and light.
    target_khz
        The working point.
    scenario
        Turns fractions of crossings into rates.
    signals
        Crossings of tuning signals by name; empty unless tuning on signals is asked for.

    Examples
    --------
    >>> import numpy as np
    >>> accepted = np.array([True, True, False]), np.array([True, False, False])
    >>> overlap(*accepted, weights=np.array([3, 1, 9]))
    0.75
    """

    def __init__(
        self,
        teacher: Teacher,
        background: TrainingData,
        *,
        target_khz: float,
        scenario: RateScenario,
        signals: Mapping[str, NDArray[np.int16]] | None = None,
    ) -> None:
        self.background = background
        self.target_khz = target_khz
        self.scenario = scenario
        self.signals = dict(signals or {})
        scores = log_grid(exact_scores_of(teacher, background), _GRID_BITS)
        self._crossings = Crossings.of(
            len(background), weights=background.weights, stream="judging", replicas=2
        )
        self.accepted = scores >= self._threshold(scores)

    def agreement(self, student: FloatStudent | QuantStudent) -> float:
        """Return the overlap of the accept sets: what both accept over what either does, by weight."""
        scores = _integer_scores(student, self.background.rows)
        accepted = scores >= self._threshold(scores)
        return overlap(accepted, self.accepted, weights=self.background.weights)

    def efficiencies(self, student: FloatStudent | QuantStudent) -> dict[str, float]:
        """Return the efficiency for each tuning signal at the working point."""
        threshold = self._threshold(_integer_scores(student, self.background.rows))
        return {
            name: float((_integer_scores(student, rows) >= threshold).mean())
            for name, rows in self.signals.items()
        }

    def _threshold(self, scores: NDArray[np.int64]) -> int:
        counts = ScoreCounts.from_crossings(scores, self._crossings)
        return threshold_at(counts, self.target_khz, self.scenario).threshold


def overlap(
    first: NDArray[np.bool_], second: NDArray[np.bool_], *, weights: NDArray[np.int64]
) -> float:
    """Return the weight of what both hold over that of what either holds; 0 if neither holds any.

    Parameters
    ----------
    first, second
        Boolean (crossings,).
    weights
        int64 (crossings,).
    """
    either = int(weights[first | second].sum())
    return int(weights[first & second].sum()) / either if either else 0.0


def _integer_scores(
    student: FloatStudent | QuantStudent, rows: NDArray[np.int16]
) -> NDArray[np.int64]:
    if isinstance(student, FloatStudent):
        return to_integer_grid(float_student_scores(student, rows), _GRID_BITS)
    fraction = student.spec.score_format.fraction
    return to_integer_grid(quantized_scores(student, rows), fraction)
