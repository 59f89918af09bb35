"""The search itself: trials in a storage that outlives the process, so that a killed search goes on."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from distill.checkpoints import load_checkpoint, save_checkpoint
from distill.errors import TrainingError
from distill.export import export_graph, export_model
from distill.recipe import Stages, fit_student, new_student, quantize_student
from distill.search.judge import estimated_cost
from distill.search.space import Order, SearchSpace
from distill.students import FloatStudent, QuantStudent
from distill.widths import calibrated_spec
from emulator.errors import SettingsError
from emulator.model import save_model
from emulator.results import Record
from firmware.errors import MissingToolError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import optuna
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

    from distill.recipe import Lesson, Quantization, StudentRecipe
    from distill.search.judge import Cost, Judge
    from distill.training import History
    from emulator.features import FeatureLayout

Sampler = Literal["nsga2", "tpe"]

# A trial whose process sends no sign of life for three of these is lost.
_HEARTBEAT_SECONDS = 20
# At twice the limit with every weight in use, training will not bring a student below it.
_HOPELESS_LUTS = 2.0


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How to search.

    Parameters
    ----------
    order
        ``aware``: each trial's student is trained with its types, and they are chosen too. ``float``:
        trials train float students; the best are quantized afterwards.
    space
        What is chosen.
    sampler
        ``nsga2`` or ``tpe``.
    population
        Of NSGA-II.
    target_khz
        Working point at which accept sets are compared.
    max_luts, max_latency_ns
        Limits; None for none. Trials beyond them are kept but not feasible.
    flow, stage
        Which LUT estimate counts; see docs/cost.md.
    hopeless_margin
        A float student is not quantized if a student that is no dearer agrees better by so much.
    seed
        Of the sampler; trial by trial, so that a search that is interrupted chooses as one that is not.

    Raises
    ------
    SettingsError
        If a choice is unknown or a number impossible.
    """

    order: Order = "aware"
    space: SearchSpace = field(default_factory=SearchSpace)
    sampler: Sampler = "nsga2"
    population: int = 20
    target_khz: float = 10.0
    max_luts: float | None = None
    max_latency_ns: float | None = 50.0
    flow: str = "latency"
    stage: str = "HLS report"
    hopeless_margin: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        for what, value, known in (
            ("order", self.order, get_args(Order)),
            ("sampler", self.sampler, get_args(Sampler)),
        ):
            if value not in known:
                msg = f"search: {what} must be one of {', '.join(known)}, got {value!r}"
                raise SettingsError(msg)
        if self.population < 2 or not self.target_khz > 0.0 or not self.hopeless_margin >= 0.0:
            msg = "search: population must be at least 2, target_khz positive, hopeless_margin not negative"
            raise SettingsError(msg)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as JSON gives them back."""
        return {**asdict(self), "space": self.space.as_dict()}


@dataclass(frozen=True, slots=True)
class Found(Record):
    """One finished trial.

    Parameters
    ----------
    number
        Of the trial.
    agreement
        Of accept sets, or the geometric mean of the efficiencies for the tuning signals.
    luts, latency_ns, ebops
        Estimates.
    feasible
        Whether it keeps the limits.
    on_front
        Whether no feasible trial is better in one objective and worse in none.
    event_passes
        Crossings times epochs that its training saw.
    params
        What was chosen.
    """

    number: int
    agreement: float
    luts: float
    latency_ns: float
    ebops: float
    feasible: bool
    on_front: bool
    event_passes: int
    params: dict[str, Any]


def open_search(url: str, name: str, settings: SearchSettings, identity: str) -> Study:
    """Open the Optuna study of a search, or begin it.

    Parameters
    ----------
    url
        Any Optuna storage, for example ``sqlite:///search.db``.
    name
        Of the study in it.
    settings
        How to search.
    identity
        Hash of what the trials are trained and judged on.

    Raises
    ------
    MissingToolError
        If Optuna is not installed.
    SettingsError
        If the storage cannot be opened, or holds a search under this name with other settings.
    """
    optuna = _optuna()
    from sqlalchemy.exc import SQLAlchemyError

    options = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    try:
        with warnings.catch_warnings():
            # Heartbeats and names of objectives are called experimental since 2021 and 2023.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            storage = optuna.storages.RDBStorage(
                url,
                engine_kwargs=options,
                heartbeat_interval=_HEARTBEAT_SECONDS,
                grace_period=3 * _HEARTBEAT_SECONDS,
            )
            study: Study = optuna.create_study(
                study_name=name,
                storage=storage,
                directions=["maximize", "minimize", "minimize"],
                load_if_exists=True,
            )
            study.set_metric_names(["agreement", "luts", "latency_ns"])
    except (ImportError, ValueError, SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        reason = " ".join(str(error).split())
        msg = f"search: the storage {_hidden(url)} cannot be opened: {reason:.200}"
        raise SettingsError(msg) from error
    mine = {"settings": settings.as_dict(), "identity": identity}
    stored = study.user_attrs.get("search")
    if stored is None:
        study.set_user_attr("search", mine)
    elif stored != json.loads(json.dumps(mine)):
        msg = (
            f"search: {_hidden(url)} holds a search {name!r} with other settings or samples; give another "
            "storage, or delete it"
        )
        raise SettingsError(msg)
    return study


def _hidden(url: str) -> str:
    """Return a storage URL without a password in it."""
    head, separator, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://...{separator}{tail}" if separator else url


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        msg = "a search needs Optuna; install l1distill[search]"
        raise MissingToolError(msg) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


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
        library = _optuna()
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
            raise _optuna().TrialPruned from error
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
        self, found: Found, quantization: Quantization
    ) -> tuple[QuantStudent, tuple[History, ...]]:
        """Quantize the float student of a finished trial, as the second half of a ``float`` search.

        Parameters
        ----------
        found
            The trial; its parameters are read from the folder of models.
        quantization
            How; its widths must fit the student's depth.
        """
        assert self.models is not None, "a search that keeps no students has none to quantize"  # noqa: S101
        recipe = self.settings.space.suggest(
            _optuna().trial.FixedTrial(found.params), self.base, self.layout, "float"
        )
        recipe = replace(recipe, quantization=quantization)
        floating = new_student(self.lesson.common, recipe)
        stored = load_checkpoint(self.models / f"trial_{found.number:04d}.pt")
        floating.load_state_dict(stored["network"])
        return quantize_student(floating, self.lesson, recipe, Stages())

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
            raise _optuna().TrialPruned

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
                raise _optuna().TrialPruned


def count_finished(study: Study) -> int:
    """Return how many trials have come to an end, good or bad; not those that were killed."""
    states = _optuna().trial.TrialState
    ended = (states.COMPLETE, states.PRUNED)
    return len(study.get_trials(deepcopy=False, states=ended))


def spent_passes(study: Study) -> int:
    """Return crossings times epochs that all trials have seen, those that were stopped included."""
    trials = study.get_trials(deepcopy=False)
    return sum(int(trial.user_attrs.get("event_passes", 0)) for trial in trials)


def finished(study: Study) -> list[FrozenTrial]:
    """Return the trials that have values."""
    states = _optuna().trial.TrialState
    found: list[FrozenTrial] = study.get_trials(deepcopy=False, states=(states.COMPLETE,))
    return found


def results(study: Study) -> tuple[Found, ...]:
    """Return the finished trials, in order."""
    found = []
    for trial in finished(study):
        agreement, luts, latency = trial.values
        feasible = all(value <= 0.0 for value in trial.constraints.values())
        found.append((trial, (agreement, -luts, -latency), feasible))
    candidates = [values for _, values, feasible in found if feasible]
    return tuple(
        Found(
            number=trial.number,
            agreement=values[0],
            luts=-values[1],
            latency_ns=-values[2],
            ebops=float(trial.user_attrs["ebops"]),
            feasible=feasible,
            on_front=feasible and not any(_dominates(other, values) for other in candidates),
            event_passes=int(trial.user_attrs["event_passes"]),
            params=dict(trial.params),
        )
        for trial, values, feasible in found
    )


def _dominates(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first != second and all(a >= b for a, b in zip(first, second, strict=True))
