"""``l1distill rates``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from emulator.objects import write_nano
from emulator.rates import load_scenario
from l1distill.emulation import Scorer

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.model import Model
    from tests.l1distill.cli.conftest import Program, Refused
    from tests.l1distill.conftest import MakeEvents, WriteSample

AT = "3000,9000"


@pytest.fixture
def words(model_file: Path, write_sample: WriteSample) -> tuple[object, ...]:
    """A command with two zero-bias samples and a signal."""
    return (
        "rates",
        model_file,
        "--background",
        write_sample("setting.root", 400, 1, weighted=False),
        "--measure",
        write_sample("measuring.root", 300, 2, weighted=False),
        "--signal",
        f"A4l={write_sample('a.root', 60, 3, boost=4, weighted=False)}",
        "--at",
        AT,
        "-j",
        1,
    )


def points_of(found: dict[str, Any]) -> dict[float, dict[str, Any]]:
    return {
        each["target_khz"]: each for each in found["working_points"] if each["model"] == "small"
    }


def test_thresholds_are_those_of_a_plain_count(
    program: Program, words: tuple[object, ...], small_model: Model, make_events: MakeEvents
) -> None:
    found = program(*words, "--json").json
    assert found["scenario"]["name"] == "run3"
    crossing_rate = load_scenario("run3").crossing_rate_khz
    scorer = Scorer(small_model, threads=1)
    setting, measuring = (
        scorer.scores(make_events(n, seed, weighted=False)) for n, seed in ((400, 1), (300, 2))
    )
    signal = scorer.scores(make_events(60, 3, boost=4, weighted=False))
    for target, point in points_of(found).items():
        rates = {t: (setting >= t).mean() * crossing_rate for t in sorted(set(setting.tolist()))}
        threshold = min(t for t, rate in rates.items() if rate <= target)
        assert point["threshold"] == threshold
        expected = float((measuring >= threshold).mean()) * crossing_rate
        assert point["rate_khz"] == pytest.approx(expected, rel=1e-12)
        (efficiency,) = (
            each
            for each in found["efficiencies"]
            if each["model"] == "small" and each["target_khz"] == target
        )
        assert efficiency["efficiency"] == pytest.approx(float((signal >= threshold).mean()))
        assert efficiency["signal"] == "A4l"
    assert len({each["model"] for each in found["working_points"]}) == 8


def test_tables(program: Program, words: tuple[object, ...], tmp_path: Path) -> None:
    ended = program(*words, "-o", tmp_path / "out")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0] == ("scenario run3: 13.6 TeV, 2340 bunches, pile-up 60, 26315 kHz of crossings")
    assert sum(line.split()[:1] == ["small"] for line in lines) == 2
    assert sum(line.split()[:2] == ["A4l", "small"] for line in lines) == 2
    assert sum(line.split()[:3] == ["A4l", "leading", "jet"] for line in lines) == 2
    points = pd.read_csv(tmp_path / "out" / "working_points.csv")
    efficiencies = pd.read_csv(tmp_path / "out" / "efficiencies.csv")
    assert len(points) == len(efficiencies) == 16
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "efficiencies.csv",
        "working_points.csv",
    ]


def test_without_other_crossings_halves_are_taken(
    program: Program, model_file: Path, write_sample: WriteSample
) -> None:
    path = write_sample("zb.root", 400, 1)
    words = ("rates", model_file, "--background", path, "--at", AT, "-j", 1)
    found = program(*words, "--json").json
    assert found["efficiencies"] == []
    for target, point in points_of(found).items():
        assert point["setting_rate_khz"] <= target
    assert "signal" not in program(*words).out


def test_another_pileup_is_said(
    program: Program, model_file: Path, make_events: MakeEvents, tmp_path: Path
) -> None:
    path = tmp_path / "zb.root"
    write_nano(path, [make_events(400, 1)], provenance={"pileup": 50})
    words = ("rates", model_file, "--background", path, "--at", AT, "-j", 1)
    sentence = "zb.root was made at pile-up 50, scenario 'run3' has 60"
    (note,) = (line for line in program(*words).out.splitlines() if line.startswith("note: "))
    assert note.startswith(f"note: {sentence}")
    (caveat,) = program(*words, "--json").json["caveats"]
    assert caveat.startswith(sentence)
    assert program(*words, "--scenario", "run3_pu50", "--json").json["caveats"] == []


def test_halves_share_no_pool_event(make_events: MakeEvents) -> None:
    from l1distill.cli.rating import _halves
    from l1distill.score_table import ScoreTable, identity_columns

    identity = identity_columns(make_events(400, 1))
    table = ScoreTable(identity, {"event": identity["event"].astype(np.int64)})
    first, second = _halves(table)
    assert first.pool_ids is not None
    assert second.pool_ids is not None
    assert not set(first.pool_ids.tolist()) & set(second.pool_ids.tolist())
    joined = [*first.scores["event"].tolist(), *second.scores["event"].tolist()]
    assert sorted(joined) == sorted(table.scores["event"].tolist())


def test_fewer_bunches_give_lower_rates(program: Program, words: tuple[object, ...]) -> None:
    found = program(*words, "--bunches", 1170, "--json").json
    assert found["scenario"]["n_bunches"] == 1170
    # Half the bunches: at half the target the threshold is the same.
    half = program(*words[:-4], "--at", "1500,4500", "--bunches", 1170, "--json").json
    full = program(*words, "--json").json
    assert [each["threshold"] for each in points_of(half).values()] == [
        each["threshold"] for each in points_of(full).values()
    ]


def test_a_signal_may_have_several_files(
    program: Program, words: tuple[object, ...], write_sample: WriteSample
) -> None:
    more = write_sample("more.root", 40, 4, weighted=False)
    found = program(*words, "--signal", f"A4l={more}", "--json").json
    assert {each["n_total"] for each in found["efficiencies"]} == {100}


def test_a_few_bunches_are_no_error(program: Program, words: tuple[object, ...]) -> None:
    assert program(*words[:-4], "--at", "3", "--bunches", 1, "--json").code == 0


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--at", "x"), "--at takes comma-separated rates in kHz, got 'x'"),
        (("--at", ""), "--at takes comma-separated rates in kHz"),
        (("--at", "-1"), "the target rate must be above 0"),
        (("--at", "nan"), "the target rate must be above 0"),
        (("--at", "30000"), "at most the 26314.7 kHz of crossings in scenario 'run3'"),
        (("--signal", "a.root"), "--signal takes NAME=FILE, got 'a.root'"),
        (("--signal", "=a.root"), "--signal takes NAME=FILE"),
        (("--signal", "A="), "--signal takes NAME=FILE"),
        (("--signal", "setting=a.root"), "'setting' is a role of zero-bias crossings"),
        (("--signal", "B=none.root"), "none.root: there is no such file"),
        (("--bunches", "0"), "'--bunches': Input should be greater than or equal to 1"),
        (("--bunches", "4000"), "n_bunches must be 1 to 3564"),
        (("--scenario", "run9"), "no scenario 'run9'"),
        (("--background", "none.root"), "none.root: there is no such file"),
    ],
)
def test_refused(
    refused: Refused, words: tuple[object, ...], more: tuple[str, ...], sentence: str
) -> None:
    assert sentence in refused(*words, "-o", "out", *more)
