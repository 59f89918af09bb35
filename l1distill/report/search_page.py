"""The report of a search: what it looked for, which signals may judge, and the students on the front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l1distill.report.figures import Plot, new_figure, plot_style, save_plot
from l1distill.report.page import Section, render
from l1distill.report.summary import Statement
from l1distill.report.tables import Cell, make_table, number_cell
from l1distill.report.words import count, listing, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from l1distill.report.run_folder import Plain
    from l1distill.report.tables import Table


def write_search_report(
    folder: Path, content: Plain, found: Sequence[Plain], scenario: Mapping[str, Any]
) -> list[Path]:
    """Write ``report.html`` and its plot into the folder of a search.

    Parameters
    ----------
    folder
        Where to.
    content
        What ``search.json`` holds.
    found
        Records of all trials with a result.
    scenario
        The rate scenario, with ``crossing_rate_khz``.

    Returns
    -------
    All files written.
    """
    with plot_style():
        saved = [save_plot(_plot(content, found), folder / "plots")] if found else []
    front = _front_table(content)
    page = render(
        folder / "report.html",
        study=f"{content['study']}: search",
        scenario=scenario,
        simulation=False,
        summary=_summary(content),
        sections=[
            Section(
                "front",
                "Students that no other beats",
                tuple(saved),
                () if front is None else (front,),
                () if front is not None else ("No student keeps the limits.",),
            )
        ],
    )
    return [page, *(file for plot in saved for file in plot.files)]


def _summary(content: Plain) -> list[Statement]:
    tuning, judging = content["tuning_signals"], content["judging_signals"]
    target = f"{content['search']['target_khz']:g} kHz"
    apart: tuple[str, ...]
    if tuning:
        apart = (
            f"This search was TUNED on {listing(tuning)}: what its students keep of these is no result.",
            f"Only {listing(judging)} may judge them.",
        )
    else:
        apart = (f"No signal took part: {listing(judging)} may all judge.",)
    limits = [
        f"{name} at most {number(content['search'][key])}"
        for key, name in (("max_luts", "LUTs"), ("max_latency_ns", "latency in ns"))
        if content["search"][key] is not None
    ]
    return [
        Statement(
            "What was looked for?",
            (
                (
                    f"At {target}: {content['objective']}; few LUTs and little latency "
                    f"({content['search']['flow']}, {content['search']['stage']}; quick estimates, good to a "
                    f"factor of two). Limits: {listing(limits) if limits else 'none'}."
                ),
                (
                    f"{count(content['n_finished'], 'trial')} finished, {content['event_passes']:,} event-passes "
                    "in those with a result."
                ),
            ),
        ),
        Statement("Which signals may judge?", apart, "open" if tuning else "plain"),
    ]


def _value_name(content: Plain) -> str:
    return "Efficiency for the tuning signals" if content["tuning_signals"] else "Agreement"


def _front_table(content: Plain) -> Table | None:
    rows = [
        [
            Cell(str(one["number"])),
            number_cell(number(one["agreement"])),
            number_cell(f"{one['luts']:,.0f}"),
            number_cell(number(one["latency_ns"])),
            number_cell(f"{one['ebops']:,.0f}"),
            Cell(_layers(one["params"])),
        ]
        for one in content["front"]
    ]
    return make_table(
        "Feasible students that no other beats in one figure without losing in another, cheapest first. "
        "Their model files: models/trial_NUMBER.json.",
        ("Trial", _value_name(content), "LUTs", "Latency (ns)", "EBOPs", "Hidden layers"),
        rows,
    )


def _layers(params: Plain) -> str:
    widths = [str(params[f"width_{place}"]) for place in range(int(params["depth"]))]
    bits = [str(value) for key, value in params.items() if key.startswith("weight_bits_")]
    text = f"{'-'.join(widths)} units of {params['inputs']}"
    return f"{text}; {', '.join(bits)}-bit weights" if bits else text


def _plot(content: Plain, found: Sequence[Plain]) -> Plot:
    figure = new_figure(7.0)
    axes = figure.subplots()
    groups = {
        "on the front": [one for one in found if one["on_front"]],
        "beaten": [one for one in found if one["feasible"] and not one["on_front"]],
        "beyond a limit": [one for one in found if not one["feasible"]],
    }
    looks = {
        "on the front": ("#bd1f01", "o"),
        "beaten": ("#3f90da", "s"),
        "beyond a limit": ("#94a4a2", "x"),
    }
    for name, trials in groups.items():
        if trials:
            colour, marker = looks[name]
            luts = [float(one["luts"]) for one in trials]
            worth = [float(one["agreement"]) for one in trials]
            axes.scatter(luts, worth, color=colour, marker=marker, s=90, label=name)
    axes.set_xlabel("LUTs (estimate)")
    axes.set_ylabel(_value_name(content))
    axes.legend()
    return Plot(
        name="search",
        title="All trials with a result",
        alt="Each trial by its estimated LUTs and what it is worth.",
        caption="Background that neither teacher nor students learned from; trials that were stopped have no "
        "result.",
        figure=figure,
        points={"trials": [dict(one) for one in found]},
    )
