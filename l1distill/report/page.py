"""The page: everything in one HTML file that opens offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from emulator.files import replace_file
from l1distill.report import cost_tables, dependence_parts, menu_tables, tables
from l1distill.report.doubts import doubts
from l1distill.report.summary import summary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from l1distill.report.figures import SavedPlot
    from l1distill.report.run_folder import RunResults
    from l1distill.report.tables import Table


_NOT_COMPARED = (
    "The engine was compared with nothing in this run, so whether it is bit-exact is not known."
)


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Parameters
    ----------
    name, title
        Its anchor and heading.
    plots, tables
        What it shows, plots first.
    missing
        What to say of parts that are not there.
    text
        A file as it stands, or None.
    """

    name: str
    title: str
    plots: tuple[SavedPlot, ...] = ()
    tables: tuple[Table, ...] = ()
    missing: tuple[str, ...] = ()
    text: str | None = None


def write_page(run: RunResults, plots: Mapping[str, SavedPlot], path: Path) -> Path:
    """Write the page of a run.

    Parameters
    ----------
    run
        The results.
    plots
        The plots by their names.
    path
        Where to write it.
    """
    return render(
        path,
        study=run.study,
        scenario=run.scenario,
        simulation=run.is_simulation,
        summary=[*summary(run), *doubts(run)],
        sections=_sections(run, plots),
    )


def render(path: Path, **content: object) -> Path:
    """Fill the template and write it; ``content`` is what the template asks for."""
    environment = Environment(
        loader=PackageLoader("l1distill.report", "data"),
        # Everything, whatever the template is called: names come from users.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tight"] = tight
    html = environment.get_template("report.html.j2").render(**content)
    with replace_file(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return path


def tight(text: str) -> str:
    r"""Keep units and signs on the line of their numbers.

    Examples
    --------
    >>> tight("31 % at 10 kHz").count("\N{NO-BREAK SPACE}")
    2
    """
    for unit in ("%", "kHz", "±"):
        text = text.replace(f" {unit}", f"\N{NO-BREAK SPACE}{unit}")
    return text.replace("± ", "±\N{NO-BREAK SPACE}")


def _sections(run: RunResults, plots: Mapping[str, SavedPlot]) -> list[Section]:
    def named(*prefixes: str) -> tuple[SavedPlot, ...]:
        return tuple(plot for name, plot in plots.items() if name.startswith(prefixes))

    return [
        _section("overview", "At a glance", named("overview"), (), "No signal was evaluated."),
        _section(
            "exactness",
            "Bit-exactness",
            (),
            (
                (
                    tables.comparison_table(run),
                    _NOT_COMPARED,
                ),
                (tables.mismatch_table(run), ""),
            ),
        ),
        _section(
            "working-points",
            "Working points and rates",
            named("rate_"),
            ((tables.working_point_table(run), "No working point was set."),),
            "There are no curves of rate against threshold.",
        ),
        _section(
            "efficiencies",
            "Efficiencies",
            named("efficiency_"),
            ((tables.efficiency_table(run), "No signal was evaluated."),),
            "There are no curves of efficiency against rate.",
        ),
        *_dependence(run, named("groups_", "turn_on_")),
        _section(
            "menu",
            "The menu, and what the network adds",
            (),
            (
                (
                    menu_tables.menu_signal_table(run.menu, run.models, run.targets_khz),
                    "No menu was rated.",
                ),
                (menu_tables.menu_table(run.menu), ""),
                (menu_tables.overlap_table(run.menu), ""),
            ),
        ),
        _section(
            "anatomy",
            "Anatomy of what fires",
            named("anatomy_"),
            (
                (menu_tables.hot_spot_table(run), _not_hot(run)),
                (menu_tables.shared_table(run), ""),
            ),
            "It was not looked at which objects fire.",
        ),
        _section(
            "distillation",
            "Student and teacher",
            named("student_teacher"),
            ((tables.paired_table(run), "Student and teacher were not compared pair by pair."),),
            "There are no scores of student and teacher on the measuring crossings "
            "(scores/measuring.parquet), so they are not drawn against each other.",
        ),
        _section(
            "training",
            "Training",
            named("learning"),
            (),
            "Nothing was trained in this run; the networks were given.",
        ),
        _section(
            "inputs",
            "Networks, samples and scenario",
            (),
            (
                (tables.model_table(run), "No network is described."),
                (cost_tables.flow_table(run), ""),
                (cost_tables.cost_table(run), "No cost was estimated."),
                (tables.sample_table(run), "No sample is described."),
                (tables.scenario_table(run), ""),
            ),
        ),
        Section(
            "configuration",
            "Configuration",
            missing=() if run.study_text else ("The run folder holds no study.yaml.",),
            text=run.study_text,
        ),
        _section(
            "provenance",
            "Versions, time and hashes",
            (),
            (
                (tables.version_table(run), "No versions are recorded."),
                (tables.timing_table(run), ""),
                (tables.hash_table(run), "The run folder holds no manifest.json with hashes."),
            ),
        ),
    ]


def _dependence(run: RunResults, plots: tuple[SavedPlot, ...]) -> list[Section]:
    """Return the section if it was asked for."""
    rates, turn_ons = run.records("rates_in_groups"), run.records("turn_ons")
    if not rates and not turn_ons:
        return []
    found = (dependence_parts.group_table(rates), dependence_parts.turn_on_table(turn_ons))
    present = tuple(table for table in found if table is not None)
    return [Section("dependence", "Runs, pile-up and turn-on curves", plots, present)]


def _not_hot(run: RunResults) -> str:
    record = run.anatomy_record
    if record is None or record["target_khz"] is None:
        return ""
    return "No place in eta and phi is hot among the leading objects of what fires."


def _section(
    name: str,
    title: str,
    plots: tuple[SavedPlot, ...],
    found: tuple[tuple[Table | None, str], ...],
    no_plot: str = "",
) -> Section:
    """Make a section; each table comes with what to say if it is missing."""
    missing = [text for table, text in found if table is None and text]
    if not plots and no_plot:
        missing.insert(0, no_plot)
    present = tuple(table for table, _ in found if table is not None)
    return Section(name, title, plots, present, tuple(missing))
