"""Test vectors of the Global Trigger: text, bit fields, events and decisions."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.errors import InputFileError, MissingNameError, RangeError
from emulator.objects import (
    OBJECTS,
    SCALARS,
    SUMS,
    Chunk,
    Columns,
    SeedBits,
    UgtWords,
    build_events,
    columns,
    empty_events,
    open_file,
    read_events,
    read_events_and_bits,
    read_words,
    write_ugt,
    write_words,
)
from emulator.objects.ugt_words import (
    BIT_FIELDS,
    COLUMN_WIDTHS,
    LINE_BYTES,
    BitField,
    decode_objects,
    empty_words,
    encode_events,
    format_lines,
    parse_lines,
)

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


def line(crossing: int = 0, /, **words: str) -> str:
    """Return a line by hand: all columns zero but those given, as ``c2="00..."``."""
    columns_ = [f"{crossing:04d}"] + ["0" * width for width in COLUMN_WIDTHS[1:]]
    for name, text in words.items():
        columns_[int(name[1:]) - 1] = text
    return " ".join(columns_) + "\n"


@st.composite
def texts(draw: st.DrawFn, most: int = 4) -> bytes:
    """Any bits at all in every column but the first and the last."""
    lines = []
    start = draw(st.integers(0, 3564 - most))
    for place in range(draw(st.integers(1, most))):
        words = [
            f"{draw(st.integers(0, 16**width - 1)):0{width}x}" for width in COLUMN_WIDTHS[1:-1]
        ]
        lines.append(f"{start + place:04d} {' '.join(words)} {draw(st.integers(0, 1))}\n")
    return "".join(lines).encode()


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(text=texts())
def test_any_bits_come_back_byte_for_byte(text: bytes) -> None:
    words = parse_lines(text, "here")
    assert format_lines(words) == text
    # A second way to the numbers: Python's own.
    for row, each in enumerate(text.decode().splitlines()):
        column = each.split(" ")
        numbers = [int(word, 16) for word in column]
        assert words.crossing[row] == int(column[0])
        assert words.mu[row].tolist() == numbers[1:9]
        assert words.eg[row].tolist() == numbers[9:21]
        assert words.tau[row].tolist() == numbers[21:33]
        assert words.jet[row].tolist() == numbers[33:45]
        assert words.sums[row].tolist() == numbers[45:51]
        assert words.cicada[row].tolist() == numbers[51:57]
        assert words.external[row].tobytes().hex() == column[57]
        fires = words.bits().values[row]
        assert sum(1 << int(bit) for bit in np.flatnonzero(fires)) == numbers[58]
        assert words.final_or[row] == numbers[59]


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


def test_bit_fields_by_hand() -> None:
    muon = (
        5 | 23 << 10 | 12 << 19 | (-3 & 511) << 23 | 2 << 32 | 1 << 34 | 1 << 35
        | 77 << 36 | 575 << 43 | 200 << 53 | 1 << 61 | 3 << 62
    )  # fmt: skip
    eg = 511 | (-128 & 255) << 9 | 143 << 17 | 3 << 25
    jet = 2047 | 127 << 11 | 1 << 19 | 1 << 27
    words = {"c2": f"{muon:016x}", "c10": f"{eg:08x}", "c34": f"{jet:08x}"}
    sums = {
        "c46": f"{4095 | 7 << 12 | 9 << 28:08x}",
        "c47": f"{1 | 8191 << 12 | 1 << 28:08x}",
        "c48": f"{2 | 143 << 12 | 255 << 20 | 15 << 28:08x}",
    }
    found = decode_objects(parse_lines(line(**words, **sums).encode(), "here"))

    def first(name: str) -> dict[str, int]:
        return {field: int(values[0]) for field, values in found[name].fields.items()}

    assert first("mu") == {
        "pt": 23, "eta_vtx": -3, "phi_vtx": 5, "phi": 575, "qual": 12, "charge": 1,
        "charge_valid": 1, "index": 77, "iso": 2, "pt_unconstrained": 200, "dxy": 3,
    }  # fmt: skip
    assert first("eg") == {"pt": 511, "eta": -128, "phi": 143, "iso": 3}
    assert first("jet") == {"pt": 2047, "eta": 127, "phi": 1, "displaced": 1}
    assert first("ett") == {"pt": 4095, "ettem": 7, "min_bias": 9}
    assert first("htt") == {"pt": 1, "towers": 8191, "min_bias": 1}
    assert first("etm") == {"pt": 2, "phi": 143, "asymmetry": 255, "min_bias": 15}
    assert first("htmhf") == {"pt": 0, "phi": 0, "asymmetry": 0, "centrality": 0}


def test_a_signed_field_over_all_its_codes() -> None:
    field = BitField(3, 4, signed=True)
    values = np.arange(-8, 8)
    words = field.put(values, np.uint32)
    assert field.get(words).tolist() == values.tolist()
    assert words.max() < 1 << 7
    assert (words & 7).tolist() == [0] * 16


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


def _ids(rows: int) -> dict[str, Any]:
    return {name: np.zeros(rows, np.int64) for name in SCALARS}


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_events_come_back_from_their_words(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 3))
    parts = {}
    for name, fields in BIT_FIELDS.items():
        most = {"mu": 8, "eg": 12, "tau": 12, "jet": 12}.get(name)
        counts = [1] * rows if most is None else data.draw(st.lists(
            st.integers(0, most), min_size=rows, max_size=rows))  # fmt: skip
        values = {}
        for field, bits in fields.items():
            low, high = (-(1 << bits.bits - 1), (1 << bits.bits - 1) - 1) if bits.signed else (
                int(field == "pt" and most is not None), (1 << bits.bits) - 1)  # fmt: skip
            high = 143 if field == "phi" and name != "mu" else high
            high = 575 if "phi" in field and name == "mu" else high
            size = sum(counts)
            values[field] = np.array(
                data.draw(st.lists(st.integers(low, high), min_size=size, max_size=size)), int
            )
        parts[name] = Columns(np.concatenate([[0], np.cumsum(counts)]), values)
    events = build_events(_ids(rows), parts)
    fires = SeedBits(("7", "511"), np.array([[row == 1, True] for row in range(rows)]))
    words = encode_events(events, fires, start=3)
    again = parse_lines(format_lines(words), "here")
    assert again.crossing.tolist() == list(range(3, 3 + rows))
    assert again.final_or.tolist() == [1] * rows
    assert again.bits().columns(fires.names).tolist() == fires.values.tolist()
    assert again.bits().values.sum() == fires.values.sum()
    for name, part in decode_objects(again).items():
        given = columns(events, name)
        assert part.offsets.tolist() == given.offsets.tolist()
        assert {f: v.tolist() for f, v in part.fields.items()} == {
            f: v.tolist() for f, v in given.fields.items()
        }


def test_what_words_cannot_hold() -> None:
    ids = _ids(1)
    part = {name: np.ones(9, int) for name in ("pt", "eta_vtx", "phi_vtx")}
    events = build_events(ids, {"mu": Columns(np.array([0, 9]), part)})
    with pytest.raises(RangeError, match="row 0: 9 mu; a uGT test vector holds 8"):
        encode_events(events)
    with pytest.raises(RangeError, match="3565 crossings; a uGT test vector holds one orbit"):
        encode_events(build_events(_ids(2), {}), start=3563)
    named = SeedBits(("L1_ZeroBias",), np.zeros((1, 1), bool))
    with pytest.raises(MissingNameError, match="no algorithm 'L1_ZeroBias'"):
        encode_events(build_events(ids, {}), named)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line() + line(2), "line 2: crossing 2; crossings must rise by one"),
        (line(3563) + line(3564), "line 2: crossing 3564; crossings must rise .* up to 3563"),
        (line(c2="0000000000000A00"), "line 1, column 2: unexpected 'A'; words are lower-case"),
        (line(c60="2"), "line 1, column 60: unexpected '2'"),
        (line() + line(1).replace("0001 ", "000a ", 1), "line 2, column 1: unexpected 'a'"),
        (line() + line(1).replace("1 0", "1x0", 1), "line 2, column 1: unexpected 'x'"),
        (line()[:-1], "does not end with a whole line; the file is cut short"),
        (line() + line(1)[:400], "does not end with a whole line; the file is cut short"),
        (line() + "0001 00000000\n", "line 2: 2 columns, 13 characters; .* 60 columns, 768"),
        (" ".join(line().split()[:48]) + "\n", "line 1: 48 columns, .* of 2015 and 2016 had"),
        (line().replace("\n", "\r\n"), "line 1: 60 columns, 769 characters"),
    ],
)
def test_other_text_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode())
    with pytest.raises(InputFileError, match=rf"a\.txt: {message}"):
        open_file(tmp_path / "a.txt")


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


def test_words_are_cut_by_slices() -> None:
    words: UgtWords = empty_words(5)[1:3]
    assert words.crossing.tolist() == [1, 2]
    assert len(format_lines(words)) == 2 * LINE_BYTES


@pytest.mark.parametrize(
    ("column", "word", "note"),
    [
        ("eg", 0x1000_0014, "1 crossings with bits that no field uses"),
        ("tau", 0x0800_0014, None),  # as simulation sets it
        ("sums", 0x0800_0000, "1 crossings with bits that no field uses"),
        ("jet", 0x0000_0800, "1 crossings with an object without pT"),
        ("mu", 1 << 61, None),  # a muon shower
        ("mu", 1 << 60, "1 crossings with an object without pT"),
        ("final_or", 1, "1 crossings with a final OR that is not the OR of the algorithm bits"),
    ],
)
def test_what_the_trigger_would_not_send_is_noted(
    column: str, word: int, note: str | None, tmp_path: Path
) -> None:
    words = empty_words(2)
    getattr(words, column)[(1, 0)[: getattr(words, column).ndim]] = word
    write_words(tmp_path / "a.txt", [words])
    _, *notes = open_file(tmp_path / "a.txt").describe().notes
    assert notes == ([f"{note}: the file may be damaged"] if note else [])
