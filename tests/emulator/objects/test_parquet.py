"""The public data set's columns: both layouts read, one written, seeds joined by position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from public_data_set import tables, write_hugging_face, write_zenodo

from emulator.errors import InputFileError, MissingNameError, RangeError
from emulator.objects import (
    REQUIRED_FIELDS,
    SCALARS,
    Chunk,
    Columns,
    SeedBits,
    build_events,
    columns,
    concatenate,
    open_file,
    read_events,
    read_events_and_bits,
    scalar_columns,
    trim,
    write_parquet,
)
from emulator.objects.parquet_layout import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("simulation", [False, True])
def test_both_layouts_give_the_same_events(tmp_path: Path, simulation: bool) -> None:
    parts = tables(57, simulation=simulation)
    one = write_hugging_face(tmp_path / "hf" / "train-00000-of-00001.parquet", parts, row_group=20)
    many = write_zenodo(tmp_path / "zenodo", parts, files=3)
    a, b = (read_events_and_bits(path, order="readout") for path in (one, many))
    assert a[0].tolist() == b[0].tolist()
    assert a[1].names == b[1].names == tuple(f"L1_Seed{index}" for index in range(4))
    np.testing.assert_array_equal(a[1].values, b[1].values)
    events = a[0]
    # Against pyarrow itself.
    muons, info = parts["muons"].to_pydict(), parts["event_info"].to_pydict()
    assert events.mu.pt.tolist() == muons["muonIEt"]
    assert events.mu.phi_vtx.tolist() == muons["muonIPhiAtVtx"]
    assert events.mu.phi.tolist() == muons["muonIPhi"]
    signs = ak.Array(muons["muonChg"])
    assert events.mu.charge.tolist() == ak.where(signs < 0, 1, 0).tolist()
    assert events.jet.qual.tolist() == parts["jets"]["jetHwQual"].to_pylist()
    assert events.etmhf.phi.tolist() == parts["FET"]["phi"].to_pylist()
    assert events.htt.towers.tolist() == parts["HT"]["tower_count"].to_pylist()
    assert "ettem" not in events.ett.fields
    for name in ("run", "lumi", "event", "orbit"):
        assert events[name].tolist() == info[name]
    assert events.crossing.tolist() == [0] * 57
    assert a[1].values.any(axis=1).tolist() == info["L1bit"]


def test_chunks_cross_row_groups_and_files(tmp_path: Path) -> None:
    parts = tables(50)
    one = write_hugging_face(tmp_path / "a.parquet", parts, row_group=7)
    many = write_zenodo(tmp_path / "zenodo", parts, files=4)
    whole = read_events(one)
    for path in (one, many):
        chunks = list(open_file(path).chunks(chunk_events=20, bits=True))
        assert [(c.entry_start, c.entry_stop) for c in chunks] == [(0, 20), (20, 40), (40, 50)]
        assert concatenate([c.events for c in chunks]).tolist() == whole.tolist()
        assert [len(c.bits.values) for c in chunks if c.bits] == [20, 20, 10]


def test_order_of_objects(tmp_path: Path) -> None:
    parts = tables(40)
    path = write_hugging_face(tmp_path / "a.parquet", parts)
    readout, ordered = read_events(path, order="readout"), read_events(path)
    assert ordered.tolist() == trim(readout).tolist()
    assert readout.mu.pt.tolist() != ordered.mu.pt.tolist()


def _events(rows: int, **others: Any) -> ak.Array:
    ids: dict[str, Any] = {name: np.arange(rows) for name in SCALARS}
    ids["crossing"] = np.zeros(rows, int)
    return build_events({**ids, **others}, {})


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), step=st.integers(1, 4))
def test_what_is_written_comes_back(
    data: st.DataObject,
    step: int,
    chunks_strategy: st.SearchStrategy[list[ak.Array]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    drawn = data.draw(chunks_strategy)
    parts = [_known_fields(each) for each in drawn]
    total = sum(len(each) for each in parts)
    seeds = np.array(
        data.draw(st.lists(st.booleans(), min_size=2 * total, max_size=2 * total)), bool
    ).reshape(total, 2)
    path = tmp_path_factory.mktemp("parquet") / "events.parquet"
    chunks, start = [], 0
    for events in parts:
        stop = start + len(events)
        bits = SeedBits(("L1_A", "L1_B"), seeds[start:stop])
        chunks.append(Chunk("", "", start, stop, events, bits=bits))
        start = stop
    if total == 0:
        with pytest.raises(InputFileError, match="there are no events to write"):
            write_parquet(path, chunks, provenance={})
        assert list(path.parent.iterdir()) == []
        return
    assert write_parquet(path, chunks, provenance={"seed": 3}) == total
    reader = open_file(path)
    assert reader.provenance() == {"seed": 3}
    read = list(reader.chunks(chunk_events=step, bits=True))
    expected = trim(concatenate(parts))
    found = concatenate([each.events for each in read])
    assert found.fields == expected.fields
    assert ak.array_equal(found, expected)
    values = np.concatenate([each.bits.values for each in read if each.bits])
    np.testing.assert_array_equal(values, seeds)


def _known_fields(events: ak.Array) -> ak.Array:
    """Return events of crossing 0 with the fields that the data set has, and no others."""
    kept = {}
    for name in REQUIRED_FIELDS:
        part = columns(events, name)
        known = [field for field in part.fields if field in COLUMNS[name][1]]
        kept[name] = Columns(part.offsets, {field: part.fields[field] for field in known})
    scalars = {k: v for k, v in scalar_columns(events).items() if not k.startswith("mus")}
    return build_events({**scalars, "crossing": np.zeros(len(events), int)}, kept)


def test_the_written_columns_are_those_of_the_data_set(tmp_path: Path) -> None:
    parts = tables(5)
    original = write_hugging_face(tmp_path / "a.parquet", parts)
    chunks = open_file(original, order="readout").chunks(bits=True)
    write_parquet(tmp_path / "b" / "a.parquet", chunks, provenance={})
    copy = pq.read_table(tmp_path / "b" / "a.parquet")
    given = pq.read_table(original)
    left_out = {"bx", "time", "nPV_True", "split", "order", "L1bit", "dataset", "label"}
    assert set(given.column_names) - set(copy.column_names) == left_out | {
        "jets_jetRawEt",
        "ET_ETTEM",
    }
    for name in copy.column_names:
        assert copy[name].to_pylist() == given[name].to_pylist(), name
    seeds = pq.read_table(tmp_path / "b" / "seeds" / "a.parquet")
    assert seeds["L1_Seed2"].to_pylist() == parts["seeds"]["L1_Seed2"].to_pylist()
    assert seeds["L1bit"].to_pylist() == parts["seeds"]["L1bit"].to_pylist()


def test_only_crossing_0_is_written(tmp_path: Path) -> None:
    other = _events(2, crossing=np.array([0, -1]))
    with pytest.raises(InputFileError, match="columns are of crossing 0, not -1"):
        write_parquet(tmp_path / "a.parquet", [Chunk("", "", 0, 2, other)], provenance={})
    assert list(tmp_path.iterdir()) == []


def test_some_chunks_with_decisions_and_some_without(tmp_path: Path) -> None:
    bits = SeedBits(("L1_A",), np.zeros((2, 1), bool))
    pair = [Chunk("", "", 0, 2, _events(2), bits=bits), Chunk("", "", 2, 4, _events(2))]
    for chunks in (pair, pair[::-1]):
        with pytest.raises(ValueError, match="either all chunks have decisions, or none"):
            write_parquet(tmp_path / "a.parquet", chunks, provenance={})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_seeds_left_from_an_older_file_go(tmp_path: Path) -> None:
    bits = SeedBits(("L1_A",), np.zeros((2, 1), bool))
    path = tmp_path / "a.parquet"
    write_parquet(path, [Chunk("", "", 0, 2, _events(2), bits=bits)], provenance={})
    write_parquet(path, [Chunk("", "", 0, 2, _events(2))], provenance={})
    with pytest.raises(InputFileError, match="holds no decisions"):
        open_file(path).chunks(bits=True)


@pytest.mark.parametrize("pileup", [pa.int32(), pa.float32()])
def test_rubbish_in_columns_that_are_not_read_changes_nothing(tmp_path: Path, pileup: Any) -> None:
    """NPV is uninitialised in some files and has another type in others."""
    parts = tables(6)
    path = write_hugging_face(tmp_path / "a.parquet", parts)
    expected = read_events(path).tolist()
    info = parts["event_info"]
    place = info.column_names.index("nPV_True")
    parts["event_info"] = info.set_column(place, "nPV_True", pa.array([15913] * 6, pileup))
    assert read_events(write_hugging_face(path, parts)).tolist() == expected


@pytest.mark.parametrize("kind", [pa.int8(), pa.int16(), pa.uint16(), pa.int64(), pa.float32()])
def test_any_width_of_integers(tmp_path: Path, kind: Any) -> None:
    parts = tables(6)
    quality = parts["muons"]["muonQual"].cast(pa.list_(kind))
    place = parts["muons"].column_names.index("muonQual")
    expected = parts["muons"]["muonQual"].to_pylist()
    parts["muons"] = parts["muons"].set_column(place, "muonQual", quality)
    path = write_hugging_face(tmp_path / "a.parquet", parts)
    assert read_events(path, order="readout").mu.qual.tolist() == expected


def _with(parts: dict[str, pa.Table], folder: str, column: str, values: Any) -> None:
    table = parts[folder]
    parts[folder] = table.set_column(table.column_names.index(column), column, values)


def test_damaged_tables_are_refused(tmp_path: Path) -> None:
    def refused(error: type[Exception], message: str, parts: dict[str, pa.Table]) -> None:
        path = write_hugging_face(tmp_path / "a.parquet", parts)
        with pytest.raises(error, match=message):
            read_events_and_bits(path)

    parts = tables(4)
    parts["jets"] = parts["jets"].drop_columns(["jetIEta"])
    refused(MissingNameError, "no column 'jets_jetIEta'; nearest: jets_jetIEt", parts)
    parts = tables(4)
    parts["seeds"] = parts["seeds"].slice(0, 3)
    refused(InputFileError, "seeds has 3 rows, the events have 4", parts)
    parts = tables(4)
    parts["seeds"] = parts["seeds"].take([0, 2, 1, 3])
    refused(InputFileError, "row 1: the seeds beside it are of another event", parts)
    parts = tables(4)
    _with(parts, "MET", "phi", pa.array([[3], [143], [144], [0]]))
    refused(RangeError, r"row 2: etm.phi is 144, outside of its range 0 to 143", parts)
    parts = tables(4)
    _with(parts, "MET", "phi", pa.array([[3], [143], [], [0]]))
    refused(InputFileError, "MET_phi: has lists of another length than its neighbours", parts)
    parts = tables(4)
    _with(parts, "ET", "Et", pa.array([[3], None, [1], [0]]))
    refused(InputFileError, "ET_Et: has rows without a value", parts)
    parts = tables(4)
    _with(parts, "ET", "Et", pa.array([["3"], ["1"], ["1"], ["0"]]))
    refused(InputFileError, "ET_Et: holds string, not numbers", parts)
    parts = tables(4)
    _with(parts, "ET", "Et", pa.array([[3.5], [1.0], [1.0], [0.0]]))
    refused(InputFileError, "ET_Et: holds .* values that are no integers", parts)


def test_a_seeds_table_alone_holds_no_events(tmp_path: Path) -> None:
    write_hugging_face(tmp_path / "a.parquet", tables(4))
    with pytest.raises(MissingNameError, match="no column 'run'"):
        open_file(tmp_path / "seeds" / "a.parquet")


def test_folders_of_different_lengths_are_refused(tmp_path: Path) -> None:
    parts = tables(9)
    parts["taus"] = parts["taus"].slice(0, 8)
    with pytest.raises(InputFileError, match="tau has 8 rows, the events have 9"):
        open_file(write_zenodo(tmp_path / "zenodo", parts))


def test_sums_without_et_count_and_objects_without_pt_do_not(tmp_path: Path) -> None:
    parts = tables(2)
    _with(parts, "MET", "Et", pa.array([[0], [5]]))
    for name in parts["egammas"].column_names:
        values = {"egIEt": [[4, 0, 2], [0]], "egIEta": [[1, 2, 3], [4]]}.get(name, [[0, 0, 0], [0]])
        _with(parts, "egammas", name, pa.array(values))
    events = read_events(write_hugging_face(tmp_path / "a.parquet", parts))
    assert events.etm.pt.tolist() == [[0], [5]]
    assert events.eg.pt.tolist() == [[4, 2], []]
    assert events.eg.eta.tolist() == [[1, 3], []]


def test_what_inspect_says(tmp_path: Path) -> None:
    summary = open_file(write_hugging_face(tmp_path / "a.parquet", tables(4))).describe()
    assert (summary.format_name, summary.entries, summary.decisions) == ("parquet", 4, 4)
    assert {"mu.iso", "mu.dxy", "ett.ettem"} <= set(summary.missing)
    assert not {"mu.phi", "mu.eta", "jet.qual", "htt.towers"} & set(summary.missing)
    assert summary.notes == ("ET_ETTEM is not read: converters filled it from another sum",)
