"""``l1distill check``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emulator.engine import evaluate_rows
from emulator.features import feature_rows
from emulator.graph import Dense, Graph
from emulator.model import NamedThreshold, load_model, save_model
from emulator.objects import read_events
from firmware.compare import Reference
from l1distill.bench import Cost, describe_machine
from l1distill.gates import check as checking
from l1distill.gates import scores_sha256

if TYPE_CHECKING:
    from pathlib import Path

    from l1distill.bench import Subject
    from tests.l1distill.cli.conftest import Ended, Program, Refused
    from tests.l1distill.conftest import WriteSample


class Checked:
    """A repository with a model, samples and an expectation."""

    def __init__(self, program: Program, model: Path, zero_bias: Path, signal: Path) -> None:
        self.program = program
        self.model = model
        self.zero_bias = zero_bias
        self.signal = signal
        self.expectation = model.parent / "expectation.json"

    def __call__(self, *words: object) -> Ended:
        """Run the check; C-simulation is left out and the speed, unless the words say otherwise."""
        files = ("--background", self.zero_bias, "--signal", f"A4l={self.signal}")
        usual = () if "--speed" in words else ("--no-speed",)
        rest = ("--csim", "no", "-j", 1, "--expect", self.expectation)
        return self.program("check", self.model, *files, *rest, *usual, *words)

    def expected(self) -> Any:
        """The expectation, as plain values."""
        return json.loads(self.expectation.read_text())

    def change_weight(self) -> None:
        """Change the last bit of one weight."""
        model = load_model(self.model)
        dense = model.graph.nodes[-1]
        assert isinstance(dense, Dense)
        weights = ((dense.weights[0][0] ^ 1,), *dense.weights[1:])
        nodes = (*model.graph.nodes[:-1], replace(dense, weights=weights))
        save_model(replace(model, graph=Graph(nodes, model.graph.outputs)), self.model)


@pytest.fixture
def checked(program: Program, model_file: Path, write_sample: WriteSample) -> Checked:
    """Model and samples, without an expectation."""
    zero_bias = write_sample("zb.root", 60, 1)
    return Checked(program, model_file, zero_bias, write_sample("s.root", 40, 2, boost=3))


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What measurements of speed find: the last element."""
    found = [100.0]

    def measure(subject: Subject) -> Cost:
        return Cost(subject.name, found[-1], 5e6, 0.5, 0.01)

    monkeypatch.setattr(checking, "measure", measure)
    monkeypatch.setattr("l1distill.bench.gate.measure", measure)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return found


def test_write_then_check(checked: Checked) -> None:
    ended = checked("--write")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("expectation.json: written\n")
    ended = checked()
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[:3] == [
        "engine and reference: 0 mismatches in 100 crossings",
        "not compared with csim: left out",
        "every fact is as expected",
    ]
    assert lines[-1] == "passed"


def test_facts_are_those_of_the_reference(checked: Checked) -> None:
    checked("--write")
    model = load_model(checked.model)
    facts = checked.expected()["facts"]
    assert facts["scenario"] == "run3"
    assert facts["network"]["sha256"] == model.network_sha256
    for name, path in (("background", checked.zero_bias), ("A4l", checked.signal)):
        events = read_events([path])
        scores = evaluate_rows(model.graph, feature_rows(events, model.layout))["score"][:, 0]
        assert facts["samples"][name]["crossings"] == len(events)
        assert facts["samples"][name]["scores_sha256"] == scores_sha256(scores)
        point = facts["samples"][name]["at loose"]
        assert point["fires"] == int((scores >= 200).sum()) > 0
        assert ("rate_khz" in point, "fraction" in point) == (name == "background", name == "A4l")


def test_a_changed_weight_fails_with_a_table(checked: Checked) -> None:
    checked("--write")
    checked.change_weight()
    ended = checked()
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert "the network is not the one of the expectation" in lines
    assert any(line.startswith("samples / background / scores_sha256  ") for line in lines)
    assert lines[-1] == "failed"
    plain = checked("--json").json
    assert not plain["passed"]
    assert {"network / sha256", "network / ebops"} >= {
        each["what"] for each in plain["differences"] if each["what"].startswith("network")
    }
    assert checked("--write").code == 0
    assert checked().code == 0


def test_a_moved_threshold_fails(checked: Checked) -> None:
    checked("--write")
    model = load_model(checked.model)
    save_model(model.with_thresholds([NamedThreshold("loose", 201, 10.0, "run3")]), checked.model)
    ended = checked()
    assert ended.code == 1
    assert "samples / background / at loose / threshold" in ended.out
    assert "the network is not" not in ended.out


