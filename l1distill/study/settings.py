"""The study file: what a user writes, checked before anything runs.

Unknown keys and wrong types are refused with their place in the YAML.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PlainSerializer,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from distill.recipe import Recipe
from distill.students import StudentSpec
from distill.teachers import TeacherSpec
from distill.training import TrainingSettings
from emulator.errors import InputFileError, L1Error, SettingsError
from emulator.features import load_layout
from emulator.fixed import FixedFormat
from emulator.rates import RateScenario, load_scenario
from emulator.samples import load_tier
from l1distill.study.roles import MEASURING, SETTING, TRAINING

SCHEMA = "l1distill-study/1"


def _format(value: Any) -> Any:
    try:
        if isinstance(value, str):
            return FixedFormat.parse(value)
    except L1Error as error:
        raise ValueError(str(error)) from error
    if not isinstance(value, FixedFormat):
        msg = "a type is written as text, for example 'ap_fixed<8,6>'"
        raise ValueError(msg)  # noqa: TRY004 - pydantic adds the place to a ValueError
    return value


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


def _not_reserved(name: str) -> str:
    if name in {TRAINING, SETTING, MEASURING}:
        msg = f"a signal cannot be called {name!r}, which is a role of zero-bias crossings"
        raise ValueError(msg)
    return name


# `InstanceOf` keeps pydantic from filling these dataclasses itself.
Format = Annotated[InstanceOf[FixedFormat], BeforeValidator(_format), PlainSerializer(str)]
Scenario = Annotated[
    InstanceOf[RateScenario], BeforeValidator(_scenario), PlainSerializer(RateScenario.as_dict)
]
#: Names that become names of files.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
SignalName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]+$"), AfterValidator(_not_reserved)]
Widths = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]


class Section(BaseModel):
    """A part of the study file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=False, arbitrary_types_allowed=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: Any) -> Any:
        # Nothing here is true or false, but pydantic would take them for 1 and 0.
        if isinstance(value, bool):
            msg = "neither true nor false makes sense here"
            raise ValueError(msg)  # noqa: TRY004 - pydantic adds the place to a ValueError
        return value


class FileSet(Section):
    """Samples that exist already: L1Ntuple or L1 NanoAOD files.

    Thresholds are set on `setting`, rates measured on `measuring`; the three background sets must
    not share events.
    """

    training: Annotated[list[Path], Field(min_length=1)]
    setting: Annotated[list[Path], Field(min_length=1)]
    measuring: Annotated[list[Path], Field(min_length=1)]
    signals: Annotated[
        dict[SignalName, Annotated[list[Path], Field(min_length=1)]], Field(min_length=1)
    ]
    source: Literal["unpacked", "emulated"] = "unpacked"

    @model_validator(mode="after")
    def _each_file_once(self) -> FileSet:
        seen: set[Path] = set()
        for path in (*self.training, *self.setting, *self.measuring):
            if path in seen:
                msg = f"{path} is given twice; zero-bias sets must not share crossings"
                raise ValueError(msg)
            seen.add(path)
        return self


class Samples(Section):
    """Either a tier of samples to generate, or files."""

    generate: str | None = None
    files: FileSet | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Samples:
        if (self.generate is None) == (self.files is None):
            msg = "give either 'generate' (a tier) or 'files'"
            raise ValueError(msg)
        return self


class Training(Section):
    """How one network is trained; see `distill.training.TrainingSettings`."""

    epochs: PositiveInt = 10
    batch_size: PositiveInt = 512
    learning_rate: PositiveFloat = 4e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    patience: PositiveInt = 5


class Teacher(Section):
    """The autoencoder that defines what is anomalous."""

    widths: Widths = (128, 64, 12, 64, 128)
    training: Training = Training()


class Student(Section):
    """The network that goes into the trigger."""

    name: FileName = "student"
    widths: Widths = (32, 16)
    input_format: Format | None = None
    weight_format: Format | None = None
    bias_format: Format | None = None
    activation_format: Format | None = None
    score_format: Format | None = None
    tail_weight: Annotated[float, Field(ge=0)] = 1.0
    sampling_power: Annotated[float, Field(ge=0, le=1)] = 0.25
    training: Training = Training(epochs=20)
    quantized_training: Training = Training(epochs=8, learning_rate=1e-3)


class Distillation(Section):
    """Teacher, student, and the crossings they are trained on."""

    teacher: Teacher = Teacher()
    student: Student = Student()
    n_crossings: PositiveInt = 200_000
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2


class Rates(Section):
    """Working points and errors."""

    targets_khz: Annotated[list[PositiveFloat], Field(min_length=1)] = [1.0, 5.0, 10.0]
    replicas: Annotated[int, Field(ge=20, le=2000)] = 200
    float_fraction_bits: Annotated[int, Field(ge=0, le=30)] = 12

    @model_validator(mode="after")
    def _each_target_once(self) -> Rates:
        # Thresholds are named after their targets.
        names = [f"{target:g}" for target in self.targets_khz]
        if len(set(names)) < len(names):
            msg = f"two of the targets {', '.join(names)} kHz have the same name"
            raise ValueError(msg)
        return self


