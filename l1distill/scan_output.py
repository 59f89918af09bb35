"""Tables and ``results.json`` of a scan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from emulator.files import replace_file
from emulator.model import model_from_text
from emulator.results import table
from emulator.scan.results import TABLES
from l1distill.menu_file import plain_prescales

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emulator.results import Record
    from emulator.scan import Scan

SCHEMA: Final = "l1distill-scan-results/1"


def scan_tables(done: Scan) -> dict[str, pd.DataFrame]:
    """Return all records of a scan as tables: one row each, with the condition in front.

    Tables of what was not asked for (a menu, groups, turn-on curves) are not there.
    """
    result = done.result
    always = {"working_points", "efficiencies", "comparisons"}
    return {
        **{
            name: _with_condition(result.all_of(name))
            for name in TABLES
            if name in always or result.all_of(name)
        },
        "samples": table(result.samples),
        "lost": table(result.lost),
        "duplicates": table(result.duplicates),
    }


def _with_condition(pairs: Sequence[tuple[str, Record | dict[str, Any]]]) -> pd.DataFrame:
    frame = pd.DataFrame([_plain(each) for _, each in pairs])
    frame.insert(0, "condition", [condition for condition, _ in pairs])
    return frame


def _plain(record: Record | dict[str, Any]) -> dict[str, Any]:
    return record if isinstance(record, dict) else record.as_dict()


def scan_results(done: Scan, caveats: Sequence[str] = ()) -> dict[str, Any]:
    """Return what ``results.json`` holds: nothing in it depends on where or when the scan ran.

    ``caveats`` are what a reader must know of the files, one sentence each.
    """
    result, plan = done.result, done.plan
    menu = plan.counting.menu
    models = [model_from_text(text, where=name) for name, text in plan.counting.models.items()]
    return {
        "schema": SCHEMA,
        "conditions": [
            {"name": each.name, "scenario": each.scenario.as_dict()} for each in plan.conditions
        ],
        "prescales": {} if menu is None else plain_prescales(menu.column),
        "models": [{"name": each.name, "sha256": each.network_sha256} for each in models],
        **{
            name: [
                {"condition": condition, **_plain(each)} for condition, each in result.all_of(name)
            ]
            for name in TABLES
        },
        "notes": [note for found in result.conditions.values() for note in found.notes],
        "samples": [each.as_dict() for each in result.samples],
        "lost": [each.as_dict() for each in result.lost],
        "duplicates": [each.as_dict() for each in result.duplicates],
        "caveats": list(caveats),
    }


def write_scan(done: Scan, folder: Path, caveats: Sequence[str] = ()) -> None:
    """Write ``results.json`` and ``tables/*.csv`` and ``*.parquet`` into the run folder."""
    for name, frame in scan_tables(done).items():
        with replace_file(folder / "tables" / f"{name}.csv") as temporary:
            frame.to_csv(temporary, index=False)
        with replace_file(folder / "tables" / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary, index=False)
    with replace_file(folder / "results.json") as temporary:
        text = json.dumps(scan_results(done, caveats), indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")
