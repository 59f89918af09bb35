"""The exact gate can fail: each kind of fact is moved by something real, and the program says so."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks import reference
from benchmarks.reference import __main__ as program
from benchmarks.reference.make_models import DISTILLED
from emulator.engine import Emulator
from emulator.graph import Dense, Graph
from emulator.model import NamedThreshold, load_model
from emulator.rates import ScoreCounts
from l1distill.emulation import Scorer
from l1distill.gates import passing_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from emulator.model import Model

Patch = pytest.MonkeyPatch

#: Facts that say which one it is, not what kind.
NAMES = set(reference.SAMPLES)


def with_weights(model: Model, change: Callable[[int], int]) -> Model:
    """Change the first weight of the last layer."""
    last = model.graph.nodes[-1]
    assert isinstance(last, Dense)
    weights = ((change(last.weights[0][0]),), *last.weights[1:])
    nodes = (*model.graph.nodes[:-1], replace(last, weights=weights))
    return replace(model, graph=Graph(nodes, model.graph.outputs))


def without_a_neuron(model: Model) -> Model:
    """Leave the last neuron of the second layer out."""
    *first, dense, relu, last = model.graph.nodes
    assert isinstance(dense, Dense)
    assert isinstance(last, Dense)
    fewer = replace(dense, weights=tuple(row[:-1] for row in dense.weights), bias=dense.bias[:-1])
    nodes = (*first, fewer, relu, replace(last, weights=last.weights[:-1]))
    return replace(model, graph=Graph(nodes, model.graph.outputs))


def other_student(patch: Patch, change: Callable[[Model], Model]) -> None:
    def load(path: Any) -> Model:
        model = load_model(path)
        return change(model) if path.stem == DISTILLED else model

    patch.setattr(reference, "load_model", load)


def other_sample(patch: Patch) -> None:
    """The last eighth of every sample is left out."""
    sample = reference.sample
    patch.setattr(reference, "sample", lambda name: sample(name)[: -len(sample(name)) // 8])


def other_thresholds(patch: Patch) -> None:
    def raised(model: Model) -> Model:
        return model.with_thresholds(
            [replace(each, threshold=each.threshold + 600) for each in model.thresholds]
        )

    other_student(patch, raised)


def other_scores(patch: Patch) -> None:
    """An engine that is wrong for every score: one too high, twice as far up where it fires."""
    right = Scorer.scores

    def scores(self: Scorer, events: Any) -> NDArray[np.int64]:
        found = right(self, events)
        return np.where(found > 10_000, 2 * found, found + 1)

    patch.setattr(Scorer, "scores", scores)


def other_replicas(patch: Patch) -> None:
    right = ScoreCounts.from_scores

    def counts(scores: Any, **words: Any) -> ScoreCounts:
        return right(scores, **words, seed=1)

    patch.setattr(ScoreCounts, "from_scores", counts)


@dataclass(frozen=True)
class Fault:
    """What is done, and kinds of facts that must move."""

    do: Callable[[Patch], None]
    moves: set[str]


COSTS = {"network / ebops", "network / multiplications", "network / luts"}
FAULTS = {
    "a bit of a weight": Fault(
        lambda patch: other_student(patch, lambda model: with_weights(model, lambda w: w ^ 1)),
        {"network / sha256", "decisions / scores_sha256"},
    ),
    "a weight that is zero": Fault(
        lambda patch: other_student(patch, lambda model: with_weights(model, lambda _: 0)), COSTS
    ),
    "a neuron less": Fault(
        lambda patch: other_student(patch, without_a_neuron), {*COSTS, "network / weights"}
    ),
    "fewer crossings": Fault(
        other_sample,
        {"crossings", "content_sha256", "at fixed rate / efficiency", "baselines / efficiency"},
    ),
    "higher thresholds": Fault(
        other_thresholds,
        {f"decisions / at / {each}" for each in ("threshold", "fires", "rate_khz", "fraction")},
    ),
    "wrong scores": Fault(
        other_scores,
        {
            *(f"decisions / score{each}" for each in ("s_sha256", "_min", "_max")),
            "at fixed rate / threshold",
        },
    ),
    "other replicas": Fault(
        other_replicas, {"at fixed rate / replicas_sha256", "baselines / replicas_sha256"}
    ),
}


def kind(place: str) -> str:
    """Return what a fact is, without whose it is.

    Examples
    --------
    >>> kind("models / distilled / decisions / A4l / at 1kHz / fires")
    'decisions / at / fires'
    """
    top, model, *parts = place.split(" / ")
    if top == "baselines":
        parts = [top, parts[-1]]
    elif parts[0] == "network":
        parts = parts[:2]  # LUTs of all flows and stages are one kind
    words = (re.sub(r"^(at|efficiency) (?!fixed).*", r"\1", part) for part in parts or [model])
    return " / ".join(word for word in words if word not in NAMES and not word.endswith(" kHz"))


def moved_kinds(lines: list[str]) -> set[str]:
    """Return the kinds of facts in a table of differences."""
    return {kind(line.split("  ")[0]) for line in lines}


def leaves(tree: Any, place: str = "") -> Iterator[str]:
    if isinstance(tree, dict):
        for name, part in tree.items():
            yield from leaves(part, f"{place} / {name}" if place else name)
    else:
        yield place


def check(patch: Patch) -> int:
    patch.setattr("sys.argv", ["reference", "check"])
    with pytest.raises(SystemExit) as left:
        program.run()
    assert isinstance(left.value.code, int)
    return left.value.code


def test_every_kind_of_fact_is_seen_to_move(
    monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: set[str] = set()
    for name, fault in FAULTS.items():
        with monkeypatch.context() as patch:
            fault.do(patch)
            assert check(patch) == 1, name
        moved = moved_kinds(capsys.readouterr().out.splitlines()[1:])
        assert moved >= fault.moves, name
        seen |= moved
    held = {kind(place) for place in leaves(reference.load_expected()) if place != "schema"}
    assert held <= seen, "a kind of fact that nothing here moves"
    assert check(monkeypatch) == 0


def test_one_wrong_score_is_a_mismatch_and_is_not_accepted(
    monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = Emulator.run

    def run(self: Emulator, rows: Any) -> dict[str, NDArray[np.int64]]:
        found = right(self, rows)
        found["score"][3] += 1
        return found

    monkeypatch.setattr(Emulator, "run", run)
    monkeypatch.setattr("sys.argv", ["reference", "accept", "--why", "no", "--crossings", "20"])
    with pytest.raises(SystemExit) as left:
        program.run()
    assert left.value.code == 1
    assert "differ on 1 of 20 crossings; nothing is accepted" in capsys.readouterr().err


def test_a_threshold_is_met_by_the_score_itself() -> None:
    """One unit of a threshold decides on the crossing that has exactly this score."""
    model = load_model(reference.FOLDER / "models" / f"{DISTILLED}.json")
    scores = Scorer(model, threads=1).scores(reference.sample("measuring"))
    at = int(np.sort(scores)[-20])
    fires = [
        passing_facts(scores, None, [NamedThreshold("t", threshold)])["at t"]["fires"]
        for threshold in (at, at + 1)
    ]
    assert fires[0] - fires[1] == int((scores == at).sum()) > 0
