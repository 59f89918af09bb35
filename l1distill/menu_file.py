"""A menu with prescales, as users write it: seeds by expression, by stored decision or by a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError, model_validator

from emulator.errors import InputFileError, L1Error, MissingNameError, SettingsError
from emulator.menu import SeedRules, load_menu, parse_expression
from emulator.rates import PrescaleColumn
from l1distill.settings_file import Section, first_sentence, read_mapping

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    import numpy as np
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
    model: str | None = None

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
        if self.model is not None and self.threshold is None:
            msg = "model belongs to threshold: it names the network whose score that is"
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
    rules
        How each seed decides.
    """

    column: PrescaleColumn
    rules: SeedRules

    @property
    def reads_bits(self) -> bool:
        """Whether a seed is decided by what the files store."""
        return self.rules.reads_bits

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
        return RatedMenu(PrescaleColumn.of(kept), self.rules.without(seeds))

    def decisions(self, chunk: Chunk, scores: Mapping[str, NDArray[np.int64]]) -> NDArray[np.bool_]:
        """Return which seeds fire, before prescales.

        Parameters
        ----------
        chunk
            Events, with their stored decisions if `reads_bits`.
        scores
            Scores of each network that decides a seed, axis (crossing).

        Returns
        -------
        bool, axes (crossing, seed), seeds in the order of `column`.

        Raises
        ------
        L1Error
            If the file lacks what a seed needs; the message names the seed.
        """
        rules = self.rules
        decided = rules.of_events(chunk.events, chunk.path, rules.stored(chunk))
        return rules.with_scores(decided, scores)


def load_rated_menu(path: str | Path, models: Sequence[Model] = ()) -> RatedMenu:
    """Read and check a menu file; ``algorithms`` in it is relative to its folder.

    Parameters
    ----------
    path
        The file; `MINI` for the packaged menu.
    models
        The networks that are rated; seeds may name their thresholds. If there are several, a seed says
        which.

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
        return _menu(menu.seeds, algorithms, models)
    except InputFileError:
        raise
    except L1Error as error:
        msg = f"{place}: {error}"
        raise SettingsError(msg) from error


def _menu(
    seeds: Mapping[str, SeedSection], algorithms: Menu | None, models: Sequence[Model]
) -> RatedMenu:
    column = PrescaleColumn.of({name: seed.prescale for name, seed in seeds.items()})
    expressions: dict[str, Expression] = {}
    bits: dict[str, str] = {}
    thresholds: dict[str, tuple[str, int]] = {}
    for name, seed in seeds.items():
        if seed.threshold is not None:
            thresholds[name] = _threshold(name, seed.threshold, _network(name, seed.model, models))
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
    rules = SeedRules(column.seeds, expressions, bits, thresholds, name)
    return RatedMenu(column, rules)


def _network(seed: str, name: str | None, models: Sequence[Model]) -> Model:
    """Return the network that a seed means."""
    if not models:
        msg = f"seed {seed!r}: there is no network yet whose threshold it could be"
        raise SettingsError(msg)
    if name is None and len(models) > 1:
        names = ", ".join(model.name for model in models)
        msg = f"seed {seed!r}: say whose threshold it is, with 'model:' one of {names}"
        raise SettingsError(msg)
    for model in models:
        if name in {None, model.name}:
            return model
    raise MissingNameError("network", str(name), [model.name for model in models], f"seed {seed!r}")


def _threshold(seed: str, given: int | str, model: Model) -> tuple[str, int]:
    if isinstance(given, int):
        return model.name, given
    named = {threshold.name: threshold.threshold for threshold in model.thresholds}
    if given not in named:
        where = f"seed {seed!r}: model {model.name!r}"
        raise MissingNameError("threshold", given, named, where)
    return model.name, named[given]


def plain_prescales(column: PrescaleColumn) -> dict[str, Any]:
    """Return the prescales as plain values, exact: whole numbers as such, fractions as text."""
    return {
        seed: int(value) if value.denominator == 1 else str(value)
        for seed, value in zip(column.seeds, column.prescales, strict=True)
    }
