"""What a search may choose, and how it goes about it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from distill.search.settings import SearchSettings
from distill.search.space import SearchSpace
from emulator.errors import L1Error
from l1distill.settings_file import Section
from l1distill.study.settings.training import Training
from l1distill.study.settings.values import SignalName


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
