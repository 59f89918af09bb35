"""What the files that users write have in common: strict sections, scenarios, errors with their place."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    InstanceOf,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from emulator.errors import InputFileError, L1Error
from emulator.rates import RateScenario, load_scenario

if TYPE_CHECKING:
    from pathlib import Path


def _scenario(value: Any) -> Any:
    try:
        if isinstance(value, str):
            return load_scenario(value)
        if isinstance(value, dict):
            keys = {key: part for key, part in value.items() if key != "name"}
            return RateScenario.from_settings(value.get("name", ""), keys)
    except L1Error as error:
        raise ValueError(str(error)) from error
    if not isinstance(value, RateScenario):
        msg = "a scenario is the name of one, or its keys and values"
        raise ValueError(msg)  # noqa: TRY004 - pydantic adds the place to a ValueError
    return value


Scenario = Annotated[
    InstanceOf[RateScenario], BeforeValidator(_scenario), PlainSerializer(RateScenario.as_dict)
]


class PlacedError(ValueError):
    """A problem with a part of what a validator is given.

    Parameters
    ----------
    problem
        What is wrong.
    place
        Keys and numbers of entries that lead to the part.
    found
        What stands there.
    """

    def __init__(self, problem: str, *place: int | str, found: Any) -> None:
        super().__init__(problem)
        self.place = place
        self.found = found


class Section(BaseModel):
    """A part of the study file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=False, arbitrary_types_allowed=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: Any, info: ValidationInfo) -> Any:
        # Where a number is meant, pydantic would take true and false for 1 and 0.
        field = cls.model_fields[str(info.field_name)]
        if isinstance(value, bool) and field.annotation is not bool:
            msg = "neither true nor false makes sense here"
            raise ValueError(msg)
        return value


def read_mapping(place: Path, kind: str) -> dict[Any, Any]:
    """Read a YAML file that must hold keys and values; ``kind`` is what it is called.

    Raises
    ------
    InputFileError
        If the file is missing or is no YAML.
    """
    try:
        content = yaml.safe_load(place.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputFileError(place, f"no such {kind}") from error
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        problem = " ".join(str(error).split())
        raise InputFileError(place, f"cannot be read as YAML: {problem}") from error
    if not isinstance(content, dict):
        raise InputFileError(place, f"is no {kind}: it must hold keys and values")
    return content


def first_sentence(place: Path, error: ValidationError, root: type[Section], whole: str) -> str:
    """Say what is wrong and where, for the first problem, and how many more there are.

    Parameters
    ----------
    place
        The file.
    error
        What pydantic found.
    root, whole
        The section that the whole file is, and what to call it.
    """
    # A misspelt key is also missing under its right name: the misspelling is what helps.
    problems = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    first = problems[0]
    place_in_file, found = first["loc"], first["input"]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, PlacedError):
        place_in_file, found = (*place_in_file, *cause.place), cause.found
    where = ".".join(str(part) for part in place_in_file) or whole
    if first["type"] == "extra_forbidden":
        known = _keys_at(root, first["loc"][:-1])
        near = get_close_matches(str(first["loc"][-1]), known, n=1) or known
        what = f"is no key that is known here; nearest: {', '.join(near)}"
    elif first["type"] == "missing":
        what = "is missing"
    else:
        text = first["msg"].removeprefix("Value error, ")
        what = f"{text[0].lower()}{text[1:]}"
        # Of a whole section the place is enough.
        if not isinstance(found, dict):
            what += f", found {found!r:.60}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return " ".join(f"{place}: {where}: {what}{more}".split())


def _keys_at(root: type[Section], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the section at a place in a file."""
    section, is_name = root, False
    for part in place:
        if is_name:  # of one of several sections of a kind
            is_name = False
            continue
        kind = section.model_fields[str(part)].annotation
        # A section may be optional.
        choices = (kind, *get_args(kind))
        section = next(one for one in choices if isinstance(one, type) and issubclass(one, Section))
        is_name = get_origin(kind) is dict
    return [field.alias or name for name, field in section.model_fields.items()]
