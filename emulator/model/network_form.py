"""The JSON form ``l1-fixed-point-network/1``, in which networks deployed by CMS are passed on.

A network is given as integer mantissas with all types, the rule of its inputs and their era, the
score, thresholds for each menu, and one crossing worked through. This module reads the form and
checks what can be checked of each entry alone; `emulator.model.import_form` makes a model of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from emulator.errors import InputFileError, L1Error, ModelFileError
from emulator.fixed import FixedFormat

#: Name and version of the form.
NETWORK_FORM = "l1-fixed-point-network/1"

#: Algorithm bits of the Global Trigger.
N_ALGORITHM_BITS = 512


def _parse_format(value: object) -> object:
    if not isinstance(value, str):
        msg = "a type is written as text, for example 'ap_fixed<8,6>'"
        raise ValueError(msg)  # noqa: TRY004 - pydantic adds the place to a ValueError
    try:
        return FixedFormat.parse(value)
    except L1Error as error:
        raise ValueError(str(error)) from error


def _bit_number(text: str) -> str:
    if not (text.isdecimal() and str(int(text)) == text and int(text) < N_ALGORITHM_BITS):
        msg = f"is no algorithm bit, which are 0 to {N_ALGORITHM_BITS - 1}"
        raise ValueError(msg)
    return text


# `InstanceOf` keeps pydantic from filling the dataclass itself.
Format = Annotated[InstanceOf[FixedFormat], BeforeValidator(_parse_format)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Bit = Annotated[StrictStr, AfterValidator(_bit_number)]
MuonPlace = Literal["raw", "vtx", "vertex"]

#: Keys that hold words for readers, which may stand anywhere and say nothing to a program.
_WORDS = {
    *("comment", "comments", "definition", "description", "meaning", "note", "notes"),
    *("reference", "references", "remark", "remarks", "rule", "source"),
}


class _Part(BaseModel):
    """A part of the form; keys that it does not name are refused, but for words to readers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_words(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {
            key: value
            for key, value in given.items()
            if key not in _WORDS
            or key in cls.model_fields
            or not (
                isinstance(value, str)
                or (isinstance(value, list) and all(isinstance(each, str) for each in value))
            )
        }


class EraEntry(_Part):
    """How the experiment filled the inputs."""

    pt_halved_to_integer: bool
    muon_phi: MuonPlace
    muon_eta: MuonPlace
    meaning: str = ""


class FeatureEntry(_Part):
    """One input."""

    index: StrictInt
    object: StrictStr
    slot: StrictInt
    field: StrictStr


class InputEntry(_Part):
    """The inputs and how they are scaled."""

    rule: str = ""
    selection: str = ""
    era: EraEntry
    raw_type: Format
    type: Format
    offset_type: Format
    offset: list[Number]
    shift: list[StrictInt]
    features: Annotated[list[FeatureEntry], Field(min_length=1)]


class _LayerEntry(_Part):
    name: StrictStr
    inputs: list[StrictStr]
    n_in: StrictInt | None = None
    n_out: StrictInt | None = None
    output_type: Format


class DenseEntry(_LayerEntry):
    """Products cast to the accumulator, added there to the bias; activation; output type."""

    kind: Literal["dense"]
    weight_type: Format
    bias_type: Format
    accum_type: Format
    activation: Literal["linear", "relu"]
    weight: list[list[StrictInt]]
    bias: list[StrictInt]


class SubtractEntry(_LayerEntry):
    """First input minus second."""

    kind: Literal["subtract"]


class SumOfSquaresEntry(_LayerEntry):
    """Squares cast to the accumulator and added there."""

    kind: Literal["sum_of_squares"]
    accum_type: Format


LayerEntry = DenseEntry | SubtractEntry | SumOfSquaresEntry


class ScoreEntry(_Part):
    """Which layer is the score."""

    layer: StrictStr
    type: Format
    lsb: Number | None = None
    definition: str = ""


class ThresholdEntry(_Part):
    """One seed: it fires if the integer score is at least the threshold.

    What else the file says of it, as its fires on some vector, is for readers.
    """

    model_config = ConfigDict(extra="ignore")

    seed: StrictStr
    threshold: StrictInt


class ExampleEntry(_Part):
    """One crossing worked through; what else the file says of it is for readers."""

    model_config = ConfigDict(extra="ignore")

    file: str = ""
    line: StrictInt | None = None
    raw: list[Number]
    mantissas: dict[str, StrictInt | list[StrictInt]]
    score: StrictInt


class NetworkForm(_Part):
    """A whole network in the form."""

    format: Literal["l1-fixed-point-network/1"]
    name: StrictStr
    source: dict[str, Any] | list[str] | str = ""
    conventions: list[str] | dict[str, Any] | str = []
    input: InputEntry
    layers: Annotated[list[Annotated[LayerEntry, Field(discriminator="kind")]], Field(min_length=1)]
    score: ScoreEntry
    thresholds: dict[StrictStr, dict[Bit, ThresholdEntry]] = {}
    example: ExampleEntry | None = None


def read_network_form(path: str | Path) -> NetworkForm:
    """Read a file of the form.

    Raises
    ------
    InputFileError
        If the file is missing, no JSON, or of another form.
    ModelFileError
        If a key is unknown, missing or twice there, or a value is wrong; the message gives its
        place in the JSON.
    """
    place = Path(path)
    plain = _read_json(place)
    if not isinstance(plain, dict) or plain.get("format") != NETWORK_FORM:
        found = plain.get("format") if isinstance(plain, dict) else None
        said = f"its format is {found!r}" if found is not None else "it names no format"
        if isinstance(plain, dict) and "network_sha256" in plain:
            said = "it is a model file already, which every command takes as it is"
        raise InputFileError(place, f"is no network of the form {NETWORK_FORM}: {said}")
    try:
        return NetworkForm.model_validate(plain)
    except ValidationError as error:
        msg = f"{place}: {_first_problem(error, plain)}"
        raise ModelFileError(msg) from error


def _read_json(place: Path) -> object:
    def without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
        for number, (key, _) in enumerate(pairs):
            if any(key == other for other, _ in pairs[:number]):
                msg = f"the key {key!r} comes twice"
                raise ValueError(msg)
        return dict(pairs)

    try:
        text = place.read_text(encoding="utf-8")
        return json.loads(text, object_pairs_hook=without_repeats)
    except FileNotFoundError as error:
        raise InputFileError(place, "there is no such file") from error
    except IsADirectoryError as error:
        raise InputFileError(place, "is a folder, not a network") from error
    except (ValueError, RecursionError) as error:
        raise InputFileError(place, f"cannot be read as JSON ({error})") from error


def _first_problem(error: ValidationError, plain: dict[str, Any]) -> str:
    """Say what is wrong and where, for the first problem, and how many more there are."""
    problems = error.errors()
    first = problems[0]
    where = _place(first["loc"], plain)
    if first["type"] == "extra_forbidden":
        what = "is no key that is known here"
    elif first["type"] == "missing":
        what = "is missing"
    elif first["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        known = "dense, subtract, sum_of_squares"
        what = f"its kind {first['input'].get('kind')!r:.60} is not known; known: {known}"
    else:
        text = first["msg"].removeprefix("Value error, ")
        what = f"{text[0].lower()}{text[1:]}, found {first['input']!r:.60}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return " ".join(f"{where}: {what}{more}".split())


def _place(location: tuple[int | str, ...], plain: dict[str, Any]) -> str:
    """Write a place as ``layers[0] 'h1'.weight[3][5]``."""
    parts = list(location)
    text = ""
    if parts[0] == "layers" and len(parts) > 1:
        number = int(parts[1])
        layer = plain["layers"][number]
        name = layer.get("name") if isinstance(layer, dict) else None
        text = layer_place(number, name)
        # pydantic names the kind of a layer, which is not part of the JSON's structure.
        parts = parts[3:]
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part not in {"[key]", "int", "list[int]"}:  # pydantic's own words
            text += f".{part}" if text else str(part)
    return text


def layer_place(number: int, name: object) -> str:
    """Return how messages name a layer.

    Examples
    --------
    >>> layer_place(0, "h1")
    "layers[0] 'h1'"
    """
    return f"layers[{number}]" + (f" {name!r:.40}" if isinstance(name, str) else "")
