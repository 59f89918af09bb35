"""From nothing to files: Pythia pools, crossings of zero bias and of signals, and their manifest."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.errors import SettingsError
from emulator.objects import load_scales
from emulator.objects.nano_writer import write_nano
from emulator.samples import strata
from emulator.samples.content import ContentHash
from emulator.samples.crossings import (
    Crossings,
    compile_simulation,
    integer_weights,
    join_crossings,
    simulate,
    to_events,
)
from emulator.samples.detector import load_response
from emulator.samples.manifest import (
    MANIFEST_NAME,
    SampleFile,
    SampleManifest,
    StratumRecord,
    save_manifest,
)
from emulator.samples.pools import (
    ORDER_DOMAIN,
    SIMULATION_DOMAIN,
    PieceRequest,
    load_cross_section,
    load_pool,
    make_piece,
    piece_requests,
)
from emulator.samples.pythia import require_pythia
from emulator.samples.settings import SPLITS, Tier, check_tier, load_generator, load_tier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import awkward as ak

    from emulator.samples.detector import MuonResponse, ResponseSettings
    from emulator.samples.settings import GeneratorSettings, StrataSettings

    Progress = Callable[[int, int, str], None]
    PoolPaths = tuple[tuple[str, tuple[Path, ...]], ...]

#: Split whose pools make the pile-up of signals: disjoint from what a network is trained and tuned
#: on, and the same interactions that the rate is measured with.
SIGNAL_PILEUP_SPLIT: Final = "eval"

_CHUNK_CROSSINGS: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Plan:
    """All settings of one call of `generate`, as workers need them."""

    tier: Tier
    generator: GeneratorSettings
    response: ResponseSettings
    scales: str
    pileup: float
    seed: int


@dataclass(frozen=True, slots=True)
class _CrossingsRequest:
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


def generate(
    tier: str | Tier,
    out_dir: str | Path,
    *,
    scenario_pileup: float = 50.0,
    seed: int = 1,
    jobs: int = 2,
    progress: Progress | None = None,
    pool_dir: str | Path | None = None,
    generator: GeneratorSettings | None = None,
    response: ResponseSettings | None = None,
    scales: str = "cms_run3",
) -> SampleManifest:
    """Make a set of samples: zero bias for training, tuning and evaluation, and signals.

    Writes ``zerobias_train.root``, ``zerobias_tune.root``, ``zerobias_eval.root``,
    ``signal_<NAME>.root`` and, last of all, ``samples.json``. Pythia events of the splits are
    disjoint. Pools stay in ``pools/``, and a repeated call goes on from those that are finished.

    Parameters
    ----------
    tier
        Sizes: the name of a packaged tier, or a `Tier`.
    out_dir
        Folder for the files, made if it is absent.
    scenario_pileup
        Mean number of inelastic interactions per crossing.
    seed
        Same seed, same content, for any number of jobs; 0 to 2**24 - 1.
    jobs
        Processes to use; with 1 everything happens in this one.
    progress
        Called with pieces done, pieces in all, and what was done last.
    pool_dir
        Folder of the pools, ``out_dir/pools`` by default.
    generator, response, scales
        Settings other than the packaged ones.

    Returns
    -------
    The manifest, as written.

    Raises
    ------
    L1Error
        If pythia8mc is missing or fails.
    SettingsError, MissingNameError
        If the tier, the pile-up, the seed or the number of jobs is impossible.
    """
    require_pythia()
    plan = _Plan(
        tier=load_tier(tier) if isinstance(tier, str) else tier,
        generator=generator or load_generator(),
        response=response or load_response(),
        scales=load_scales(scales).name,
        pileup=float(scenario_pileup),
        seed=seed,
    )
    _check(plan, jobs)
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    # Files of an earlier run are about to be replaced one by one: they are no set any more.
    (out / MANIFEST_NAME).unlink(missing_ok=True)
    pieces = _pool_pieces(plan, Path(pool_dir) if pool_dir else out / "pools")
    sources = {key: [request for request in pieces if _key(request) == key] for key in _keys(plan)}
    steps = _Steps(progress, len(pieces) + sum(map(len, _crossing_pieces(plan, {}, {}).values())))
    with _workers(jobs) as run:
        paths: dict[PieceRequest, Path] = {}
        # Compiling the simulation takes longer than a piece: one worker does it while the others
        # are busy with Pythia, and all find it in the cache afterwards.
        made = run(_pool_task, [(None, plan), *((piece, plan) for piece in pieces)])
        next(made)
        for piece, path in zip(pieces, made, strict=True):
            paths[piece] = path
            steps.done(f"Pythia {piece.process} ({piece.split})")
        pools = {key: tuple(paths[piece] for piece in sources[key]) for key in sources}
        sections = {name: _section(name, pools) for name in {key[0] for key in pools}}
        sigma = {name: section[0] for name, section in sections.items()}
        files = []
        requests = _crossing_pieces(plan, pools, sigma)
        flat = [(request, plan) for each in requests.values() for request in each]
        results = run(_simulate_piece, flat)
        for name, wanted in requests.items():
            parts = []
            for _ in wanted:
                parts.append(next(results))
                steps.done(f"crossings for {name}")
            files.append(_write(out, name, wanted, parts, plan))
    manifest = _manifest(plan, sigma, files)
    save_manifest(manifest, out)
    return manifest


class _Steps:
    """Counts finished pieces for the progress callback."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def done(self, text: str) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total, text)


