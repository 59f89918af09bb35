"""``l1distill model``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from network_forms import autoencoder_form

from emulator.graph import graph_cost, total_ebops
from emulator.model import load_model

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.model import Model
    from tests.l1distill.cli.conftest import Program, Refused


def test_show(program: Program, model_file: Path, small_model: Model) -> None:
    ended = program("model", "show", model_file)
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0] == f"small, network {small_model.network_sha256}"
    assert lines[1] == "layout four: 4 features, pT hardware, muon position vertex"
    nodes = {line.split()[0]: line for line in lines if line.strip()}
    for node in small_model.graph.nodes:
        assert str(node.format) in nodes[node.name]
    assert nodes["node"].split()[-3:] == ["EBOPs", "nonzero", "weights"]
    cost = next(cost for cost in graph_cost(small_model.graph) if cost.node == "score")
    weights = f"{cost.n_nonzero} of {cost.n_weights}"
    assert nodes["score"].split()[-4:] == [str(cost.ebops), *weights.split()]
    assert f"total: {cost.ebops} EBOPs, {weights} weights are not 0" in lines
    assert "score: score, one count is 0.125" in lines
    assert "threshold loose: score >= 200 for 10 kHz" in lines
    assert "threshold tight: score >= 900" in lines


@pytest.mark.parametrize("command", ["show", "check"])
def test_json(program: Program, model_file: Path, small_model: Model, command: str) -> None:
    found = program("model", command, model_file, "--json").json
    assert found["network_sha256"] == small_model.network_sha256
    assert found["layout"] == small_model.layout.as_dict()
    assert found["thresholds"][1] == {"name": "tight", "threshold": 900, "target_khz": None}
    names = ["features", "scaled", "score"]
    assert [node["node"] for node in found["plan"]["nodes"]] == names
    assert [node["node"] for node in found["cost"]] == names
    assert found["ebops"] == total_ebops(small_model.graph) > 0


def test_check(program: Program, model_file: Path) -> None:
    ended = program("model", "check", model_file)
    assert ended.code == 0
    assert ended.out.startswith("small: all rules hold; the engine runs it with ")
    assert ended.out.count("\n") == 1


def test_check_shows_the_plan(program: Program, model_file: Path) -> None:
    lines = program("model", "check", "--plan", model_file).out.splitlines()
    assert lines[0].split() == ["node", "kernel", "stored", "bits", "computed", "bits", "reason"]
    assert [line.split()[0] for line in lines[1:4]] == ["features", "scaled", "score"]
    assert "all rules hold" in lines[-1]


@pytest.mark.parametrize("command", [("show",), ("check",), ("check", "--plan")])
def test_damaged_files_are_refused(
    refused: Refused, model_file: Path, command: tuple[str, ...], tmp_path: Path
) -> None:
    text = model_file.read_text(encoding="utf-8")
    plain = json.loads(text)
    plain["schema"] = "l1distill-model/99"
    for content, sentence in (
        (text[: len(text) // 2], "small.json"),
        ("", "small.json"),
        ("[]", "small.json"),
        (json.dumps(plain), "l1distill-model/99"),
        (text.replace('"axis"', '"x"').replace("900", '"many"'), "small.json"),
    ):
        model_file.write_text(content, encoding="utf-8")
        assert sentence in refused("model", *command, model_file)
    assert "none.json" in refused("model", *command, tmp_path / "none.json")


def test_a_changed_weight_is_noticed(refused: Refused, model_file: Path) -> None:
    text = model_file.read_text(encoding="utf-8")
    plain = json.loads(text)
    (dense,) = (node for node in plain["graph"]["nodes"] if node["name"] == "score")
    dense["bias"] = [8]
    model_file.write_text(json.dumps(plain), encoding="utf-8")
    assert "hash" in refused("model", "check", model_file)


def test_import(program: Program, tmp_path: Path) -> None:
    form = autoencoder_form()
    (tmp_path / "form.json").write_text(json.dumps(form))
    ended = program("model", "import", tmp_path / "form.json", "-o", tmp_path / "model.json")
    assert ended.code == 0, ended.err
    model = load_model(tmp_path / "model.json")
    assert ended.out.startswith(
        f"random: 21 features, 2 thresholds, network {model.network_sha256}"
    )
    assert "worked example: none is given, none checked" in ended.out
    shown = program("model", "show", tmp_path / "model.json").out
    assert "muon position measured, objects in readout order" in shown
    assert "threshold L1_TEST_Loose: score >= 40, bit 438 of L1Menu_Test_v1" in shown
    found = program(
        "model", "import", tmp_path / "form.json", "-o", tmp_path / "again.json", "--json"
    ).json
    assert found["network_sha256"] == model.network_sha256
    assert found["thresholds"][1]["bit"] == 439


def test_import_refuses_a_wrong_example_and_leaves_nothing(
    refused: Refused, tmp_path: Path
) -> None:
    form = autoencoder_form()
    form["example"] = {"raw": [0] * 21, "mantissas": {}, "score": 1}
    source = tmp_path / "form.json"
    source.write_text(json.dumps(form))
    sentence = refused("model", "import", source, "-o", tmp_path / "model.json")
    assert "form.json: its worked example differs first at layer 'score', element 0" in sentence
    assert "another name" in refused("model", "import", source, "-o", source)
    assert "no such file" in refused("model", "import", "none.json", "-o", "model.json")
