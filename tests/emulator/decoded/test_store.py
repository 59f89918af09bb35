"""Each entry is made once, by one of those who ask, and is whole or not there."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import uproot

from emulator.decoded import Store, can_be_kept, key_of
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


class Filling:
    """Fills an entry with some bytes and counts how often it was asked."""

    def __init__(self, content: bytes = b"0123456789") -> None:
        self.content = content
        self.calls = 0

    def __call__(self, folder: Path) -> None:
        """Fill the folder."""
        self.calls += 1
        (folder / "part").mkdir()
        (folder / "part" / "a").write_bytes(self.content)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("file", r"the cache \S*/file must be a folder, and it is a file"),
        ("file/a/b", r"the cache \S*/file/a/b must be a folder, and \S*/file is a file"),
    ],
)
def test_a_store_is_a_folder(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=sentence):
        Store(tmp_path / name)
    for place in (tmp_path, tmp_path / "new" / "one"):
        assert Store(place).folder == place, "what is not there yet is made when it is needed"


def test_an_entry_is_filled_once(tmp_path: Path) -> None:
    filling = Filling()
    for _ in range(3):
        place = Store(tmp_path).entry("k", filling)
        assert (place / "part" / "a").read_bytes() == filling.content
    assert filling.calls == 1


def test_nothing_is_kept_of_a_filling_that_fails(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_bytes(b"half")
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - any
        Store(tmp_path).entry("k", fail)
    assert [each.name for each in tmp_path.iterdir()] == ["k.lock"]
    assert (Store(tmp_path).entry("k", Filling()) / "part" / "a").is_file()


@pytest.mark.parametrize("spoil", ["shorter", "gone", "no list", "garbled list"])
def test_a_spoilt_entry_is_made_again(tmp_path: Path, spoil: str) -> None:
    filling = Filling()
    place = Store(tmp_path).entry("k", filling)
    sizes = place / "sizes.json"
    part = place / "part" / "a"
    if spoil == "shorter":
        os.truncate(part, 3)
    elif spoil == "garbled list":
        sizes.write_text("{")
    else:
        (part if spoil == "gone" else sizes).unlink()
    again = Store(tmp_path).entry("k", filling)
    assert (again / "part" / "a").read_bytes() == filling.content
    assert filling.calls == 2


def test_of_many_who_ask_at_once_one_fills(tmp_path: Path) -> None:
    class Slow(Filling):
        def __call__(self, folder: Path) -> None:
            time.sleep(0.05)
            super().__call__(folder)

    filling = Slow()
    ask = [threading.Thread(target=Store(tmp_path).entry, args=("k", filling)) for _ in range(8)]
    for each in ask:
        each.start()
    for each in ask:
        each.join()
    assert filling.calls == 1


KILLED = """
import os, sys
from pathlib import Path
from emulator.decoded import Store

def fill(folder):
    (folder / "half").write_bytes(b"half")
    os.kill(os.getpid(), 9)

Store(Path(sys.argv[1])).entry("k", fill)
"""


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], check=False, env=environment
    )
    assert ended.returncode == -9
    assert len(list(tmp_path.glob(".k.*/half"))) == 1
    place = Store(tmp_path).entry("k", Filling())
    assert (place / "part" / "a").is_file()
    assert not list(tmp_path.glob(".k.*"))


def test_the_oldest_make_room_but_not_those_in_use(tmp_path: Path) -> None:
    store = Store(tmp_path, limit_bytes=25)
    old = {}
    for age, key in ((3, "oldest"), (2, "older"), (0, "young")):
        old[key] = store.entry(key, Filling())
        stamp = time.time() - age * 86_400
        os.utime(old[key] / "sizes.json", (stamp, stamp))
    store.entry("new", Filling())
    assert not old["oldest"].exists()
    assert not old["older"].exists()
    assert old["young"].is_dir()
    # All that are left are young: nothing is taken away from those who may be reading.
    store.entry("more", Filling())
    assert old["young"].is_dir()


def test_using_an_entry_makes_it_young(tmp_path: Path) -> None:
    store = Store(tmp_path, limit_bytes=15)
    place = store.entry("k", Filling())
    os.utime(place / "sizes.json", (1, 1))
    store.entry("k", Filling())
    store.entry("new", Filling())
    assert place.is_dir()


def test_the_key_is_that_of_the_content_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"a" * 600)
    before = key_of(str(path), "unpacked", [0])
    assert key_of(str(path), "unpacked", [0]) == before
    assert key_of(str(path), "emulated", [0]) != before
    moved = path.rename(tmp_path / "b.bin")
    assert key_of(str(moved), "unpacked", [0]) == before
    os.utime(moved, ns=(0, moved.stat().st_mtime_ns + 1))
    assert key_of(str(moved), "unpacked", [0]) != before


def test_what_has_no_identity_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    assert can_be_kept(str(tmp_path / "a"))
    assert not can_be_kept(str(tmp_path))
    assert not can_be_kept("root://host//a.root")
    assert not can_be_kept(str(tmp_path / "a::dataset"))


def test_every_part_of_a_files_identity_enters_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ROOT's identifier stands behind the file's name, which may be long; then size, time and the code."""
    path = tmp_path / f"{'long' * 50}.root"
    uuids, keys = set(), set()
    for _ in range(2):
        with uproot.recreate(path) as file:
            file["t"] = {"x": np.arange(3)}
        os.utime(path, ns=(0, 1_000_000_000))
        with uproot.open(path) as file:
            uuids.add(str(file.file.uuid))
        keys.add((path.stat().st_size, key_of(str(path))))
    assert len(uuids) == len(keys) == 2
    assert len({size for size, _ in keys}) == 1
    before = key_of(str(path))
    with path.open("ab") as stream:
        stream.write(b"0")
    os.utime(path, ns=(0, 1_000_000_000))
    longer = key_of(str(path))
    os.utime(path, ns=(0, 1_000_000_001))
    later = key_of(str(path))
    monkeypatch.setattr("emulator.decoded.store._sources", lambda: "other code")
    assert len({before, longer, later, key_of(str(path))}) == 4
