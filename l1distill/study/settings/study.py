"""The study as a whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from distill import recipe as recipes
from distill.recipe import Recipe, StudentRecipe
from emulator.errors import SettingsError
from emulator.features import load_layout
from l1distill.settings_file import Scenario, Section
from l1distill.study.settings.distillation import Distillation
from l1distill.study.settings.evaluation import Comparison, Rates
from l1distill.study.settings.samples import Samples
from l1distill.study.settings.search import Search
from l1distill.study.settings.values import FileName, ModelName


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
    models: dict[ModelName, Path] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _models_have_names_of_their_own(self) -> Study:
        # Both become files in the same folder.
        if self.distillation.student.name in self.models:
            msg = f"models.{self.distillation.student.name}: the student is called so"
            raise ValueError(msg)
        return self

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
