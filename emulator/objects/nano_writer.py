"""Writes events as Level-1 NanoAOD of the full flavour, which other tools can read too."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import awkward as ak
import numpy as np
import uproot

from emulator.errors import InputFileError
from emulator.files import replace_file
from emulator.objects import nano
from emulator.objects.checked_file import add_check_sums
from emulator.objects.chunks import Chunk
from emulator.objects.events import (
    OBJECTS,
    SUMS,
    Columns,
    check_events,
    columns,
    quality_of_jets,
    scalar_columns,
)
from emulator.objects.root_file import PROVENANCE_KEY
from emulator.objects.scales import HardwareScales, load_scales
from emulator.objects.sha256_files import renew_sha256
from emulator.objects.sum_types import SUM_PARTS, SUM_TYPES
from emulator.objects.tree_decisions import SEED_PREFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.objects.decisions import SeedBits

    Jagged = tuple[NDArray[np.int64], dict[str, NDArray[Any]]]

_ZSTD_LEVEL: Final = 5
# From level 18 on, zstd finds the pattern in the offsets of jagged branches: a third less, at ten times the
# time.
_COMPACT_ZSTD_LEVEL: Final = 19

#: Float branches that CMSSW has next to the integers, from which field they come.
_FLOATS: Final[Mapping[str, Mapping[str, str]]] = {
    "mu": {
        "pt": "pt",
        "eta": "eta",
        "phi": "phi",
        "etaAtVtx": "eta_vtx",
        "phiAtVtx": "phi_vtx",
        "ptUnconstrained": "pt_unconstrained",
    },
    "eg": {"pt": "pt", "eta": "eta", "phi": "phi"},
    "tau": {"pt": "pt", "eta": "eta", "phi": "phi"},
    "jet": {"pt": "pt", "eta": "eta", "phi": "phi"},
}

_SCALARS: Final = {
    **nano.SCALAR_BRANCHES,
    "orbit": nano.ORBIT_BRANCH,
    "crossing": nano.CROSSING_BRANCH,
    **nano.WEIGHT_BRANCHES,
    **nano.SHOWER_BRANCHES,
}


def write_nano(
    path: str | Path,
    chunks_of_events: Iterable[ak.Array | Chunk],
    *,
    provenance: Mapping[str, Any],
    scales: HardwareScales | None = None,
    compact: bool = False,
) -> int:
    """Write events into a ROOT file: tree ``Events``, branches ``L1Mu_hwPt`` and so on.

    Each row becomes an entry; the branch ``L1D_crossing`` says which crossing it is, and so does
    ``bx`` of its objects. Check sums stand behind the end of the ROOT file, where other programs do not
    look (`emulator.objects.checked_file`). Weights go to ``L1D_weight``, ``L1D_stratum`` and ``L1D_poolId``. The file
    appears under its name only when it is complete.

    Parameters
    ----------
    path
        The file to write; an existing one is replaced.
    chunks_of_events
        Events arrays with the same fields, taken one at a time; or chunks, whose decisions are
        written too, each named as in the chunk (``L1_...``, ``HLT_...``).
    provenance
        Where the events come from: anything that JSON can hold.
    scales
        Ranges to check, and steps of the float branches; ``cms_run3`` by default.
    compact
        Leave out the float branches, which follow from the hardware integers, and compress harder: less than half
        the size.

    Returns
    -------
    Number of entries written.

    Raises
    ------
    InputFileError
        If the folder does not exist, the file cannot be written, or there are no events.
    RangeError
        If an integer does not fit its range.
    ValueError
        If the chunks have different fields.
    """
    scales = scales or load_scales()
    note = json.dumps(dict(provenance), allow_nan=False, sort_keys=True)
    with replace_file(path) as temporary:
        try:
            level = _COMPACT_ZSTD_LEVEL if compact else _ZSTD_LEVEL
            with uproot.recreate(temporary, compression=uproot.ZSTD(level)) as file:
                written = _write_tree(file, str(path), chunks_of_events, scales, floats=not compact)
                file[PROVENANCE_KEY] = note
            add_check_sums(temporary)
        except OSError as error:
            raise InputFileError(path, f"cannot be written ({error.strerror or error})") from error
        if not written:
            raise InputFileError(path, "there are no events to write")
    renew_sha256(path)
    return written


def _write_tree(
    file: Any,
    path: str,
    chunks: Iterable[ak.Array | Chunk],
    scales: HardwareScales,
    *,
    floats: bool,
) -> int:
    tree: Any = None
    types: dict[str, str] = {}
    written = 0
    for chunk in chunks:
        events, bits = (chunk.events, chunk.bits) if isinstance(chunk, Chunk) else (chunk, None)
        if len(events) == 0:
            continue
        check_events(events, scales=scales, place=partial(_row_of_file, path, written))
        content = {**_content(events, scales, floats=floats), **_decisions(bits)}
        own = {name: str(ak.type(values).content) for name, values in content.items()}
        if tree is None:
            types = own
            tree = file.mktree(nano.TREE, {name: ak.type(v).content for name, v in content.items()})
        elif own != types:
            changed = sorted({name for name, _ in own.items() ^ types.items()})
            msg = f"events of one file must have the same fields; {', '.join(changed)} differ"
            raise ValueError(msg)
        tree.extend(content)
        written += len(events)
    return written


def _row_of_file(path: str, start: int, row: int) -> str:
    return f"{path}: row {start + row}"


def _content(events: ak.Array, scales: HardwareScales, *, floats: bool) -> dict[str, ak.Array]:
    """Return the branches of a chunk, collections as jagged records."""
    scalars = scalar_columns(events)
    content = {
        branch: ak.Array(scalars[name]) for name, branch in _SCALARS.items() if name in scalars
    }
    crossing = scalars["crossing"]
    prefix = nano.PREFIXES["unpacked"]
    jagged = {
        nano.COLLECTIONS[name]: _objects(name, columns(events, name), crossing, scales)
        for name in OBJECTS
    }
    jagged[nano.SUM_COLLECTION] = _sums(events, crossing, scales)
    for name, (offsets, fields) in jagged.items():
        kept = {key: each for key, each in fields.items() if floats or each.dtype.kind != "f"}
        content[f"{prefix}{name}"] = _records((offsets, kept))
    return content


def _decisions(bits: SeedBits | None) -> dict[str, ak.Array]:
    """Return one branch for each decision; those without a name of a seed are left out."""
    if bits is None:
        return {}
    names = [name for name in bits.names if name.startswith(SEED_PREFIXES)]
    return {name: ak.Array(bits.column(name).copy()) for name in names}


def _records(jagged: Jagged) -> ak.Array:
    offsets, fields = jagged
    contents = [ak.contents.NumpyArray(values) for values in fields.values()]
    record = ak.contents.RecordArray(contents, list(fields), length=int(offsets[-1]))
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), record))


def _objects(
    name: str, part: Columns, crossing: NDArray[np.int16], scales: HardwareScales
) -> Jagged:
    fields: dict[str, NDArray[Any]] = {}
    for branch, source in _FLOATS[name].items():
        if source in part.fields:
            values = scales.field(name, source).to_float(part.fields[source])
            fields[branch] = values.astype(np.float32)
    quality = quality_of_jets(part.fields) if name == "jet" else None
    stored = part.fields if quality is None else {**part.fields, "qual": quality}
    for source, branch in nano.FIELDS[name].items():
        if source in stored:
            # CMSSW stores these two as uint16; readers of NanoAOD expect them so.
            dtype = np.uint16 if source in {"dxy", "index"} else np.int16
            fields[branch] = stored[source].astype(dtype)
    fields["bx"] = np.repeat(crossing, np.diff(part.offsets))
    return part.offsets, fields


def _sums_by_kind(sums: Mapping[str, Columns], rows: int) -> dict[int, Columns]:
    """Return the sums by CMSSW's type code, with further fields as sums of their own type.

    A sum that joins several fields (centrality) is written where all of them are there.
    """
    parts = {SUM_TYPES[name]: part for name, part in sums.items()}
    wholes: dict[int, NDArray[np.int16]] = {}
    there: dict[int, NDArray[np.bool_]] = {}
    incomplete: set[int] = set()
    for name, further in SUM_PARTS.items():
        owner = np.repeat(np.arange(rows), np.diff(sums[name].offsets))
        for field, place in further.items():
            if field not in sums[name].fields:
                incomplete.add(place.kind)
                continue
            whole = wholes.setdefault(place.kind, np.zeros(rows, dtype=np.int16))
            whole[owner] |= sums[name].fields[field].astype(np.int16) << np.int16(place.shift)
            there.setdefault(place.kind, np.zeros(rows, dtype=bool))[owner] = True
    for kind in set(wholes) - incomplete:
        offsets = np.concatenate([[0], np.cumsum(there[kind])]).astype(np.int64)
        parts[kind] = Columns(offsets, {"pt": wholes[kind][there[kind]]})
    return parts


def _sums(events: ak.Array, crossing: NDArray[np.int16], scales: HardwareScales) -> Jagged:
    """Return all sums in one collection, row by row in the order of the events array."""
    parts = _sums_by_kind({name: columns(events, name) for name in SUMS}, len(events))
    counts = np.stack([np.diff(part.offsets) for part in parts.values()], axis=1)
    offsets = np.concatenate([[0], np.cumsum(counts.sum(axis=1))]).astype(np.int64)
    rows = np.concatenate([np.repeat(np.arange(len(events)), each) for each in counts.T])
    order = np.argsort(rows, kind="stable")

    def joined(field: str) -> NDArray[np.int16]:
        none = np.zeros
        return np.concatenate(
            [part.fields.get(field, none(part.offsets[-1], np.int16)) for part in parts.values()]
        )[order]

    kinds = np.repeat(list(parts), counts.sum(axis=0))
    pt, phi = joined("pt"), joined("phi")
    fields: dict[str, NDArray[Any]] = {
        "pt": scales.field("etm", "pt").to_float(pt).astype(np.float32),
        "phi": scales.field("etm", "phi").to_float(phi).astype(np.float32),
        "hwPt": pt,
        "hwPhi": phi,
        "etSumType": kinds[order].astype(np.int32),
        "bx": crossing[rows[order]],
    }
    return offsets, fields
