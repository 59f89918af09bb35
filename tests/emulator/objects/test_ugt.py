"""Test vectors of the Global Trigger as files: plain or compressed, read and written."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from ugt_text import line, texts

from emulator.errors import InputFileError, MissingNameError, RangeError
from emulator.objects import (
    OBJECTS,
    SUMS,
    Chunk,
    empty_events,
    open_file,
    read_events,
    read_events_and_bits,
    read_words,
    write_ugt,
    write_words,
)
from emulator.objects.ugt_lines import format_lines, parse_lines
from emulator.objects.ugt_words import empty_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHARED = [
    "L1Menu_Collisions2023_v1_3_0_ttBar",
    "L1Menu_Collisions2024_v1_1_0_data",
    "L1Menu_Collisions2024_v1_1_0_ttBar",
    "L1Menu_Collisions2024_v1_2_0_ttBar",
    "L1Menu_CollisionsPPRef2024_v1_0_0_data",
]


@pytest.mark.parametrize("suffix", [".txt", ".txt.xz", ".txt.gz"])
@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(text=texts())
def test_files_come_back_whatever_their_name(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, text: bytes
) -> None:
    folder = tmp_path_factory.mktemp("ugt")
    words = parse_lines(text, "here")
    assert write_words(folder / f"a{suffix}", [words[:1], words[1:]]) == len(words)
    pack: dict[str, Callable[[bytes], bytes]] = {".xz": lzma.decompress, ".gz": gzip.decompress}
    content = (folder / f"a{suffix}").read_bytes()
    assert pack.get(f".{suffix.rsplit('.', maxsplit=1)[-1]}", bytes)(content) == text
    (folder / f"a{suffix}").rename(folder / "b.dat")
    assert format_lines(read_words(folder / "b.dat")) == text


@pytest.mark.parametrize("name", SHARED)
def test_reference_vectors(reference_data: Path, tmp_path: Path, name: str) -> None:
    expected = json.loads((reference_data / "expected.json").read_text())["vectors"][name]
    path = reference_data / "ugt" / f"{name}.txt.xz"
    chunks = list(open_file(path, order="readout").chunks(bits=True, chunk_events=1000))
    assert [(each.entry_start, each.entry_stop) for each in chunks] == [
        (0, 1000),
        (1000, 2000),
        (2000, 3000),
        (3000, 3564),
    ]
    write_ugt(tmp_path / "copy.txt", chunks)
    text = (tmp_path / "copy.txt").read_bytes()
    assert hashlib.sha256(text).hexdigest() == expected["sha256_of_text"]
    assert text == lzma.decompress(path.read_bytes())
    events, bits = read_events_and_bits(path)
    counts = {each: int(ak.sum(ak.num(events[each]))) for each in OBJECTS}
    assert counts == expected["objects_with_pt"]
    sums = {each: int(ak.sum(ak.values_astype(events[each].pt, int))) for each in (*OBJECTS, *SUMS)}
    assert sums == expected["sum_hw_pt"]
    assert int(bits.values.sum()) == expected["algo_bits_set"]
    for bit, seed in expected.get("axol1tl_v3_bits", {}).items():
        assert int(bits.column(bit).sum()) == seed["fires"]


def test_objects_without_pt_are_not_there_but_showers_are(tmp_path: Path) -> None:
    """Showers are flags of muon slots, with or without a muon in the slot."""
    shower = f"{1 << 61:016x}"
    low = f"{1 << 10 | 1 << 61:016x}"
    text = line(c2=shower, c4=low, c10=f"{5 << 9:08x}") + line(1, c3=shower, c5=shower)
    (tmp_path / "a.txt").write_text(text)
    events = read_events(tmp_path / "a.txt")
    assert events.mu.pt.tolist() == [[1], []]
    assert events.eg.pt.tolist() == [[], []]
    # Slot 1 has no flag of its own.
    assert [events[name].tolist() for name in ("mus0", "mus1", "mus2")] == [[1, 0], [1, 0], [0, 1]]
    assert events.event.tolist() == [0, 1]
    assert events.ett.pt.tolist() == [[0], [0]]


def test_order_is_that_of_the_slots_or_falling_pt(tmp_path: Path) -> None:
    muons = {f"c{2 + slot}": f"{pt << 10 | slot:016x}" for slot, pt in enumerate((9, 30, 30, 0, 2))}
    (tmp_path / "a.txt").write_text(line(**muons))
    readout = read_events(tmp_path / "a.txt", order="readout")
    assert readout.mu.phi_vtx.tolist() == [[0, 1, 2, 4]]
    assert read_events(tmp_path / "a.txt").mu.phi_vtx.tolist() == [[1, 2, 0, 4]]


def test_decisions_stay_with_their_crossings(tmp_path: Path) -> None:
    lines = [line(n, c59=f"{1 << n:0128x}", c60="1") for n in range(5)]
    (tmp_path / "a.txt").write_text("".join(lines))
    chunks = list(open_file(tmp_path / "a.txt").chunks(chunk_events=2, bits=True))
    fires = [np.argwhere(each.bits.values).tolist() for each in chunks if each.bits is not None]
    assert fires == [[[0, 0], [1, 1]], [[0, 2], [1, 3]], [[0, 4]]]
    assert next(open_file(tmp_path / "a.txt").chunks()).bits is None
    events, bits = read_events_and_bits([tmp_path / "a.txt", tmp_path / "a.txt"])
    assert len(events) == len(bits.values) == 10
    assert bits.column("4").tolist() == [False] * 4 + [True] + [False] * 4 + [True]
    with pytest.raises(MissingNameError, match="no seed '512'; nearest"):
        bits.column("512")


def test_damaged_and_overlong_files(tmp_path: Path) -> None:
    whole = lzma.compress(line().encode())
    (tmp_path / "a.xz").write_bytes(whole[:-9])
    (tmp_path / "b.gz").write_bytes(gzip.compress(line().encode())[:-9])
    for name in ("a.xz", "b.gz"):
        with pytest.raises(InputFileError, match="is damaged or cut short"):
            open_file(tmp_path / name)
    (tmp_path / "c.txt").write_bytes(format_lines(empty_words(3564)) + line(0).encode())
    with pytest.raises(InputFileError, match="has more than the 3564 lines of one orbit"):
        open_file(tmp_path / "c.txt")
    (tmp_path / "d.xz").write_bytes(lzma.compress(b""))
    with pytest.raises(InputFileError, match=r"d\.xz: "):
        open_file(tmp_path / "d.xz")


def test_what_a_vector_does_not_offer(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(line())
    with pytest.raises(InputFileError, match="crossing -1, 1 is in no entry; offered: 0"):
        read_events(tmp_path / "a.txt", crossings=(-1, 0, 1))
    with pytest.raises(InputFileError, match="has one set of objects; read it as unpacked"):
        open_file(tmp_path / "a.txt", source="emulated")
    summary = open_file(tmp_path / "a.txt").describe()
    assert (summary.format_name, summary.entries, summary.missing) == (
        "ugt",
        1,
        ("mu.eta", "jet.qual"),
    )
    assert [(each.crossing, each.entries) for each in summary.crossings] == [(0, 1)]


def test_values_that_no_object_has_name_their_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(line() + line(1, c10=f"{1 | 144 << 17:08x}"))
    with pytest.raises(RangeError, match=r"a\.txt: line 2: eg\.phi is 144, outside of its range"):
        read_events(tmp_path / "a.txt")
    fields = {
        (c.name, f.name): f
        for c in open_file(tmp_path / "a.txt").describe().collections
        for f in c.fields
    }
    assert fields["eg", "phi"].n_out_of_range == 1


def test_nothing_to_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="there are no crossings to write"):
        write_ugt(tmp_path / "a.txt", [Chunk("", "", 0, 0, empty_events())])
    half = empty_words(2000)
    with pytest.raises(InputFileError, match="4000 crossings; a test vector holds 3564"):
        write_words(tmp_path / "a.txt", [half, half])
    assert list(tmp_path.iterdir()) == []
