"""How each seed of a menu decides: by its expression, by what a file stores, or by a network's threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.errors import InputFileError, MissingNameError, SettingsError
from emulator.menu.cuts import UnsupportedSeedError
from emulator.menu.evaluate import SeedEvaluator

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.menu.syntax import Expression
    from emulator.objects import Chunk

    Decisions = Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class SeedRules:
    """Seeds, and how each decides.

    Attributes
    ----------
    seeds
        Their names, in the order of decisions.
    expressions, bits, thresholds
        For each seed, by one of them: its expression; the name of its stored decision; the name of a
        network and the integer threshold of its score.
    algorithms
        Name of the menu that the expressions are from; empty if there is none.
    """

    seeds: tuple[str, ...]
    expressions: Mapping[str, Expression]
    bits: Mapping[str, str]
    thresholds: Mapping[str, tuple[str, int]]
    algorithms: str = ""

    @property
    def reads_bits(self) -> bool:
        """Whether a seed is decided by what the files store."""
        return bool(self.bits)

    def unsupported(self, events: ak.Array) -> dict[str, str]:
        """Return the seeds whose expressions these events cannot decide, with the reason."""
        evaluator = SeedEvaluator(events, menu=self.algorithms)
        found = {}
        for seed, expression in self.expressions.items():
            try:
                evaluator.decide(expression)
            except UnsupportedSeedError as error:
                found[seed] = str(error)
        return found

    def without(self, seeds: Container[str]) -> SeedRules:
        """Return the rules without some seeds."""
        return SeedRules(
            tuple(seed for seed in self.seeds if seed not in seeds),
            {seed: each for seed, each in self.expressions.items() if seed not in seeds},
            {seed: each for seed, each in self.bits.items() if seed not in seeds},
            {seed: each for seed, each in self.thresholds.items() if seed not in seeds},
            self.algorithms,
        )

    def stored(self, chunk: Chunk) -> dict[str, NDArray[np.bool_]]:
        """Return the decisions that a file stores of the seeds that ask for them.

        Raises
        ------
        L1Error
            If it has none, or not these; the message names the seed.
        """
        return {seed: _stored(chunk, seed, name) for seed, name in self.bits.items()}

    def of_events(
        self, events: ak.Array, where: str, stored: Decisions | None = None
    ) -> NDArray[np.bool_]:
        """Return which seeds fire, before prescales, as far as events decide it.

        Parameters
        ----------
        events
            The crossings.
        where
            How messages call them.
        stored
            Decisions that a file stores, by seed.

        Returns
        -------
        bool, axes (crossing, seed); false for seeds that a network decides, see `with_scores`.

        Raises
        ------
        SettingsError
            If the events lack what a seed needs; the message names the seed.
        """
        out = np.zeros((len(events), len(self.seeds)), dtype=np.bool_)
        evaluator = SeedEvaluator(events, menu=self.algorithms)
        for place, seed in enumerate(self.seeds):
            if stored is not None and seed in stored:
                out[:, place] = stored[seed]
            elif seed in self.expressions:
                try:
                    out[:, place] = evaluator.decide(self.expressions[seed])
                except UnsupportedSeedError as error:
                    msg = f"{where}: seed {seed!r}: {error}"
                    raise SettingsError(msg) from error
        return out

    def with_scores(
        self, decisions: NDArray[np.bool_], scores: Mapping[str, NDArray[np.int64]]
    ) -> NDArray[np.bool_]:
        """Return decisions of events together with those of networks.

        Parameters
        ----------
        decisions
            What `of_events` returned; not changed.
        scores
            Scores of each network that decides a seed, int64, axis (crossing).
        """
        if not self.thresholds:
            return decisions
        out = np.array(decisions)
        for seed, (network, threshold) in self.thresholds.items():
            out[:, self.seeds.index(seed)] = scores[network] >= threshold
        return out


def _stored(chunk: Chunk, seed: str, name: str) -> NDArray[np.bool_]:
    if chunk.bits is None or not chunk.bits.names:
        problem = f"holds no decisions of the trigger, which seed {seed!r} asks for"
        raise InputFileError(chunk.path, problem)
    if name not in chunk.bits.names:
        raise MissingNameError("decision", name, chunk.bits.names, chunk.path)
    return chunk.bits.column(name)
