"""Pools: ids, pieces, files, and what is reused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import InputFileError, SettingsError
from emulator.samples import pools as pools_module
from emulator.samples.pools import (
    SEED_LIMIT,
    PieceRequest,
    Pool,
    load_cross_section,
    load_pool,
    make_piece,
    piece_requests,
    pool_event_id,
    save_pool,
)
from emulator.samples.settings import SPLITS, GeneratorSettings, load_generator

if TYPE_CHECKING:
    from emulator.samples.detector import ResponseSettings

ID = st.tuples(
    st.integers(0, 255),
    st.sampled_from(SPLITS),
    st.integers(0, SEED_LIMIT - 1),
    st.integers(0, 2**28 - 1),
)


@settings(deadline=None)
@given(ID, ID)
def test_ids_are_equal_only_for_the_same_event(
    one: tuple[int, str, int, int], other: tuple[int, str, int, int]
) -> None:
    def key(parts: tuple[int, str, int, int]) -> int:
        return int(pool_event_id(*parts[:3], np.array([parts[3]]))[0])

    assert (key(one) == key(other)) == (one == other)


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 90))
def test_pieces_hold_each_event_once(n: int, size: int) -> None:
    pieces = piece_requests("W", "eval", n, size, 1, Path())
    numbers = [p.first_event + i for p in pieces for i in range(p.n_events)]
    assert numbers == list(range(n))
    assert [p.piece for p in pieces] == list(range(len(pieces)))


@pytest.mark.parametrize("seed", [-1, SEED_LIMIT])
def test_seed_must_fit_into_the_id(seed: int) -> None:
    with pytest.raises(SettingsError, match="seed of a sample must be 0 to 16777215"):
        piece_requests("W", "eval", 10, 5, seed, Path())


def test_round_trip_and_join(tmp_path: Path, pools: dict[str, Pool]) -> None:
    pool = pools["qcd30"]
    save_pool(pool, tmp_path / "a.npz")
    once, twice = load_pool([tmp_path / "a.npz"]), load_pool([tmp_path / "a.npz"] * 2)
    np.testing.assert_array_equal(once.event_id, pool.event_id)
    np.testing.assert_array_equal(once.deposits.candidates, pool.deposits.candidates)
    np.testing.assert_allclose(once.deposits.em_gev, pool.deposits.em_gev, rtol=5e-4)
    assert twice.n_events == 2 * pool.n_events
    assert twice.deposits.tower_offsets[-1] == 2 * pool.deposits.tower_offsets[-1]
    middle = pool.deposits.candidate_offsets[-1]
    np.testing.assert_array_equal(twice.deposits.candidates[middle:], pool.deposits.candidates)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_cross_section_is_weighted_by_generated_events(
    tmp_path: Path, pools: dict[str, Pool]
) -> None:
    for name, sigma, generated in (("a", 1.0, 100), ("b", 2.0, 300)):
        pool = replace(pools["tt"], sigma_mb=sigma, generated=generated)
        save_pool(pool, tmp_path / f"{name}.npz")
    paths = [tmp_path / "a.npz", tmp_path / "b.npz"]
    assert load_cross_section(paths) == (1.75, 400)
    assert load_pool(paths).sigma_mb == 1.75


def test_damaged_and_mixed_files(tmp_path: Path, pools: dict[str, Pool]) -> None:
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    with pytest.raises(InputFileError, match="not a readable pool of events"):
        load_pool([tmp_path / "broken.npz"])
    with pytest.raises(InputFileError, match="not a readable pool of events"):
        load_pool([tmp_path / "absent.npz"])
    for name in ("tt", "qcd30"):
        save_pool(pools[name], tmp_path / f"{name}.npz")
    with pytest.raises(InputFileError, match="must be of one pool"):
        load_pool([tmp_path / "tt.npz", tmp_path / "qcd30.npz"])


def test_file_name_follows_everything_that_changes_events(
    tmp_path: Path, response: ResponseSettings
) -> None:
    generator: GeneratorSettings = load_generator()
    request = PieceRequest("W", "eval", 0, 10, 0, 1, tmp_path)
    names = {
        request.path(generator, response),
        replace(request, seed=2).path(generator, response),
        replace(request, n_events=11).path(generator, response),
        replace(request, piece=1).path(generator, response),
        replace(request, split="tune").path(generator, response),
        request.path(replace(generator, sqrt_s_tev=14.0), response),
        request.path(generator, replace(response, pool_sha256="0")),
        request.path(replace(generator, reuse_initialisation=()), response),
    }
    assert len(names) == 8
    # Other processes, K factors and strata do not touch the events of this one.
    same = replace(generator, processes=generator.processes[:10], inelastic_mb=80.0)
    assert request.path(same, response) == request.path(generator, response)


def test_finished_piece_is_kept(
    tmp_path: Path,
    pools: dict[str, Pool],
    response: ResponseSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = load_generator()
    request = PieceRequest("tt", "eval", 0, 20, 0, 1, tmp_path)
    path = request.path(generator, response)
    save_pool(pools["tt"], path)
    monkeypatch.setattr(pools_module, "Generator", lambda *_: pytest.fail("started"))
    assert make_piece(request, generator, response) == path
    # A damaged piece is made again.
    path.write_bytes(b"cut off")
    with pytest.raises(pytest.fail.Exception, match="started"):
        make_piece(request, generator, response)
