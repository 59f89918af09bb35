"""Verdicts on student and baseline, and their words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from l1distill.report.summary import summary
from l1distill.report.verdicts import cases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from l1distill.report.run_folder import RunResults


@pytest.fixture
def two(change: Callable[..., RunResults], run_folder: Path) -> Callable[..., RunResults]:
    """A run with one signal at one rate, one network and one baseline with given intervals."""
    results = json.loads((run_folder / "results.json").read_text(encoding="utf-8"))

    def record(name: str, model: str, **values: Any) -> dict[str, Any]:
        first = next(one for one in results[name] if one["model"] == model)
        return {**first, "target_khz": 5.0, **values}

    def made(
        student: tuple[float, float, float], baseline: tuple[float, float, float], **flags: bool
    ) -> RunResults:
        efficiencies = [
            record("efficiencies", model, signal="A", efficiency=e, low_total=low, high_total=high)
            for model, (low, e, high) in (("emulator", student), ("HTT", baseline))
        ]
        points = [
            record("working_points", model, reached=True, for_ranking=flags.get(model, True))
            for model in ("emulator", "HTT")
        ]
        return change(efficiencies=efficiencies, working_points=points, paired=[])

    return made


@pytest.mark.parametrize(
    ("student", "baseline", "verdict", "words"),
    [
        ((0.3, 0.31, 0.32), (0.2, 0.21, 0.22), "ahead", "Ahead in 1: A at 5 kHz (31.0 %, HTT 21.0"),
        ((0.2, 0.21, 0.22), (0.3, 0.31, 0.32), "behind", "Behind in 1: A at 5 kHz (21.0 %, HTT 31"),
        ((0.2, 0.25, 0.3), (0.3, 0.31, 0.32), "level", "Level within the errors in 1"),
    ],
)
def test_verdict_needs_intervals_apart(
    two: Callable[..., RunResults],
    student: tuple[float, float, float],
    baseline: tuple[float, float, float],
    verdict: str,
    words: str,
) -> None:
    run = two(student, baseline)
    (case,) = cases(run)
    assert case.verdict == verdict
    assert any(words in line for statement in summary(run) for line in statement.lines)


@pytest.mark.parametrize("uncertain", ["emulator", "HTT"])
def test_uncertain_points_are_not_ranked(two: Callable[..., RunResults], uncertain: str) -> None:
    run = two((0.3, 0.31, 0.32), (0.2, 0.21, 0.22), **{uncertain: False})
    (case,) = cases(run)
    assert case.verdict == "not for ranking"
    lines = [line for statement in summary(run) for line in statement.lines]
    assert any(line.startswith("Not for ranking in 1") for line in lines)
    assert f"At 5 kHz: {uncertain}." in lines


def test_target_that_is_not_reached_is_said(
    change: Callable[..., RunResults], run_folder: Path
) -> None:
    points = json.loads((run_folder / "results.json").read_text("utf-8"))["working_points"]
    for point in points:
        point |= {"reached": False, "for_ranking": False}
    lines = [line for s in summary(change(working_points=points)) for line in s.lines]
    assert any(line.startswith("1 kHz: no threshold stays below this rate") for line in lines)
