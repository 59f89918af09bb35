"""From nothing to files: Pythia pools, crossings of zero bias and of signals, and their manifest."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.errors import InputFileError, SettingsError
from emulator.objects import load_scales
from emulator.objects.nano_writer import write_nano
from emulator.samples import strata
from emulator.samples._yaml import content_sha256
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
    join_manifests,
    load_manifest,
    save_manifest,
    unit_name,
)
from emulator.samples.pools import (
    ORDER_DOMAIN,
    SIMULATION_DOMAIN,
    PieceRequest,
    load_cross_section,
    load_pool,
    make_piece,
    piece_requests,
    sources_sha256,
)
from emulator.samples.pythia import check_processes, require_pythia
from emulator.samples.settings import SPLITS, Tier, check_tier, load_generator, load_tier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import awkward as ak

    from emulator.samples.detector import MuonResponse, ResponseSettings
    from emulator.samples.settings import GeneratorSettings, StrataSettings

    Progress = Callable[[int, int, str], None]
    _Run = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], Iterator[Any]]
    PoolPaths = tuple[tuple[str, tuple[Path, ...]], ...]

#: Split whose pools make the pile-up of signals: disjoint from what a network is trained and tuned
#: on, and the same interactions that the rate is measured with.
SIGNAL_PILEUP_SPLIT: Final = "eval"

#: Splits whose pools keep what was generated: resolutions and turn-on curves are drawn from these.
TRUTH_SPLITS: Final = ("eval", "signal")

# What of a tier decides about the events of a unit.
_SIZES: Final = ("piece_events", "piece_crossings", "events", "crossings", "signals")

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
    units: int = 1
    unit: int = 0

    def file_name(self, stem: str) -> str:
        """Name of a file of this unit."""
        return f"{stem}.root" if self.units == 1 else f"{stem}_{self.unit:03d}.root"


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
    scale: int = 1,
    part: tuple[int, int] = (1, 1),
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

    A tier of several units writes ``zerobias_eval_000.root`` and so on, and ``unit_000.json`` when a
    unit is complete; a repeated call skips complete units, and the pools of all but the first are
    deleted. Whichever call finds all units complete writes ``samples.json``.

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
    scale
        This many times the units of the tier. A larger scale goes on where a smaller one ended.
    part
        ``(i, n)``: make the units of part ``i`` of ``n``, for a cluster. The parts may be made on
        different machines, and their files put into one folder.
    progress
        Called with pieces done, pieces in all, and what was done last.
    pool_dir
        Folder of the pools, ``out_dir/pools`` by default.
    generator, response, scales
        Settings other than the packaged ones.

    Returns
    -------
    The manifest, as written; while units of other parts are missing, that of the units made here.

    Raises
    ------
    L1Error
        If pythia8mc is missing or fails.
    SettingsError, MissingNameError
        If the tier, the pile-up, the seed or the number of jobs is impossible, Pythia does not know a
        setting of a process, or the cross-section of one vanishes.
    """
    require_pythia()
    size = load_tier(tier) if isinstance(tier, str) else tier
    plan = _Plan(
        tier=size,
        generator=generator or load_generator(),
        response=response or load_response(),
        scales=load_scales(scales).name,
        pileup=float(scenario_pileup),
        seed=seed,
        units=size.units * scale,
    )
    _check(plan, jobs, scale, part)
    if plan.generator.sha256() != load_generator().sha256():
        # The packaged settings are known to work.
        check_processes(plan.generator, {name: None for name, _ in _keys(plan)})
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    # Files of an earlier run are about to be replaced one by one: they are no set any more.
    (out / MANIFEST_NAME).unlink(missing_ok=True)
    mine = [replace(plan, unit=unit) for unit in range(part[0] - 1, plan.units, part[1])]
    todo = [each for each in mine if _finished(each, out) is None]
    folder = Path(pool_dir) if pool_dir else out / "pools"
    pieces = {each.unit: _pool_pieces(each, folder) for each in todo}
    steps = _Steps(progress, sum(_n_steps(each, pieces[each.unit]) for each in todo))
    with _workers(jobs) as run:
        for each in todo:
            _make_unit(each, out, pieces[each.unit], run, steps)
            if pool_dir is None and each.unit > 0:
                for piece in pieces[each.unit]:
                    piece.path(plan.generator, plan.response).unlink(missing_ok=True)
    return _collect(plan, mine, out)


