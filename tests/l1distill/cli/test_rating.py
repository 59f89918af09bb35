"""``l1distill rates``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from browser import faults_at

from emulator.graph import Graph
from emulator.model import load_model, save_model
from emulator.objects import write_nano
from emulator.rates import load_scenario
from l1distill.emulation import Scorer

if TYPE_CHECKING:
    from pathlib import Path

    import awkward as ak

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
    names = {path.name for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert names == {"report.html", "results.json"} | {
        f"{name}.{kind}"
        for name in ("efficiencies", "efficiency_curves", "rate_curves", "working_points")
        for kind in ("csv", "parquet")
    }
    plain = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(plain["working_points"]) == 16
    page = tmp_path / "out" / "report.html"
    assert faults_at(page, tmp_path, width=390) == []
    assert page.read_text(encoding="utf-8").count("<img") >= 3


def test_any_object_is_rated(
    program: Program, refused: Refused, words: tuple[object, ...], make_events: MakeEvents
) -> None:
    found = program(*words, "--object", "fourth jet=jet[3].pt", "--json").json
    points = [each for each in found["working_points"] if each["model"] == "fourth jet"]
    measuring = make_events(300, 2, weighted=False)
    jets = np.array([(each + [0] * 4)[3] for each in measuring["jet", "pt"].tolist()])
    for point in points:
        expected = float((jets >= point["threshold"]).mean())
        assert point["rate_khz"] == pytest.approx(
            expected * load_scenario("run3").crossing_rate_khz, rel=1e-12
        )
    assert len(points) == 2
    for text, sentence in (
        ("jet[0].pt", "--object takes NAME=COLLECTION[SLOT].FIELD"),
        ("HTT=htt[0].pt", "with a name of its own"),
        ("x=jet", "--object x: write an object as 'jet[0].pt', not 'jet'"),
        ("x=jett[0].pt", "no object 'jett'; nearest: jet"),
    ):
        assert sentence in refused(*words, "--object", text)


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


def test_a_coarse_score_is_said(
    program: Program, words: tuple[object, ...], small_model: Model, tmp_path: Path
) -> None:
    found = program(*words, "--json").json
    *before, last = small_model.graph.nodes
    coarse = replace(last, format=replace(last.format, width=last.format.width - 5))
    model = replace(small_model, graph=Graph((*before, coarse), small_model.graph.outputs))
    save_model(model, tmp_path / "coarse.json")
    ended = program(words[0], tmp_path / "coarse.json", *words[2:], "-o", tmp_path / "out")
    (note,) = (line for line in ended.out.splitlines() if line.startswith("note: "))
    plain = json.loads((tmp_path / "out" / "results.json").read_text())
    fine_step, step = (each["grid_steps"][0] for each in (found, plain))
    assert (step["target_khz"], step["fine"]) == (3000.0, False)
    assert step["step"] > 8 * fine_step["step"]
    (sentence,) = plain["grid_notes"]
    percent = f"{100 * step['step']:.2g} % at 3000 kHz"
    assert sentence.startswith(f"one step of the score of small moves the rate by {percent}")
    assert note == f"note: {sentence}"
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"O{sentence[1:]}." in page.replace("\u00a0", " ")


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


MENU = """
schema: l1distill-menu/1
seeds:
  L1_HTT: {expression: HTT200, prescale: 2}
  L1_Jet: {expression: JET80}
  L1_Off: {expression: MU10, prescale: 0}
