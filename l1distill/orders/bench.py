"""What every arm is given and measured by: the samples, a teacher for each seed, efficiencies with replicas."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from distill.data import TrainingData
from distill.export import export_graph
from distill.recipe import Lesson, Stages, train_teacher
from distill.sampling import split
from distill.scaling import InputScaling
from distill.scores import teacher_scores, to_integer_grid
from distill.search.judge import Cost, Judge, estimated_cost
from distill.students import FloatStudent, QuantStudent, StudentSpec
from distill.training import torch_seed
from emulator.engine import Emulator
from emulator.features import feature_rows, load_layout
from emulator.rates import efficiency_at
from emulator.rates.efficiency import replica_efficiencies
from l1distill.evaluation import Bootstrap, count_scores
from l1distill.score_table import ScoreTable, identity_columns
from l1distill.study.roles import SETTING, TRAINING
from l1distill.study.stages import training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from optuna.trial import FrozenTrial

    from distill.recipe import Recipe
    from distill.sampling import Drawn
    from distill.teachers import Autoencoder
    from distill.training import History
    from emulator.graph import Graph
    from l1distill.orders.settings import Orders
    from l1distill.study.context import Context
    from l1distill.study.settings.student import Student
    from l1distill.study.tensorboard import LossLog

    Rows = NDArray[np.int16]
    ScoresOf = Callable[[Rows], NDArray[np.int64]]

#: Float scores become integers on a grid this fine.
GRID_BITS = 20
FLOW, STAGE = "latency", "HLS report"


@dataclass(frozen=True)
class Candidate:
    """Something that could go into the trigger: its graph, its cost, and what background says of it.

    Parameters
    ----------
    name
        What it is.
    graph
        The network; its output is called ``score``.
    agreement
        Overlap of its accept set with the teacher's on background: by this, and by nothing that knows a
        signal, one of several is chosen. None where there is no choice.
    """

    name: str
    graph: Graph
    agreement: float | None = None
    cost: Cost = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cost", cost_of(self.graph))


def cost_of(graph: Graph) -> Cost:
    """Return the quick estimate that all arms are held to."""
    return estimated_cost(graph, flow=FLOW, stage=STAGE)


class Bench:
    """The samples of a comparison, read once.

    Parameters
    ----------
    orders
        The comparison.
    context
        Its study, with the samples in place.
    """

    def __init__(self, orders: Orders, context: Context) -> None:
        self.orders = orders
        self.context = context
        self.layout = load_layout(context.study.layout)
        self.bootstrap = Bootstrap(orders.replicas, context.study.seed)
        self._log: LossLog | None = None
        self._lessons: dict[int, tuple[Autoencoder, Lesson, Judge]] = {}
        #: How the teacher of each seed so far was trained.
        self.histories: dict[int, History] = {}

    @contextmanager
    def logged(self, seed: int, arm: str) -> Iterator[None]:
        """Write the learning curves of an arm for TensorBoard while it runs, if that is asked for."""
        self._log = training.loss_log(self.context, f"seed_{seed}/{arm.replace(' ', '_')}")
        try:
            yield
        finally:
            if self._log is not None:
                self._log.close()
            self._log = None

    @property
    def tell_trial(self) -> Callable[[FrozenTrial], None] | None:
        """What writes the trials of a search for TensorBoard, if that is asked for."""
        return None if self._log is None else self._log.trial

    def stages(self, part: str = "") -> Stages:
        """Return stages that leave no checkpoint; those of a ``part`` of an arm have curves of their own."""
        log = self._log
        if log is None:
            return Stages()
        return Stages(progress=lambda stage, epoch: log(f"{part}{stage}", epoch))

    @cached_property
    def drawn(self) -> tuple[Drawn, Drawn]:
        """Background that teachers learn from, and background that students do."""
        return training.background(self.context)

    @cached_property
    def judged(self) -> TrainingData:
        """Weighted background that nobody learned from, to choose students by."""
        study = self.context.study
        chunks = self.context.files.chunks(TRAINING, self.layout.order)
        data = TrainingData.from_chunks(chunks, self.layout)
        return split(data, study.distillation.validation_fraction, seed=study.seed)[1]

    @cached_property
    def tables(self) -> dict[str, tuple[ScoreTable, Rows]]:
        """Identity and features of the crossings that set thresholds, and of each signal."""
        found = {}
        for name in (SETTING, *self.context.files.signals):
            parts, rows = [], []
            for events in self.context.files.chunks(name, self.layout.order):
                rows.append(feature_rows(events, self.layout))
                parts.append(ScoreTable(identity_columns(events), {}))
            found[name] = (ScoreTable.joined(parts), np.concatenate(rows))
        return found

    def folder(self, seed: int) -> Path:
        """Return where the checkpoints and databases of a seed are kept."""
        return self.context.run.root / "orders" / f"seed_{seed}"

    def recipe(self, seed: int) -> Recipe:
        """Return the study's recipe with another seed."""
        study = self.context.study
        return study.model_copy(update={"seed": seed}).recipe()

    def taught(self, seed: int) -> tuple[Autoencoder, Lesson, Judge]:
        """Return the teacher of a seed, its lesson, and who judges students by it."""
        if seed not in self._lessons:
            common, seen = self.drawn
            folder = self.folder(seed)
            folder.mkdir(parents=True, exist_ok=True)
            stages = Stages(folder, resume=True, progress=self._log)
            teacher, history = train_teacher(common, self.recipe(seed), stages)
            self.histories[seed] = history
            lesson = Lesson.by(teacher, common, seen)[1]
            judge = Judge(
                teacher,
                self.judged,
                target_khz=self.orders.search.target_khz,
                scenario=self.context.study.scenario,
            )
            self._lessons = {seed: (teacher, lesson, judge)}
        return self._lessons[seed]

    def lesson_for(self, student: Student, seed: int) -> Lesson:
        """Return the lesson of a seed's teacher, on crossings drawn as a student asks for."""
        study = self.context.study
        usual = study.distillation.student
        teacher, lesson, _ = self.taught(seed)
        if (student.sampling_power, student.outlier_fraction) == (
            usual.sampling_power,
            usual.outlier_fraction,
        ):
            return lesson
        distillation = study.distillation.model_copy(update={"student": student})
        its = replace(self.context, study=study.model_copy(update={"distillation": distillation}))
        return Lesson.by(teacher, self.drawn[0], training.background(its)[1])[1]

    @cached_property
    def reference_luts(self) -> float:
        """LUTs of 57-32-16-1 with 8-bit weights that are all in use, to which limits refer."""
        spec = StudentSpec.uniform((32, 16))
        with torch_seed(0):
            scaling = InputScaling.fit(self.drawn[0].training)
            student = QuantStudent.from_float(FloatStudent(spec, scaling))
        return cost_of(export_graph(student)).luts

    def teacher_scores(self, teacher: Autoencoder) -> ScoresOf:
        """Return the integer scores of a teacher."""
        return lambda rows: to_integer_grid(np.log1p(teacher_scores(teacher, rows)), GRID_BITS)

    def measure(self, scores_of: ScoresOf) -> list[dict[str, Any]]:
        """Return the efficiency of each signal at each target rate, with those of the replicas."""
        counts = {}
        for name, (table, rows) in self.tables.items():
            scored = ScoreTable(table.identity, {"one": scores_of(rows)})
            counts[name] = count_scores(scored, "one", self.bootstrap, name)
        setting, scenario = counts.pop(SETTING), self.context.study.scenario
        found = []
        for target in self.orders.targets_khz:
            for signal, its in counts.items():
                kept = efficiency_at(
                    its, setting, signal=signal, model="one", target_khz=target, scenario=scenario
                )
                replicas = replica_efficiencies(its, setting, target, scenario)
                found.append(
                    {
                        "signal": signal,
                        "target_khz": target,
                        "efficiency": kept.efficiency,
                        "low": kept.low_total,
                        "high": kept.high_total,
                        "n_accepted": kept.n_accepted,
                        "replicas": [round(float(one), 7) for one in replicas],
                    }
                )
        return found

    def measure_graph(self, graph: Graph) -> list[dict[str, Any]]:
        """Return what the emulator keeps with a network."""
        emulator = Emulator(graph, threads=1)
        return self.measure(lambda rows: emulator.run(rows)["score"][:, 0])


def best(candidates: list[Candidate], **limits: float) -> Candidate | None:
    """Return the candidate within limits of ``luts`` or ``latency_ns`` that agrees best, if there is one."""
    within = [
        one
        for one in candidates
        if all(getattr(one.cost, name) <= limit for name, limit in limits.items())
    ]
    return max(within, key=lambda one: one.agreement or 0.0, default=None)
