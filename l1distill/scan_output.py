"""Tables and ``results.json`` of a scan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from emulator.files import replace_file
from emulator.model import model_from_text
from emulator.results import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pandas as pd

    from emulator.results import Record
    from emulator.scan import Scan

SCHEMA: Final = "l1distill-scan-results/1"


def scan_tables(done: Scan) -> dict[str, pd.DataFrame]:
    """Return all records of a scan as tables: one row each, with the condition in front."""
    result = done.result
    return {
        "working_points": _with_condition(result.working_points),
        "efficiencies": _with_condition(result.efficiencies),
        "comparisons": _with_condition(result.comparisons),
        "samples": table(result.samples),
        "lost": table(result.lost),
        "duplicates": table(result.duplicates),
    }


def _with_condition(records: Iterable[tuple[str, Record]]) -> pd.DataFrame:
    pairs = list(records)
    frame = table([record for _, record in pairs])
    frame.insert(0, "condition", [condition for condition, _ in pairs])
    return frame


def scan_results(done: Scan, caveats: Sequence[str] = ()) -> dict[str, Any]:
    """Return what ``results.json`` holds: nothing in it depends on where or when the scan ran.

    ``caveats`` are what a reader must know of the files, one sentence each.
    """
    result, plan = done.result, done.plan
    models = [model_from_text(text, where=name) for name, text in plan.counting.models.items()]
    return {
        "schema": SCHEMA,
        "conditions": [
            {"name": each.name, "scenario": each.scenario.as_dict()} for each in plan.conditions
        ],
        "models": [{"name": each.name, "sha256": each.network_sha256} for each in models],
        "working_points": [
            {"condition": condition, **each.as_dict()} for condition, each in result.working_points
        ],
        "efficiencies": [
            {"condition": condition, **each.as_dict()} for condition, each in result.efficiencies
        ],
        "comparisons": [
            {"condition": condition, **each.as_dict()} for condition, each in result.comparisons
        ],
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
