"""Results of pieces as files of plain arrays, and the manifest that lists them."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.files import replace_file
from emulator.rates import EventRange, Passing, Tail
from emulator.scan.work import PieceResult

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SCHEMA: Final = "l1distill-piece/1"

_TAIL: Final = ("scores", "weights", "vetoed", "blocks")


def save_piece(path: Path, result: PieceResult, plan_sha256: str) -> None:
    """Write the result of a piece, complete or not at all."""
    note = {
        "schema": SCHEMA,
        "plan_sha256": plan_sha256,
        "n_events": result.n_events,
        "total": [result.total.entries, result.total.weight, result.total.weight_squared],
        "ranges": [[each.stream, each.start, each.stop] for each in result.ranges],
        "has_pools": result.has_pools,
        "scalars": list(result.scalars),
        "lowest": dict(result.lowest),
    }
    arrays: dict[str, NDArray[Any]] = {
        "note": np.array(json.dumps(note)),
        "replicas": result.total.replicas,
        "keys": result.keys,
    }
    for place, tail in enumerate(result.tails.values()):
        for name in _TAIL:
            arrays[f"{place}-{name}"] = getattr(tail, name)
    with replace_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_piece(path: Path, plan_sha256: str) -> PieceResult | None:
    """Read the result of a piece; None if there is none, it is damaged, or of another plan."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        note = json.loads(str(arrays["note"]))
        if (note["schema"], note["plan_sha256"]) != (SCHEMA, plan_sha256):
            return None
        entries, weight, squared = note["total"]
        return PieceResult(
            n_events=note["n_events"],
            total=Passing(entries, weight, squared, arrays["replicas"]),
            ranges=tuple(EventRange(*each) for each in note["ranges"]),
            has_pools=note["has_pools"],
            scalars=tuple(note["scalars"]),
            tails={
                scorer: Tail(*(arrays[f"{place}-{name}"] for name in _TAIL))
                for place, scorer in enumerate(note["lowest"])
            },
            lowest=note["lowest"],
            keys=arrays["keys"],
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
