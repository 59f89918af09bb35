"""Check sums of files that are written here: every damaged byte is found, and only when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import uproot
from damage import some_events

from emulator.errors import InputFileError
from emulator.objects import Chunk, SeedBits, open_file, read_events, write_nano
from emulator.objects.checked_file import (
    BLOCK_BYTES,
    BlockChecks,
    add_check_sums,
    has_check_sums,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", [1, 100, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES - 7])
def test_every_range_of_a_good_file_passes(tmp_path: Path, size: int) -> None:
    rng = np.random.default_rng(size)
    path = tmp_path / "a"
    path.write_bytes(rng.bytes(size))
    assert not has_check_sums(path)
    add_check_sums(path)
    assert has_check_sums(path)
    checks = BlockChecks(path)
    assert checks.size == size
    content = np.fromfile(path, np.uint8)
    for _ in range(40):
        start, stop = np.sort(rng.integers(0, size + 50, 2))
        checks.check(content, int(start), int(stop))


def test_a_block_is_checked_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(3 * BLOCK_BYTES))
    add_check_sums(path)
    content = np.fromfile(path, np.uint8)
    content[BLOCK_BYTES + 5] ^= 4
    checks = BlockChecks(path)
    checks.check(content, 0, BLOCK_BYTES)
    for start, stop in ((0, BLOCK_BYTES + 1), (2 * BLOCK_BYTES - 1, 3 * BLOCK_BYTES)):
        with pytest.raises(InputFileError, match="bytes 65536 to 131072 are not those"):
            checks.check(content, start, stop)
    checks.check(content, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES)


@pytest.mark.parametrize("place", range(1, 33))
def test_damage_of_the_check_sums_themselves(tmp_path: Path, place: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(100 + BLOCK_BYTES))
    add_check_sums(path)
    content = bytearray(path.read_bytes())
    assert len(content) == 100 + BLOCK_BYTES + 2 * 4 + 24
    content[-place] ^= 1
    path.write_bytes(content)
    if place <= 8:
        assert not has_check_sums(path)
    else:
        with pytest.raises(InputFileError, match="at its end are damaged"):
            BlockChecks(path)


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checked") / "a.root"
    rng = np.random.default_rng(2)
    events = some_events(rng, 200)
    bits = SeedBits(("L1_A",), rng.random((200, 1)) < 0.4)
    write_nano(path, [Chunk("", "", 0, 200, events, bits=bits)], provenance={"made": "here"})
    return path


def test_other_programs_read_the_file(nano: Path) -> None:
    assert has_check_sums(nano)
    with uproot.open(nano) as file:
        plain = file["Events"]["L1Mu_hwPt"].array()
        assert file["provenance"] == '{"made": "here"}'
    assert read_events(nano, order="readout").mu.pt.tolist() == plain.tolist()


def test_no_damaged_byte_gives_other_events(nano: Path, tmp_path: Path) -> None:
    good = nano.read_bytes()
    expected = read_events(nano).tolist()
    copy = tmp_path / "damaged.root"
    rng = np.random.default_rng(3)
    told = 0
    places = [*rng.integers(0, len(good), 30), *range(len(good) - 10, len(good))]
    for place in places:
        content = bytearray(good)
        content[place] ^= 1 << int(rng.integers(0, 8))
        copy.write_bytes(content)
        try:
            events = read_events(copy)
        except InputFileError:
            told += 1
        else:
            assert events.tolist() == expected, place
    assert told > 25


def test_check_sums_cut_off_leave_the_whole_file(nano: Path, tmp_path: Path) -> None:
    good = nano.read_bytes()
    table = 24 + 4 * -(-(len(good) - 28) // BLOCK_BYTES)
    copy = tmp_path / "cut.root"
    copy.write_bytes(good[:-table])
    assert read_events(copy).tolist() == read_events(nano).tolist()
    copy.write_bytes(good[:-5])
    with pytest.raises(InputFileError, match="check sums at its end are damaged"):
        open_file(copy)
    copy.write_bytes(good[: -table - 1])
    with pytest.raises(InputFileError, match="cut short"):
        open_file(copy)
