"""Decoded rows are those of the reader, whether they come from the file, the store, or processes."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from small_samples import draw_events, make_byte_model, make_small_model, write_events

from emulator.decoded import DecodedRows, RowsWanted, Store, casts_of, columns, decoded_rows
from emulator.engine import evaluate_rows
from emulator.errors import InputFileError, MissingNameError, WorkerError
from emulator.features import Era, feature_rows
from emulator.graph import Graph, OffsetShift
from emulator.objects import open_file, read_events, scalar_columns

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = make_small_model().layout


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "a.root"
    write_events(path, draw_events(100, 1, weighted=True))
    return path


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_ENTRIES", 30)


def assert_same_as_reader(path: Path, parts: list[DecodedRows]) -> None:
    events = read_events(path)
    rows = np.concatenate([part.rows for part in parts])
    np.testing.assert_array_equal(rows, feature_rows(events, LAYOUT))
    for name, values in scalar_columns(events).items():
        kept = np.concatenate([part.scalars[name] for part in parts])
        assert kept.dtype == values.dtype
        np.testing.assert_array_equal(kept, values)


@pytest.mark.usefixtures("small_parts")
def test_rows_from_file_and_store(sample: Path, tmp_path: Path) -> None:
    wanted, store = RowsWanted(LAYOUT), Store(tmp_path / "store")
    assert_same_as_reader(sample, list(decoded_rows(str(sample), wanted)))
    for _ in range(2):
        parts = list(decoded_rows(str(sample), wanted, store=store))
        assert [len(part.rows) for part in parts] == [30, 30, 30, 10]
        assert_same_as_reader(sample, parts)


@pytest.mark.usefixtures("small_parts")
def test_processes_decode_the_same(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_MIN_ENTRIES_PER_PROCESS", 40)
    store = Store(tmp_path / "store")
    assert_same_as_reader(
        sample, list(decoded_rows(str(sample), RowsWanted(LAYOUT), store=store, jobs=2))
    )


def die(*_: object) -> None:
    """Stand for a process that is killed from outside."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_dies_is_told_in_one_sentence(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_MIN_ENTRIES_PER_PROCESS", 40)
    monkeypatch.setattr(columns, "_store", die)
    store = Store(tmp_path / "store")
    problem = r"a process of the reading of .*a\.root died .* fewer --jobs if memory was short"
    with pytest.raises(WorkerError, match=problem):
        list(decoded_rows(str(sample), RowsWanted(LAYOUT), store=store, jobs=2))
    assert not [path for path in (tmp_path / "store").iterdir() if path.is_dir()]


def test_a_stored_file_is_not_opened_again(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def counted(path: str, **settings: object) -> object:
        opened.append(path)
        return open_file(path, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(columns, "open_file", counted)
    for _ in range(3):
        list(decoded_rows(str(sample), RowsWanted(LAYOUT), store=Store(tmp_path / "s")))
    assert len(opened) == 1


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("kept", [True, False])
def test_a_crossing_that_the_file_lacks_is_refused(
    sample: Path, tmp_path: Path, kept: bool
) -> None:
    store = Store(tmp_path / "store") if kept else None
    wanted = RowsWanted(LAYOUT, crossings=(0, 1))
    with pytest.raises(InputFileError, match="crossing 1 is in no entry; offered: 0"):
        list(decoded_rows(str(sample), wanted, store=store))
    assert [each.suffix for each in tmp_path.glob("store/*")] == [".lock"] * kept


def test_errors_come_back_from_processes(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one with most parts, lest it be lost on the way between processes."""
    monkeypatch.setattr(columns, "_ENTRIES", 50)
    monkeypatch.setattr(columns, "_MIN_ENTRIES_PER_PROCESS", 40)
    feature = replace(LAYOUT.features[0], object="jet", field="displaced", slot=0)
    layout = replace(LAYOUT, features=(feature, *LAYOUT.features[1:]))
    with pytest.raises(MissingNameError, match=r"no field 'jet\.displaced'; nearest: jet\."):
        list(decoded_rows(str(sample), RowsWanted(layout), store=Store(tmp_path / "s"), jobs=2))
    assert [each.suffix for each in tmp_path.glob("s/*")] == [".lock"]


@pytest.mark.usefixtures("small_parts")
def test_cast_rows_are_kept_apart(sample: Path, tmp_path: Path) -> None:
    graph = make_byte_model().graph
    casts = casts_of(graph, LAYOUT)
    assert casts is not None
    store = Store(tmp_path / "s")
    plain, cast = RowsWanted(LAYOUT), RowsWanted(LAYOUT, casts=casts)
    rows = np.concatenate([each.rows for each in decoded_rows(str(sample), plain, store=store)])
    expected = evaluate_rows(casts.casts, rows)["scaled"]
    for kept in (store, store, None):
        found = np.concatenate([each.rows for each in decoded_rows(str(sample), cast, store=kept)])
        assert found.dtype == np.int8
        np.testing.assert_array_equal(found, expected)
    assert len(list((tmp_path / "s").glob("*/sizes.json"))) == 2


def test_casts_do_not_hide_features_out_of_range() -> None:
    graph = make_byte_model().graph
    narrow = replace(graph.input, format=replace(graph.input.format, width=13, integer=13))
    assert casts_of(Graph((narrow, *graph.nodes[1:]), graph.outputs), LAYOUT) is not None
    narrow = replace(graph.input, format=replace(graph.input.format, width=12, integer=12))
    assert casts_of(Graph((narrow, *graph.nodes[1:]), graph.outputs), LAYOUT) is None


def test_everything_that_is_taken_enters_the_key() -> None:
    graph = make_byte_model().graph
    scaling = graph["scaled"]
    assert isinstance(scaling, OffsetShift)
    scaled = replace(scaling, shift=(1, 1, 1, 1))
    other = casts_of(Graph((graph.input, scaled, *graph.nodes[2:]), graph.outputs), LAYOUT)
    swapped = replace(LAYOUT, features=LAYOUT.features[::-1])
    keys = [
        RowsWanted(LAYOUT).key,
        RowsWanted(swapped).key,
        RowsWanted(replace(LAYOUT, order="readout")).key,
        RowsWanted(replace(LAYOUT, era=Era("halved"))).key,
        RowsWanted(LAYOUT, "emulated").key,
        RowsWanted(LAYOUT, crossings=(0, 1)).key,
        RowsWanted(LAYOUT, casts=casts_of(graph, LAYOUT)).key,
        RowsWanted(LAYOUT, casts=other).key,
    ]
    assert len({json.dumps(key) for key in keys}) == len(keys)
