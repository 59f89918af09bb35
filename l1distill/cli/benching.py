"""``l1distill bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l1distill.cli.options import AsJson, print_json
from l1distill.console import print_table


def compare(
    first: Annotated[Path, typer.Argument(help="A benchmark record.", metavar="A")],
    second: Annotated[Path, typer.Argument(help="Another one.", metavar="B")],
    *,
    as_json: AsJson = False,
) -> int:
    """Show the figures of two benchmark records side by side, with the ratio B over A.

    Records are those of this project and the JSON files of pytest-benchmark.

    Example:

        l1distill bench compare benchmarks/history/1a2b3c4d5e6f.json build/bench/record.json
    """
    from l1distill.bench import compare_records, load_record

    one, other = load_record(first), load_record(second)
    pairs = compare_records(one, other)
    if as_json:
        records = [
            {"file": str(path), "commit": record.commit, "date": record.date, "machine": record.key}
            for path, record in ((first, one), (second, other))
        ]
        print_json({"records": records, "figures": [pair.as_dict() for pair in pairs]})
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
    return 0


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
