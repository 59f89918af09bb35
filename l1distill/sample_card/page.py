"""The page of a sample card: one HTML file that opens offline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from emulator.files import replace_file
from emulator.samples.detector import packaged_response
from emulator.samples.k_factors import k_factor_card
from l1distill.report.figures import plot_style, save_plot
from l1distill.sample_card.plots import draw_plots

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.samples.description import RateWithError, SampleDescription

PAGE_NAME = "sample_card.html"


def write_sample_card(description: SampleDescription, folder: Path) -> list[Path]:
    """Write a card as ``sample_card.html``, its numbers as JSON, and its plots.

    Parameters
    ----------
    description
        What to show.
    folder
        Where to write; plots go into ``plots/``.

    Returns
    -------
    The files written, the page first.
    """
    plots_folder = folder / "plots"
    plots_folder.mkdir(parents=True, exist_ok=True)
    with plot_style():
        plots = [save_plot(plot, plots_folder) for plot in draw_plots(description)]
    environment = Environment(
        loader=PackageLoader("l1distill.sample_card", "data"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    response = packaged_response(description.manifest.response_sha256)
    html = environment.get_template("sample_card.html.j2").render(
        manifest=description.manifest,
        total_khz=description.total_khz,
        rates=description.rates,
        seeds=list(description.rates[0].seeds),
        rate=_rate,
        performance=description.performance,
        bands=description.bands,
        cards=description.cards,
        plots=plots,
        # A card of the package says nothing about samples made with another one.
        card=response.card if response else (),
        k_factors={number.name: number for number in k_factor_card()},
    )
    page, numbers = folder / PAGE_NAME, folder / "sample_card.json"
    with replace_file(page) as temporary:
        temporary.write_text(html, encoding="utf-8")
    with replace_file(numbers) as temporary:
        content = {"schema": "l1distill-sample-card/1", **description.as_dict()}
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return [page, numbers, *(file for plot in plots for file in plot.files)]


def _rate(value: RateWithError) -> str:
    """Return a rate with its error, both to the same decimal.

    Examples
    --------
    >>> from emulator.samples.description import RateWithError
    >>> _rate(RateWithError(8.2345, 0.5123, 99)), _rate(RateWithError(0.0, 0.0, 0))
    ('8.23 ± 0.51', 'none fired')
    """
    if not value.firing:
        return "none fired"
    decimals = 2 if value.error_khz < 10 else 0
    return f"{value.rate_khz:.{decimals}f} ± {value.error_khz:.{decimals}f}"