def _n_steps(plan: _Plan, pieces: Sequence[PieceRequest]) -> int:
    return len(pieces) + sum(map(len, _crossing_pieces(plan, {}, {}).values()))


def _make_unit(
    plan: _Plan, out: Path, pieces: Sequence[PieceRequest], run: _Run, steps: _Steps
) -> None:
    """Make the pools and files of one unit, and note that it is complete."""
    paths: dict[PieceRequest, Path] = {}
    # Compiling the simulation takes longer than a piece: one worker does it while the others
    # are busy with Pythia, and all find it in the cache afterwards.
    made = run(_pool_task, [(None, plan), *((piece, plan) for piece in pieces)])
    next(made)
    for piece, path in zip(pieces, made, strict=True):
        paths[piece] = path
        steps.done(f"Pythia {piece.process} ({piece.split})")
    pools = {
        key: tuple(paths[piece] for piece in pieces if _key(piece) == key) for key in _keys(plan)
    }
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
    save_manifest(manifest, out, MANIFEST_NAME if plan.units == 1 else unit_name(plan.unit))


def _finished(plan: _Plan, out: Path) -> SampleManifest | None:
    """Return the manifest of a unit that is complete and was made with these settings.

    A set of one unit is made anew: its pools take nearly all the time, and are kept.
    """
    path = out / unit_name(plan.unit)
    if plan.units == 1 or not path.is_file():
        return None
    try:
        manifest = load_manifest(out, path.name)
    except InputFileError:
        return None
    return manifest if manifest.identity_sha256 == identity_sha256(plan) else None


def _collect(plan: _Plan, mine: Sequence[_Plan], out: Path) -> SampleManifest:
    """Join the units to one set of samples, once all are complete."""
    if plan.units == 1:
        return load_manifest(out)
    found = [_finished(replace(plan, unit=unit), out) for unit in range(plan.units)]
    complete = [manifest for manifest in found if manifest is not None]
    if len(complete) == plan.units:
        manifest = join_manifests(complete)
        save_manifest(manifest, out)
        return manifest
    own = [found[each.unit] for each in mine]
    return join_manifests([manifest for manifest in own if manifest is not None])


def identity_sha256(plan: _Plan) -> str:
    """Hash of all that decides what crossings a set of samples holds, apart from its number of units."""
    sizes = {key: value for key, value in asdict(plan.tier).items() if key in _SIZES}
    return content_sha256(
        [
            sizes,
            plan.seed,
            plan.pileup,
            plan.scales,
            plan.generator.sha256(),
            plan.response.sha256,
            sources_sha256(),
        ]
    )


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
) -> Iterator[_Run]:
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


def _check(plan: _Plan, jobs: int, scale: int, part: tuple[int, int]) -> None:
    check_tier(plan.tier, plan.generator)
    if scale < 1:
        msg = f"the scale must be at least 1, not {scale}"
        raise SettingsError(msg)
    if not 1 <= part[0] <= part[1]:
        msg = f"part {part[0]}/{part[1]} does not exist: parts count from 1"
        raise SettingsError(msg)
    if part[1] > plan.units:
        msg = (
            f"tier {plan.tier.name} at scale {scale} has {plan.units} "
            f"unit{'s' if plan.units > 1 else ''} and cannot be cut into {part[1]} parts"
        )
        raise SettingsError(msg)
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
    reused = plan.generator.reuse_initialisation
    for name, split in _keys(plan):
        tier = plan.tier
        n = tier.signals[name].events if split == "signal" else tier.events[split][name]
        truth = tier.truth_events if split in TRUTH_SPLITS and name not in reused else 0
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
        files[plan.file_name(f"zerobias_{split}")] = [
            _CrossingsRequest(
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
            _CrossingsRequest("signal", -1, piece, first, n, total, total, pileup, section, own)
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
                crossings.taken(rows),
                weight[rows],
                run=1,
                first_event=1 + plan.unit * len(order) + start,
                scales=scales,
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
        "identity_sha256": identity_sha256(plan),
        "unit": plan.unit,
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
            if request.first == 0 and not request.signal
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
        identity_sha256=identity_sha256(plan),
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
