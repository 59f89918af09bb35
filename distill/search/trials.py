"""The search itself: each trial trains and judges a student."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from distill.checkpoints import load_checkpoint, save_checkpoint
from distill.errors import TrainingError
from distill.export import export_graph, export_model
from distill.recipe import Stages, fit_student, new_student, quantize_student
from distill.search.found import Found, count_finished, finished, spent_passes
from distill.search.judge import estimated_cost
from distill.search.storage import require_optuna
from distill.students import FloatStudent, QuantStudent
from distill.widths import calibrated_spec
from emulator.model import save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import optuna
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

    from distill.recipe import Lesson, Quantization, StudentRecipe
    from distill.search.judge import Cost, Judge
    from distill.search.settings import SearchSettings
    from distill.training import History
    from emulator.features import FeatureLayout

# At twice the limit with every weight in use, training will not bring a student below it.
_HOPELESS_LUTS = 2.0


class Search:
    """Trains and judges one student per trial.

    Parameters
    ----------
    settings
        How to search.
    base
        All about a student that is not searched for.
    lesson
        What students learn.
    judge
        What they are worth.
    layout
        What the features are.
    models
        Folder for the model file of each finished trial; None to keep none.
    """

    def __init__(
        self,
        settings: SearchSettings,
        base: StudentRecipe,
        lesson: Lesson,
        judge: Judge,
        layout: FeatureLayout,
        models: Path | None = None,
    ) -> None:
        self.settings = settings
        self.base = base
        self.lesson = lesson
        self.judge = judge
        self.layout = layout
        self.models = models

    def run(
        self,
        study: Study,
        n_trials: int,
        *,
        worker: int = 0,
        tell: Callable[[FrozenTrial], None] | None = None,
        max_passes: int | None = None,
    ) -> None:
        """Run trials until the study has so many that are finished (pruned ones count).

        Parameters
        ----------
        study
            As `open_search` returns it; others may work on it too.
        n_trials
            How many there shall be in all.
        worker
            Number of this worker: two that start together must not choose alike.
        tell
            Called after each trial.
        max_passes
            Begin no trial that could bring the event-passes of all of them above this.
        """
        callbacks = [] if tell is None else [lambda _, trial: tell(trial)]
        affordable = math.inf if max_passes is None else max_passes - self.passes_of_a_trial()
        while count_finished(study) < n_trials and spent_passes(study) <= affordable:
            number = count_finished(study)
            study.sampler = self._sampler(number, worker)
            study.optimize(self.objective, n_trials=1, callbacks=callbacks)

    def passes_of_a_trial(self) -> int:
        """Return the event-passes of a trial that neither stops early nor is hopeless."""
        floating = self.base.training.epochs if self.base.training is not None else 0
        quantized = self.base.quantized_training.epochs if self.settings.order == "aware" else 0
        return (floating + quantized) * len(self.lesson.rows)

    def _sampler(self, number: int, worker: int) -> optuna.samplers.BaseSampler:
        library = require_optuna()
        seeds = np.random.SeedSequence([self.settings.seed, worker, number])
        seed = int(seeds.generate_state(1)[0])
        sampler: optuna.samplers.BaseSampler = (
            library.samplers.TPESampler(seed=seed)
            if self.settings.sampler == "tpe"
            else library.samplers.NSGAIISampler(seed=seed, population_size=self.settings.population)
        )
        return sampler

    def objective(self, trial: Trial) -> tuple[float, float, float]:
        """Train and judge the student that a trial chooses."""
        settings = self.settings
        recipe = settings.space.suggest(trial, self.base, self.layout, settings.order)
        floating = new_student(self.lesson.common, recipe)
        self._stop_if_too_dear(trial, recipe, floating)
        try:
            judged, student, histories = self._train(trial, recipe, floating)
        except TrainingError as error:
            # A choice with which nothing is learned is a bad choice, no reason to stop the search.
            trial.set_user_attr("failed", str(error))
            raise require_optuna().TrialPruned from error
        cost = self._cost(student)
        self._constrain(trial, cost)
        value = self._value(judged)
        self._note_passes(trial, histories)
        trial.set_user_attr("ebops", cost.ebops)
        self._keep(trial, judged, value)
        return value, cost.luts, cost.latency_ns

    def _train(
        self, trial: Trial, recipe: StudentRecipe, floating: FloatStudent
    ) -> tuple[FloatStudent | QuantStudent, QuantStudent, tuple[History, ...]]:
        """Return the student that is judged, the one whose cost counts, and how they got there."""
        histories: tuple[History, ...] = ()
        if recipe.training is not None:
            history = fit_student(
                "float-student", floating, self.lesson, recipe, recipe.training, Stages()
            )
            histories = (history,)
            # Noted now, since a trial that is stopped has used them too.
            self._note_passes(trial, histories)
            self._stop_if_hopeless(trial, recipe, floating)
        if self.settings.order == "float":
            return floating, self._rounded(recipe, floating), histories
        student, quantizing = quantize_student(floating, self.lesson, recipe, Stages())
        return student, student, (*histories, *quantizing)

    def _note_passes(self, trial: Trial, histories: tuple[History, ...]) -> None:
        passes = sum(len(history.epochs) for history in histories) * len(self.lesson.rows)
        trial.set_user_attr("event_passes", passes)

    def _keep(self, trial: Trial, judged: FloatStudent | QuantStudent, value: float) -> None:
        """Store the student: a model file, or the parameters of one that is still in floats."""
        if self.models is None:
            return
        name = f"trial_{trial.number:04d}"
        if isinstance(judged, FloatStudent):
            save_checkpoint(self.models / f"{name}.pt", {"network": judged.state_dict()})
            return
        provenance = {"params": dict(trial.params), "agreement": value}
        model = export_model(judged, self.layout, name, provenance=provenance)
        save_model(model, self.models / f"{name}.json")

    def quantize_found(
        self, found: Found, quantization: Quantization, stages: Stages | None = None
    ) -> tuple[QuantStudent, tuple[History, ...]]:
        """Quantize the float student of a finished trial, as the second half of a ``float`` search.

        Parameters
        ----------
        found
            The trial; its parameters are read from the folder of models.
        quantization
            How; its widths must fit the student's depth.
        stages
            Checkpoints and progress.
        """
        assert self.models is not None, "a search that keeps no students has none to quantize"  # noqa: S101
        recipe = self.settings.space.suggest(
            require_optuna().trial.FixedTrial(found.params), self.base, self.layout, "float"
        )
        recipe = replace(recipe, quantization=quantization)
        floating = new_student(self.lesson.common, recipe)
        stored = load_checkpoint(self.models / f"trial_{found.number:04d}.pt")
        floating.load_state_dict(stored["network"])
        return quantize_student(floating, self.lesson, recipe, stages or Stages())

    def _rounded(self, recipe: StudentRecipe, floating: FloatStudent) -> QuantStudent:
        spec = floating.spec
        if recipe.quantization.bits is not None:
            inputs = floating.scale(self.lesson.rows[:10_000])
            spec = calibrated_spec(floating, recipe.quantization.bits, inputs)
        return QuantStudent.from_float(floating, spec)

    def _cost(self, student: QuantStudent) -> Cost:
        graph = export_graph(student)
        return estimated_cost(graph, flow=self.settings.flow, stage=self.settings.stage)

    def _constrain(self, trial: Trial, cost: Cost) -> None:
        """Tell the sampler by how much the limits are kept or not; can be done only once."""
        for name, value, limit in (
            ("luts", cost.luts, self.settings.max_luts),
            ("latency_ns", cost.latency_ns, self.settings.max_latency_ns),
        ):
            if limit is not None:
                trial.set_constraint(name, value / limit - 1.0)

    def _value(self, student: QuantStudent | FloatStudent) -> float:
        if not self.judge.signals:
            return self.judge.agreement(student)
        kept = self.judge.efficiencies(student).values()
        return math.prod(kept) ** (1.0 / len(kept))

    def _stop_if_too_dear(
        self, trial: Trial, recipe: StudentRecipe, floating: FloatStudent
    ) -> None:
        """Prune a student that cannot come below the limit of LUTs, before it is trained."""
        cost = self._cost(self._rounded(recipe, floating))
        limit = self.settings.max_luts
        if limit is not None and cost.luts > _HOPELESS_LUTS * limit:
            self._constrain(trial, cost)
            trial.set_user_attr("hopeless", f"{cost.luts:.0f} LUTs before training")
            raise require_optuna().TrialPruned

    def _stop_if_hopeless(
        self, trial: Trial, recipe: StudentRecipe, floating: FloatStudent
    ) -> None:
        """Prune a float student that is worse than finished ones that cost no more."""
        if self.settings.order == "float":
            return
        value = self._value(floating)
        trial.set_user_attr("float_agreement", value)
        cost = self._cost(self._rounded(recipe, floating))
        for other in finished(trial.study):
            better, luts, latency = other.values
            cheaper = luts <= cost.luts and latency <= cost.latency_ns
            if cheaper and better > value + self.settings.hopeless_margin:
                self._constrain(trial, cost)
                trial.set_user_attr(
                    "hopeless", f"trial {other.number} agrees better and costs less"
                )
                raise require_optuna().TrialPruned
