"""Score tables go through files unchanged, or leave nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import uproot

from emulator.errors import InputFileError, SettingsError
from l1distill.score_table import (
    IDENTITY,
    STATISTICS,
    ScoreTable,
    check_output_name,
    identity_columns,
    write_columns,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.l1distill.conftest import MakeEvents


def assert_same(found: Any, expected: Any) -> None:
    assert list(found) == list(expected)
    for name, column in expected.items():
        assert found[name].dtype == column.dtype, name
        np.testing.assert_array_equal(found[name], column)


@pytest.mark.parametrize("weighted", [True, False])
def test_parquet_gives_back_the_table(
    tmp_path: Path, make_events: MakeEvents, weighted: bool
) -> None:
    events = make_events(50, 1, weighted=weighted)
    identity = identity_columns(events)
    limits = np.iinfo(np.int64)
    scores = {
        "leading e/gamma": np.arange(50, dtype=np.int64),
        "score: odd name": np.array([limits.min, limits.max] * 25),
    }
    ScoreTable(identity, scores).write(tmp_path / "scores.parquet")
    found = ScoreTable.read(tmp_path / "scores.parquet")
    assert len(found) == 50
    assert_same(found.identity, identity)
    assert_same(found.scores, scores)
    assert tuple(identity) == (IDENTITY + STATISTICS if weighted else IDENTITY)
    assert (found.weights is not None) == weighted
    assert (found.pool_ids is not None) == weighted
    if weighted:
        np.testing.assert_array_equal(found.weights, np.asarray(events["weight"]))
        np.testing.assert_array_equal(found.pool_ids, np.asarray(events["pool_id"]))


def parts() -> list[dict[str, NDArray[Any]]]:
    return [
        {
            "event": np.array([1, 2**64 - 1], dtype=np.uint64),
            "score": np.array([-5, 2**62], dtype=np.int64),
            "fires_1kHz": np.array([False, True]),
        },
        {
            "event": np.array([3], dtype=np.uint64),
            "score": np.array([0], dtype=np.int64),
            "fires_1kHz": np.array([True]),
        },
    ]


def test_root_holds_all_parts_in_order(tmp_path: Path) -> None:
    path = tmp_path / "scores.root"
    assert write_columns(path, parts()) == 3
    with uproot.open(path) as file:
        found = file["scores"].arrays(library="np")
    assert list(found) == ["event", "score", "fires_1kHz"]
    assert found["event"].tolist() == [1, 2**64 - 1, 3]
    assert found["score"].tolist() == [-5, 2**62, 0]
    assert found["fires_1kHz"].tolist() == [False, True, True]


def test_parquet_holds_all_parts_in_order(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    assert write_columns(path, parts()) == 3
    table = ScoreTable.read(path)
    assert table.identity["event"].tolist() == [1, 2**64 - 1, 3]
    assert table.identity["fires_1kHz"].tolist() == [False, True, True]


def test_arrow_files_can_be_mapped(tmp_path: Path) -> None:
    path = tmp_path / "scores.arrow"
    assert write_columns(path, parts()) == 3
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
        assert table["event"].to_pylist() == [1, 2**64 - 1, 3]
        assert table["score"].to_pylist() == [-5, 2**62, 0]
        assert table["fires_1kHz"].to_pylist() == [False, True, True]


@pytest.mark.parametrize("name", ["scores.csv", "scores", "scores.PARQUET", "scores.root.gz"])
def test_other_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"written as \.parquet, \.arrow or \.root, name"):
        check_output_name(tmp_path / name)
    with pytest.raises(SettingsError, match=name):
        write_columns(tmp_path / name, parts())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").mkdir()
    with pytest.raises(SettingsError, match=r"a\.parquet: is a folder; give the output another"):
        check_output_name(tmp_path / "a.parquet")


@pytest.mark.parametrize("ending", ["parquet", "arrow", "root"])
@pytest.mark.parametrize("good", [0, 1])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, ending: str, good: int) -> None:
    def failing() -> Iterator[dict[str, NDArray[Any]]]:
        yield from parts()[:good]
        raise InputFileError("some.root", "is damaged")

    with pytest.raises(InputFileError, match="is damaged"):
        write_columns(tmp_path / f"scores.{ending}", failing())
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_file_of_before(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    write_columns(path, parts())
    before = path.read_bytes()
    with pytest.raises(InputFileError):
        write_columns(path, [])
    assert path.read_bytes() == before


@pytest.mark.parametrize("ending", ["parquet", "arrow", "root"])
def test_no_crossing_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"scores.{ending}"
    with pytest.raises(InputFileError, match="not written: no crossing was read"):
        write_columns(path, [])
    assert list(tmp_path.iterdir()) == []


def test_decisions_go_with_their_crossings() -> None:
    identity = {"event": np.arange(4, dtype=np.uint64)}
    decisions = np.array([[True, False], [False, False], [False, True], [True, True]])
    table = ScoreTable(identity, {"m": np.arange(4)}, decisions)
    chosen = np.array([True, False, False, True])
    parts = [table.taken(chosen), table.taken(~chosen)]
    joined = ScoreTable.joined(parts)
    assert joined.identity["event"].tolist() == [0, 3, 1, 2]
    assert joined.decisions is not None
    assert joined.decisions.tolist() == decisions[[0, 3, 1, 2]].tolist()
    plain = ScoreTable(identity, {"m": np.arange(4)})
    assert ScoreTable.joined([table, plain]).decisions is None
    assert plain.taken(chosen).decisions is None
