"""Conversions: what comes out, what is left out, and what is refused."""

from __future__ import annotations

import lzma
from typing import TYPE_CHECKING

import numpy as np
import pytest
from public_data_set import tables, write_hugging_face

from emulator.errors import InputFileError, SettingsError
from emulator.menu import Menu, Seed, SeedEvaluator, parse_expression
from emulator.objects import (
    SCALARS,
    Columns,
    SeedBits,
    build_events,
    open_file,
    read_events,
    read_events_and_bits,
    write_nano,
    write_words,
)
from emulator.objects.ugt import read_words
from emulator.objects.ugt_events import encode_events
from emulator.objects.ugt_lines import format_lines
from emulator.objects.ugt_words import empty_words
from l1distill.caveats import file_caveats
from l1distill.convert import convert_files

if TYPE_CHECKING:
    from pathlib import Path

    import awkward as ak


def events(rows: int = 3) -> ak.Array:
    ids = {name: np.arange(rows) for name in SCALARS} | {"crossing": np.zeros(rows, int)}
    pt = np.array([5, 30] * rows)
    fields = {"pt": pt, "eta_vtx": -pt, "phi_vtx": pt, "phi": pt + 1, "qual": pt % 16}
    return build_events(ids, {"mu": Columns(np.arange(0, 2 * rows + 1, 2), fields)})


@pytest.fixture
def vector(tmp_path: Path) -> Path:
    bits = SeedBits(("3",), np.array([[True], [False], [True]]))
    write_words(tmp_path / "vector.txt.xz", [encode_events(events(), bits)])
    return tmp_path / "vector.txt.xz"


def test_a_vector_keeps_every_bit(tmp_path: Path, vector: Path) -> None:
    result = convert_files(vector, tmp_path / "copy.txt")
    assert (result.format_name, result.n_crossings, result.left_out) == ("ugt", 3, ())
    assert (tmp_path / "copy.txt").read_bytes() == lzma.decompress(vector.read_bytes())


def test_the_order_of_the_file_is_kept(tmp_path: Path, vector: Path) -> None:
    for name in ("a.root", "a.parquet", "a.txt.gz"):
        convert_files(vector, tmp_path / name)
        read = read_events(tmp_path / name, order="readout")
        assert read.mu.pt.tolist() == [[5, 30]] * 3
        assert read.mu.phi.tolist() == [[6, 31]] * 3


def test_what_is_left_out_is_named(tmp_path: Path, vector: Path) -> None:
    nano = convert_files(vector, tmp_path / "a.root")
    assert nano.left_out == ("decisions by index",)
    parquet = convert_files(vector, tmp_path / "a.parquet")
    assert {"mu.iso", "mu.dxy", "mus0", "ett.ettem"} <= set(parquet.left_out)
    assert not {"mu.phi", "decisions by index"} & set(parquet.left_out)
    back = convert_files(tmp_path / "a.parquet", tmp_path / "b.txt")
    assert back.left_out == ("event", "lumi", "orbit", "run")
    assert {"mu.iso", "mus0", "ett.ettem"} <= set(back.filled)
    assert not {"mu.charge", "mu.charge_valid", "mu.phi"} & set(back.filled)
    assert (nano.filled, parquet.filled) == ((), ())
    again = read_events(tmp_path / "b.txt", order="readout")
    assert again.mu.charge_valid.tolist() == [[1, 1]] * 3, "a charge that is told is valid"
    words = read_events_and_bits(tmp_path / "b.txt")[1]
    assert words.column("3").tolist() == [True, False, True]


def test_seeds_by_name_travel_between_root_and_parquet(tmp_path: Path) -> None:
    source = write_hugging_face(tmp_path / "a.parquet", tables(9))
    convert_files(source, tmp_path / "b.root")
    convert_files(tmp_path / "b.root", tmp_path / "c" / "c.parquet")
    first, last = (
        read_events_and_bits(path, order="readout") for path in (source, tmp_path / "c/c.parquet")
    )
    assert first[0].tolist() == last[0].tolist()
    assert first[1].names == last[1].names
    np.testing.assert_array_equal(first[1].values, last[1].values)
    result = convert_files(source, tmp_path / "c.txt")
    assert "decisions by name" in result.left_out
    assert not read_events_and_bits(tmp_path / "c.txt")[1].values.any()


