"""Results of pieces as files of plain arrays: written whole or not at all, read part by part.

Nothing else holds them: of a scan, memory has the results of the piece that was just done, and later one
scorer's scores of one sample.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.decoded import mapped
from emulator.files import replace_file
from emulator.rates import EventRange, MenuCounts, Passing, Tail

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.rates import PrescaleColumn
    from emulator.scan.work import PieceResult

SCHEMA: Final = "l1distill-piece/2"

_TAIL: Final = ("scores", "weights", "vetoed", "blocks")
_MENU: Final = ("entries", "weights", "squares", "replicas", "overlaps")


@dataclass(frozen=True, slots=True)
class PieceFiles:
    """Where the result of a piece is kept in a run folder."""

    folder: Path
    number: int

    @property
    def result(self) -> Path:
        """Counts and tails."""
        return self.folder / "pieces" / f"{self.number:06}.npz"

    def sorted_numbers(self, name: str) -> Path:
        """``keys`` (hashes of all crossings) or ``pools`` (pool events), which are mapped into memory."""
        return self.folder / name / f"{self.number:06}.npy"


@dataclass(frozen=True)
class StoredPiece:
    """The result of a piece on disk; its attributes are those of `PieceResult` that are small.

    Attributes
    ----------
    n_events, total, ranges, has_pools, scalars, lowest
        As in `PieceResult`.
    files
        Where the rest is.
    """

    n_events: int
    total: Passing
    ranges: tuple[EventRange, ...]
    has_pools: bool
    scalars: tuple[str, ...]
    lowest: Mapping[str, int | None]
    files: PieceFiles

    def tail(self, scorer: str) -> Tail:
        """Return the scores of a scorer at or above the floor."""
        return self._tail("tail", scorer)

    def pure_tail(self, scorer: str) -> Tail:
        """Return the same of what the menu leaves."""
        return self._tail("pure", scorer)

    def tail_groups(self, binning: int, scorer: str) -> NDArray[np.int64]:
        """Return the groups of the entries of a tail."""
        return self._array(f"group-{binning}-{self._place(scorer)}")

    def group_totals(self, binning: int) -> dict[int, Passing]:
        """Return the sums over all crossings of each group."""
        with np.load(self.files.result, allow_pickle=False) as file:
            note = json.loads(str(file["note"]))["groups"][binning]
            replicas = _restored(file[f"groups-{binning}"])
        return {
            name: Passing(entries, weight, squared, each)
            for (name, entries, weight, squared), each in zip(note, replicas, strict=True)
        }

    def menu(self, column: PrescaleColumn, seed: int) -> MenuCounts:
        """Return the counts of the menu."""
        with np.load(self.files.result, allow_pickle=False) as file:
            entries, weights, squares, replicas, overlaps = (
                _restored(file[f"menu-{name}"]) for name in _MENU
            )
        return MenuCounts(
            column,
            entries,
            weights,
            squares,
            replicas,
            overlaps,
            total=self.total,
            seed=seed,
            has_pools=self.has_pools,
            ranges=self.ranges,
        )

    def sorted_numbers(self, name: str) -> NDArray[np.uint64]:
        """Return ``keys`` or ``pools``, sorted, mapped into memory."""
        return mapped(self.files.sorted_numbers(name))

    def _tail(self, kind: str, scorer: str) -> Tail:
        with np.load(self.files.result, allow_pickle=False) as file:
            return Tail(*(file[f"{kind}-{self._place(scorer)}-{name}"] for name in _TAIL))

    def _array(self, name: str) -> NDArray[Any]:
        with np.load(self.files.result, allow_pickle=False) as file:
            found: NDArray[Any] = file[name]
        return found

    def _place(self, scorer: str) -> int:
        return list(self.lowest).index(scorer)


def save_piece(files: PieceFiles, result: PieceResult, plan_sha256: str) -> StoredPiece:
    """Write the result of a piece, complete or not at all."""
    numbers = {"keys": result.keys, "pools": result.pools}
    note = {
        "schema": SCHEMA,
        "plan_sha256": plan_sha256,
        "n_events": result.n_events,
        "total": _sums(result.total),
        "ranges": [[each.stream, each.start, each.stop] for each in result.ranges],
        "has_pools": result.has_pools,
        "scalars": list(result.scalars),
        "lowest": dict(result.lowest),
        "groups": [
            [[name, *_sums(total)] for name, total in each.totals.items()] for each in result.groups
        ],
        "crc32": {name: _crc32(array) for name, array in numbers.items()},
    }
    arrays: dict[str, NDArray[Any]] = {
        "note": np.array(json.dumps(note)),
        "replicas": _kept(result.total.replicas),
    }
    for kind, tails in (("tail", result.tails), ("pure", result.pure)):
        for place, tail in enumerate(tails.values()):
            arrays |= {f"{kind}-{place}-{name}": getattr(tail, name) for name in _TAIL}
    for binning, groups in enumerate(result.groups):
        n_replicas = len(result.total.replicas)
        totals = [total.replicas for total in groups.totals.values()]
        arrays[f"groups-{binning}"] = _kept(np.array(totals).reshape(-1, n_replicas))
        for place, of_tail in enumerate(groups.of_tails.values()):
            arrays[f"group-{binning}-{place}"] = of_tail
    if result.menu is not None:
        arrays |= {f"menu-{name}": _kept(getattr(result.menu, name)) for name in _MENU}
    # The result comes last: it is there only with all that it needs.
    for name, array in numbers.items():
        with replace_file(files.sorted_numbers(name)) as temporary:
            np.save(temporary, array, allow_pickle=False)
    with replace_file(files.result) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return _stored(files, note, result.total.replicas)


def load_piece(files: PieceFiles, plan_sha256: str) -> StoredPiece | None:
    """Look for the result of a piece; None if there is none, it is damaged, or of another plan."""
    try:
        with zipfile.ZipFile(files.result) as archive:
            if archive.testzip() is not None:
                return None
        with np.load(files.result, allow_pickle=False) as file:
            note = json.loads(str(file["note"]))
            replicas = _restored(file["replicas"])
        if (note["schema"], note["plan_sha256"]) != (SCHEMA, plan_sha256):
            return None
        found = {name: _crc32(mapped(files.sorted_numbers(name))) for name in note["crc32"]}
        return _stored(files, note, replicas) if found == note["crc32"] else None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _stored(files: PieceFiles, note: dict[str, Any], replicas: NDArray[Any]) -> StoredPiece:
    entries, weight, squared = note["total"]
    return StoredPiece(
        n_events=note["n_events"],
        total=Passing(entries, weight, squared, replicas),
        ranges=tuple(EventRange(*each) for each in note["ranges"]),
        has_pools=note["has_pools"],
        scalars=tuple(note["scalars"]),
        lowest=note["lowest"],
        files=files,
    )


def _sums(total: Passing) -> list[int]:
    return [total.entries, total.weight, total.weight_squared]


def _crc32(array: NDArray[np.uint64]) -> int:
    return zlib.crc32(array.tobytes())


def _kept(sums: NDArray[Any]) -> NDArray[Any]:
    """Return sums as a file holds them: Python integers as text."""
    return sums.astype(str) if sums.dtype == object else sums


def _restored(sums: NDArray[Any]) -> NDArray[Any]:
    if sums.dtype.kind != "U":
        return sums
    return np.array([int(text) for text in sums.flat], dtype=object).reshape(sums.shape)
