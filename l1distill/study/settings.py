"""The study file: what a user writes, checked before anything runs.

Unknown keys and wrong types are refused with their place in the YAML.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    PlainSerializer,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from distill import recipe as recipes
from distill.cotraining import CoTraining
from distill.inputs import select_inputs
from distill.losses import RegressionLoss
from distill.recipe import Recipe, StudentRecipe
from distill.search.space import SearchSpace
from distill.search.trials import SearchSettings
from distill.students import MAX_BITS, StudentSpec
from distill.teachers import TeacherKind, TeacherScore, TeacherSpec
from distill.training import TrainingSettings
from distill.widths import BitWidths
from emulator.errors import L1Error, SettingsError
from emulator.features import FeatureLayout, load_layout
from emulator.fixed import FixedFormat
from emulator.objects.file_access import is_remote
from emulator.objects.quantities import Binning
from emulator.samples import load_tier
from firmware.hls.settings import HlsSettings, Strategy
from firmware.rtl.settings import RtlSettings
from l1distill.menu_file import MINI, load_rated_menu
from l1distill.settings_file import Scenario, Section, first_sentence, read_mapping
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


def _not_reserved(name: str) -> str:
    if name in {TRAINING, SETTING, MEASURING}:
        msg = f"a signal cannot be called {name!r}, which is a role of zero-bias crossings"
        raise ValueError(msg)
    return name


# `InstanceOf` keeps pydantic from filling these dataclasses itself.
Format = Annotated[InstanceOf[FixedFormat], BeforeValidator(_format), PlainSerializer(str)]
#: Names that become names of files.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
SignalName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]+$"), AfterValidator(_not_reserved)]


def _formats(value: Any) -> Any:
    if value is None:
        return None
    return (
        tuple(_format(one) for one in value) if isinstance(value, list | tuple) else _format(value)
    )


def _plain_formats(value: Any) -> Any:
    if value is None:
        return None
    return [str(one) for one in value] if isinstance(value, tuple) else str(value)


def _bits(value: Any) -> Any:
    if value is None:
        return None
    for one in value if isinstance(value, list | tuple) else [value]:
        if type(one) is not int or not 1 <= one <= MAX_BITS:
            msg = (
                f"a width is a whole number from 1 to {MAX_BITS}, or a list with one for each layer"
            )
            raise ValueError(msg)
    return tuple(value) if isinstance(value, list) else value


# One for all layers, or one for each; checked here, since the choices of a union are no places.
Formats = Annotated[Any, AfterValidator(_formats), PlainSerializer(_plain_formats)]
Bits = Annotated[Any, AfterValidator(_bits)]
Widths = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]


Role = Literal["training", "setting", "measuring"]
Runs = Annotated[list[PositiveInt], Field(min_length=1)]


def _every_role(runs: dict[Role, Runs | None]) -> dict[Role, Runs | None]:
    return {role: runs.get(role) for role in get_args(Role)}


def _share(one: Runs | None, other: Runs | None) -> bool:
    """Whether two selections of the same file may hold the same crossing."""
    return one is None or other is None or bool(set(one) & set(other))


class FileSet(Section):
    """Samples that exist already, in any format that is read.

    Thresholds are set on `setting`, rates measured on `measuring`; the three background sets must
    not share events: neither files, nor runs of the same file. ``runs`` and ``lumi_mask`` choose
    crossings of the background.
    """

    training: Annotated[list[str], Field(min_length=1)]
    setting: Annotated[list[str], Field(min_length=1)]
    measuring: Annotated[list[str], Field(min_length=1)]
    signals: Annotated[
        dict[SignalName, Annotated[list[str], Field(min_length=1)]], Field(min_length=1)
    ]
    source: Literal["unpacked", "emulated"] = "unpacked"
    runs: Annotated[dict[Role, Runs | None], AfterValidator(_every_role)] = Field(
        default_factory=dict, validate_default=True
    )
    lumi_mask: Path | None = None

    @model_validator(mode="after")
    def _each_crossing_once(self) -> FileSet:
        roles: dict[Role, list[str]] = {
            "training": self.training,
            "setting": self.setting,
            "measuring": self.measuring,
        }
        seen: dict[str, list[Runs | None]] = {}
        for role, paths in roles.items():
            for path in paths:
                # Two ways to write one path are one file.
                place = path if is_remote(path) else str(Path(path))
                for runs in seen.get(place, []):
                    if _share(runs, self.runs[role]):
                        msg = f"{place} is given twice; zero-bias sets must not share crossings"
                        raise ValueError(msg)
                seen.setdefault(place, []).append(self.runs[role])
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
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def settings(self, seed: int) -> TrainingSettings:
        """Return them as the training code takes them.

        Training uses one thread: for networks this small a second one gains little, loses much on a
        busy machine, and may change the last digits.
        """
        return TrainingSettings(**self.model_dump(), seed=seed)


ScoreFiles = Annotated[list[str], Field(min_length=1)]


class GivenScores(Section):
    """Scores of somebody else's teacher in Parquet files: nothing of it is run, and none is trained.

    Each file holds ``run``, ``lumi``, ``event``, ``crossing`` and the column, as ``l1distill emulate``
    writes them; every crossing of the samples must be there.
    """

    column: str = "score"
    training: ScoreFiles
    setting: ScoreFiles
    measuring: ScoreFiles
    signals: dict[SignalName, ScoreFiles]

    def files(self) -> dict[str, list[str]]:
        """Return the files by sample."""
        roles = {TRAINING: self.training, SETTING: self.setting, MEASURING: self.measuring}
        return {**roles, **self.signals}


class Teacher(Section):
    """The autoencoder that defines what is anomalous; see `distill.teachers.TeacherSpec`."""

    given: GivenScores | None = None

    kind: TeacherKind = "autoencoder"
    score: TeacherScore = "mse"
    beta: Annotated[float, Field(ge=0)] = 0.5
    widths: Widths = (128, 64, 12, 64, 128)
    training: Training = Training()

    @model_validator(mode="after")
    def _possible(self) -> Teacher:
        try:
            self.spec()
        except L1Error as error:
            raise ValueError(str(error)) from error
        return self

    def spec(self) -> TeacherSpec:
        """Return the teacher as the training code takes it."""
        return TeacherSpec(self.widths, kind=self.kind, score=self.score, beta=self.beta)


class Quantization(Section):
    """How the student comes to integers; see `distill.recipe.Quantization`.

    A number of bits is one for all layers, or a list with one for each. Without them the types are those of
    the keys ``*_format``.
    """

    method: Literal["aware", "post", "learned"] = "aware"
    weight_bits: Bits = None
    bias_bits: Bits = None
    activation_bits: Bits = None
    per_channel: bool = False
    granularity: Literal["layer", "channel"] = "channel"
    ebops_penalty: Annotated[float, Field(ge=0)] = 3e-6
    correct_biases: bool = True

    @model_validator(mode="after")
    def _all_bits_or_none(self) -> Quantization:
        given = [self.weight_bits, self.bias_bits, self.activation_bits]
        if any(one is None for one in given) and any(one is not None for one in given):
            msg = "give all of weight_bits, bias_bits and activation_bits, or none of them"
            raise ValueError(msg)
        if self.per_channel and self.weight_bits is None:
            msg = "per_channel needs weight_bits, bias_bits and activation_bits"
            raise ValueError(msg)
        return self

    def for_layers(self, n_hidden: int) -> recipes.Quantization:
        """Return the quantization of a student with so many hidden layers."""

        def each(bits: Any, n_layers: int, what: str) -> tuple[int, ...]:
            if isinstance(bits, tuple) and len(bits) != n_layers:
                msg = f"quantization.{what}: {len(bits)} numbers for {n_layers} layers"
                raise SettingsError(msg)
            return bits if isinstance(bits, tuple) else (bits,) * n_layers

        bits = None
        if self.weight_bits is not None:
            bits = BitWidths(
                weights=each(self.weight_bits, n_hidden + 1, "weight_bits"),
                biases=each(self.bias_bits, n_hidden + 1, "bias_bits"),
                activations=each(self.activation_bits, n_hidden, "activation_bits"),
                per_channel=self.per_channel,
            )
        return recipes.Quantization(
            method=self.method,
            bits=bits,
            granularity=self.granularity,
            ebops_penalty=self.ebops_penalty,
            correct_biases=self.correct_biases,
        )


class Student(Section):
    """The network that goes into the trigger."""

    name: FileName = "student"
    widths: Widths = (32, 16)
    activation: Literal["relu", "hard_tanh"] = "relu"
    inputs: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    input_format: Format | None = None
    weight_format: Formats = None
    bias_format: Formats = None
    activation_format: Formats = None
    score_format: Format | None = None
    quantization: Quantization = Quantization()
    loss: Literal["mse", "mae", "huber"] = "mse"
    huber_width: PositiveFloat = 0.5
    tail_weight: Annotated[float, Field(ge=0)] = 1.0
    sampling_power: Annotated[float, Field(ge=0, le=1)] = 0.25
    outlier_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    training: Training = Training(epochs=20)
    width_training: Training = Training(epochs=12, learning_rate=2e-3)
    quantized_training: Training = Training(epochs=8, learning_rate=1e-3)

    @model_validator(mode="after")
    def _possible(self) -> Student:
        try:
            self.spec(None)
            self.quantization.for_layers(len(self.widths))
        except L1Error as error:
            raise ValueError(str(error)) from error
        return self

    def spec(self, inputs: tuple[int, ...] | None) -> StudentSpec:
        """Return the student as data; ``inputs`` are the places of the features that it uses."""
        usual = StudentSpec.uniform(self.widths, activation=self.activation, inputs=inputs)
        changes: dict[str, Any] = {
            key: value
            for key in ("input_format", "score_format")
            if (value := getattr(self, key)) is not None
        }
        for key in ("weight_format", "bias_format", "activation_format"):
            value = getattr(self, key)
            if value is not None:
                n_layers = len(getattr(usual, f"{key}s"))
                changes[f"{key}s"] = value if isinstance(value, tuple) else (value,) * n_layers
        return replace(usual, **changes)

    def recipe(self, layout: FeatureLayout, seed: int) -> StudentRecipe:
        """Return the student as the training code takes it."""
        inputs = None if self.inputs is None else select_inputs(layout, self.inputs)
        return StudentRecipe(
            self.spec(inputs),
            loss=RegressionLoss(self.loss, self.tail_weight, self.huber_width),
            quantization=self.quantization.for_layers(len(self.widths)),
            training=self.training.settings(seed),
            quantized_training=self.quantized_training.settings(seed),
            width_training=self.width_training.settings(seed),
            seed=seed,
        )


class Cotraining(Section):
    """Teacher and student at the same time; see `distill.cotraining.CoTraining`."""

    mode: Literal["none", "joint", "alternating"] = "none"
    head_start: Annotated[int, Field(ge=0)] = 1
    student_epochs: PositiveInt = 10
    feedback: Annotated[float, Field(ge=0)] = 0.0

    def settings(self) -> CoTraining | None:
        """Return them as the training code takes them; None if the teacher is trained first."""
        if self.mode == "none":
            return None
        return CoTraining(self.mode, self.head_start, self.student_epochs, self.feedback)

    @model_validator(mode="after")
    def _possible(self) -> Cotraining:
        try:
            self.settings()
        except L1Error as error:
            raise ValueError(str(error)) from error
        return self


class Distillation(Section):
    """Teacher, student, and the crossings they are trained on."""

    teacher: Teacher = Teacher()
    student: Student = Student()
    cotraining: Cotraining = Cotraining()
    n_crossings: PositiveInt = 200_000
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2

    @model_validator(mode="after")
    def _given_scores_are_fixed(self) -> Distillation:
        if self.teacher.given is None:
            return self
        if self.cotraining.mode != "none":
            msg = "a teacher whose scores are given in files cannot be trained together with a student"
            raise ValueError(msg)
        if self.student.outlier_fraction:
            msg = "outliers that are made up have no given score; set student.outlier_fraction to 0"
            raise ValueError(msg)
        return self


def _range(value: Any) -> Any:
    return [value, value] if isinstance(value, int | float) else value


IntRange = Annotated[tuple[int, int], BeforeValidator(_range)]
FloatRange = Annotated[tuple[float, float], BeforeValidator(_range)]


def _every_input() -> dict[str, tuple[str, ...]]:
    return {"all": ()}


class Space(Section):
    """What a search may choose; see `distill.search.space.SearchSpace`."""

    depth: IntRange = (1, 3)
    widths: tuple[int, ...] = (4, 8, 12, 16, 24, 32)
    activation: tuple[Literal["relu", "hard_tanh"], ...] = ("relu",)
    loss: tuple[Literal["mse", "mae", "huber"], ...] = ("mse",)
    weight_bits: IntRange = (3, 8)
    bias_bits: IntRange = (6, 10)
    activation_bits: IntRange = (4, 10)
    inputs: dict[str, tuple[str, ...]] = Field(default_factory=_every_input)
    learning_rate: FloatRange = (1e-3, 1e-2)
    batch_size: tuple[int, ...] = (256, 512, 1024)
    tail_weight: FloatRange = (0.5, 2.0)

    @model_validator(mode="after")
    def _possible(self) -> Space:
        try:
            self.settings()
        except L1Error as error:
            raise ValueError(str(error)) from error
        return self

    def settings(self) -> SearchSpace:
        """Return the space as the search takes it."""
        return SearchSpace(**{name: getattr(self, name) for name in type(self).model_fields})


class Search(Section):
    """The search for students; see `distill.search.trials.SearchSettings`."""

    trials: PositiveInt = 20
    order: Literal["aware", "float"] = "aware"
    sampler: Literal["nsga2", "tpe"] = "nsga2"
    population: Annotated[int, Field(ge=2)] = 20
    target_khz: PositiveFloat = 10.0
    max_luts: PositiveFloat | None = None
    max_latency_ns: PositiveFloat | None = 50.0
    flow: str = "latency"
    stage: str = "HLS report"
    hopeless_margin: Annotated[float, Field(ge=0)] = 0.05
    space: Space = Space()
    tuning_signals: list[SignalName] = Field(default_factory=list)
    training: Training = Training(epochs=8)
    quantized_training: Training = Training(epochs=4, learning_rate=1e-3)

    def settings(self, seed: int) -> SearchSettings:
        """Return them as the search takes them."""
        same = ("order", "sampler", "population", "target_khz", "max_luts", "max_latency_ns")
        return SearchSettings(
            **{name: getattr(self, name) for name in (*same, "flow", "stage", "hopeless_margin")},
            space=self.space.settings(),
            seed=seed,
        )


class Rates(Section):
    """Working points and errors."""

    targets_khz: Annotated[list[PositiveFloat], Field(min_length=1)] = Field(
        default_factory=lambda: [1.0, 5.0, 10.0]
    )
    replicas: Annotated[int, Field(ge=20, le=2000)] = 200
    float_fraction_bits: Annotated[int, Field(ge=0, le=30)] = 12
    menu: str = MINI
    by: list[str] = Field(default_factory=list)
    turn_on: list[str] = Field(default_factory=list)

    def binnings(self, sample: str) -> tuple[Binning, ...]:
        """Return the quantities in whose bins a sample is rated."""
        if sample == SETTING:
            return ()
        texts = self.by if sample == MEASURING else self.turn_on
        return tuple(Binning.parse(text) for text in texts)

    @field_validator("by", "turn_on")
    @classmethod
    def _quantities(cls, texts: list[str]) -> list[str]:
        try:
            names = [Binning.parse(text).name for text in texts]
        except SettingsError as error:
            raise ValueError(str(error)) from error
        if twice := {name for name in names if names.count(name) > 1}:
            msg = f"two quantities are called {min(twice)!r}"
            raise ValueError(msg)
        return texts

    @model_validator(mode="after")
    def _each_target_once(self) -> Rates:
        # Thresholds are named after their targets.
        names = [f"{target:g}" for target in self.targets_khz]
        if len(set(names)) < len(names):
            msg = f"two of the targets {', '.join(names)} kHz have the same name"
            raise ValueError(msg)
        return self


class Comparison(Section):
    """Which executions the engine is compared with, on all measuring crossings or the first ones.

    ``estimates`` asks further programs what the student costs, beside the quick estimate. The rest is of
    the HLS project; ``part`` and ``clock_period_ns`` are those of ``board`` if omitted.
    """

    n_crossings: PositiveInt | None = None
    against: list[Literal["reference", "csim", "rtl"]] = ["reference", "csim"]  # noqa: RUF012
    estimates: list[Literal["alkaid", "yosys"]] = []  # noqa: RUF012
    backend: Literal["Vitis", "Vivado"] = "Vitis"
    strategy: Strategy = "Latency"
    reuse_factor: PositiveInt = 1
    board: Literal["VU13P", "uGT"] = "VU13P"
    part: str | None = None
    clock_period_ns: PositiveFloat | None = None

    @model_validator(mode="after")
    def _possible(self) -> Comparison:
        try:
            self.hls_settings()
        except L1Error as error:
            raise ValueError(str(error)) from error
        return self

    def hls_settings(self) -> HlsSettings:
        """Return the settings of the HLS project."""
        return HlsSettings.for_board(
            self.board,
            backend=self.backend,
            strategy=self.strategy,
            reuse_factor=self.reuse_factor,
            part=self.part,
            clock_period_ns=self.clock_period_ns,
        )

    def rtl_settings(self) -> RtlSettings:
        """Return the settings of the RTL, for the same part and clock."""
        hls = self.hls_settings()
        return RtlSettings(part=hls.part, clock_period_ns=hls.clock_period_ns)


class Study(Section):
    """A whole study."""

    schema_: Annotated[Literal["l1distill-study/1"], Field(alias="schema")]
    name: FileName
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    scenario: Scenario
    layout: str = "axol1tl_57"
    samples: Samples
    distillation: Distillation = Distillation()
    search: Search = Search()
    rates: Rates = Rates()
    comparison: Comparison = Comparison()

    @model_validator(mode="after")
    def _some_signal_judges(self) -> Study:
        files, tuning = self.samples.files, set(self.search.tuning_signals)
        if files is not None and tuning:
            unknown = sorted(tuning - set(files.signals))
            if unknown:
                msg = f"search.tuning_signals: there is no signal {unknown[0]!r}"
                raise ValueError(msg)
            if tuning == set(files.signals):
                msg = "search.tuning_signals: at least one signal must be left to judge with"
                raise ValueError(msg)
        return self

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

        Raises
        ------
        SettingsError
            If the layout cannot be trained on.
        """
        teacher, student = self.distillation.teacher, self.distillation.student
        layout = load_layout(self.layout)
        if layout.era.fraction:
            msg = (
                f"layout: {layout.name!r} counts its features in halves (era pt: {layout.era.pt}), "
                "and training reads whole hardware integers; take pt: hardware or pt: halved"
            )
            raise SettingsError(msg)
        return Recipe(
            student=student.recipe(layout, self.seed),
            teacher=teacher.spec(),
            teacher_training=teacher.training.settings(self.seed),
            seed=self.seed,
        )

    def searched(self) -> StudentRecipe:
        """Return what a search does not choose about a student."""
        base = self.recipe().student
        return replace(
            base,
            quantization=recipes.Quantization("aware"),
            training=self.search.training.settings(self.seed),
            quantized_training=self.search.quantized_training.settings(self.seed),
        )

    def cotrained(self, mode: str) -> Study:
        """Return the same study with teacher and student trained together.

        Raises
        ------
        SettingsError
            If there is no such mode.
        """
        values = self.plain()
        values["distillation"]["cotraining"]["mode"] = mode
        try:
            return Study.model_validate(values)
        except ValidationError as error:
            msg = f"co-training: mode must be joint or alternating, got {mode!r}"
            raise SettingsError(msg) from error

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
    content = read_mapping(place, "study file")
    try:
        study = Study.model_validate(content)
        if study.samples.generate is not None:
            load_tier(study.samples.generate)
        study = _with_absolute_files(study, place.parent)
        study.recipe()
        load_rated_menu(study.rates.menu)
    except ValidationError as error:
        raise SettingsError(first_sentence(place, error, Study, "the study")) from error
    except L1Error as error:
        msg = f"{place}: {error}"
        raise SettingsError(msg) from error
    return study


