"""A menu with prescales, as users write it: seeds by expression, by stored decision or by a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from emulator.errors import InputFileError, L1Error, MissingNameError, SettingsError
from emulator.menu import SeedEvaluator, UnsupportedSeedError, load_menu, parse_expression
from emulator.rates import PrescaleColumn
from l1distill.settings_file import Section, first_sentence, read_mapping

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.menu import Menu
    from emulator.menu.syntax import Expression
    from emulator.model import Model
    from emulator.objects import Chunk

SCHEMA = "l1distill-menu/1"

#: Name that stands for the packaged menu.
MINI = "mini"


_PACKAGED = Path(__file__).parent / "data" / "mini_menu.yaml"


class SeedSection(Section):
    """One seed: how it decides, and its prescale."""

    prescale: int | float | str = 1
    expression: str | None = None
    bit: int | str | None = None
    threshold: int | str | None = None

    @model_validator(mode="before")
    @classmethod
    def _prescale_alone(cls, value: Any) -> Any:
        return value if isinstance(value, dict | SeedSection) else {"prescale": value}

    @model_validator(mode="after")
    def _one_way(self) -> SeedSection:
        given = [
            name for name in ("expression", "bit", "threshold") if getattr(self, name) is not None
        ]
        if len(given) > 1:
            msg = f"give one of expression, bit and threshold, not {' and '.join(given)}"
            raise ValueError(msg)
        return self


class MenuSection(Section):
    """A menu file; see docs/menus.md."""

    schema_: Literal["l1distill-menu/1"] = Field(alias="schema")
    algorithms: Path | None = None
    seeds: dict[str, SeedSection] = Field(min_length=1)


@dataclass(frozen=True)
class RatedMenu:
    """Seeds with their prescales, and how each decides.

    Attributes
    ----------
    column
        Seeds and prescales.
    expressions, bits, thresholds
        For each seed, by one of them: its expression, the name of its stored decision, the integer
        threshold of the network that is rated.
    algorithms
        Name of the menu that the expressions are from; empty if they stand in the menu file.
    """

    column: PrescaleColumn
    expressions: Mapping[str, Expression]
    bits: Mapping[str, str]
    thresholds: Mapping[str, int]
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

    def without(self, seeds: Container[str]) -> RatedMenu:
        """Return the menu without some seeds.

        Raises
        ------
        SettingsError
            If none is left.
        """
        kept = {
            seed: prescale
            for seed, prescale in zip(self.column.seeds, self.column.prescales, strict=True)
            if seed not in seeds
        }
        return RatedMenu(
            PrescaleColumn.of(kept),
            {seed: each for seed, each in self.expressions.items() if seed in kept},
            {seed: each for seed, each in self.bits.items() if seed in kept},
            {seed: each for seed, each in self.thresholds.items() if seed in kept},
            self.algorithms,
        )

    def decisions(self, chunk: Chunk, scores: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which seeds fire, before prescales.

        Parameters
        ----------
        chunk
            Events, with their stored decisions if `reads_bits`.
        scores
            Scores of the network that is rated, axis (crossing).

        Returns
        -------
        bool, axes (crossing, seed), seeds in the order of `column`.

        Raises
        ------
        L1Error
            If the file lacks what a seed needs; the message names the seed.
        """
        stored = {seed: _stored(chunk, seed, name) for seed, name in self.bits.items()}
        return self.decisions_of(chunk.events, scores, chunk.path, stored)

    def decisions_of(
        self,
        events: ak.Array,
        scores: NDArray[np.int64],
        where: str,
        stored: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> NDArray[np.bool_]:
        """Return which seeds fire in events without a file; ``where`` is how messages call them."""
        out = np.empty((len(scores), len(self.column)), dtype=np.bool_)
        evaluator = SeedEvaluator(events, menu=self.algorithms)
        for place, seed in enumerate(self.column.seeds):
            if seed in self.thresholds:
                out[:, place] = scores >= self.thresholds[seed]
            elif stored is not None and seed in stored:
                out[:, place] = stored[seed]
            else:
                try:
                    out[:, place] = evaluator.decide(self.expressions[seed])
                except UnsupportedSeedError as error:
                    msg = f"{where}: seed {seed!r}: {error}"
                    raise SettingsError(msg) from error
        return out


def _stored(chunk: Chunk, seed: str, name: str) -> NDArray[np.bool_]:
    if chunk.bits is None or not chunk.bits.names:
        problem = f"holds no decisions of the trigger, which seed {seed!r} asks for"
        raise InputFileError(chunk.path, problem)
    if name not in chunk.bits.names:
        raise MissingNameError("decision", name, chunk.bits.names, chunk.path)
    return chunk.bits.column(name)


def load_rated_menu(path: str | Path, model: Model | None = None) -> RatedMenu:
    """Read and check a menu file; ``algorithms`` in it is relative to its folder.

    Parameters
    ----------
    path
        The file; `MINI` for the packaged menu.
    model
        The network that is rated; seeds may name its thresholds. None if there is none yet.

    Raises
    ------
    InputFileError
        If a file is missing or cannot be read.
    SettingsError
        If a key is unknown, a prescale impossible, or it is not said how a seed decides.
    L1Error
        If an expression cannot be read or a name is unknown.
    """
    place = _PACKAGED if str(path) == MINI else Path(path)
    content = read_mapping(place, "menu file")
    try:
        menu = MenuSection.model_validate(content)
    except ValidationError as error:
        raise SettingsError(first_sentence(place, error, MenuSection, "the menu")) from error
    algorithms = None if menu.algorithms is None else load_menu(place.parent / menu.algorithms)
    try:
        return _menu(menu.seeds, algorithms, model)
    except InputFileError:
        raise
    except L1Error as error:
        msg = f"{place}: {error}"
        raise SettingsError(msg) from error


def _menu(
    seeds: Mapping[str, SeedSection], algorithms: Menu | None, model: Model | None
) -> RatedMenu:
    column = PrescaleColumn.of({name: seed.prescale for name, seed in seeds.items()})
    expressions: dict[str, Expression] = {}
    bits: dict[str, str] = {}
    thresholds: dict[str, int] = {}
    for name, seed in seeds.items():
        if seed.threshold is not None:
            thresholds[name] = _threshold(name, seed.threshold, model)
        elif seed.bit is not None:
            bits[name] = str(seed.bit)
        elif seed.expression is not None:
            expressions[name] = parse_expression(seed.expression)
        elif algorithms is not None:
            expressions[name] = algorithms.seed(name).parsed()
        else:
            msg = (
                f"seed {name!r}: say how it decides: an expression, a bit or a threshold, or name the "
                "file of the menu's algorithms"
            )
            raise SettingsError(msg)
    name = "" if algorithms is None else algorithms.name
    return RatedMenu(column, expressions, bits, thresholds, name)


def _threshold(seed: str, given: int | str, model: Model | None) -> int:
    if model is None:
        msg = f"seed {seed!r}: there is no network yet whose threshold it could be"
        raise SettingsError(msg)
    if isinstance(given, int):
        return given
    named = {threshold.name: threshold.threshold for threshold in model.thresholds}
    if given not in named:
        where = f"seed {seed!r}: model {model.name!r}"
        raise MissingNameError("threshold", given, named, where)
    return named[given]


def plain_prescales(column: PrescaleColumn) -> dict[str, Any]:
    """Return the prescales as plain values, exact: whole numbers as such, fractions as text."""
    return {
        seed: int(value) if value.denominator == 1 else str(value)
        for seed, value in zip(column.seeds, column.prescales, strict=True)
    }
