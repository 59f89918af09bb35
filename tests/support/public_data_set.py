"""Small tables with the schema of the public data set ``CERN/anomaly_detection_cmsl1t``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

#: Objects: folder, largest number, and for each column the lowest and highest value.
OBJECTS: dict[str, tuple[int, dict[str, tuple[int, int]]]] = {
    "muons": (
        8,
        {
            "muonIPhiAtVtx": (0, 575),
            "muonIEt": (1, 511),
            "muonQual": (0, 15),
            "muonIEtaAtVtx": (-225, 225),
            "muonChg": (-1, 1),
            "muonTfMuonIdx": (0, 107),
            "muonIPhi": (0, 575),
            "muonIEta": (-225, 225),
            "muonIEtUnconstrained": (0, 255),
        },
    ),
    "jets": (
        12,
        {
            "jetIEt": (1, 2047),
            "jetIEta": (-115, 115),
            "jetIPhi": (0, 143),
            "jetHwQual": (0, 1),
            "jetRawEt": (0, 0),
        },
    ),
    "egammas": (
        12,
        {"egIEt": (1, 511), "egIEta": (-57, 57), "egIPhi": (0, 143), "egIso": (0, 3)},
    ),
    "taus": (
        12,
        {"tauIEt": (1, 511), "tauIEta": (-57, 57), "tauIPhi": (0, 143), "tauIso": (0, 1)},
    ),
}

SUMS: dict[str, dict[str, tuple[int, int]]] = {
    "ET": {"Et": (0, 4095), "ETTEM": (0, 4095)},
    "HT": {"Et": (0, 4095), "tower_count": (0, 5000)},
    "MET": {"Et": (0, 4095), "phi": (0, 143)},
    "MHT": {"Et": (0, 4095), "phi": (0, 143)},
    "FET": {"Et": (0, 4095), "phi": (0, 143)},
    "FHT": {"Et": (0, 4095), "phi": (0, 143)},
}


def tables(rows: int, *, seed: int = 1, simulation: bool = False) -> dict[str, pa.Table]:
    """Return one table for each object, ``event_info`` and ``seeds``, as the Zenodo layout has them."""
    rng = np.random.default_rng(seed)
    found = {}
    for folder, (most, columns) in OBJECTS.items():
        counts = rng.integers(0, most + 1, rows)
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
        content = {}
        for name, (low, high) in columns.items():
            values = rng.integers(low, high + 1, counts.sum()).astype(np.int16)
            if name == "muonChg":
                values = np.where(values > 0, 1, -1).astype(np.int16)
            content[name] = pa.ListArray.from_arrays(offsets, pa.array(values))
        found[folder] = pa.table(content)
    one = pa.array(np.arange(rows + 1, dtype=np.int32))
    for folder, columns in SUMS.items():
        found[folder] = pa.table(
            {
                name: pa.ListArray.from_arrays(one, pa.array(rng.integers(low, high + 1, rows)))
                for name, (low, high) in columns.items()
            }
        )
    seeds = {f"L1_Seed{index}": pa.array(rng.random(rows) < 0.3) for index in range(4)}
    any_seed = np.any([column.to_numpy(zero_copy_only=False) for column in seeds.values()], axis=0)
    found["event_info"] = pa.table(_scalars(rows, rng, any_seed, simulation))
    found["seeds"] = pa.table(
        {
            **seeds,
            **{name: found["event_info"][name] for name in ("L1bit", "dataset", "event", "order")},
        }
    )
    return found


def _scalars(rows: int, rng: Any, any_seed: Any, simulation: bool) -> dict[str, Any]:
    """Return the scalars with the quirks of data and of simulation."""
    orbit = np.full(rows, 2**64 - 1, np.uint64) if simulation else rng.integers(1, 2**31, rows)
    bx = np.full(rows, 4294967295) if simulation else rng.integers(1, 3564, rows)
    pileup = rng.integers(30, 70, rows)
    return {
        "run": pa.array(np.full(rows, 1 if simulation else 396102), pa.uint32()),
        "lumi": pa.array(rng.integers(1, 900, rows), pa.uint32()),
        # Not unique, as in the data set.
        "event": pa.array(rng.integers(1, 2**40, rows) // 2 * 2, pa.uint64()),
        "bx": pa.array(bx, pa.uint32()),
        "orbit": pa.array(orbit.astype(np.uint64), pa.uint64()),
        "time": pa.array(rng.integers(0, 2**60, rows), pa.uint64()),
        "nPV_True": pa.array(pileup, pa.int32() if simulation else pa.float32()),
        "split": pa.array(["train"] * rows),
        "order": pa.array(np.where(rng.random(rows) < 0.1, -1, np.arange(rows)), pa.int64()),
        "L1bit": pa.array(any_seed),
        "dataset": pa.array(["zerobias"] * rows),
        "label": pa.array(np.full(rows, -1 if simulation else 0), pa.int32()),
    }


def write_zenodo(folder: Path, parts: dict[str, pa.Table], *, files: int = 1) -> Path:
    """Write the tables as folders; each folder in so many files, cut at different rows."""
    for number, (name, table) in enumerate(parts.items()):
        (folder / name).mkdir(parents=True)
        step = max(1, -(-table.num_rows // files) + number % 3)
        for part, start in enumerate(range(0, table.num_rows, step)):
            pq.write_table(table.slice(start, step), folder / name / f"part-{part:03d}.parquet")
    return folder


def write_hugging_face(path: Path, parts: dict[str, pa.Table], *, row_group: int = 1000) -> Path:
    """Write the tables as one file of events, seeds beside it."""
    columns = dict(zip(parts["event_info"].column_names, parts["event_info"].columns, strict=True))
    for folder in (*OBJECTS, *SUMS):
        table = parts[folder]
        columns |= {f"{folder}_{name}": table[name] for name in table.column_names}
    (path.parent / "seeds").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=row_group)
    pq.write_table(parts["seeds"], path.parent / "seeds" / path.name)
    return path
