"""``l1distill train search``: a search on a study's samples, with its teacher, resumable at any time."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from distill.data import TrainingData
from distill.sampling import split
from distill.search.found import count_finished, results
from distill.search.judge import Judge
from distill.search.storage import open_search
from distill.search.trials import Search
from distill.training import torch_threads
from emulator.errors import SettingsError, WorkerError
from emulator.features import load_layout
from emulator.files import replace_file
from emulator.results import table
from l1distill.console import Reporter
from l1distill.report.search_page import write_search_report
from l1distill.study.context import Context
from l1distill.study.lesson import study_lesson
from l1distill.study.manifest import key_of
from l1distill.study.roles import TRAINING
from l1distill.study.stages import training

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from optuna.trial import FrozenTrial

    from distill.search.found import Found
    from l1distill.study.context import RunFolder
    from l1distill.study.settings import Study

SCHEMA = "l1distill-search/1"


@dataclass(frozen=True)
class SearchOutcome:
    """What a search has found so far."""

    folder: Path
    storage: str
    n_finished: int
    found: tuple[Found, ...]

    @property
    def front(self) -> tuple[Found, ...]:
        """The feasible students that no other beats, cheapest first."""
        return tuple(sorted((one for one in self.found if one.on_front), key=lambda one: one.luts))


def search_folder(run: RunFolder) -> Path:
    """Return where a search keeps its database and students."""
    return run.root / "search"


def default_storage(run: RunFolder) -> str:
    """Return the storage of a search that names none: SQLite in the run folder."""
    return f"sqlite:///{(search_folder(run) / 'search.db').resolve()}"


def run_search(
    context: Context, *, n_trials: int | None = None, workers: int = 1, storage: str | None = None
) -> SearchOutcome:
    """Search, or go on with a search, until so many trials are finished.

    Parameters
    ----------
    context
        The study; its samples must be there.
    n_trials
        How many trials there shall be in all; by default what the study says.
    workers
        Processes. More may join from other machines, with the same storage and study.
    storage
        Any Optuna storage URL; by default SQLite in the run folder.

    Raises
    ------
    L1Error
        If Optuna is not installed, the storage holds another search, or the samples do not fit.
    """
    url = storage or default_storage(context.run)
    wanted = n_trials or context.study.search.trials
    models = search_folder(context.run) / "models"
    models.mkdir(parents=True, exist_ok=True)
    search, identity = prepared(context, models)
    study = open_search(url, context.study.name, search.settings, identity)
    if workers > 1:
        with ProcessPoolExecutor(workers - 1, mp_context=get_context("spawn")) as pool:
            others = [
                pool.submit(
                    _work, context.study, context.run, url, wanted, number, context.tensorboard
                )
                for number in range(1, workers)
            ]
            search.run(study, wanted, tell=_teller(context))
            _wait_for(others)
    else:
        search.run(study, wanted, tell=_teller(context))
    outcome = SearchOutcome(search_folder(context.run), url, count_finished(study), results(study))
    _write(context, outcome)
    return outcome


def _wait_for(others: list[Future[None]]) -> None:
    try:
        for other in others:
            other.result()
    except BrokenProcessPool as error:
        advice = "finished trials are kept: start it again, with fewer workers if memory was short"
        raise WorkerError("search", advice) from error


def prepared(context: Context, models: Path) -> tuple[Search, str]:
    """Return the search, its teacher trained (or read from its checkpoint), and what it rests on."""
    study = context.study
    layout = load_layout(study.layout)
    teacher, lesson = study_lesson(context)
    data = TrainingData.from_chunks(context.files.chunks(TRAINING, layout.order), layout)
    _, judged = split(data, study.distillation.validation_fraction, seed=study.seed)
    judge = Judge(
        teacher,
        judged,
        target_khz=study.search.target_khz,
        scenario=study.scenario,
        signals=_tuning_rows(context),
    )
    identity = key_of(
        {
            "targets": _digest(lesson.targets.numpy()),
            "rows": _digest(lesson.rows.numpy()),
            "judged": _digest(judged.rows),
            "student": repr(study.searched()),
            "tuning": study.search.tuning_signals,
        }
    )
    settings = study.search.settings(study.seed)
    return Search(settings, study.searched(), lesson, judge, layout, models), identity


def _digest(array: NDArray[Any]) -> str:
    from hashlib import sha256

    return sha256(array.tobytes()).hexdigest()


def _tuning_rows(context: Context) -> dict[str, NDArray[np.int16]]:
    layout = load_layout(context.study.layout)
    found = {}
    for name in context.study.search.tuning_signals:
        if name not in context.files.signals:
            msg = f"search.tuning_signals: the samples have no signal {name!r}"
            raise SettingsError(msg)
        chunks = context.files.chunks(name, layout.order)
        found[name] = TrainingData.from_chunks(chunks, layout).rows
    return found


def _work(
    study: Study, run: RunFolder, url: str, n_trials: int, worker: int, tensorboard: bool
) -> None:
    """Run trials in another process."""
    context = Context(study, run, Reporter(), jobs=1, tensorboard=tensorboard)
    with torch_threads(1):
        search, identity = prepared(context, search_folder(run) / "models")
        opened = open_search(url, study.name, search.settings, identity)
        search.run(opened, n_trials, worker=worker, tell=_teller(context))


def _teller(context: Context) -> Callable[[FrozenTrial], None]:
    """Return what prints a trial, and writes it for TensorBoard if that is asked for."""
    log = training.loss_log(context)

    def tell(trial: FrozenTrial) -> None:
        if log is not None:
            log.trial(trial)
        if trial.values:
            agreement, luts, latency = trial.values
            text = f"agreement {agreement:.3f}, {luts:.0f} LUTs, {latency:.0f} ns"
        else:
            why = trial.user_attrs.get("hopeless") or trial.user_attrs.get("failed") or "no result"
            text = f"stopped: {why}"
        context.reporter.say(f"  trial {trial.number}: {text}")

    return tell


def objective_words(tuning: Sequence[str]) -> str:
    """Say in words what the search makes large, and whether a signal took part."""
    if not tuning:
        return (
            "overlap of the accept sets of student and teacher on background; no signal takes part"
        )
    return (
        f"geometric mean of the efficiencies for the tuning signals {', '.join(tuning)}; they must not judge "
        "what was found"
    )


def _write(context: Context, outcome: SearchOutcome) -> None:
    """Write the trials as a table, what they mean, and a page of it."""
    with replace_file(outcome.folder / "trials.csv") as temporary:
        table(outcome.found).to_csv(temporary, index=False)
    tuning = context.study.search.tuning_signals
    judging = sorted(set(context.files.signals) - set(tuning))
    content = {
        "schema": SCHEMA,
        "study": context.study.name,
        "search": context.study.plain("search")["search"],
        "objective": objective_words(tuning),
        "tuning_signals": list(tuning),
        "judging_signals": judging,
        "n_finished": outcome.n_finished,
        "event_passes": sum(one.event_passes for one in outcome.found),
        "front": [one.as_dict() for one in outcome.front],
    }
    with replace_file(outcome.folder / "search.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    scenario = context.study.scenario
    write_search_report(
        outcome.folder,
        content,
        [one.as_dict() for one in outcome.found],
        {**scenario.as_dict(), "crossing_rate_khz": scenario.crossing_rate_khz},
    )
