"""Values that several sections of a study file have: types, widths, names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    PlainSerializer,
    PositiveInt,
)

from distill.students import MAX_BITS
from emulator.errors import L1Error
from emulator.fixed import FixedFormat
from l1distill.baselines import BASELINES
from l1distill.settings_file import PlacedError
from l1distill.study.roles import EMULATOR, MEASURING, SETTING, TEACHER, TRAINING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _format(value: Any) -> Any:
    try:
        if isinstance(value, str):
            return _narrow(FixedFormat.parse(value))
    except L1Error as error:
        raise ValueError(str(error)) from error
    if not isinstance(value, FixedFormat):
        msg = "a type is written as text, for example 'ap_fixed<8,6>'"
        raise ValueError(msg)  # noqa: TRY004 - pydantic adds the place to a ValueError
    return _narrow(value)


def _narrow(found: FixedFormat) -> FixedFormat:
    if found.width > MAX_BITS:
        msg = f"{found} is wider than {MAX_BITS} bits"
        raise ValueError(msg)
    return found


def _not_reserved(name: str) -> str:
    if name in {TRAINING, SETTING, MEASURING}:
        msg = f"a signal cannot be called {name!r}, which is a role of zero-bias crossings"
        raise ValueError(msg)
    return name


def _model_name(name: str) -> str:
    taken = {TEACHER, EMULATOR, *BASELINES}
    if name in taken:
        msg = f"a model cannot be called {name!r}, which is in every study already"
        raise ValueError(msg)
    return name


# `InstanceOf` keeps pydantic from filling these dataclasses itself.
Format = Annotated[InstanceOf[FixedFormat], BeforeValidator(_format), PlainSerializer(str)]
#: Names that become names of files.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$"), AfterValidator(_model_name)]
SignalName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]+$"), AfterValidator(_not_reserved)]


def _formats(value: Any) -> Any:
    if value is None:
        return None
    return _each(value, _format) if isinstance(value, list | tuple) else _format(value)


def _each(values: Sequence[Any], check: Callable[[Any], Any]) -> tuple[Any, ...]:
    """Check the entries of a list; what is wrong with one is told with its number."""
    checked = []
    for place, one in enumerate(values):
        try:
            checked.append(check(one))
        except ValueError as error:
            raise PlacedError(str(error), place, found=one) from error
    return tuple(checked)


def _plain_formats(value: Any) -> Any:
    if value is None:
        return None
    return [str(one) for one in value] if isinstance(value, tuple) else str(value)


def _width(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MAX_BITS:
        msg = f"a width is a whole number from 1 to {MAX_BITS}, or a list with one for each layer"
        raise ValueError(msg)
    return value


def _bits(value: Any) -> Any:
    if value is None:
        return None
    return _each(value, _width) if isinstance(value, list | tuple) else _width(value)


def require_one_each(values: Any, n_layers: int, *place: str) -> None:
    """Raise `PlacedError` if a list does not have an entry for each layer."""
    if isinstance(values, tuple) and len(values) != n_layers:
        msg = f"a list has one entry for each of the {n_layers} layers"
        found = [one if isinstance(one, int) else str(one) for one in values]
        raise PlacedError(msg, *place, found=found)


# One for all layers, or one for each; checked here, since the choices of a union are no places.
Formats = Annotated[Any, AfterValidator(_formats), PlainSerializer(_plain_formats)]
Bits = Annotated[Any, AfterValidator(_bits)]
Widths = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