class Comparison(Section):
    """Which executions the engine is compared with, on all measuring crossings."""

    against: list[Literal["reference", "csim", "rtl"]] = ["reference", "csim"]
    backend: Literal["Vitis", "Vivado"] = "Vitis"
    part: str = "xcvu13p-flga2577-2-e"
    clock_period_ns: PositiveFloat = 5.0


class Study(Section):
    """A whole study."""

    schema_: Annotated[Literal["l1distill-study/1"], Field(alias="schema")]
    name: FileName
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    scenario: Scenario
    layout: str = "axol1tl_57"
    samples: Samples
    distillation: Distillation = Distillation()
    rates: Rates = Rates()
    comparison: Comparison = Comparison()

    @model_validator(mode="after")
    def _targets_below_crossing_rate(self) -> Study:
        for target in self.rates.targets_khz:
            if target >= self.scenario.crossing_rate_khz:
                msg = (
                    f"a target of {target:g} kHz is not below the crossing rate, "
                    f"{self.scenario.crossing_rate_khz:.0f} kHz"
                )
                raise ValueError(msg)
        return self

    def recipe(self) -> Recipe:
        """Return the distillation as the training code takes it.

        Training uses one thread: for networks this small a second one gains little, loses much on a
        busy machine, and may change the last digits.
        """
        teacher, student = self.distillation.teacher, self.distillation.student
        formats = {
            key: value
            for key in (
                "input_format",
                "weight_format",
                "bias_format",
                "activation_format",
                "score_format",
            )
            if (value := getattr(student, key)) is not None
        }

        def settings(training: Training) -> TrainingSettings:
            return TrainingSettings(**training.model_dump(), seed=self.seed)

        return Recipe(
            student=StudentSpec.uniform(student.widths, **formats),
            teacher=TeacherSpec(widths=teacher.widths),
            teacher_training=settings(teacher.training),
            student_training=settings(student.training),
            quantized_training=settings(student.quantized_training),
            tail_weight=student.tail_weight,
            seed=self.seed,
        )

    def plain(self, *sections: str) -> dict[str, Any]:
        """Return the study, or some sections of it, as plain values for YAML and hashes."""
        chosen = set(sections) or None
        values = self.model_dump(mode="json", by_alias=True, include=chosen)
        assert isinstance(values, dict)  # noqa: S101 - a model dumps to a dictionary
        return values


def load_study(path: str | Path) -> Study:
    """Read and check a study file; paths of files in it are relative to its folder.

    Raises
    ------
    InputFileError
        If the file is missing or is no YAML.
    SettingsError
        If a key is unknown, missing, or of the wrong type; the message gives its place.
    """
    place = Path(path)
    try:
        content = yaml.safe_load(place.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputFileError(place, "no such study file") from error
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        problem = " ".join(str(error).split())
        raise InputFileError(place, f"cannot be read as YAML: {problem}") from error
    if not isinstance(content, dict):
        raise InputFileError(place, "is no study file: it must hold keys and values")
    try:
        study = Study.model_validate(content)
        study.recipe()
        if study.samples.generate is not None:
            load_tier(study.samples.generate)
        study = _with_absolute_files(study, place.parent)
        load_layout(study.layout)
    except ValidationError as error:
        raise SettingsError(_first_sentence(place, error)) from error
    except L1Error as error:
        msg = f"{place}: {error}"
        raise SettingsError(msg) from error
    return study


def _first_sentence(place: Path, error: ValidationError) -> str:
    """Say what is wrong and where, for the first problem, and how many more there are."""
    # A misspelt key is also missing under its right name: the misspelling is what helps.
    problems = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    first = problems[0]
    where = ".".join(str(part) for part in first["loc"]) or "the study"
    if first["type"] == "extra_forbidden":
        known = _keys_at(first["loc"][:-1])
        near = get_close_matches(str(first["loc"][-1]), known, n=1) or known
        what = f"is no key that is known here; nearest: {', '.join(near)}"
    elif first["type"] == "missing":
        what = "is missing"
    else:
        text = first["msg"].removeprefix("Value error, ")
        what = f"{text[0].lower()}{text[1:]}, found {first['input']!r:.60}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return " ".join(f"{place}: {where}: {what}{more}".split())


def _keys_at(place: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the section at a place in the study file."""
    section: type[Section] = Study
    for part in place:
        kind = section.model_fields[str(part)].annotation
        # A section may be optional.
        choices = (kind, *get_args(kind))
        section = next(one for one in choices if isinstance(one, type) and issubclass(one, Section))
    return [field.alias or name for name, field in section.model_fields.items()]


def _with_absolute_files(study: Study, folder: Path) -> Study:
    if study.layout.endswith((".yaml", ".yml")):
        study = study.model_copy(update={"layout": str((folder / study.layout).resolve())})
    files = study.samples.files
    if files is None:
        return study

    def absolute(paths: list[Path]) -> list[Path]:
        return [(folder / path).resolve() for path in paths]

    resolved = files.model_copy(
        update={
            "training": absolute(files.training),
            "setting": absolute(files.setting),
            "measuring": absolute(files.measuring),
            "signals": {name: absolute(paths) for name, paths in files.signals.items()},
        }
    )
    samples = study.samples.model_copy(update={"files": resolved})
    return study.model_copy(update={"samples": samples})
