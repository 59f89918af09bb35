"""Memory of `emulate` stays below a gigabyte however long its input is, in one process and in two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from damage import some_events
from small_samples import make_byte_model

from emulator.model import save_model
from emulator.objects import write_nano

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.deep

#: Entries that are shared by two processes if these may be started for so few; usually it takes more.
ENTRIES = 820_000
PROGRAM = """
from emulator.decoded import columns
columns._MIN_ENTRIES_PER_PROCESS = 400_000
from l1distill.cli.main import run
run()
"""
STEP = 20_000
LIMIT = 1_000_000_000


def tree_bytes(process: int) -> tuple[int, int]:
    """Return the memory of a process and of all below it: all that is resident, and what is no mapped file.

    Pages that processes share (libraries) count once.
    """
    resident = own = 0
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
        values = dict(line.split(":", 1) for line in text.splitlines()[1:])
        resident += int(values["Pss"].split()[0]) * 1024
        own += int(values["Pss_Anon"].split()[0]) * 1024
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                below = tree_bytes(int(child))
                resident, own = resident + below[0], own + below[1]
    except (OSError, KeyError):
        pass  # ended meanwhile
    return resident, own


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_long_chain_of_files(
    tmp_path: Path, jobs: int, record_property: Callable[[str, int], None]
) -> None:
    """One large file that is decoded in parts by ``jobs`` processes, and six others behind it."""
    events = some_events(np.random.default_rng(4), STEP, mean_pt=20)
    write_nano(tmp_path / "large.root", (events for _ in range(ENTRIES // STEP)), provenance={})
    paths = [tmp_path / "large.root"]
    for number in range(6):
        paths.append(tmp_path / f"{number}.root")
        write_nano(paths[-1], (events for _ in range(6)), provenance={})
    save_model(make_byte_model(), tmp_path / "m.json")
    output = tmp_path / "scores.parquet"
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        "emulate",
        str(tmp_path / "m.json"),
        "--json",
    ]
    command += ["--jobs", str(jobs), "--cache", str(tmp_path / "cache"), "-o", str(output)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for which in ("first pass", "from cache"):
        peaks = np.zeros(2, dtype=np.int64)
        with subprocess.Popen(
            [*command, *map(str, paths)], stdout=subprocess.PIPE, env=environment
        ) as running:
            while running.poll() is None:
                peaks = np.maximum(peaks, tree_bytes(running.pid))
                time.sleep(0.01)
            assert running.stdout is not None
            result = json.loads(running.stdout.read())
        assert running.returncode == 0
        assert result["n_crossings"] == ENTRIES + 36 * STEP
        resident, own = (int(peak) // 1_000_000 for peak in peaks)
        record_property(f"emulate, {jobs} processes, {which}: MB resident", resident)
        record_property(f"emulate, {jobs} processes, {which}: MB without mapped files", own)
        assert peaks[0] < LIMIT
