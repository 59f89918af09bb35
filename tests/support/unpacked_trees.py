"""L1Ntuples as the detector's read-out gives them: five crossings an entry, -2 to 2, in one list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import uproot

from emulator.objects.l1ntuple import _OBJECTS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CROSSINGS = range(-2, 3)

#: Types of sums in the order in which unpacked trees have them, and which field of an event each is.
SUMS = {
    0: ("ett", "pt"), 16: ("ett", "ettem"), 11: ("ett", "min_bias"),
    1: ("htt", "pt"), 12: ("htt", "min_bias"), 2: ("etm", "pt"), 13: ("etm", "min_bias"),
    3: ("htm", "pt"), 14: ("htm", "min_bias"), 8: ("etmhf", "pt"), 20: ("htmhf", "pt"),
    21: ("htt", "towers"),
}  # fmt: skip


def write_five_crossings(path: Path, events: ak.Array, decisions: NDArray[np.bool_]) -> int:
    """Write consecutive crossings, five to an entry; return the number of entries.

    Parameters
    ----------
    events
        Crossings in read-out order, with all fields of a test vector.
    decisions
        bool (crossing, algorithm); an entry has those of its middle crossing.
    """
    entries = len(events) // len(CROSSINGS)
    rows = entries * len(CROSSINGS)
    crossing = np.tile(np.array(CROSSINGS, np.int16), entries)
    content: dict[str, Any] = {}
    for name, branches in _OBJECTS.items():
        counts = ak.to_numpy(ak.num(events[name].pt[:rows]))
        per_entry = counts.reshape(entries, -1).sum(axis=1)
        for field, branch in branches.fields.items():
            if field not in events[name].fields:
                continue
            flat = ak.to_numpy(ak.flatten(events[name][field][:rows]))
            flat = 1 - 2 * flat if field == "charge" else flat
            content[branch] = ak.unflatten(flat, per_entry)
        content[branches.crossing] = ak.unflatten(np.repeat(crossing, counts), per_entry)
    content |= _sums(events[:rows], entries, crossing)
    numbers = np.arange(entries)
    scalars = {
        "run": np.full(entries, 386_000, np.uint32),
        "lumi": (numbers // 100).astype(np.uint32),
        "event": numbers.astype(np.uint64),
        "orbit": np.full(entries, 7, np.uint64),
    }
    middle = decisions[:rows].reshape(entries, len(CROSSINGS), -1)[:, 2]
    bits = ak.unflatten(middle.reshape(-1).astype(np.uint8), np.full(entries, middle.shape[1]))
    trees: dict[str, dict[str, Any]] = {
        "l1UpgradeTree/L1UpgradeTree": content,
        "l1EventTree/L1EventTree": scalars,
        "l1uGTTree/L1uGTTree": {"m_algoDecisionInitial": bits},
    }
    with uproot.recreate(path, compression=uproot.ZLIB(1)) as file:
        for tree, branches_of in trees.items():
            types = {name: ak.type(ak.Array(v)).content for name, v in branches_of.items()}
            file.mktree(tree, types)
            file[tree].extend(branches_of)
    return entries


def _sums(events: ak.Array, entries: int, crossing: NDArray[np.int16]) -> dict[str, Any]:
    """All sums of all crossings; their crossing is a float, and their energies too add a millionth."""
    pts, phis = [], []
    for name, field in SUMS.values():
        pts.append(ak.to_numpy(ak.flatten(events[name][field])))
        angled = field == "pt" and "phi" in events[name].fields
        phis.append(ak.to_numpy(ak.flatten(events[name].phi)) if angled else np.zeros_like(pts[-1]))
    counts = np.full(entries, len(SUMS) * len(CROSSINGS))
    flat: dict[str, NDArray[Any]] = {
        "sumType": np.tile(np.array(list(SUMS), np.int16), len(crossing)),
        "sumIEt": np.stack(pts, axis=1).reshape(-1).astype(np.int16),
        "sumIPhi": np.stack(phis, axis=1).reshape(-1).astype(np.int16),
        "sumBx": np.repeat(crossing, len(SUMS)).astype(np.float32),
    }
    flat["sumEt"] = (flat["sumIEt"] * 0.5 + 1e-6).astype(np.float32)
    return {name: ak.unflatten(values, counts) for name, values in flat.items()}
