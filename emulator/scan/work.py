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
from emulator.rates import Crossings, EventRange, MenuCounts, Passing, Tail
from emulator.rates.blocks import joined
from emulator.rates.tails import LOWEST_FLOOR, places_above
from emulator.scan.decoded import DecodedChunk, Wanted, decoded_chunks, layouts_of
from emulator.scan.plan import SETTING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from emulator.rates import PrescaleColumn
    from emulator.scan.plan import Counting, Piece


@dataclass(frozen=True)
class PieceGroups:
    """Crossings of a piece in groups.

    Attributes
    ----------
    totals
        Sums over all crossings of each group.
    of_tails
        For each scorer, the groups of the entries of its tail, int64.
    """

    totals: Mapping[int, Passing]
    of_tails: Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True)
class PieceResult:
    """What is kept of a piece.

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
    pure
        The same of what the menu leaves; empty without a menu.
    lowest
        Lowest score of each scorer; None without events.
    keys
        Hashes of the events, sorted, uint64.
    pools
        Pool events, sorted, each once, uint64; empty without pools.
    groups
        For each quantity that is wanted of the sample.
    menu
        Counts of the menu; None without a menu, and of crossings that set thresholds.
    """

    n_events: int
    total: Passing
    ranges: tuple[EventRange, ...]
    has_pools: bool
    scalars: tuple[str, ...]
    tails: Mapping[str, Tail]
    pure: Mapping[str, Tail]
    lowest: Mapping[str, int | None]
    keys: NDArray[np.uint64]
    pools: NDArray[np.uint64]
    groups: tuple[PieceGroups, ...] = ()
    menu: MenuCounts | None = None


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
        None if counting.menu is None else counting.menu.rules,
        counting.binnings(piece.sample),
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
    work = _Work(piece, counting)
    for chunk in chunks_of(piece, counting):
        work.add(chunk, dict(scorers.scores(chunk)))
    return work.result()


class _Work:
    """What is kept of the chunks of a piece so far."""

    def __init__(self, piece: Piece, counting: Counting) -> None:
        self._counting = counting
        self._floors = (counting.floors or {}).get(piece.condition, {})
        self._pure_floors = (counting.pure_floors or {}).get(piece.condition, {})
        self._counts_menu = counting.menu is not None and piece.sample != SETTING
        self._n_binnings = len(counting.binnings(piece.sample))
        names = counting.scorers
        self._tails: dict[str, list[Tail]] = {name: [] for name in names}
        self._pure: dict[str, list[Tail]] = {name: [] for name in names if counting.menu}
        self._groups: list[dict[str, list[NDArray[np.int64]]]] = [
            {name: [] for name in names} for _ in range(self._n_binnings)
        ]
        self._group_totals: list[dict[int, Passing]] = [{} for _ in range(self._n_binnings)]
        self._lowest: dict[str, int | None] = dict.fromkeys(names)
        self._total = Passing.nothing(counting.replicas)
        self._ranges: tuple[EventRange, ...] = ()
        self._keys: list[NDArray[np.uint64]] = []
        self._pools: list[NDArray[np.uint64]] = []
        self._scalars: tuple[str, ...] = ()
        self._menu: MenuCounts | None = None

    def add(self, chunk: DecodedChunk, scores: Mapping[str, NDArray[np.int64]]) -> None:
        """Add the crossings of a chunk."""
        crossings = chunk.crossings
        self._total += crossings.total
        self._ranges = joined(self._ranges, crossings.ranges)
        self._scalars = chunk.scalars
        if self._counting.duplicates == "report":
            self._keys.append(chunk.keys)
        if crossings.has_pools:
            self._pools.append(np.unique(crossings.blocks))
        kept = self._add_menu(chunk, scores)
        for totals, groups in zip(self._group_totals, chunk.groups, strict=True):
            for name in np.unique(groups).tolist():
                total = crossings.taken(np.flatnonzero(groups == name)).total
                totals[name] = totals[name] + total if name in totals else total
        for name, values in scores.items():
            self._add_scores(name, values, chunk, kept)

    def _add_menu(
        self, chunk: DecodedChunk, scores: Mapping[str, NDArray[np.int64]]
    ) -> NDArray[np.float64] | None:
        """Count the menu's decisions; return what it leaves of each crossing."""
        menu = self._counting.menu
        if menu is None or chunk.decisions is None:
            return None
        decisions = menu.rules.with_scores(chunk.decisions, scores)
        if self._counts_menu:
            counts = MenuCounts.from_decisions(decisions, menu.column, chunk.crossings)
            self._menu = counts if self._menu is None else self._menu + counts
        return menu.column.none_accepts(decisions)

    def _add_scores(
        self,
        name: str,
        scores: NDArray[np.int64],
        chunk: DecodedChunk,
        kept: NDArray[np.float64] | None,
    ) -> None:
        floor = _floor(self._floors, name)
        self._tails[name].append(Tail.of(scores, chunk.crossings, floor=floor))
        for of_tails, groups in zip(self._groups, chunk.groups, strict=True):
            of_tails[name].append(groups[places_above(scores, chunk.crossings.weights, floor)])
        if kept is not None:
            floor = _floor(self._pure_floors, name)
            self._pure[name].append(Tail.of(scores, chunk.crossings, floor=floor, kept=kept))
        if len(scores):
            here, before = int(scores.min()), self._lowest[name]
            self._lowest[name] = here if before is None else min(before, here)

    def result(self) -> PieceResult:
        """Return all of it."""
        none = np.zeros(0, dtype=np.uint64)
        menu = self._menu
        if menu is None and self._counts_menu and self._counting.menu is not None:
            menu = _no_counts(self._counting.menu.column, self._counting)
        return PieceResult(
            n_events=self._total.entries,
            total=self._total,
            ranges=self._ranges,
            has_pools=bool(self._pools),
            scalars=self._scalars,
            tails={name: Tail.joined([Tail.empty(), *each]) for name, each in self._tails.items()},
            pure={name: Tail.joined([Tail.empty(), *each]) for name, each in self._pure.items()},
            lowest=self._lowest,
            # Stable: each chunk is sorted already, so that this only merges.
            keys=np.sort(np.concatenate([none, *self._keys]), kind="stable"),
            pools=np.unique(np.concatenate([none, *self._pools])),
            groups=tuple(
                PieceGroups(
                    dict(sorted(totals.items())),
                    {
                        name: np.concatenate([none.astype(np.int64), *each])
                        for name, each in of_tails.items()
                    },
                )
                for totals, of_tails in zip(self._group_totals, self._groups, strict=True)
            ),
            menu=menu,
        )


def _floor(floors: Mapping[str, int | None], name: str) -> int:
    floor = floors.get(name)
    return LOWEST_FLOOR if floor is None else floor


def _no_counts(column: PrescaleColumn, counting: Counting) -> MenuCounts:
    """Return the counts of a menu in no crossing at all."""
    nothing = Crossings.of(0, replicas=counting.replicas, seed=counting.seed)
    return MenuCounts.from_decisions(np.zeros((0, len(column)), dtype=np.bool_), column, nothing)
