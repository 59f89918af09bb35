"""A search of a second: made-up background, a teacher that is not trained, students of one epoch.

As a program it searches until it is stopped: ``python tiny_search.py STORAGE N_TRIALS WORKER``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import torch

from distill.data import TrainingData
from distill.recipe import Lesson, StudentRecipe
from distill.sampling import Drawn
from distill.search.judge import Judge
from distill.search.settings import SearchSettings
from distill.search.space import SearchSpace
from distill.search.storage import open_search
from distill.search.trials import Search
from distill.students import StudentSpec
from distill.teachers import Autoencoder, TeacherSpec
from distill.training import TrainingSettings, torch_seed
from emulator.features import load_layout
from emulator.rates import load_scenario

if TYPE_CHECKING:
    from pathlib import Path

#: Stands for the hash of the samples.
IDENTITY = "made up"
SPACE = SearchSpace(depth=(1, 2), widths=(2, 4, 8), inputs={"all": (), "jets": ("jet.pt",)})
SETTINGS = SearchSettings(
    space=SPACE, population=4, target_khz=3_000.0, max_luts=12_000.0, max_latency_ns=40.0, seed=5
)


def made_background(n: int, seed: int) -> TrainingData:
    """Falling spectra without angles."""
    rng = np.random.default_rng(seed)
    layout = load_layout("axol1tl_57")
    rows = np.zeros((n, len(layout)), dtype=np.int16)
    hardness = rng.exponential(1.0, n)
    for column, feature in enumerate(layout.features):
        if feature.field == "pt":
            rows[:, column] = 20 * hardness * rng.exponential(1.0, n) / (1 + feature.slot)
    return TrainingData.from_arrays(rows, layout, weights=rng.integers(1, 1_000, n))


def tiny_search(settings: SearchSettings = SETTINGS, models: Path | None = None) -> Search:
    """Return the search."""
    background = Drawn(made_background(1_500, 1), made_background(400, 2))
    with torch_seed(1):
        teacher = Autoencoder(57, TeacherSpec((8, 2, 8)))
    teacher.scaling.fit(background.training, teacher.spec.field_weights)
    _, lesson = Lesson.by(teacher, background, background)
    base = StudentRecipe(
        StudentSpec.uniform((4,)),
        training=TrainingSettings(epochs=2),
        quantized_training=TrainingSettings(epochs=1, learning_rate=1e-3),
    )
    judge = Judge(
        teacher,
        made_background(2_000, 3),
        target_khz=settings.target_khz,
        scenario=load_scenario("run3"),
    )
    return Search(settings, base, lesson, judge, background.training.layout, models)


if __name__ == "__main__":
    torch.set_num_threads(1)
    url, n_trials, worker = sys.argv[1:]
    study = open_search(url, "tiny", SETTINGS, IDENTITY)
    tiny_search().run(study, int(n_trials), worker=int(worker))
