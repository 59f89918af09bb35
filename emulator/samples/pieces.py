"""The pieces that a unit of samples is made of: of pools, and of crossings."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from emulator.files import replace_file
from emulator.objects import load_scales
from emulator.samples import draws, strata
from emulator.samples.crossings import Crossings, compile_simulation, simulate
from emulator.samples.deposit import compile_deposit
from emulator.samples.overlays import Overlays, build_overlays
from emulator.samples.pools import (
    SIMULATION_DOMAIN,
    PieceRequest,
    load_cross_section,
    load_pool,
    make_piece,
    piece_requests,
)
from emulator.samples.settings import SPLITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.samples.detector import MuonResponse
    from emulator.samples.plan import Plan
    from emulator.samples.settings import StrataSettings

PoolPaths = tuple[tuple[str, tuple[Path, ...]], ...]

#: Split whose pools make the pile-up of signals: disjoint from what a network is trained and tuned
#: on, and the same interactions that the rate is measured with.
SIGNAL_PILEUP_SPLIT: Final = "eval"

#: Splits whose pools keep what was generated: resolutions and turn-on curves are drawn from these.
TRUTH_SPLITS: Final = ("eval", "signal")


@dataclass(frozen=True, slots=True)
class CrossingsRequest:
    """One piece of crossings of one file."""

    split: str
    stratum: int
    piece: int
    first: int
    n: int
    of: int
    in_file: int
    pools: PoolPaths
    sigma_mb: tuple[tuple[str, float], ...]
    signal: tuple[str, tuple[Path, ...]] | None = None


class MadePool(NamedTuple):
    """File of a piece of a pool, none for the compilation; and the processor time that it took."""

    path: Path | None
    cpu_seconds: float


class MadeCrossings(NamedTuple):
    """A piece of crossings, the probability of its stratum, and the processor time that it took."""

    crossings: Crossings
    probability: float
    cpu_seconds: float


def pool_keys(plan: Plan) -> list[tuple[str, str]]:
    """Process and split of every pool, in the order in which they are made."""
    background = [
        (name, split)
        for split in SPLITS[:3]
        for name in sorted(plan.generator.strata.processes(), key=lambda name: _is_soft(name, plan))
    ]
    return background + [(name, "signal") for name in plan.tier.signals]


def _is_soft(name: str, plan: Plan) -> bool:
    return plan.generator.process(name).is_soft


def pool_key(request: PieceRequest) -> tuple[str, str]:
    """Process and split of the pool that a piece belongs to."""
    return request.process, request.split


def pool_pieces(plan: Plan, folder: Path) -> list[PieceRequest]:
    """All pieces of pools. The first soft one starts, since it makes a file that takes long; the others end."""
    pieces: list[PieceRequest] = []
    for name, split in pool_keys(plan):
        tier = plan.tier
        n = tier.signals[name].events if split == "signal" else tier.events[split][name]
        truth = tier.truth_events if split in TRUTH_SPLITS and not _is_soft(name, plan) else 0
        own = piece_requests(name, split, n, tier.piece_events, plan.seed, folder)
        pieces += [
            replace(
                piece,
                piece=piece.piece + plan.unit * len(own),
                first_event=piece.first_event + plan.unit * n,
                n_truth=truth,
            )
            for piece in own
        ]
    first = next((piece for piece in pieces if _is_soft(piece.process, plan)), None)
    return sorted(pieces, key=lambda p: 0 if p is first else 1 + _is_soft(p.process, plan))


def make_pool(piece: PieceRequest | None, plan: Plan) -> MadePool:
    """Make a piece of a pool, or compile the simulation of crossings.

    The time stands beside the piece, so that an interrupted run knows what the pieces took that it left.
    """
    start = time.process_time()
    if piece is None:
        # Deposits first: who has made a first piece meanwhile finds them in the cache.
        compile_deposit(plan.response)
        compile_simulation(plan.response, load_scales(plan.scales))
        return MadePool(None, time.process_time() - start)
    there = piece.path(plan.generator, plan.response).exists()
    path = make_piece(piece, plan.generator, plan.response)
    took = time.process_time() - start
    note = cpu_note(path)
    if there:
        return MadePool(path, float(note.read_text(encoding="utf-8")) if note.exists() else took)
    with replace_file(note) as draft:
        draft.write_text(f"{took:.2f}\n", encoding="utf-8")
    return MadePool(path, took)


def cpu_note(path: Path) -> Path:
    """Return the file that notes the processor seconds of a piece of a pool."""
    return path.with_suffix(".seconds")


def cross_section(
    name: str, pools: Mapping[tuple[str, str], tuple[Path, ...]]
) -> tuple[float, int]:
    """Cross-section over all splits: the probabilities of strata are the same in all files."""
    return load_cross_section([path for key in pools if key[0] == name for path in pools[key]])


def crossing_pieces(
    plan: Plan,
    pools: Mapping[tuple[str, str], tuple[Path, ...]],
    sigma: Mapping[str, float],
) -> dict[str, list[CrossingsRequest]]:
    """All pieces of crossings, by file."""
    tier, ranks = plan.tier, plan.generator.strata.ranks
    section = tuple(sorted(sigma.items()))
    files: dict[str, list[CrossingsRequest]] = {}
    for split in SPLITS[:3]:
        here = tuple((key[0], paths) for key, paths in pools.items() if key[1] == split)
        sizes = tier.crossings[split]
        files[plan.file_name(f"zerobias_{split}")] = [
            CrossingsRequest(
                split, number, piece, first, n, sizes[rank], sum(sizes.values()), here, section
            )
            for number, rank in enumerate(ranks)
            for piece, first, n in _cut(sizes[rank], tier.piece_crossings, plan.unit)
        ]
    pileup = tuple((key[0], paths) for key, paths in pools.items() if key[1] == SIGNAL_PILEUP_SPLIT)
    for name, size in tier.signals.items():
        own = (name, pools.get((name, "signal"), ()))
        total = size.crossings
        files[plan.file_name(f"signal_{name}")] = [
            CrossingsRequest("signal", -1, piece, first, n, total, total, pileup, section, own)
            for piece, first, n in _cut(total, tier.piece_crossings, plan.unit)
        ]
    return files


def _cut(total: int, size: int, unit: int) -> list[tuple[int, int, int]]:
    """Number (counted over units), first crossing and length of each piece."""
    starts = range(0, total, size)
    return [
        (piece + unit * len(starts), first, min(size, total - first))
        for piece, first in enumerate(starts)
    ]


@lru_cache(maxsize=1)
def _overlays(
    pools: PoolPaths,
    settings: StrataSettings,
    muons: MuonResponse,
    signal: tuple[str, tuple[Path, ...]] | None,
) -> Overlays:
    """Overlays of one split. Workers take pieces file by file, so one is kept."""
    loaded = {name: load_pool(paths) for name, paths in pools}
    own = load_pool(signal[1]) if signal else None
    return build_overlays(loaded, settings, muons, own)


def simulate_piece(request: CrossingsRequest, plan: Plan) -> MadeCrossings:
    """Simulate one piece."""
    start = time.process_time()
    generator = plan.generator
    muons = plan.response.muons
    overlays = _overlays(request.pools, generator.strata, muons, request.signal)
    sigma = dict(request.sigma_mb)
    means = strata.class_means(generator, overlays.muon_fraction, sigma, plan.pileup)
    code = generator.process(request.signal[0]).code if request.signal else request.stratum
    split = SPLITS.index(request.split)
    entropy = (SIMULATION_DOMAIN, plan.seed, split, code, request.piece)
    rng = np.random.default_rng(np.random.SeedSequence(entropy))
    number = request.first + np.arange(request.n)
    probability, scale = 1.0, 1.0
    if request.signal:
        entries = overlays.classes[request.signal[0]]
        leading = entries.first + number % len(entries.natural)
        draw = draws.draw_natural(overlays, means, request.n, rng, leading)
    else:
        stratum = generator.strata.ranks[request.stratum]
        draw = draws.draw_stratum(overlays, means, stratum, request.n, rng)
        probability = strata.class_probabilities(means)[stratum]
        scale = probability * request.in_file / request.of
    crossings = simulate(
        overlays,
        draw,
        means,
        plan.response,
        load_scales(plan.scales),
        rng,
        stratum=request.stratum,
    )
    return MadeCrossings(crossings.weighted(scale), probability, time.process_time() - start)
