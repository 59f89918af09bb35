"""Memory stays bounded, whatever the length of a file: it grows with the chunk, not with the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pytest
import uproot
from damage import some_events, write_l1ntuple

from emulator.objects import Chunk, concatenate, write_nano, write_parquet

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.deep

PROGRAM = Path(__file__).parents[2] / "support" / "peak_memory.py"
CHUNK = 2_000
BASE = 10_000

#: Pieces of a short file and of a long one. The short one is long enough for all that is made once.
SHORT, LONG = 4, 16


def events() -> ak.Array:
    return some_events(np.random.default_rng(5), BASE)


def write(name: str, folder: Path, times: int) -> Path:
    """Write a file in pieces of ``BASE`` events, as big jobs do."""
    path = folder / f"{name.split(maxsplit=1)[0]}_{times}"
    base = events()
    if name == "hdf5":
        h5py = pytest.importorskip("h5py")
        values = np.abs(np.random.default_rng(1).normal(30, 20, (BASE, 19, 3)))
        values[..., 1:] = 0.5
        with h5py.File(path, "w") as file:
            data = file.create_dataset("Data", (times * BASE, 19, 3), "f8", chunks=(1000, 19, 3))
            for start in range(0, times * BASE, BASE):
                data[start : start + BASE] = values
    elif name == "l1ntuple":
        write_l1ntuple(path, concatenate([base] * times), step=BASE // 5)
    elif name == "parquet":
        chunks = (Chunk("", "", 0, BASE, base) for _ in range(times))
        write_parquet(path, chunks, provenance={})
    else:
        tree = path.with_suffix(".root")
        write_nano(tree, (base for _ in range(times)), provenance={})
        if name == "l1nano":
            return tree
        with uproot.open(tree) as file, uproot.recreate(path) as out:
            keys = [key for key in file["Events"].keys() if not key.startswith("nL1")]  # noqa: SIM118
            ntuple: Any = None
            for start in range(0, times * BASE, BASE):
                arrays = {
                    key: file["Events"][key].array(entry_start=start, entry_stop=start + BASE)
                    for key in keys
                }
                if ntuple is None:
                    types = {k: ak.type(v).content for k, v in arrays.items()}
                    ntuple = out.mkrntuple("Events", types)
                ntuple.extend(arrays)
    return path


def measured(path: Path) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(path), str(CHUNK)],
        # Arrow's own pool keeps between 10 and 30 MB of what was freed, as it happens.
        env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, int] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ["l1nano", "l1ntuple", "rntuple", "parquet", "hdf5"])
def test_memory_does_not_grow_with_the_file(
    name: str, tmp_path: Path, record_property: Callable[[str, int], None]
) -> None:
    """The whole of a long file is many times larger than what the process ever held of it."""
    short, long = (measured(write(name, tmp_path, times)) for times in (SHORT, LONG))
    assert (short["events"], long["events"]) == (SHORT * BASE, LONG * BASE)
    record_property(f"{name}: MB grown, {SHORT} pieces", short["grown"] >> 20)
    record_property(f"{name}: MB grown, {LONG} pieces", long["grown"] >> 20)
    # Allocators keep some of what was freed: a margin of four chunks and a little.
    assert long["grown"] < short["grown"] + 4 * long["chunk"] + (16 << 20)
    assert long["grown"] < long["bytes"]
