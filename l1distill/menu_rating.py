"""What a menu does under its prescales, and what a network adds to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.rates import CountsError, MenuCounts
from emulator.results import table
from emulator.scan.results import menu_efficiency
from l1distill.evaluation import Bootstrap, crossings_of, evaluate
from l1distill.menu_file import plain_prescales

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from emulator.rates import Efficiency, PrescaleColumn, RateScenario, SeedRate, WorkingPoint
    from emulator.scan.results import MenuEfficiency
    from l1distill.evaluation import Evaluation
    from l1distill.score_table import ScoreTable


@dataclass(frozen=True)
class MenuRating:
    """A menu's rates and overlaps, and what models and objects add at fixed pure rates.

    Attributes
    ----------
    column
        Seeds and prescales.
    seeds
        Rates of each seed; the last record is the menu as a whole.
    overlap
        Rates at which two seeds accept both, kHz.
    signals
        What the menu keeps of each signal.
    pure
        Thresholds at fixed *pure* rates on top of the menu, and the *pure* efficiencies there: what each
        signal gains. None if the menu leaves too little for it (`rate_menu`, ``strict``).
    """

    column: PrescaleColumn
    seeds: tuple[SeedRate, ...]
    overlap: pd.DataFrame
    signals: tuple[MenuEfficiency, ...]
    pure: Evaluation | None

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return all of it as tables, by the names of their files."""
        points, gains = self._pure()
        return {
            "menu": table(self.seeds),
            "menu_overlap_khz": self.overlap.rename_axis("seed").reset_index(),
            "menu_signals": table(self.signals),
            "pure_working_points": table(points),
            "pure_efficiencies": table(gains),
        }

    def _pure(self) -> tuple[tuple[WorkingPoint, ...], tuple[Efficiency, ...]]:
        return ((), ()) if self.pure is None else (self.pure.working_points, self.pure.efficiencies)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        points, gains = self._pure()
        return {
            "prescales": plain_prescales(self.column),
            "seeds": [record.as_dict() for record in self.seeds],
            "overlap_khz": self.overlap.to_dict(),
            "signals": [record.as_dict() for record in self.signals],
            "pure_working_points": [record.as_dict() for record in points],
            "pure_efficiencies": [record.as_dict() for record in gains],
        }


def rate_menu(
    column: PrescaleColumn,
    setting: ScoreTable,
    measuring: ScoreTable,
    signals: Mapping[str, ScoreTable],
    *,
    scenario: RateScenario,
    targets_khz: Sequence[float],
    bootstrap: Bootstrap | None = None,
    strict: bool = True,
) -> MenuRating:
    """Rate a menu on the measuring crossings, and all that has a score on top of it.

    Parameters
    ----------
    column
        Seeds and prescales of the tables' decisions.
    setting, measuring, signals
        As for `evaluate`; each with decisions.
    scenario, targets_khz, bootstrap
        As for `evaluate`; the targets are pure rates here.
    strict
        Whether a menu that leaves too little for a target is an error, or leaves out what is gained.

    Raises
    ------
    L1Error
        If a set is empty, or the menu leaves too little for a target.
    """
    drawn = bootstrap or Bootstrap()
    assert measuring.decisions is not None  # noqa: S101 - tables of a menu have them
    counts = MenuCounts.from_decisions(
        measuring.decisions, column, crossings_of(measuring, drawn, "measuring")
    )
    pure: Evaluation | None = None
    try:
        pure = evaluate(
            setting,
            measuring,
            signals,
            scenario=scenario,
            targets_khz=targets_khz,
            bootstrap=drawn,
            on_top_of=column,
            curves=False,
        )
    except CountsError:
        if strict:
            raise
    return MenuRating(
        column,
        counts.rates(scenario),
        counts.overlap(scenario),
        tuple(_kept(column, name, scores, drawn) for name, scores in signals.items()),
        pure,
    )


def _kept(
    column: PrescaleColumn, signal: str, scores: ScoreTable, bootstrap: Bootstrap
) -> MenuEfficiency:
    assert scores.decisions is not None  # noqa: S101 - tables of a menu have them
    crossings = crossings_of(scores, bootstrap, signal)
    counts = MenuCounts.from_decisions(scores.decisions, column, crossings)
    return menu_efficiency(signal, counts)