def _with_absolute_files(study: Study, folder: Path) -> Study:
    if study.layout.endswith((".yaml", ".yml")):
        study = study.model_copy(update={"layout": str((folder / study.layout).resolve())})
    if study.rates.menu != MINI:
        menu = str((folder / study.rates.menu).resolve())
        rates = study.rates.model_copy(update={"menu": menu})
        study = study.model_copy(update={"rates": rates})
    given = study.distillation.teacher.given
    if given is not None:
        named = {
            name: [str((folder / path).resolve()) for path in paths]
            for name, paths in given.files().items()
        }
        roles = {role: named.pop(role) for role in (TRAINING, SETTING, MEASURING)}
        scores = given.model_copy(update={**roles, "signals": named})
        teacher = study.distillation.teacher.model_copy(update={"given": scores})
        distillation = study.distillation.model_copy(update={"teacher": teacher})
        study = study.model_copy(update={"distillation": distillation})
    files = study.samples.files
    if files is None:
        return study

    def absolute(paths: list[str]) -> list[str]:
        # An address is no path: it is handed to uproot letter by letter.
        return [path if is_remote(path) else str((folder / path).resolve()) for path in paths]

    resolved = files.model_copy(
        update={
            "training": absolute(files.training),
            "setting": absolute(files.setting),
            "measuring": absolute(files.measuring),
            "signals": {name: absolute(paths) for name, paths in files.signals.items()},
            "lumi_mask": None if files.lumi_mask is None else (folder / files.lumi_mask).resolve(),
        }
    )
    samples = study.samples.model_copy(update={"files": resolved})
    return study.model_copy(update={"samples": samples})
