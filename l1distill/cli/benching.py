"""``l1distill bench``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, get_args

import typer

from l1distill.cli.options import AsJson, print_json
from l1distill.console import print_table


def compare(
    first: Annotated[Path, typer.Argument(help="A benchmark record.", metavar="A")],
    second: Annotated[Path, typer.Argument(help="Another one.", metavar="B")],
    *,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what is better or worse by more than 10 %.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Show the figures of two benchmark records side by side, with the ratio B over A.

    Records are those of this project and the JSON files of pytest-benchmark. The last line counts what is
    better and worse by more than 10 %.

    Example:

        l1distill bench compare benchmarks/history/1a2b3c4d5e6f.json build/bench/record.json
    """
    from l1distill.bench import compare_records, load_record
    from l1distill.bench.record import Compared

    one, other = load_record(first), load_record(second)
    pairs = compare_records(one, other)
    counts = Counter(pair.verdict for pair in pairs)
    if changed:
        pairs = tuple(pair for pair in pairs if pair.verdict in {"better", "worse"})
    if as_json:
        records = [
            {"file": str(path), "commit": record.commit, "date": record.date, "machine": record.key}
            for path, record in ((first, one), (second, other))
        ]
        figures = [pair.as_dict() for pair in pairs]
        print_json({"records": records, "counts": counts, "figures": figures})
        return 0
    for letter, record in (("A", one), ("B", other)):
        typer.echo(f"{letter}: commit {record.commit[:12]}, {record.date}, {record.key}")
    if one.key != other.key:
        typer.echo("note: not the same kind of machine; times and rates do not compare")
    print_table(
        ["figure", "unit", "A", "B", "B / A", ""],
        [
            [
                pair.name,
                pair.unit,
                _number(pair.first),
                _number(pair.second),
                _number(pair.ratio),
                pair.verdict,
            ]
            for pair in pairs
        ],
    )
    told = (f"{counts[verdict]} {verdict}" for verdict in get_args(Compared))
    typer.echo(f"{counts.total()} figures: {', '.join(told)}")
    return 0


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
