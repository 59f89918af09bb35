"""Checking one model against its expectation: bit-exactness, what it fires on, its speed."""

from __future__ import annotations

import shutil
import statistics
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from emulator.errors import SettingsError
from emulator.features import feature_rows
from emulator.objects import read_events
from emulator.rates import load_scenario
from firmware.compare import compare
from l1distill.bench import Subject, describe_machine, judge, measure
from l1distill.emulation import Scorer
from l1distill.gates.differences import differences
from l1distill.gates.expectation import Expectation
from l1distill.gates.facts import events_facts, network_facts, passing_facts
from l1distill.score_table import identity_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.model import Model
    from emulator.objects import Source
    from firmware.compare import Against, Comparison
    from l1distill.bench import Verdict
    from l1distill.gates.differences import Difference

    Csim = Literal["auto", "yes", "no"]

#: The name of the zero-bias sample; any other sample is a signal.
BACKGROUND: Final = "background"

#: Rows of one timed call: few enough to stay in the caches.
_TIMED_ROWS: Final = 4_096
#: Measurements whose median becomes the accepted cost.
_MEASUREMENTS: Final = 5


@dataclass(frozen=True)
class Findings:
    """What is true of a model now.

    Parameters
    ----------
    comparisons
        The engine against other executions.
    not_compared
        Executions that could not be had here, and why.
    facts
        Exact facts of network and samples.
    rows
        Features of all samples, int16, axes (crossing, feature).
    """

    comparisons: tuple[Comparison, ...]
    not_compared: tuple[str, ...]
    facts: Mapping[str, Any]
    rows: NDArray[np.int16]

    @property
    def bit_exact(self) -> bool:
        """Whether every comparison was equal on every crossing."""
        return not any(comparison.n_mismatch for comparison in self.comparisons)


def find(
    model: Model,
    samples: Mapping[str, Sequence[str | Path]],
    *,
    csim: Csim = "auto",
    reference_crossings: int = 1_000,
    source: Source = "unpacked",
    jobs: int = 2,
) -> Findings:
    """Compare a model's executions and collect its facts on samples.

    Parameters
    ----------
    model
        The model.
    samples
        Files by name; ``background`` is zero bias and rated in kHz, any other is a signal.
    csim
        Whether to compare with C-simulation: ``auto`` where hls4ml and g++ are there.
    reference_crossings
        Crossings of each sample that the plain-Python reference computes, from its beginning.
    source
        Objects to read where a file has both kinds.
    jobs
        Processes and threads of the comparison.

    Raises
    ------
    L1Error
        If a file cannot be read, is empty, or C-simulation is wanted and cannot be had.
    """
    scorer = Scorer(model, threads=1)
    scenario = load_scenario(_scenario_name(model))
    facts: dict[str, Any] = {}
    rows = {}
    for name, paths in samples.items():
        events = read_events(paths, source=source, order=model.layout.order)
        if not len(events):
            msg = f"{', '.join(map(str, paths))}: no crossings to check with"
            raise SettingsError(msg)
        rows[name] = feature_rows(events, model.layout)
        facts[name] = {
            **events_facts(events),
            **passing_facts(
                scorer.scores_of_rows(rows[name]),
                identity_columns(events).get("weight"),
                model.thresholds,
                scenario if name == BACKGROUND else None,
            ),
        }
    first = np.concatenate([part[:reference_crossings] for part in rows.values()])
    everything = np.concatenate(list(rows.values()))
    comparisons = compare(model.graph, first, against=("reference",), score=model.score, jobs=jobs)
    against, missing = _csim(csim)
    if against:
        comparisons += compare(
            model.graph, everything, against=against, score=model.score, jobs=jobs
        )
    plain = {
        "scenario": scenario.name,
        "network": network_facts(model),
        "samples": facts,
    }
    return Findings(comparisons, missing, plain, everything)


def judge_speed(model: Model, rows: NDArray[np.int16], expectation: Expectation) -> Verdict:
    """Time a model's engine and compare with the cost accepted for this kind of machine."""
    return judge(_subject(model, rows), expectation.speed.get(describe_machine().key))


def changes(expectation: Expectation, findings: Findings) -> tuple[Difference, ...]:
    """Return every fact that is not as expected."""
    return differences(expectation.facts, findings.facts)


def expectation_of(
    model: Model, findings: Findings, *, before: Expectation | None, speed: bool
) -> Expectation:
    """Return the expectation that findings make.

    Costs on other kinds of machines are kept from ``before`` if that was of the same network.
    """
    kept: dict[str, float] = {}
    if before is not None and before.network_sha256 == model.network_sha256:
        kept = dict(before.speed)
    if speed:
        subject = _subject(model, findings.rows)
        costs = [measure(subject).units_per_million for _ in range(_MEASUREMENTS)]
        kept[describe_machine().key] = float(f"{statistics.median(costs):.4g}")
    return Expectation(findings.facts, kept)


def _subject(model: Model, rows: NDArray[np.int16]) -> Subject:
    scorer = Scorer(model, threads=1)
    # A sample of any size gives the same amount of work.
    timed = np.resize(rows, (_TIMED_ROWS, rows.shape[1]))
    return Subject(f"engine {model.name}", lambda: scorer.scores_of_rows(timed), _TIMED_ROWS)


def _scenario_name(model: Model) -> str:
    names = {threshold.scenario for threshold in model.thresholds if threshold.scenario}
    return min(names) if len(names) == 1 else "run3"


def _csim(wanted: Csim) -> tuple[tuple[Against, ...], tuple[str, ...]]:
    """Return what to compare with besides the reference, and what is missing for it."""
    if wanted == "yes":
        return ("csim",), ()
    if wanted == "no":
        return (), ("csim: left out",)
    if find_spec("hls4ml") is None:
        return (), ("csim: hls4ml is not installed (the extra firmware)",)
    if shutil.which("g++") is None:
        return (), ("csim: g++ is not installed",)
    return ("csim",), ()
