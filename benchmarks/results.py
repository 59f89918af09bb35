"""``python -m benchmarks.results RECORD.json -o RESULTS.md``: a record of figures as a readable page."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.targets import judged_targets
from emulator.errors import L1Error
from emulator.files import replace_file
from l1distill.bench import BenchRecord, describe_machine, load_record, save_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l1distill.bench import Figure

HISTORY = Path(__file__).parent / "history"
RESULTS = Path(__file__).parent / "RESULTS.md"

_ABOUT = """# Results of the benchmarks

Written by `make bench`; do not edit. Groups hold the same work by different means, measured in one run, with
equal results where the meaning is equal. Fractions are parts of what one processor of this machine did, in the same
run, when it did nothing but: the multiply-adds of the network (issue limit), copy as many bytes as must be read and
written (copy limit), decompress the blocks that must be read, by the same library (decompression limit), multiply
floats in matrices (float product limit). What is far below its limits is bound by something else. Rows without a
fraction say why.
Absolute figures are those of this machine at that time and drift by
20 % on a shared one; they are recorded, never gated ([gates](../docs/benchmarks.md)).
"""

#: Title of the column that says why a row is no part of a limit.
_NO_LIMIT = "no limit, since it is"

_TITLES = {
    "million_events_per_second": "M events/s",
    "million_events_per_second_and_processor": "M events/s of processor time",
}


def render(record: BenchRecord) -> str:
    """Return a page: the machine, what was asked for, then a table for each group of figures.

    Parameters
    ----------
    record
        Figures named ``group: benchmark`` are medians of seconds; ``group: benchmark, what`` are
        rates that belong to them. Others come last, as they are.
    """
    parts = [_ABOUT, _machine(record), _targets(record)]
    groups: dict[str, list[Figure]] = {}
    for figure in record.figures:
        group, colon, _ = figure.name.partition(": ")
        groups.setdefault(group if colon else "Other", []).append(figure)
    parts += [_table(group, figures) for group, figures in groups.items()]
    return "\n".join(parts)


def _machine(record: BenchRecord) -> str:
    machine = record.machine
    versions = machine.get("versions", {})
    lines = [
        "| | |",
        "|---|---|",
        f"| commit | `{record.commit[:12]}` |",
        f"| date | {record.date} |",
        f"| processor | {machine.get('cpu', 'unknown')}, {machine.get('processors', '?')} usable |",
        f"| kind | {machine.get('key', 'unknown')} |",
        f"| memory | {machine.get('memory_gib', '?')} GiB |",
        f"| system | {machine.get('system', 'unknown')} |",
        f"| load at the end | {machine.get('load', '?')} |",
        f"| versions | {', '.join(f'{name} {value}' for name, value in versions.items())} |",
    ]
    return "\n".join(lines) + "\n"


def _table(group: str, figures: Sequence[Figure]) -> str:
    """Return one group: a row for each benchmark, a column for each thing that is told of it."""
    rows: dict[str, dict[str, str]] = {}
    for figure in figures:
        name = figure.name.partition(": ")[2] or figure.name
        benchmark, _, what = name.rpartition(", ")
        if not (
            benchmark and re.fullmatch(r"[a-z0-9_]*(_per_second|seconds_|fraction_of)\w*", what)
        ):
            benchmark, what = name, "median time" if figure.unit == "s" else figure.unit
        title = _TITLES.get(what, figure.unit if "_per_second" in what else what.replace("_", " "))
        rows.setdefault(benchmark, {})[title] = _cell(figure)
        if figure.note:
            rows[benchmark][_NO_LIMIT] = figure.note
    titles = list(dict.fromkeys(title for cells in rows.values() for title in cells))
    lines = [
        f"## {group}",
        "",
        f"| benchmark | {' | '.join(titles)} |",
        f"|---|{'---:|' * len(titles)}",
    ]
    for name, cells in rows.items():
        values = " | ".join(cells.get(title, "") for title in titles)
        lines.append(f"| {name.removeprefix('test_')} | {values} |")
    return "\n".join(lines) + "\n"


def _cell(figure: Figure) -> str:
    if figure.unit == "s":
        return _time(figure.value)
    if figure.unit.startswith("of "):
        percent = 100 * figure.value
        return f"{percent:.0f} %" if percent >= 9.5 else f"{percent:.2g} %"
    return f"{figure.value:.4g}"


def _targets(record: BenchRecord) -> str:
    """Return what was asked for beside what was measured."""
    lines = ["## Targets", "", "| what | target | measured | |", "|---|---:|---:|---|"]
    lines += [
        f"| {each.what} | {each.wanted} | {each.measured} | {each.verdict} |"
        for each in judged_targets(record)
    ]
    return "\n".join(lines) + "\n"


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def with_machine(record: BenchRecord) -> BenchRecord:
    """Return a record whose machine is described as `describe_machine` does it, here and now."""
    return BenchRecord(record.commit, record.date, describe_machine().as_dict(), record.figures)


def main(
    record: Annotated[Path, typer.Argument(help="JSON that pytest-benchmark wrote just now.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page.")] = RESULTS,
    history: Annotated[Path, typer.Option(help="Folder for the record of this commit.")] = HISTORY,
) -> None:
    """Keep a record of this commit, and write it as a page."""
    made = with_machine(load_record(record))
    kept = history / f"{made.commit.rstrip('+')[:12]}.json"
    save_record(made, kept)
    with replace_file(output) as temporary:
        temporary.write_text(render(made), encoding="utf-8")
    typer.echo(f"{output} and {kept}")


def run() -> None:
    """Run the program and leave with its exit code."""
    app = typer.Typer()
    app.command()(main)
    try:
        app(standalone_mode=False)
    except L1Error as error:
        typer.echo(f"results: {error}", err=True)
        sys.exit(2)
    except typer.TyperException as error:
        typer.echo(f"results: {error.format_message()}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    run()