def test_another_sample_fails(checked: Checked, write_sample: WriteSample) -> None:
    checked("--write")
    checked.zero_bias = write_sample("other.root", 60, 9)
    ended = checked()
    assert ended.code == 1
    assert "samples / background / content_sha256" in ended.out


def test_an_inexact_execution_fails_and_is_never_written(
    checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked("--write")
    before = checked.expectation.read_text()
    right = Reference.run

    def run(self: Reference, rows: Any) -> Any:
        found = {name: np.array(values) for name, values in right(self, rows).items()}
        found["score"][::10] += 1
        return found

    monkeypatch.setattr(Reference, "run", run)
    ended = checked("--crossings", 20)
    assert ended.code == 1
    assert "engine and reference: 4 mismatches in 40 crossings" in ended.out
    ended = checked("--write")
    assert ended.code == 1
    assert "executions differ; " in ended.err
    assert checked.expectation.read_text() == before


def test_speed(checked: Checked, costs: list[float]) -> None:
    assert checked("--write", "--speed").code == 0
    key = describe_machine().key
    assert checked.expected()["speed"] == {key: 100.0}
    for cost, code, outcome in ((109.0, 0, "pass"), (125.0, 0, "warn"), (131.0, 1, "fail")):
        costs.append(cost)
        ended = checked("--speed")
        assert ended.code == code
        assert f"cost {cost - 100:+.0f} % of the accepted one: {outcome}" in ended.out
        assert checked("--speed", "--json").json["passed"] == (code == 0)


@pytest.mark.usefixtures("costs")
def test_an_unknown_machine_is_not_gated(checked: Checked) -> None:
    checked("--write")
    assert checked.expected()["speed"] == {}
    ended = checked("--speed")
    assert ended.code == 0
    assert "no accepted cost for this kind of machine, so it is not gated" in ended.out


@pytest.mark.usefixtures("costs")
def test_costs_of_other_machines_stay_with_the_network(checked: Checked) -> None:
    checked("--write")
    plain = checked.expected()
    checked.expectation.write_text(json.dumps({**plain, "speed": {"other": 7.0}}))
    checked("--write", "--speed")
    assert checked.expected()["speed"] == {"other": 7.0, describe_machine().key: 100.0}
    checked.change_weight()
    checked("--write", "--speed")
    assert checked.expected()["speed"] == {describe_machine().key: 100.0}


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("hls4ml", "csim: hls4ml is not installed (the extra firmware)"),
        ("g++", "csim: g++ is not installed"),
    ],
)
def test_what_is_not_there_is_told(
    checked: Checked, monkeypatch: pytest.MonkeyPatch, missing: str, reason: str
) -> None:
    if missing == "hls4ml":
        monkeypatch.setattr(checking, "find_spec", lambda _: None)
    monkeypatch.setattr("shutil.which", lambda _: None)
    ended = checked("--write", "--csim", "auto")
    assert ended.code == 0
    assert f"not compared with {reason}" in ended.out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "expectation.json: no such expectation; --write makes it from what is found now"),
        ("{", "expectation.json: is no expectation, no JSON"),
        ("[]", "expectation.json: is no expectation of this version (l1distill-expectation/1)"),
        ('{"schema": "l1distill-expectation/1"}', "damaged expectation: it says no network's"),
        (
            json.dumps(
                {
                    "schema": "l1distill-expectation/1",
                    "facts": {"network": {"sha256": "a"}},
                    "speed": {"m": "fast"},
                }
            ),
            "damaged expectation: a speed is no number above zero",
        ),
    ],
)
def test_refused_expectations(
    refused: Refused, model_file: Path, write_sample: WriteSample, text: str | None, sentence: str
) -> None:
    path = write_sample("a.root", 5, 1)
    if text is not None:
        (model_file.parent / "expectation.json").write_text(text)
    assert sentence in refused("check", model_file, "--background", path, "--csim", "no")


def test_refused_words(refused: Refused, model_file: Path, write_sample: WriteSample) -> None:
    path = write_sample("a.root", 5, 1)
    words = ("check", model_file, "--background", path, "--write", "--csim", "no", "--no-speed")
    assert "--signal takes NAME=FILE, got 'A4l'" in refused(*words, "--signal", "A4l")
    assert "'background' is a role of zero-bias crossings" in refused(
        *words, "--signal", f"background={path}"
    )
    assert "no.root" in refused(*words, "--signal", "A4l=no.root")
