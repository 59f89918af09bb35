"""The file of a comparison of orders, checked before anything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt, ValidationError, model_validator

from emulator.errors import L1Error, SettingsError
from emulator.features import load_layout
from l1distill.settings_file import Section, first_sentence, read_mapping
from l1distill.study.settings import FileName, Space, Study, Training, load_study
from l1distill.study.settings.student import Student

if TYPE_CHECKING:
    from distill.recipe import StudentRecipe
    from distill.search.settings import SearchSettings

SCHEMA = "l1distill-orders/1"

Order = Literal["post", "tuned", "aware"]
Mode = Literal["offline", "joint", "alternating"]
Control = Literal["autoencoder", "encoder"]
Share = Annotated[float, Field(gt=0, le=1)]
WeightBits = Annotated[int, Field(ge=2, le=24)]


class Search(Section):
    """The search of each order; see `distill.search.trials`."""

    sampler: Literal["nsga2", "tpe"] = "tpe"
    population: Annotated[int, Field(ge=2)] = 8
    target_khz: Annotated[float, Field(gt=0)] = 10.0
    max_trials: PositiveInt = 100
    # Epochs of a trial: all of them in floats, or the last ones with types.
    epochs: Annotated[int, Field(ge=2)] = 6
    quantized_epochs: PositiveInt = 2
    space: Space = Space()

    @model_validator(mode="after")
    def _some_in_floats(self) -> Search:
        if self.quantized_epochs >= self.epochs:
            msg = "quantized_epochs must be fewer than epochs"
            raise ValueError(msg)
        return self


class Together(Section):
    """Co-training at equal budget: so many epochs of the float student in each mode."""

    modes: list[Mode] = ["offline", "joint", "alternating"]  # noqa: RUF012
    head_start: Annotated[int, Field(ge=0)] = 1
    quantized_epochs: PositiveInt = 4


class Controls(Section):
    """Networks without a teacher; see `distill.controls`."""

    kinds: list[Control] = ["autoencoder", "encoder"]  # noqa: RUF012
    latent: PositiveInt = 4
    weight_bits: Annotated[int, Field(ge=2, le=24)] = 6
    beta: Annotated[float, Field(ge=0)] = 0.5
    widths: tuple[PositiveInt, ...] = (2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48)


class Named(Section):
    """A student that is trained as it says, and what it is asked to keep of what another network does."""

    student: Student = Student()
    of: Literal["reference", "teacher"] = "reference"
    keeps: Annotated[float, Field(gt=0)]
    # Part of the LUTs of 57-32-16-1 with 8-bit weights that it may need.
    within: Share | None = None


class Orders(Section):
    """The whole comparison."""

    schema_: Annotated[Literal["l1distill-orders/1"], Field(alias="schema")]
    name: FileName
    study: str
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1)]
    passes: PositiveInt | None = None
    tuned_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    orders: list[Order] = ["post", "tuned", "aware"]  # noqa: RUF012
    weight_bits: Annotated[list[WeightBits], Field(min_length=1)] = [4, 5, 6, 8]  # noqa: RUF012
    bias_bits: Annotated[int, Field(ge=2, le=24)] = 8
    activation_bits: Annotated[int, Field(ge=1, le=24)] = 8
    search: Search = Search()
    cotraining: Together = Together()
    controls: Controls = Controls()
    students: dict[FileName, Named] = Field(default_factory=dict)
    lut_shares: Annotated[list[Share], Field(min_length=1)] = [0.5, 0.25, 0.1]  # noqa: RUF012
    front_shares: list[Share] = [1.0, 0.7, 0.35, 0.15]  # noqa: RUF012
    latencies_ns: list[Annotated[float, Field(gt=0)]] = [30.0, 35.0, 40.0, 45.0, 50.0]  # noqa: RUF012
    targets_khz: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = [1.0, 10.0]  # noqa: RUF012
    replicas: Annotated[int, Field(ge=20, le=2000)] = 100

    @model_validator(mode="after")
    def _each_seed_once(self) -> Orders:
        if len(set(self.seeds)) < len(self.seeds):
            msg = "seeds: each seed can be used once only"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _a_budget_to_share(self) -> Orders:
        if self.passes is None and (self.orders or self.controls.kinds):
            msg = "passes: orders and controls need a budget of event-passes"
            raise ValueError(msg)
        return self

    @property
    def budget(self) -> int:
        """Event-passes that each order and each control may spend."""
        return self.passes or 0

    @property
    def arms(self) -> list[str]:
        """Names of all arms of a seed, in the order in which they run."""
        return [
            "teacher",
            "reference",
            *self.orders,
            *(f"control {kind}" for kind in self.controls.kinds),
            *self.cotraining.modes,
            *(student_arm(name) for name in self.students),
        ]

    def search_settings(self, order: Order, seed: int) -> SearchSettings:
        """Return the search of an order."""
        from distill.search.settings import SearchSettings

        return SearchSettings(
            order="aware" if order == "aware" else "float",
            space=self.search.space.settings(),
            sampler=self.search.sampler,
            population=self.search.population,
            target_khz=self.search.target_khz,
            max_latency_ns=None,
            seed=seed,
        )

    def trial_recipe(self, study: Study, order: Order, seed: int) -> StudentRecipe:
        """Return what a trial of an order does not choose."""
        base = study.searched()
        quantized = self.search.quantized_epochs if order == "aware" else 0
        return replace(
            base,
            seed=seed,
            training=Training(epochs=self.search.epochs - quantized).settings(seed),
            quantized_training=Training(
                epochs=self.search.quantized_epochs, learning_rate=1e-3
            ).settings(seed),
        )


def load_orders(path: str | Path) -> tuple[Orders, Study]:
    """Read and check the file of a comparison, and the study that it names, relative to its folder.

    Raises
    ------
    InputFileError
        If a file is missing or is no YAML.
    SettingsError
        If a key is unknown, missing, or of the wrong type; the message gives its place.
    """
    place = Path(path)
    content = read_mapping(place, "file of a comparison of orders")
    try:
        orders = Orders.model_validate(content)
    except ValidationError as error:
        raise SettingsError(first_sentence(place, error, Orders, "the comparison")) from error
    try:
        study = load_study(place.parent / orders.study)
    except L1Error as error:
        msg = f"{place}: study: {error}"
        raise SettingsError(msg) from error
    for name, one in orders.students.items():
        try:
            one.student.recipe(load_layout(study.layout), 0)
        except L1Error as error:
            msg = f"{place}: students.{name}: {error}"
            raise SettingsError(msg) from error
    return orders, study


def student_arm(name: str) -> str:
    """Return the arm of a named student."""
    return f"student {name}"
