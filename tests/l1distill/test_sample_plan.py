"""Plans of samples for scores, on the small committed set of samples."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from benchmarks import reference
from emulator.errors import MissingNameError, SettingsError
from l1distill.cli.main import run
from l1distill.sample_plan import ScorePlan, plan_for_score

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = reference.FOLDER / "samples"
MODEL = reference.FOLDER / "models" / "distilled_57_32_16_1.json"


def _code(call: list[str]) -> object:
    with pytest.raises(SystemExit) as ended:
        run(call)
    return ended.value.code


def _plan(**changed: object) -> ScorePlan:
    given = {
        "model": None,
        "score": "HTT",
        "rate_khz": 10.0,
        "error_percent": 10.0,
        "scenario": "run3_pu50",
    }
    return plan_for_score(SAMPLES, **{**given, **changed})  # type: ignore[arg-type]


def test_plan_of_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["samples", "plan", str(SAMPLES), "--rate", "10", "--error", "10"]
    assert _code([*call, "--model", str(MODEL), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0.0 < found["budget"]["rate_khz"] <= 10.0
    assert found["plan"]["predicted_percent"] <= 10.0 + 1e-9
    tiers = found["tiers"]
    # Three times all events and crossings: the error falls by the square root of three.
    one, three = tiers["release --scale 1"], tiers["release --scale 3"]
    assert three == pytest.approx(one / 3**0.5)
    assert one < tiers["quick --scale 1"] < tiers["fixture (these samples)"]


def test_text_names_what_limits(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["samples", "plan", str(SAMPLES), "--score", "MET", "--rate", "5", "--error", "15"]
    assert _code(call) == 0
    text = capsys.readouterr().out
    assert "% of the variance: too few" in text
    assert "processor hours for one data set" in text


def test_smaller_errors_cost_more() -> None:
    plans = [_plan(error_percent=error).plan for error in (20.0, 10.0, 5.0)]
    hours = [plan.cpu_hours for plan in plans]
    assert hours == sorted(hours)
    assert hours[2] > 1.5 * hours[1]


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"score": "HTTT"}, MissingNameError, "no score 'HTTT'; nearest: HTT"),
        ({"score": None}, SettingsError, "give either a model file"),
        ({"model": MODEL}, SettingsError, "give either a model file"),
        ({"rate_khz": 1e6}, SettingsError, "rate must be between 0 and 26314.7 kHz"),
        ({"error_percent": 0.0}, SettingsError, "between 0 and 100 percent"),
    ],
)
def test_refusals(changed: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        _plan(**changed)


def test_tier_that_is_too_small_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["samples", "plan", str(SAMPLES), "--score", "HTT", "--rate", "1", "--tier", "quick"]
    assert _code([*call, "--error", "50"]) == 0
    assert _code([*call, "--error", "1"]) == 2
    message = capsys.readouterr().err
    assert "tier quick at scale 1 gives" in message
    needed = re.search(r"take --scale (\d+)", message)
    assert needed is not None
    assert _code([*call, "--error", "1", "--scale", needed[1]]) == 0


def test_folder_without_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["samples", "plan", str(tmp_path), "--score", "HTT", "--rate", "1", "--error", "9"]
    assert _code(call) == 2
    assert "no manifest of samples here" in capsys.readouterr().err