"""


def kept_by_hand(events: ak.Array) -> np.ndarray:
    """Probability that the menu above does not accept a crossing."""
    htt = np.array([sum(each) for each in events["htt", "pt"].tolist()]) >= 400
    jet = np.array([max(each, default=0) for each in events["jet", "pt"].tolist()]) >= 160
    return np.where(jet, 0.0, np.where(htt, 0.5, 1.0))


def test_pure_rates_and_gains_on_top_of_a_menu_by_a_plain_count(
    program: Program,
    words: tuple[object, ...],
    tmp_path: Path,
    small_model: Model,
    make_events: MakeEvents,
) -> None:
    (tmp_path / "menu.yaml").write_text(MENU)
    found = program(*words, "--menu", tmp_path / "menu.yaml", "-o", tmp_path / "out", "--json").json
    rate = load_scenario("run3").crossing_rate_khz
    scorer = Scorer(small_model, threads=1)
    samples = [
        make_events(n, seed, boost=boost, weighted=False)
        for n, seed, boost in ((400, 1, 1), (300, 2, 1), (60, 3, 4))
    ]
    kept = [kept_by_hand(events) for events in samples]
    assert all((each == 0.5).sum() > 0 and (each == 0).sum() > 0 for each in kept)
    setting, measuring, signal = (scorer.scores(events) for events in samples)
    menu = found["menu"]
    seeds = {each["seed"]: each for each in menu["seeds"]}
    jet, htt = (
        kept[1] == 0,
        np.array([sum(each) for each in samples[1]["htt", "pt"].tolist()]) >= 400,
    )
    assert seeds["L1_HTT"]["before_khz"] == pytest.approx(htt.mean() * rate)
    assert seeds["L1_HTT"]["rate_khz"] == pytest.approx(htt.mean() / 2 * rate)
    assert seeds["L1_HTT"]["pure_khz"] == pytest.approx((htt & ~jet).mean() / 2 * rate)
    assert seeds["L1_Jet"]["pure_khz"] == pytest.approx(
        (jet & ~htt).mean() * rate + ((jet & htt).mean() / 2 * rate)
    )
    assert seeds["L1_Off"]["rate_khz"] == 0
    assert seeds["any seed"]["rate_khz"] == pytest.approx((1 - kept[1]).mean() * rate)
    assert menu["signals"][0]["efficiency"] == pytest.approx((1 - kept[2]).mean())
    points = [each for each in menu["pure_working_points"] if each["model"] == "small"]
    gains = [each for each in menu["pure_efficiencies"] if each["model"] == "small"]
    assert len(points) == len(gains) == 2
    for point, gain in zip(points, gains, strict=True):
        target = point["target_khz"]
        fits = [
            t
            for t in set(setting[kept[0] > 0].tolist())
            if (kept[0] * (setting >= t)).mean() * rate <= target
        ]
        assert point["threshold"] == gain["threshold"] == min(fits)
        fires = measuring >= point["threshold"]
        assert point["rate_khz"] == pytest.approx((kept[1] * fires).mean() * rate)
        expected = (kept[2] * (signal >= point["threshold"])).mean()
        assert gain["efficiency"] == pytest.approx(expected)
    names = {path.stem for path in (tmp_path / "out").iterdir()}
    assert {"menu", "menu_overlap_khz", "menu_signals", "pure_efficiencies"} <= names
    overlap = pd.read_csv(tmp_path / "out" / "menu_overlap_khz.csv", index_col="seed")
    assert overlap.loc["L1_HTT", "L1_Jet"] == pytest.approx((htt & jet).mean() / 2 * rate)


def test_the_menu_is_printed(program: Program, words: tuple[object, ...], tmp_path: Path) -> None:
    (tmp_path / "menu.yaml").write_text(MENU)
    lines = program(*words, "--menu", tmp_path / "menu.yaml").out.splitlines()
    assert sum(line.split()[:2] == ["L1_HTT", "2"] for line in lines) == 1
    assert any(line.startswith("the menu keeps ") for line in lines)
    assert "on top of the menu, at fixed pure rates:" in lines


def test_names_go_into_a_model_file(
    program: Program, words: tuple[object, ...], tmp_path: Path, small_model: Model
) -> None:
    found = program(*words, "--names", "loose,VTight", "-o", tmp_path / "out", "--json").json
    # 3000 kHz is called loose, which replaces the threshold of that name; tight stays.
    model = load_model(tmp_path / "out" / "small.json")
    named = {each.name: each for each in model.thresholds}
    assert set(named) == {"loose", "VTight", "tight"}
    points = points_of(found)
    assert named["loose"].threshold == points[3000.0]["threshold"]
    assert named["VTight"].threshold == points[9000.0]["threshold"]
    assert (named["VTight"].target_khz, named["VTight"].scenario) == (9000.0, "run3")
    assert len(named["VTight"].sample_sha256) == 64
    assert named["tight"] == small_model.thresholds[1]
    assert model.network_sha256 == small_model.network_sha256


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--names", "a"), "--names takes one name for each of the 2 rates of --at, got 'a'"),
        (("--names", "a,a"), "--names takes one name for each of the 2 rates"),
        (("--names", "a,"), "--names takes one name for each of the 2 rates"),
        (("--menu", "none.yaml"), "none.yaml: no such menu file"),
    ],
)
def test_names_and_menus_that_are_refused(
    refused: Refused, words: tuple[object, ...], more: tuple[str, ...], sentence: str
) -> None:
    assert sentence in refused(*words, "-o", "out", *more)
    if "--names" in more:
        sentence = "--names writes a model file: say into which folder with -o"
        assert sentence in refused(*words, "--names", "a,b")
