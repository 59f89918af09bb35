"""The quick study, trained anew: its student keeps what the accepted one kept, within stated errors.

Float training differs in its last digits from machine to machine, and so does the network that comes out;
nothing exact can be held. What is held is the efficiency of the emulated student at 5 and 10 kHz.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import reference
from l1distill.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

ROOT = reference.FOLDER.parents[1]
ACCEPTED = reference.FOLDER / "retrained.json"

#: Standard deviations of both efficiencies, threshold included, that a difference may have.
SIGMAS = 3.0
#: Relative spread allowed between trainings besides; chosen, not measured.
TRAINING = 0.25


def tolerance(accepted: dict[str, float], found: dict[str, float]) -> float:
    """Return how far two efficiencies may be apart."""
    errors = [(each["high_total"] - each["low_total"]) / 2 for each in (accepted, found)]
    return SIGMAS * math.hypot(*errors) + TRAINING * accepted["efficiency"]


def efficiencies(results: dict[str, Any]) -> dict[tuple[str, float], dict[str, float]]:
    """Return the emulated student's efficiencies by signal and target rate."""
    return {
        (each["signal"], each["target_khz"]): {
            key: each[key] for key in ("efficiency", "low_total", "high_total")
        }
        for each in results["efficiencies"]
        if each["model"] == "emulator" and each["target_khz"] in {5.0, 10.0}
    }


def load_accepted() -> dict[tuple[str, float], dict[str, float]]:
    return efficiencies(json.loads(ACCEPTED.read_text(encoding="utf-8")))


def test_the_tolerance_tells_a_lost_student() -> None:
    """A student that keeps a third is out of tolerance where anything can be told at all."""
    accepted = load_accepted()
    assert len(accepted) == 10
    lost = {
        key: {name: value / 3 for name, value in each.items()} for key, each in accepted.items()
    }
    told = [
        key
        for key, each in accepted.items()
        if each["efficiency"] - lost[key]["efficiency"] > tolerance(each, lost[key])
    ]
    assert ("A4l", 10.0) in told
    assert ("LQbtau", 10.0) in told


@pytest.mark.deep
def test_a_retrained_study_keeps_what_it_kept(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        run(["study", str(ROOT / "studies" / "quick.yaml"), "-o", str(tmp_path / "run"), "-j", "2"])
    assert left.value.code == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
    assert [each["n_mismatch"] for each in results["comparisons"]] == [0, 0]
    found = efficiencies(results)
    accepted = load_accepted()
    assert found.keys() == accepted.keys()
    for key, each in accepted.items():
        difference = found[key]["efficiency"] - each["efficiency"]
        assert abs(difference) <= tolerance(each, found[key]), (key, each, found[key])
