"""Committed samples and networks, and the facts about them that must not move unnoticed.

``samples/`` is zero bias for setting (``zerobias_tune.root``) and measuring (``zerobias_eval.root``) and
three signals, ``models/`` holds the reference students, ``expected.json`` the facts and ``CHANGES.md``
what was ever accepted, and why. ``docs/benchmarks.md`` says how each was made.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.features import feature_rows
from emulator.model import load_model
from emulator.objects import read_events
from emulator.rates import ScoreCounts, load_scenario
from l1distill.baselines import baseline_scores
from l1distill.emulation import Scorer
from l1distill.gates import events_facts, network_facts, passing_facts, rate_facts
from l1distill.score_table import identity_columns

if TYPE_CHECKING:
    import awkward as ak
    import numpy as np
    from numpy.typing import NDArray

    from emulator.model import Model
    from l1distill.gates.facts import Facts

FOLDER = Path(__file__).parent
EXPECTED = FOLDER / "expected.json"
CHANGES = FOLDER / "CHANGES.md"
SCHEMA = "l1distill-reference/1"

#: Files of the samples by role or signal.
SAMPLES = {
    "setting": "zerobias_tune.root",
    "measuring": "zerobias_eval.root",
    "A4l": "signal_A4l.root",
    "LQbtau": "signal_LQbtau.root",
    "h0tautau": "signal_h0tautau.root",
}
SCENARIO = "run3_pu50"
TARGETS_KHZ = (1.0, 5.0, 10.0)


@cache
def sample(name: str) -> ak.Array:
    """Return the crossings of a sample, read once."""
    return read_events([FOLDER / "samples" / SAMPLES[name]])


def model_files() -> tuple[Path, ...]:
    """Return the model files of the reference students."""
    return tuple(sorted((FOLDER / "models").glob("*.json")))


def rows_of(model: Model, name: str) -> NDArray[np.int16]:
    """Return the features of a sample, int16, axes (crossing, feature)."""
    return feature_rows(sample(name), model.layout)


def compute_facts() -> Facts:
    """Return all facts of samples, students and baselines, by the emulator."""
    return {
        "schema": SCHEMA,
        "samples": {name: events_facts(sample(name)) for name in SAMPLES},
        "models": {path.stem: _model_facts(load_model(path)) for path in model_files()},
        "baselines": _baseline_facts(),
    }


def load_expected() -> dict[str, Any]:
    """Return the facts that were accepted last; none if there is no file."""
    if not EXPECTED.is_file():
        return {}
    expected: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return expected


def _model_facts(model: Model) -> Facts:
    scorer = Scorer(model, threads=1)
    scores = {name: scorer.scores(sample(name)) for name in SAMPLES}
    scenario = load_scenario(SCENARIO)
    decisions = {
        name: passing_facts(
            scores[name],
            identity_columns(sample(name))["weight"],
            model.thresholds,
            scenario if name in {"setting", "measuring"} else None,
        )
        for name in SAMPLES
    }
    return {
        "network": network_facts(model),
        "decisions": decisions,
        "at fixed rate": _rates(scores),
    }


def _baseline_facts() -> Facts:
    scores = {name: baseline_scores(sample(name)) for name in SAMPLES}
    return {
        baseline: _rates({name: each[baseline] for name, each in scores.items()})
        for baseline in scores["setting"]
    }


def _rates(scores: dict[str, NDArray[np.int64]]) -> Facts:
    counts = {}
    for name, values in scores.items():
        identity = identity_columns(sample(name))
        counts[name] = ScoreCounts.from_scores(
            values,
            weights=identity["weight"],
            pool_ids=identity["pool_id"],
            stream=name,
            replicas=50,
        )
    return rate_facts(counts, scenario=load_scenario(SCENARIO), targets_khz=TARGETS_KHZ)