def test_flags_of_displaced_jets_travel_in_their_quality(tmp_path: Path) -> None:
    words = empty_words(2)
    words.jet[:, 0], words.jet[1, 0] = 100, 100 | 1 << 27
    words.external[0, 31] = 1
    write_words(tmp_path / "a.txt", [words])
    evaluated = parse_expression("JET20[JET-DISP_LLP]")
    for name in ("a.root", "a.parquet"):
        result = convert_files(tmp_path / "a.txt", tmp_path / name)
        assert "jet.displaced" not in result.left_out
        assert "external conditions" in result.left_out
        read = read_events(tmp_path / name)
        assert read.jet.qual.tolist() == [[0], [1]]
        assert SeedEvaluator(read).decide(evaluated).tolist() == [False, True]
        back = convert_files(tmp_path / name, tmp_path / "b.txt")
        assert "external conditions" in back.filled
        assert "jet.displaced" not in back.filled
        assert read_words(tmp_path / "b.txt").jet.tolist() == words.jet.tolist()


def test_a_menu_says_which_bit_has_which_name(tmp_path: Path, vector: Path) -> None:
    """From numbers to names and back: every decision of the menu's seeds, and of no other."""
    menu = Menu("m", (Seed(3, "L1_A", "MU5"), Seed(9, "L1_B", "MU6")))
    for name in ("a.root", "a.parquet"):
        assert (
            "decisions by index" not in convert_files(vector, tmp_path / name, menu=menu).left_out
        )
        bits = read_events_and_bits(tmp_path / name)[1]
        assert bits.names == ("L1_A", "L1_B")
        assert bits.values.tolist() == [[True, False], [False, False], [True, False]]
        back = convert_files(tmp_path / name, tmp_path / "b.txt", menu=menu)
        assert "decisions by name" not in back.left_out
        words = read_events_and_bits(tmp_path / "b.txt")[1].values
        assert (words == read_events_and_bits(vector)[1].values).all()
    other = Menu("other", (Seed(4, "L1_A", "MU5"),))
    convert_files(tmp_path / "a.root", tmp_path / "b.txt", menu=other)
    moved = read_events_and_bits(tmp_path / "b.txt")[1]
    assert moved.column("4").tolist() == [True, False, True]
    assert moved.values.sum() == 2
    # A vector stays what it is, whatever the menu.
    convert_files(vector, tmp_path / "copy.txt", menu=other)
    assert (tmp_path / "copy.txt").read_bytes() == lzma.decompress(vector.read_bytes())


def test_crossings_and_the_first_entries(tmp_path: Path) -> None:
    write_nano(tmp_path / "a.root", [events(4), events(5)], provenance={"seed": 1})
    result = convert_files(tmp_path / "a.root", tmp_path / "b.root", most=6)
    assert result.n_crossings == 6
    assert read_events(tmp_path / "b.root").event.tolist() == [0, 1, 2, 3, 0, 1]
    both = convert_files([tmp_path / "a.root", tmp_path / "b.root"], tmp_path / "c.root", most=10)
    assert both.n_crossings == 10
    assert open_file(tmp_path / "b.root").provenance() == {
        "seed": 1,
        "converted_from": ["a.root"],
        "source": "unpacked",
    }
    with pytest.raises(InputFileError, match="crossing 1 is in no entry"):
        convert_files(tmp_path / "a.root", tmp_path / "d.root", crossings=(1,))
    assert not (tmp_path / "d.root").exists()


def test_floats_stay_marked(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    values = np.zeros((2, 19, 3))
    values[:, 1, 0] = 30.0
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("Data", data=values)
    for name in ("b.root", "b.parquet"):
        assert convert_files(tmp_path / "a.h5", tmp_path / name).float_valued
        assert open_file(tmp_path / name).describe().float_valued
        assert next(open_file(tmp_path / name).chunks()).float_valued
        (sentence,) = file_caveats([tmp_path / name])
        assert "mapped from floats" in sentence
    with pytest.raises(SettingsError, match="cannot say that its integers are mapped from floats"):
        convert_files(tmp_path / "b.root", tmp_path / "c.txt")


def test_what_is_refused(tmp_path: Path, vector: Path) -> None:
    with pytest.raises(SettingsError, match=r"must end in \.root, \.parquet, \.txt"):
        convert_files(vector, tmp_path / "a.csv")
    with pytest.raises(SettingsError, match="is read from and would be replaced"):
        convert_files(tmp_path / "*.xz", vector)
    two = [vector, tmp_path / "other.txt"]
    (tmp_path / "other.txt").write_bytes(format_lines(empty_words(3564)))
    with pytest.raises(InputFileError, match="3567 crossings; a test vector holds 3564"):
        convert_files(two, tmp_path / "b.txt")
    assert not (tmp_path / "b.txt").exists()


def test_files_with_other_fields_do_not_go_together(tmp_path: Path, vector: Path) -> None:
    write_nano(tmp_path / "a.root", [events()], provenance={})
    with pytest.raises(InputFileError, match=r"cannot hold these files together: .* same fields"):
        convert_files([tmp_path / "a.root", vector], tmp_path / "b.root")
    assert not (tmp_path / "b.root").exists()
