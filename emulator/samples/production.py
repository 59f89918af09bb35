"""From nothing to files: Pythia pools, crossings of zero bias and of signals, and their manifest."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import InputFileError, SettingsError, WorkerError
from emulator.jit import without_extensions
from emulator.objects import load_scales
from emulator.samples._optional import require
from emulator.samples.detector import load_response
from emulator.samples.manifest import (
    MANIFEST_NAME,
    SampleManifest,
    join_manifests,
    load_manifest,
    save_manifest,
    unit_name,
)
from emulator.samples.pieces import (
    cpu_note,
    cross_section,
    crossing_pieces,
    make_pool,
    pool_key,
    pool_keys,
    pool_pieces,
    simulate_piece,
)
from emulator.samples.pileup import PileupProfile, poisson
from emulator.samples.plan import Plan
from emulator.samples.pythia import check_processes
from emulator.samples.sample_files import make_manifest, write_file
from emulator.samples.settings import load_generator, packaged_generator
from emulator.samples.tiers import Tier, check_tier, load_tier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from emulator.samples.detector import ResponseSettings
    from emulator.samples.pools import PieceRequest
    from emulator.samples.settings import GeneratorSettings

    Progress = Callable[[int, int, str], None]
    _Run = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], Iterator[Any]]


def generate(
    tier: str | Tier,
    out_dir: str | Path,
    *,
    scenario_pileup: float | PileupProfile = 50.0,
    seed: int = 1,
    jobs: int = 2,
    scale: float = 1,
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
        Mean number of inelastic interactions per crossing, or their distribution.
    seed
        Same seed, same content, for any number of jobs; 0 to 2**24 - 1.
    jobs
        Processes to use; with 1 everything happens in this one.
    scale
        This many times the units of the tier, rounded to whole units. A larger scale goes on where a
        smaller one ended.
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
    require("pythia8mc")
    size = load_tier(tier) if isinstance(tier, str) else tier
    pileup = scenario_pileup
    plan = Plan(
        tier=size,
        generator=generator or load_generator(size.processes),
        response=response or load_response(),
        scales=load_scales(scales).name,
        pileup=pileup if isinstance(pileup, PileupProfile) else poisson(pileup),
        seed=seed,
        units=size.n_units(scale),
    )
    _check(plan, jobs, scale, part)
    if packaged_generator(plan.generator.sha256()) is None:
        # The packaged settings are known to work.
        check_processes(plan.generator, {name: None for name, _ in pool_keys(plan)})
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    # Files of an earlier run are about to be replaced one by one: they are no set any more.
    (out / MANIFEST_NAME).unlink(missing_ok=True)
    mine = [replace(plan, unit=unit) for unit in range(part[0] - 1, plan.units, part[1])]
    todo = [each for each in mine if _finished(each, out) is None]
    folder = Path(pool_dir) if pool_dir else out / "pools"
    pieces = {each.unit: pool_pieces(each, folder) for each in todo}
    steps = _Steps(progress, sum(_n_steps(each, pieces[each.unit]) for each in todo))
    with _workers(jobs) as run:
        for each in todo:
            _make_unit(each, out, pieces[each.unit], run, steps)
            if pool_dir is None and each.unit > 0:
                for piece in pieces[each.unit]:
                    path = piece.path(plan.generator, plan.response)
                    path.unlink(missing_ok=True)
                    cpu_note(path).unlink(missing_ok=True)
    return _collect(plan, mine, out)


def _n_steps(plan: Plan, pieces: Sequence[PieceRequest]) -> int:
    return len(pieces) + sum(map(len, crossing_pieces(plan, {}, {}).values()))


def _make_unit(
    plan: Plan, out: Path, pieces: Sequence[PieceRequest], run: _Run, steps: _Steps
) -> None:
    """Make the pools and files of one unit, and note that it is complete."""
    paths: dict[PieceRequest, Path] = {}
    # Compiling the simulation takes longer than a piece: one worker does it while the others
    # are busy with Pythia, and all find it in the cache afterwards.
    made = run(make_pool, [(None, plan), *((piece, plan) for piece in pieces)])
    cpu_seconds = {"compilation": next(made).cpu_seconds, "pools": 0.0, "crossings": 0.0}
    for piece, pool in zip(pieces, made, strict=True):
        paths[piece] = pool.path
        cpu_seconds["pools"] += pool.cpu_seconds
        steps.done(f"Pythia {piece.process} ({piece.split})")
    pools = {
        key: tuple(paths[piece] for piece in pieces if pool_key(piece) == key)
        for key in pool_keys(plan)
    }
    sections = {name: cross_section(name, pools) for name in {key[0] for key in pools}}
    sigma = {name: section[0] for name, section in sections.items()}
    files = []
    requests = crossing_pieces(plan, pools, sigma)
    flat = [(request, plan) for each in requests.values() for request in each]
    results = run(simulate_piece, flat)
    writing = 0.0
    for name, wanted in requests.items():
        parts = []
        for _ in wanted:
            parts.append(next(results))
            steps.done(f"crossings for {name}")
        start = time.process_time()
        files.append(write_file(out, name, wanted, parts, plan))
        writing += time.process_time() - start
        cpu_seconds["crossings"] += sum(part.cpu_seconds for part in parts)
    manifest = make_manifest(plan, sigma, files, {**cpu_seconds, "files": writing})
    save_manifest(manifest, out, MANIFEST_NAME if plan.single else unit_name(plan.unit))


def _finished(plan: Plan, out: Path) -> SampleManifest | None:
    """Return the manifest of a unit that is complete and was made with these settings.

    A set of one unit is made anew: its pools take nearly all the time, and are kept.
    """
    path = out / unit_name(plan.unit)
    if plan.single or not path.is_file():
        return None
    try:
        manifest = load_manifest(out, path.name)
    except InputFileError:
        return None
    return manifest if manifest.identity_sha256 == plan.identity_sha256() else None


def _collect(plan: Plan, mine: Sequence[Plan], out: Path) -> SampleManifest:
    """Join the units to one set of samples, once all are complete."""
    if plan.single:
        return load_manifest(out)
    found = [_finished(replace(plan, unit=unit), out) for unit in range(plan.units)]
    complete = [manifest for manifest in found if manifest is not None]
    if len(complete) == plan.units:
        manifest = join_manifests(complete)
        save_manifest(manifest, out)
        return manifest
    own = [found[each.unit] for each in mine]
    return join_manifests([manifest for manifest in own if manifest is not None])


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


def _begin_worker() -> None:
    """Load our own kernels only; end when the process that started it is killed, instead of waiting for ever."""
    without_extensions()
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _workers(
    jobs: int,
) -> Iterator[_Run]:
    """Give a function that maps tasks to results in order, here or in processes.

    Raises
    ------
    WorkerError
        If a process dies.
    """
    if jobs == 1:
        yield lambda function, tasks: (function(*task) for task in tasks)
        return
    # Spawned, not forked: forking a process with threads (numba, pytest, a notebook) can hang.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_worker)
    try:
        yield lambda function, tasks: executor.map(function, *zip(*tasks, strict=True))
    except BrokenProcessPool as error:
        advice = "finished pools are kept: start it again, with fewer jobs if memory was short"
        raise WorkerError("production", advice) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _check(plan: Plan, jobs: int, scale: float, part: tuple[int, int]) -> None:
    check_tier(plan.tier, plan.generator)
    if not 1 <= part[0] <= part[1]:
        msg = f"part {part[0]}/{part[1]} does not exist: parts count from 1"
        raise SettingsError(msg)
    if part[1] > plan.units:
        msg = (
            f"tier {plan.tier.name} at scale {scale:g} has {plan.units} "
            f"unit{'s' if plan.units > 1 else ''} and cannot be cut into {part[1]} parts"
        )
        raise SettingsError(msg)
    if jobs < 1:
        msg = f"jobs must be at least 1, not {jobs}"
        raise SettingsError(msg)