@contextmanager
def _workers(
    jobs: int,
) -> Iterator[Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], Iterator[Any]]]:
    """Give a function that maps tasks to results in order, here or in processes."""
    if jobs == 1:
        yield lambda function, tasks: (function(*task) for task in tasks)
        return
    # Spawned, not forked: forking a process with threads (numba, pytest, a notebook) can hang.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(jobs, mp_context=context)
    try:
        yield lambda function, tasks: executor.map(function, *zip(*tasks, strict=True))
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _check(plan: _Plan, jobs: int) -> None:
    check_tier(plan.tier, plan.generator)
    if jobs < 1:
        msg = f"jobs must be at least 1, not {jobs}"
        raise SettingsError(msg)
    if not 0 < plan.pileup < 1000:
        msg = f"the mean pile-up must be between 0 and 1000, not {plan.pileup}"
        raise SettingsError(msg)


def _keys(plan: _Plan) -> list[tuple[str, str]]:
    """Process and split of every pool, in the order in which they are made."""
    reused = plan.generator.reuse_initialisation
    background = [
        (name, split)
        for split in SPLITS[:3]
        for name in sorted(plan.generator.strata.processes(), key=lambda name: name in reused)
    ]
    return background + [(name, "signal") for name in plan.tier.signals]


def _key(request: PieceRequest) -> tuple[str, str]:
    return request.process, request.split


def _pool_pieces(plan: _Plan, folder: Path) -> list[PieceRequest]:
    """All pieces of pools. The first that makes an initialisation file starts, the others wait."""
    pieces: list[PieceRequest] = []
    for name, split in _keys(plan):
        tier = plan.tier
        n = tier.signals[name].events if split == "signal" else tier.events[split][name]
        pieces += piece_requests(name, split, n, tier.piece_events, plan.seed, folder)
    reused = plan.generator.reuse_initialisation
    first = {name: next(p for p in pieces if p.process == name) for name in reused}
    return sorted(pieces, key=lambda p: 0 if p in first.values() else 1 + (p.process in reused))


def _pool_task(piece: PieceRequest | None, plan: _Plan) -> Path | None:
    """Make a piece of a pool, or compile the simulation of crossings."""
    if piece is None:
        compile_simulation(plan.response, load_scales(plan.scales))
        return None
    return make_piece(piece, plan.generator, plan.response)


def _section(name: str, pools: Mapping[tuple[str, str], tuple[Path, ...]]) -> tuple[float, int]:
    """Cross-section over all splits: the probabilities of strata are the same in all files."""
    return load_cross_section([path for key in pools if key[0] == name for path in pools[key]])


def _crossing_pieces(
    plan: _Plan,
    pools: Mapping[tuple[str, str], tuple[Path, ...]],
    sigma: Mapping[str, float],
) -> dict[str, list[_CrossingsRequest]]:
    """All pieces of crossings, by file."""
    tier, ranks = plan.tier, plan.generator.strata.ranks
    section = tuple(sorted(sigma.items()))
    files: dict[str, list[_CrossingsRequest]] = {}
    for split in SPLITS[:3]:
        here = tuple((key[0], paths) for key, paths in pools.items() if key[1] == split)
        sizes = tier.crossings[split]
        files[f"zerobias_{split}.root"] = [
            _CrossingsRequest(
                split, number, piece, first, n, sizes[rank], sum(sizes.values()), here, section
            )
            for number, rank in enumerate(ranks)
            for piece, first, n in _cut(sizes[rank], tier.piece_crossings)
        ]
    pileup = tuple((key[0], paths) for key, paths in pools.items() if key[1] == SIGNAL_PILEUP_SPLIT)
    for name, size in tier.signals.items():
        own = (name, pools.get((name, "signal"), ()))
        total = size.crossings
        files[f"signal_{name}.root"] = [
            _CrossingsRequest("signal", -1, piece, first, n, total, total, pileup, section, own)
            for piece, first, n in _cut(total, tier.piece_crossings)
        ]
    return files


