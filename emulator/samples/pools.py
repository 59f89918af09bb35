"""Pools: Pythia events kept as sparse towers and muon candidates, to be overlaid many times.

A pool is made in pieces of fixed size with seeds of their own, so that any number of processes makes
the same events, and an interrupted production goes on with the pieces that are there.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.errors import InputFileError, SettingsError
from emulator.files import replace_file
from emulator.samples._yaml import content_sha256
from emulator.samples.deposit import Deposits, deposit
from emulator.samples.pythia import MAX_SEED, Generator, make_init_file
from emulator.samples.settings import SPLITS
from emulator.samples.truth import Truth, join_truth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emulator.samples.detector import ResponseSettings
    from emulator.samples.settings import GeneratorSettings, Process

#: Seeds of samples are below this, so that a seed has its place in a pool event id.
SEED_LIMIT: Final = 1 << 24

# A pool event id: process code (8 bits), split (4), seed (24), number of the event (28).
_SEED_SHIFT: Final = 28
_SPLIT_SHIFT: Final = 52
_CODE_SHIFT: Final = 56

#: First number of the entropy of seeds, so that no two purposes share a seed.
POOL_DOMAIN: Final = 0
SIMULATION_DOMAIN: Final = 1
ORDER_DOMAIN: Final = 2

# Names of the truth in the file of a pool.
_TRUTH: Final = "truth_"


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Events of one process in one split.

    Attributes
    ----------
    process, split
        What and for which data set.
    deposits
        Sparse towers and muon candidates.
    pthat_gev
        Scale of the hard process, float32, ``(n_events,)``.
    event_id
        uint64, unique over processes, splits and seeds.
    sigma_mb
        Cross-section, without K factor, after a filter on muons.
    generated
        Events that Pythia made, before a cut on pT-hat.
    truth
        Generated objects of some of the events.
    """

    process: str
    split: str
    deposits: Deposits
    pthat_gev: NDArray[np.float32]
    event_id: NDArray[np.uint64]
    sigma_mb: float
    generated: int
    truth: Truth

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.event_id)


@dataclass(frozen=True, slots=True)
class PieceRequest:
    """What a worker needs to know to make one piece of a pool."""

    process: str
    split: str
    piece: int
    n_events: int
    first_event: int
    seed: int
    folder: Path
    n_truth: int = 0

    def path(self, generator: GeneratorSettings, response: ResponseSettings) -> Path:
        """Return the file of this piece; its name changes with everything that changes events."""
        process = generator.process(self.process)
        maker = generator.initialised_as(process)
        key = content_sha256(
            [
                sources_sha256(),
                _settings_of(process, generator),
                _settings_of(maker, generator) if maker is not None else [],
                response.pool_sha256,
                [self.n_events, self.first_event, self.seed, self.n_truth],
            ]
        )
        return self.folder / f"{self.process}_{self.split}_{self.piece:03d}_{key[:16]}.npz"


def init_path(folder: Path, process: Process, generator: GeneratorSettings) -> Path:
    """Return the file of Pythia's initialisation that a process makes, for itself and for others."""
    return (
        folder / f"mpi_{process.name}_{content_sha256(_settings_of(process, generator))[:16]}.dat"
    )


def piece_requests(
    process: str, split: str, n_events: int, piece_events: int, seed: int, folder: Path
) -> list[PieceRequest]:
    """Cut the events of one process and split into pieces.

    Raises
    ------
    SettingsError
        If the seed has no place in a pool event id.

    Examples
    --------
    >>> [(p.first_event, p.n_events) for p in piece_requests("W", "eval", 5, 2, 1, Path())]
    [(0, 2), (2, 2), (4, 1)]
    """
    if not 0 <= seed < SEED_LIMIT:
        msg = f"the seed of a sample must be 0 to {SEED_LIMIT - 1}, not {seed}"
        raise SettingsError(msg)
    if n_events > 1 << _SEED_SHIFT:
        msg = f"{process}: a pool holds at most {1 << _SEED_SHIFT} events, not {n_events}"
        raise SettingsError(msg)
    return [
        PieceRequest(
            process, split, piece, min(piece_events, n_events - first), first, seed, folder
        )
        for piece, first in enumerate(range(0, n_events, piece_events))
    ]


def pool_event_id(
    code: int, split: str, seed: int, number: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Return the ids of pool events, unique over processes, splits and seeds.

    Examples
    --------
    >>> [hex(i) for i in pool_event_id(3, "eval", 7, np.array([0, 1])).tolist()]
    ['0x320000070000000', '0x320000070000001']
    """
    high = code << _CODE_SHIFT | SPLITS.index(split) << _SPLIT_SHIFT | seed << _SEED_SHIFT
    return np.uint64(high) | number.astype(np.uint64)


def process_code(event_id: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the code of the process of each pool event.

    Examples
    --------
    >>> process_code(pool_event_id(3, "eval", 7, np.array([5]))).tolist()
    [3]
    """
    return (event_id >> np.uint64(_CODE_SHIFT)).astype(np.int64)


def make_piece(
    request: PieceRequest, generator: GeneratorSettings, response: ResponseSettings
) -> Path:
    """Make one piece of a pool, unless it is there already.

    Returns
    -------
    The file of the piece.
    """
    path = request.path(generator, response)
    if path.exists() and _readable(path):
        return path
    process = generator.process(request.process)
    entropy = (POOL_DOMAIN, request.seed, SPLITS.index(request.split), process.code, request.piece)
    rng = np.random.default_rng(np.random.SeedSequence(entropy))
    init_file = None
    maker = generator.initialised_as(process)
    if maker is not None:
        init_file = init_path(request.folder, maker, generator)
        make_init_file(generator, maker, init_file)
    pythia = Generator(generator, process, int(rng.integers(1, MAX_SEED)), init_file)
    parts: list[Deposits] = []
    pthat: list[NDArray[np.float32]] = []
    truth: list[Truth] = []
    generated = 0
    for batch in pythia.batches(request.n_events, request.n_truth):
        parts.append(deposit(batch.particles, response, rng))
        pthat.append(batch.pthat_gev)
        truth.append(batch.truth)
        generated += batch.tried
    number = request.first_event + np.arange(request.n_events)
    sigma_mb = pythia.sigma_mb
    if process.muon_filter is not None:
        # Pythia stops at the event that fills the pool: this is without bias, kept / tried is not.
        sigma_mb *= max(request.n_events - 1, 1) / max(generated - 1, 1)
    pool = Pool(
        process=request.process,
        split=request.split,
        deposits=join_deposits(parts),
        pthat_gev=np.concatenate(pthat),
        event_id=pool_event_id(process.code, request.split, request.seed, number),
        sigma_mb=sigma_mb,
        generated=generated,
        truth=join_truth(truth),
    )
    save_pool(pool, path)
    return path


def save_pool(pool: Pool, path: Path) -> None:
    """Write a pool as .npz; tower energies are rounded to float16 (0.05 %)."""
    arrays = pool.deposits._asdict()
    half = {name: arrays.pop(name).astype(np.float16) for name in ("em_gev", "had_gev")}
    about = {
        "process": pool.process,
        "split": pool.split,
        "sigma_mb": pool.sigma_mb,
        "generated": pool.generated,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as draft, draft.open("wb") as file:
        np.savez(
            file,
            about=np.array(json.dumps(about)),
            pthat_gev=pool.pthat_gev,
            event_id=pool.event_id,
            **half,
            **arrays,
            **{_TRUTH + name: values for name, values in pool.truth._asdict().items()},
        )


def load_pool(paths: Sequence[Path]) -> Pool:
    """Load the pieces of one pool and join them in the order given.

    Raises
    ------
    InputFileError
        If a file is missing or damaged, or the pieces are of different pools.
    """
    pieces = [_load_piece(path) for path in paths]
    names = {(piece.process, piece.split) for piece in pieces}
    if len(names) != 1:
        msg = f"the pieces must be of one pool, not of {sorted(names)}"
        raise InputFileError(paths[0] if paths else "(no file)", msg)
    generated = sum(piece.generated for piece in pieces)
    return Pool(
        process=pieces[0].process,
        split=pieces[0].split,
        deposits=join_deposits([piece.deposits for piece in pieces]),
        pthat_gev=np.concatenate([piece.pthat_gev for piece in pieces]),
        event_id=np.concatenate([piece.event_id for piece in pieces]),
        sigma_mb=sum(piece.sigma_mb * piece.generated for piece in pieces) / generated,
        generated=generated,
        truth=join_truth([piece.truth for piece in pieces]),
    )


def load_cross_section(paths: Sequence[Path]) -> tuple[float, int]:
    """Return the mean cross-section in mb over pieces and the number of generated events."""
    about = [_about(path) for path in paths]
    generated = sum(int(each["generated"]) for each in about)
    total = sum(float(each["sigma_mb"]) * int(each["generated"]) for each in about)
    return total / generated, generated


def join_deposits(parts: Sequence[Deposits]) -> Deposits:
    """Put the events of several deposits one after another."""
    return Deposits(
        tower_offsets=_join_offsets([part.tower_offsets for part in parts]),
        tower_index=np.concatenate([part.tower_index for part in parts]),
        em_gev=np.concatenate([part.em_gev for part in parts]),
        had_gev=np.concatenate([part.had_gev for part in parts]),
        candidate_offsets=_join_offsets([part.candidate_offsets for part in parts]),
        candidates=np.concatenate([part.candidates for part in parts]),
    )


def _join_offsets(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    counts = np.concatenate([np.diff(part) for part in parts])
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _settings_of(process: Process, generator: GeneratorSettings) -> list[Any]:
    return [
        process.name,
        list(process.settings),
        process.max_pthat_gev,
        generator.sqrt_s_tev,
        list(generator.tune),
        list(generator.common),
        generator.batch_events,
        *(astuple(own) for own in (process.muon_filter, process.spray) if own is not None),
    ]


@lru_cache(maxsize=1)
def sources_sha256() -> str:
    """Hash of the code that decides what a pool holds: old pools are not reused after a change."""
    folder = Path(__file__).parent
    names = ("deposit.py", "pools.py", "pythia.py", "spray.py", "truth.py")
    return content_sha256([(folder / name).read_text(encoding="utf-8") for name in names])


def _readable(path: Path) -> bool:
    try:
        _load_piece(path)
    except InputFileError:
        return False
    return True


def _about(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as content:
            about: dict[str, Any] = json.loads(str(content["about"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputFileError(path, f"not a readable pool of events: {error}") from error
    return about


def _load_piece(path: Path) -> Pool:
    about = _about(path)
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files if name != "about"}
        for name in ("em_gev", "had_gev"):
            arrays[name] = arrays[name].astype(np.float32)
        pthat_gev, event_id = arrays.pop("pthat_gev"), arrays.pop("event_id")
        truth = Truth(**{name: arrays.pop(_TRUTH + name) for name in Truth._fields})
        deposits = Deposits(**arrays)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputFileError(path, f"not a readable pool of events: {error}") from error
    return Pool(
        process=str(about["process"]),
        split=str(about["split"]),
        deposits=deposits,
        pthat_gev=pthat_gev,
        event_id=event_id,
        sigma_mb=float(about["sigma_mb"]),
        generated=int(about["generated"]),
        truth=truth,
    )
