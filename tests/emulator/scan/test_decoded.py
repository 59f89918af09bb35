"""Decoded files: from the cache or not, the same to the last bit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from small_samples import draw_events, make_small_model, write_events

from emulator.errors import InputFileError
from emulator.objects import open_file
from emulator.scan import Piece, decoded, run_scan
from emulator.scan.decoded import Wanted, cache_key, decoded_chunks, event_keys

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.emulator.scan.conftest import MakePlan

WANTED = Wanted((make_small_model().layout,), "unpacked", 40, 7, 3)


def piece(path: Path, sample: str = "s") -> Piece:
    return Piece("pu60", sample, 0, str(path))


@pytest.mark.parametrize("weighted", [True, False])
def test_the_cache_gives_what_was_decoded(tmp_path: Path, weighted: bool) -> None:
    path = tmp_path / "a.root"
    write_events(path, draw_events(100, 1, weighted=weighted))
    plain = list(decoded_chunks(piece(path), WANTED))
    cache = str(tmp_path / "cache")
    for _ in range(2):  # filled, then read
        again = list(decoded_chunks(piece(path), WANTED, folder=cache))
        assert len(again) == len(plain) == 3
        for ours, theirs in zip(again, plain, strict=True):
            np.testing.assert_array_equal(ours.rows[0], theirs.rows[0])
            np.testing.assert_array_equal(ours.keys, theirs.keys)
            np.testing.assert_array_equal(ours.crossings.weights, theirs.crossings.weights)
            np.testing.assert_array_equal(ours.crossings.blocks, theirs.crossings.blocks)
            assert ours.crossings.total == theirs.crossings.total
            assert ours.crossings.ranges == theirs.crossings.ranges
            assert ours.crossings.has_pools == theirs.crossings.has_pools
            assert ours.scalars == theirs.scalars


def test_a_scan_decodes_once(
    make_plan: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def counted(path: str, **settings: Any) -> Any:
        opened.append(path)
        return open_file(path, **settings)

    monkeypatch.setattr(decoded, "open_file", counted)
    plain = run_scan(make_plan(), tmp_path / "plain").result
    assert len(opened) == 5  # each file once, for two models and two objects
    cached = make_plan(counting={"cache": str(tmp_path / "cache")})
    assert run_scan(cached, tmp_path / "first").result == plain
    opened.clear()
    assert run_scan(cached, tmp_path / "second").result == plain
    assert opened == []


def test_another_file_of_the_same_name_is_decoded_again(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.root", str(tmp_path / "cache")
    write_events(path, draw_events(50, 1))
    before = cache_key(piece(path), WANTED)
    list(decoded_chunks(piece(path), WANTED, folder=cache))
    write_events(path, draw_events(50, 2))
    assert cache_key(piece(path), WANTED) != before
    (chunk, _) = decoded_chunks(piece(path), WANTED, folder=cache)
    (expected, _) = decoded_chunks(piece(path), WANTED)
    np.testing.assert_array_equal(chunk.rows[0], expected.rows[0])


def test_the_key_sees_all_that_matters(tmp_path: Path) -> None:
    from dataclasses import replace

    path = tmp_path / "a.root"
    write_events(path, draw_events(50, 1))
    key = cache_key(piece(path), WANTED)
    moved = path.rename(tmp_path / "b.root")
    assert cache_key(piece(moved), WANTED) == key
    others = [
        cache_key(piece(moved, sample="t"), WANTED),
        cache_key(replace(piece(moved), n_parts=2), WANTED),
        cache_key(replace(piece(moved), n_parts=2, part=1), WANTED),
        *(
            cache_key(piece(moved), replace(WANTED, **change))
            for change in (
                {"layouts": ()},
                {"source": "emulated"},
                {"chunk_events": 41},
                {"replicas": 8},
                {"seed": 4},
            )
        ),
    ]
    os.utime(moved, ns=(1, 1))
    others.append(cache_key(piece(moved), WANTED))
    assert len({key, *others}) == 10


def test_nothing_is_kept_of_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "bad.root"
    path.write_bytes(b"rubbish")
    with pytest.raises(InputFileError, match="its first bytes are of no format that is read"):
        list(decoded_chunks(piece(path), WANTED, folder=str(tmp_path / "cache")))
    assert [each.suffix for each in tmp_path.glob("cache/*")] == [".lock"]


def test_keys_tell_crossings_apart() -> None:
    base: dict[str, NDArray[Any]] = {
        "run": np.array([1, 1, 1, 2, 1, 1], dtype=np.uint32),
        "lumi": np.array([1, 1, 2, 1, 1, 1], dtype=np.uint32),
        "event": np.array([1, 2, 1, 1, 1, 2**63 + 1], dtype=np.uint64),
        "crossing": np.array([0, 0, 0, 0, -1, 0], dtype=np.int16),
    }
    assert len(set(event_keys(base).tolist())) == 6
    assert (
        event_keys(base).tolist() == event_keys({name: base[name].copy() for name in base}).tolist()
    )
    pools = {**base, "pool_id": np.arange(6, dtype=np.uint64)}
    assert not set(event_keys(pools).tolist()) & set(event_keys(base).tolist())
