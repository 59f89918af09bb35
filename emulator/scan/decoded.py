"""Events as the scorers read them, decoded once: feature rows, weights and blocks, chunk by chunk.

Decoding ROOT is slower than a network by a factor of ten. With a cache folder, what was decoded is kept as
plain integer columns that are mapped into memory the next time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.decoded import Store, can_be_kept, key_of, mapped
from emulator.features import FeatureLayout, feature_rows
from emulator.objects import OPTIONAL_SCALARS, open_file, scalar_columns
from emulator.objects.quantities import read_quantity
from emulator.rates import Crossings, EventRange, Passing, bin_of
from emulator.rates.checks import unit_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from emulator.menu import SeedRules
    from emulator.objects import Chunk
    from emulator.objects.chunks import Source
    from emulator.objects.quantities import Binning
    from emulator.scan.plan import Piece

_FIRST_KEYS: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to take from a file; part of the key of the cache."""

    layouts: tuple[FeatureLayout, ...]
    source: Source
    chunk_events: int
    replicas: int
    seed: int
    rules: SeedRules | None = None
    binnings: tuple[Binning, ...] = ()


@dataclass(frozen=True)
class DecodedChunk:
    """Crossings of a range of entries.

    Attributes
    ----------
    rows
        For each layout that was wanted, int16, axes (crossing, feature).
    crossings
        Weights, blocks and their sums.
    keys
        Hashes of run, lumi section, event and crossing, uint64, sorted.
    scalars
        Which optional scalars the file has.
    groups
        For each binning that was wanted, the group of each crossing, int64, axis (crossing).
    decisions
        Which seeds fire, as far as events decide it, bool, axes (crossing, seed); None without a menu.
    """

    rows: tuple[NDArray[np.int16], ...]
    crossings: Crossings
    keys: NDArray[np.uint64]
    scalars: tuple[str, ...]
    groups: tuple[NDArray[np.int64], ...] = ()
    decisions: NDArray[np.bool_] | None = None


def decoded_chunks(piece: Piece, wanted: Wanted, *, folder: str = "") -> Iterator[DecodedChunk]:
    """Yield the triggered crossings of a file or a part of one, from the cache if they are there.

    Parameters
    ----------
    piece
        The file and the part.
    wanted
        What to take.
    folder
        Folder of decoded files, filled if this one is not in it; empty for none. Remote files, which
        tell neither size nor time, are decoded each time.

    Raises
    ------
    L1Error
        If the file cannot be read; nothing of it is kept then.
    """
    if not folder or not can_be_kept(piece.path):
        yield from _decode(piece, wanted)
        return
    fill = partial(_fill, piece=piece, wanted=wanted)
    place = Store(Path(folder)).entry(cache_key(piece, wanted), fill)
    for part in sorted(each for each in place.iterdir() if each.is_dir()):
        yield _load(part, piece.stream, wanted)


def cache_key(piece: Piece, wanted: Wanted) -> str:
    """Return the name under which a decoded piece is kept, see `emulator.decoded.key_of`."""
    return key_of(
        piece.path,
        piece.stream,
        [piece.part, piece.n_parts],
        wanted.source,
        wanted.chunk_events,
        wanted.replicas,
        wanted.seed,
        [layout.as_dict() for layout in wanted.layouts],
        *([] if wanted.rules is None else [repr(wanted.rules)]),
        *([repr(wanted.binnings)] if wanted.binnings else []),
    )


def _decode(piece: Piece, wanted: Wanted) -> Iterator[DecodedChunk]:
    """Read a piece once for each order of objects that the layouts ask for."""
    orders = tuple(dict.fromkeys(layout.order for layout in wanted.layouts))
    readers = [open_file(piece.path, source=wanted.source, order=order) for order in orders]
    first, stop = piece.entries(readers[0].entries)
    if first == stop:
        return  # more parts than entries
    bits = wanted.rules is not None and wanted.rules.reads_bits
    streams = [
        reader.chunks(chunk_events=wanted.chunk_events, entries=(first, stop), bits=bits)
        for reader in readers
    ]
    for chunks in zip(*streams, strict=True):
        events = dict(zip(orders, (chunk.events for chunk in chunks), strict=True))
        scalars = scalar_columns(chunks[0].events)
        yield DecodedChunk(
            rows=tuple(feature_rows(events[each.order], each) for each in wanted.layouts),
            crossings=Crossings.of(
                len(scalars["run"]),
                weights=scalars.get("weight"),
                pool_ids=scalars.get("pool_id"),
                stream=piece.stream,
                first_event=chunks[0].entry_start,
                replicas=wanted.replicas,
                seed=wanted.seed,
            ),
            keys=np.sort(event_keys(scalars)),
            scalars=tuple(name for name in OPTIONAL_SCALARS if name in scalars),
            groups=tuple(
                _groups(chunks[0], scalars, each, readers[0].entries) for each in wanted.binnings
            ),
            decisions=_decisions(chunks[0], wanted.rules),
        )


