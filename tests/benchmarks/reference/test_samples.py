"""The committed samples are what today's generator makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.reference import FOLDER
from emulator.samples import generate, load_generator, load_response, load_tier
from emulator.samples.manifest import load_manifest
from emulator.samples.pieces import crossing_pieces, pool_key, pool_pieces, simulate_piece
from emulator.samples.pileup import poisson
from emulator.samples.plan import Plan
from emulator.samples.pools import make_piece
from emulator.samples.sample_files import write_file

if TYPE_CHECKING:
    from pathlib import Path

COMMITTED = load_manifest(FOLDER / "samples")
ADVICE = (
    "the generator has moved: if that is right, make the fixture again as docs/benchmarks.md says"
)


def _plan() -> Plan:
    tier = load_tier(COMMITTED.tier)
    return Plan(
        tier=tier,
        generator=load_generator(tier.processes),
        response=load_response(),
        scales=COMMITTED.scales,
        pileup=poisson(COMMITTED.pileup),
        seed=COMMITTED.seed,
    )


def test_settings_and_sizes_are_those_of_today() -> None:
    plan = _plan()
    assert plan.generator.sha256() == COMMITTED.generator_sha256, ADVICE
    assert plan.response.sha256 == COMMITTED.response_sha256, ADVICE
    assert plan.identity_sha256() == COMMITTED.identity_sha256, ADVICE


def test_the_generator_makes_the_smallest_file_again(tmp_path: Path) -> None:
    """From nothing, all processes of one split; what it shares with the others are cross-sections."""
    pytest.importorskip("pythia8mc")
    plan = _plan()
    wanted = COMMITTED.file("train")
    pieces = [piece for piece in pool_pieces(plan, tmp_path) if piece.split == wanted.role]
    pools = {
        pool_key(piece): (make_piece(piece, plan.generator, plan.response),) for piece in pieces
    }
    assert len(pools) == len(pieces)
    requests = crossing_pieces(plan, pools, COMMITTED.sigma_mb)[wanted.name]
    parts = [simulate_piece(request, plan) for request in requests]
    assert write_file(tmp_path, wanted.name, requests, parts, plan) == wanted, ADVICE


@pytest.mark.deep
def test_the_generator_makes_all_files_again(tmp_path: Path) -> None:
    pytest.importorskip("pythia8mc")
    made = generate(COMMITTED.tier, tmp_path, seed=COMMITTED.seed)
    assert made.content_sha256() == COMMITTED.content_sha256(), ADVICE
    assert made == COMMITTED
