"""All files of a report, made from the run folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from l1distill.report.anatomy_plots import anatomy_plots
from l1distill.report.dependence_parts import dependence_plots
from l1distill.report.efficiency_plots import efficiency_plots, overview_plot
from l1distill.report.figures import plot_style, save_plot
from l1distill.report.page import write_page
from l1distill.report.rate_plots import rate_plots
from l1distill.report.run_folder import RunResults
from l1distill.report.training_plots import learning_plot, scatter_plot

if TYPE_CHECKING:
    from l1distill.report.figures import Plot, SavedPlot


def write_report(run_folder: str | Path) -> list[Path]:
    """Write the plots and the page of a run; the same results give the same bytes.

    Parameters
    ----------
    run_folder
        What a study wrote: ``results.json``, ``tables/rate_curves.csv`` and
        ``tables/efficiency_curves.csv``; ``scores/measuring.parquet``, ``study.yaml`` and
        ``manifest.json`` where they are there.

    Returns
    -------
    All files written: ``report.html``, and for each plot ``plots/NAME.png``, ``.pdf``, and ``.json``
    with the points that it shows.

    Raises
    ------
    InputFileError
        If a file that the report needs is missing or damaged; nothing is written then.
    """
    folder = Path(run_folder)
    run = RunResults.load(folder)
    with plot_style():
        saved = [save_plot(plot, folder / "plots") for plot in _plots(run)]
    page = write_page(run, {plot.name: plot for plot in saved}, folder / "report.html")
    return [page, *_files(saved)]


def _plots(run: RunResults) -> list[Plot]:
    single = (overview_plot(run), scatter_plot(run), learning_plot(run))
    return [
        *rate_plots(run),
        *efficiency_plots(run),
        *(plot for plot in single if plot is not None),
        *dependence_plots(run.records("rates_in_groups"), run.records("turn_ons")),
        *anatomy_plots(run),
    ]


def _files(plots: list[SavedPlot]) -> list[Path]:
    return [file for plot in plots for file in plot.files]