def _groups(
    chunk: Chunk, scalars: dict[str, NDArray[Any]], binning: Binning, entries: int
) -> NDArray[np.int64]:
    if not binning.branch:
        return scalars[binning.name].astype(np.int64)
    first, stop = chunk.entry_start, chunk.entry_stop
    values = read_quantity(chunk.path, binning.branch, entries=entries, first=first, stop=stop)
    return bin_of(values, binning.edges)


def _decisions(chunk: Chunk, rules: SeedRules | None) -> NDArray[np.bool_] | None:
    if rules is None:
        return None
    return rules.of_events(chunk.events, chunk.path, rules.stored(chunk))


def _fill(folder: Path, *, piece: Piece, wanted: Wanted) -> None:
    for number, chunk in enumerate(_decode(piece, wanted)):
        _store(folder / f"{number:06}", chunk)


def _store(folder: Path, chunk: DecodedChunk) -> None:
    folder.mkdir(parents=True)
    crossings = chunk.crossings
    arrays: dict[str, NDArray[Any]] = {f"rows-{i}": rows for i, rows in enumerate(chunk.rows)}
    arrays |= {f"groups-{i}": groups for i, groups in enumerate(chunk.groups)}
    if chunk.decisions is not None:
        arrays["decisions"] = chunk.decisions
    arrays["blocks"], arrays["keys"] = crossings.blocks, chunk.keys
    if "weight" in chunk.scalars:
        arrays["weights"] = crossings.weights
    arrays["replicas"] = crossings.total.replicas
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    total = crossings.total
    note = {
        "n": len(crossings),
        "total": [total.entries, total.weight, total.weight_squared],
        "first": crossings.ranges[0].start if crossings.ranges else 0,
        "scalars": list(chunk.scalars),
    }
    (folder / "note.json").write_text(json.dumps(note), encoding="utf-8")


def _load(folder: Path, stream: str, wanted: Wanted) -> DecodedChunk:
    def array(name: str) -> NDArray[Any]:
        return mapped(folder / f"{name}.npy")

    note = json.loads((folder / "note.json").read_text(encoding="utf-8"))
    n, has_pools = note["n"], "pool_id" in note["scalars"]
    first = note["first"]
    entries, weight, squared = note["total"]
    crossings = Crossings(
        array("weights") if "weight" in note["scalars"] else unit_weights(n),
        array("blocks"),
        wanted.replicas,
        wanted.seed,
        has_pools=has_pools and n > 0,
        ranges=() if has_pools or n == 0 else (EventRange(stream, first, first + n),),
    ).with_total(Passing(entries, weight, squared, np.array(array("replicas"))))
    rows = tuple(array(f"rows-{i}") for i in range(len(wanted.layouts)))
    return DecodedChunk(
        rows,
        crossings,
        array("keys"),
        tuple(note["scalars"]),
        tuple(array(f"groups-{i}") for i in range(len(wanted.binnings))),
        None if wanted.rules is None else array("decisions"),
    )


def event_keys(scalars: dict[str, NDArray[Any]]) -> NDArray[np.uint64]:
    """Return a 64-bit hash of run, lumi section, event and crossing, uint64, axis (crossing).

    Simulated samples may all count from the same number: where crossings carry them, weight, stratum and
    pool event enter too. Two different crossings of a billion share a hash by chance in three of a hundred
    scans.
    """
    key = np.full(len(scalars["run"]), _FIRST_KEYS, dtype=np.uint64)
    names = ("run", "lumi", "event", "crossing", *OPTIONAL_SCALARS)
    for name in (each for each in names if each in scalars):
        key = _mixed(key ^ scalars[name].astype(np.int64, copy=False).view(np.uint64))
    return key


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Output function of splitmix64, as in `emulator.rates.blocks`, for arrays."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def layouts_of(layouts: Sequence[FeatureLayout]) -> tuple[FeatureLayout, ...]:
    """Return each layout once, in order."""
    return tuple(dict.fromkeys(layouts))