def _cut(total: int, size: int) -> list[tuple[int, int, int]]:
    """Number, first crossing and length of each piece."""
    return [
        (piece, first, min(size, total - first))
        for piece, first in enumerate(range(0, total, size))
    ]


@lru_cache(maxsize=1)
def _overlays(
    pools: PoolPaths,
    settings: StrataSettings,
    muons: MuonResponse,
    signal: tuple[str, tuple[Path, ...]] | None,
) -> strata.Overlays:
    """Overlays of one split. Workers take pieces file by file, so one is kept."""
    loaded = {name: load_pool(paths) for name, paths in pools}
    own = load_pool(signal[1]) if signal else None
    return strata.build_overlays(loaded, settings, muons, own)


def _simulate_piece(request: _CrossingsRequest, plan: _Plan) -> tuple[Crossings, float]:
    """Simulate one piece; return the crossings, and the probability of their stratum."""
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
        draw = strata.draw_natural(overlays, means, request.n, rng, leading)
    else:
        stratum = generator.strata.ranks[request.stratum]
        draw = strata.draw_stratum(overlays, means, stratum, request.n, rng)
        probability = strata.class_probabilities(means)[stratum]
        scale = probability * request.in_file / request.of
    crossings = simulate(
        overlays,
        draw,
        generator.strata.ranks[0],
        plan.response,
        load_scales(plan.scales),
        rng,
        stratum=request.stratum,
    )
    return crossings.weighted(scale), probability


def _write(
    out: Path,
    name: str,
    requests: Sequence[_CrossingsRequest],
    parts: Sequence[tuple[Crossings, float]],
    plan: _Plan,
) -> SampleFile:
    """Write the crossings of one file in random order, and describe it."""
    first = requests[0]
    crossings = join_crossings([part for part, _ in parts])
    # Any stretch of the file is a fair sample then, whatever reads only a part of it.
    entropy = (ORDER_DOMAIN, plan.seed, *name.encode())
    order = np.random.default_rng(np.random.SeedSequence(entropy)).permutation(len(crossings))
    weight = integer_weights(crossings.weight)
    content = ContentHash()

    def chunks() -> Iterator[ak.Array]:
        scales = load_scales(plan.scales)
        for start in range(0, len(order), _CHUNK_CROSSINGS):
            rows = order[start : start + _CHUNK_CROSSINGS]
            events = to_events(
                crossings.taken(rows), weight[rows], run=1, first_event=1 + start, scales=scales
            )
            content.update(events)
            yield events

    process = first.signal[0] if first.signal else "zerobias"
    provenance = {
        "maker": "emulator.samples",
        "role": first.split,
        "process": process,
        "tier": plan.tier.name,
        "seed": plan.seed,
        "pileup": plan.pileup,
        "sqrt_s_tev": plan.generator.sqrt_s_tev,
        "inelastic_mb": plan.generator.inelastic_mb,
        "generator_sha256": plan.generator.sha256(),
        "response_sha256": plan.response.sha256,
        "versions": _versions(),
    }
    write_nano(out / name, chunks(), provenance=provenance)
    ranks = plan.generator.strata.ranks
    used = (*first.pools, first.signal) if first.signal else first.pools
    counted = {name: load_cross_section(paths)[1] for name, paths in used}
    return SampleFile(
        name=name,
        role=first.split,
        process=process,
        crossings=len(crossings),
        generated_events=counted[process] if first.signal else sum(counted.values()),
        weight_sum=int(weight.sum()),
        content_sha256=content.hexdigest(),
        strata=tuple(
            StratumRecord(ranks[request.stratum], request.stratum, probability, request.of)
            for request, (_, probability) in zip(requests, parts, strict=True)
            if request.piece == 0 and not request.signal
        ),
        pools=counted,
    )


def _manifest(
    plan: _Plan, sigma: Mapping[str, float], files: Sequence[SampleFile]
) -> SampleManifest:
    generator = plan.generator
    return SampleManifest(
        tier=plan.tier.name,
        seed=plan.seed,
        pileup=plan.pileup,
        sqrt_s_tev=generator.sqrt_s_tev,
        inelastic_mb=generator.inelastic_mb,
        scales=plan.scales,
        generator_sha256=generator.sha256(),
        response_sha256=plan.response.sha256,
        versions=_versions(),
        sigma_mb=dict(sorted(sigma.items())),
        k_factors={name: generator.process(name).k_factor for name in sorted(sigma)},
        files=tuple(files),
    )


def _versions() -> dict[str, str]:
    versions = {}
    for package in ("l1distill", "pythia8mc", "numpy", "numba", "awkward"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions
