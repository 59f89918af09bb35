"""One unit of work: a file is read once, scored by everybody, and reduced to what rates need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from emulator.engine import Emulator
from emulator.errors import InputFileError, L1Error
from emulator.features import Feature, FeatureLayout
from emulator.model import model_from_text
from emulator.rates import EventRange, Passing, Tail
from emulator.rates.blocks import joined
from emulator.rates.tails import LOWEST_FLOOR
from emulator.scan.decoded import DecodedChunk, Wanted, decoded_chunks, layouts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from emulator.scan.plan import Counting, Piece


@dataclass(frozen=True)
class PieceResult:
    """What is kept of a file.

    Attributes
    ----------
    n_events
        Its crossings.
    total
        Sums over all of them.
    ranges, has_pools, scalars
        Which events are blocks of their own, whether blocks are pool events, which optional scalars the
        file has.
    tails
        Scores at or above the floor, for each scorer.
    lowest
        Lowest score of each scorer; None without events.
    keys
        Hashes of the events, sorted, uint64.
    """

    n_events: int
    total: Passing
    ranges: tuple[EventRange, ...]
    has_pools: bool
    scalars: tuple[str, ...]
    tails: Mapping[str, Tail]
    lowest: Mapping[str, int | None]
    keys: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class LostPiece:
    """A file that could not be read, and why."""

    problem: str


class Scorers:
    """Everything that scores, prepared once: networks in their engines, and objects as they are."""

    def __init__(
        self, texts: Mapping[str, str], objects: Mapping[str, tuple[str, int, str]]
    ) -> None:
        models = {name: model_from_text(text, where=name) for name, text in texts.items()}
        self._emulators = {
            name: Emulator(model.graph.with_outputs((model.score,)), threads=1)
            for name, model in models.items()
        }
        self._outputs = {name: model.score for name, model in models.items()}
        features = tuple(Feature(*each) for each in objects.values())
        self._objects = tuple(objects)
        layouts = [model.layout for model in models.values()]
        if features:
            layouts.append(FeatureLayout("objects", features))
        self.layouts = layouts_of(layouts)
        self._places = {name: self.layouts.index(model.layout) for name, model in models.items()}

    def scores(self, chunk: DecodedChunk) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """Yield the name of each scorer and its scores, int64, axis (crossing)."""
        for name, emulator in self._emulators.items():
            yield name, emulator.run(chunk.rows[self._places[name]])[self._outputs[name]][:, 0]
        for column, name in enumerate(self._objects):
            yield name, chunk.rows[-1][:, column].astype(np.int64)


@lru_cache(maxsize=2)
def _scorers(
    models: tuple[tuple[str, str], ...], objects: tuple[tuple[str, tuple[str, int, str]], ...]
) -> Scorers:
    return Scorers(dict(models), dict(objects))


def prepared(counting: Counting) -> Scorers:
    """Return the scorers, prepared once in each process."""
    return _scorers(tuple(counting.models.items()), tuple(counting.objects.items()))


def chunks_of(piece: Piece, counting: Counting) -> Iterator[DecodedChunk]:
    """Yield the crossings of a file as its scorers need them."""
    wanted = Wanted(
        prepared(counting).layouts,
        counting.source,
        counting.chunk_events,
        counting.replicas,
        counting.seed,
    )
    return decoded_chunks(piece, wanted, folder=counting.cache)


def score_piece(piece: Piece, counting: Counting) -> PieceResult | LostPiece:
    """Read a file, score all its crossings by everybody, and keep what rates need.

    A file that cannot be read is tried again after a while, which helps where storage is at fault. The
    result depends on the file's content and the plan only: not on the process, the machine or the time.
    """
    retries = counting.retries
    attempts = Retrying(
        stop=stop_after_attempt(retries.tries),
        wait=wait_exponential(multiplier=retries.wait_seconds, max=60),
        retry=retry_if_exception_type((InputFileError, OSError)),
        reraise=True,
    )
    try:
        return attempts(_score_piece, piece, counting)
    except (L1Error, OSError) as error:
        return LostPiece(" ".join(str(error).split()))


def _score_piece(piece: Piece, counting: Counting) -> PieceResult:
    scorers = prepared(counting)
    floors = (counting.floors or {}).get(piece.condition, {})
    tails: dict[str, list[Tail]] = {name: [] for name in counting.scorers}
    lowest: dict[str, int | None] = dict.fromkeys(counting.scorers)
    totals: list[Passing] = []
    ranges: tuple[EventRange, ...] = ()
    keys: list[NDArray[np.uint64]] = []
    has_pools = False
    scalars: tuple[str, ...] = ()
    for chunk in chunks_of(piece, counting):
        totals.append(chunk.crossings.total)
        ranges = joined(ranges, chunk.crossings.ranges)
        has_pools |= chunk.crossings.has_pools
        scalars = chunk.scalars
        keys.append(chunk.keys if counting.duplicates == "report" else chunk.keys[:0])
        for name, scores in scorers.scores(chunk):
            floor = floors.get(name)
            lowest_floor = LOWEST_FLOOR if floor is None else floor
            tails[name].append(Tail.of(scores, chunk.crossings, floor=lowest_floor))
            if len(scores):
                here = int(scores.min())
                before = lowest[name]
                lowest[name] = here if before is None else min(before, here)
    return PieceResult(
        n_events=sum(total.entries for total in totals),
        total=_summed(totals, counting.replicas),
        ranges=ranges,
        has_pools=has_pools,
        scalars=scalars,
        tails={name: Tail.joined(parts or [Tail.empty()]) for name, parts in tails.items()},
        lowest=lowest,
        # Stable: each chunk is sorted already, so that this only merges.
        keys=np.sort(np.concatenate([np.zeros(0, dtype=np.uint64), *keys]), kind="stable"),
    )


def _summed(totals: list[Passing], replicas: int) -> Passing:
    result = Passing(0, 0, 0, np.zeros(replicas, dtype=np.int64))
    for total in totals:
        result += total
    return result
