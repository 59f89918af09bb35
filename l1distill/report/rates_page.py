"""The report of ``l1distill rates``: what fires, at which rate, what it keeps and adds, in one page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from emulator.files import replace_file
from l1distill.report import dependence_parts, menu_tables, tables
from l1distill.report.doubts import doubts
from l1distill.report.efficiency_plots import efficiency_plots, overview_plot
from l1distill.report.figures import plot_style, save_plot
from l1distill.report.page import Section, render
from l1distill.report.rate_plots import rate_plots
from l1distill.report.run_folder import SCHEMA, RunResults
from l1distill.report.summary import rates_summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from l1distill.evaluation import Evaluation
    from l1distill.report.figures import Plot
    from l1distill.report.tables import Table


def write_rates_report(
    folder: Path,
    title: str,
    plain: Mapping[str, Any],
    evaluation: Evaluation,
    objects: Sequence[str],
) -> list[Path]:
    """Write ``report.html``, ``results.json`` and the plots of rates.

    Parameters
    ----------
    folder
        Where to.
    title
        Name of the network.
    plain
        The results as plain values: those of ``results.json`` of a study, as far as there are.
    evaluation
        Its curves are drawn.
    objects
        Names of all scores that are no network's.

    Returns
    -------
    All files written.
    """
    results = {
        "schema": SCHEMA,
        "study": title,
        "models": [
            {"name": name, "kind": "baseline" if name in objects else "network"}
            for name in evaluation.rate_curves
        ],
        **plain,
        "scenario": {
            **evaluation.scenario.as_dict(),
            "crossing_rate_khz": evaluation.scenario.crossing_rate_khz,
        },
    }
    with replace_file(folder / "results.json") as temporary:
        temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    curves = [frame for frame in evaluation.efficiency_curves.values() if len(frame)]
    run = RunResults(
        folder=folder,
        results=results,
        rate_curves=pd.concat(
            [frame.assign(model=model) for model, frame in evaluation.rate_curves.items()]
        ),
        efficiency_curves=pd.concat(curves) if curves else pd.DataFrame({"signal": []}),
        measuring=None,
        study_text=None,
        manifest=None,
    )
    with plot_style():
        saved = [save_plot(plot, folder / "plots") for plot in _plots(run)]
    page = render(
        folder / "report.html",
        study=title,
        scenario=run.scenario,
        simulation=False,
        summary=[*rates_summary(run), *doubts(run)],
        sections=_sections(run, {plot.name: plot for plot in saved}),
    )
    return [page, folder / "results.json", *(file for plot in saved for file in plot.files)]


def _plots(run: RunResults) -> list[Plot]:
    overview = overview_plot(run)
    return [
        *rate_plots(run),
        *(efficiency_plots(run) if run.signals else ()),
        *([] if overview is None else [overview]),
        *dependence_parts.dependence_plots(run.records("rates_in_groups"), run.records("turn_ons")),
    ]


def _sections(run: RunResults, plots: Mapping[str, Any]) -> list[Section]:
    """Return the parts of which there is something."""

    def section(
        name: str, title: str, prefixes: tuple[str, ...], found: Sequence[Table | None]
    ) -> Section:
        shown = tuple(plot for key, plot in plots.items() if key.startswith(prefixes))
        return Section(name, title, shown, tuple(table for table in found if table is not None))

    rates, turn_ons = run.records("rates_in_groups"), run.records("turn_ons")
    every = [
        section(
            "working-points",
            "Working points and rates",
            ("rate_",),
            [tables.working_point_table(run)],
        ),
        section(
            "efficiencies",
            "Efficiencies",
            ("overview", "efficiency_"),
            [tables.efficiency_table(run)],
        ),
        section(
            "menu",
            "The menu, and what the network adds",
            ("none",),
            [
                menu_tables.menu_signal_table(run.menu, run.models, run.targets_khz),
                menu_tables.menu_table(run.menu),
                menu_tables.overlap_table(run.menu),
            ],
        ),
        section(
            "dependence",
            "Runs, pile-up and turn-on curves",
            ("groups_", "turn_on_"),
            [dependence_parts.group_table(rates), dependence_parts.turn_on_table(turn_ons)],
        ),
        section("inputs", "Scenario", ("none",), [tables.scenario_table(run)]),
    ]
    return [one for one in every if one.plots or one.tables]
