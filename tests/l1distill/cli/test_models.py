"""``l1distill model``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
import yaml
from network_forms import autoencoder_form
from small_samples import make_small_model
from torch import nn

from emulator.engine import evaluate
from emulator.features import feature_rows
from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, count_overflows, graph_cost, total_ebops
from emulator.model import load_model, save_model
from emulator.objects import read_events
from firmware.foreign import Proof

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.model import Model
    from tests.l1distill.cli.conftest import Program, Refused
    from tests.l1distill.conftest import WriteSample


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
    assert ended.out.count("\n") == 2


def test_check_says_what_the_input_does_not_hold(
    program: Program, tmp_path: Path, small_model: Model
) -> None:
    narrow = replace(small_model.graph.input, format=FixedFormat(9, 9))
    graph = Graph((narrow, *small_model.graph.nodes[1:]), small_model.graph.outputs)
    save_model(replace(small_model, graph=graph), tmp_path / "narrow.json")
    assert "note: htt[0].pt (0 to 4095)" in program("model", "check", tmp_path / "narrow.json").out
    (caveat,) = program("model", "check", tmp_path / "narrow.json", "--json").json["caveats"]
    assert "are refused" in caveat


def test_check_shows_the_plan(program: Program, model_file: Path) -> None:
    lines = program("model", "check", "--plan", model_file).out.splitlines()
    columns = ["node", "kernel", "raws", "stored", "bits", "computed", "bits", "reason"]
    assert lines[0].split() == columns
    assert [line.split()[0] for line in lines[1:4]] == ["features", "scaled", "score"]
    assert "all rules hold" in lines[-2]


def test_check_shows_the_plan_of_a_kernel(
    program: Program, refused: Refused, model_file: Path
) -> None:
    out = program("model", "check", "--plan", "--kernel", "tiles64", model_file).out
    assert "the engine runs it with 64-bit tiles" in out
    told = refused("model", "check", "--kernel", "dot8", model_file)
    assert "the kernel 'dot8' cannot run node 'scaled'" in told


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


@pytest.fixture
def sequence(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A torch sequence on four features: its state, its types, its layout."""
    torch.manual_seed(4)
    state, types, layout = (tmp_path / name for name in ("net.pt", "types.yaml", "four.yaml"))
    torch.save(nn.Sequential(nn.Linear(4, 1)).state_dict(), state)
    types.write_text(
        "input: fixed<10,10,TRN,SAT>\nlayers:\n- Linear: {weight: 'fixed<6,1>', bias: 'fixed<6,1>', "
        "accumulator: 'fixed<20,14>', result: 'ufixed<14,12,RND,SAT>'}\n"
    )
    layout.write_text(yaml.safe_dump(make_small_model().layout.as_dict()))
    return state, types, layout


def test_import_of_a_foreign_network(
    program: Program, sequence: tuple[Path, Path, Path], tmp_path: Path, write_sample: WriteSample
) -> None:
    state, types, layout = sequence
    words = ("model", "import", state, "--types", types, "--layout", layout)
    ended = program(*words, "-o", tmp_path / "model.json", "--events", 1_000)
    assert ended.code == 0, ended.err
    model = load_model(tmp_path / "model.json")
    assert ended.out.startswith(
        f"net: torch nn.Sequential, 4 features, network {model.network_sha256}, written to "
    )
    assert "hls4ml's C-simulation: 0 mismatches in 1000 random events with " in ended.out
    assert [type(node).__name__ for node in model.graph.nodes] == ["Input", "Quantize", "Dense"]
    assert model.graph.input.format == model.layout.format
    # The sample's integers do not all fit the network's own input: they saturate.
    sample = write_sample("sample.root", 200, 1)
    compared = program("compare", tmp_path / "model.json", sample, "--with", "reference", "--json")
    assert (compared.code, compared.json[0]["n_mismatch"]) == (0, 0)
    again = program(*words, "-o", tmp_path / "again.json", "--events", 0, "--json").json
    assert again["proof"] is None
    assert again["imported_from"] == "torch nn.Sequential"
    said = program(*words, "-o", tmp_path / "again.json", "--events", 0).out
    assert "not compared with hls4ml's C-simulation, as asked" in said


def test_inputs_of_a_foreign_network_are_scaled(
    program: Program, refused: Refused, sequence: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    state, types, layout = sequence
    scaling, target = tmp_path / "scaling.yaml", tmp_path / "model.json"
    scaling.write_text("{offset: [100, 30, 0, 20], shift: {pt: 2}}")
    words = ("model", "import", state, "--types", types, "--layout", layout, "--events", 0)
    assert program(*words, "--scaling", scaling, "-o", target).code == 0
    graph = load_model(target).graph
    assert [type(node).__name__ for node in graph.nodes] == ["Input", "OffsetShift", "Dense"]
    row = [104, 39, -8, 27]
    plain = program(*words, "-o", tmp_path / "plain.json")
    assert plain.code == 0
    unscaled = load_model(tmp_path / "plain.json").graph
    # (104 - 100) / 4, and so on; the network's own input has no fraction bits.
    assert evaluate(graph, row)["linear_0"] == evaluate(unscaled, [1, 2, -2, 1])["linear_0"]
    for text, message in (
        ("shift: {et: 2}", "shift: the layout has no field 'et'; it has pt"),
        ("shift: [1, 2]", "shift: has 2 numbers for 4 features"),
        ("offset: 0.5", "offset: 0.5 is no integer"),
        ("scale: 2", "takes the keys format, offset, shift, found scale"),
        ("format: float", "format: "),
        ("shift: 30", "shifts must lie between 0 and 23"),
        ("[", "is no valid YAML"),
    ):
        scaling.write_text(text)
        assert message in refused(*words, "--scaling", scaling, "-o", tmp_path / "none.json")
    assert "cannot be read" in refused(*words, "--scaling", "none.yaml", "-o", target)


def test_foreign_networks_are_refused_in_one_sentence(
    refused: Refused, sequence: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    state, types, layout = sequence
    out = ("-o", tmp_path / "model.json")
    assert "net.pt: needs --types" in refused("model", "import", state, *out)
    sentence = refused("model", "import", state, *out, "--types", types)
    assert "takes 4 inputs, layout 'axol1tl_57' has 57 features; --layout FILE.yaml" in sentence
    given = ("--types", types, "--layout", layout)
    assert "no output" in refused("model", "import", state, *out, *given, "--score", "other")
    pickled = tmp_path / "pickle.pt"
    pickled.write_bytes(b"\x80\x04.")
    assert "is a pickle, which could run code" in refused("model", "import", pickled, *out)
    for content, message in (
        (b"PK\x03\x04", "is a damaged archive"),
        (b"\x08\x01", "is no ONNX model"),
        (b"\x1f\x8b", "is a damaged archive"),
        (b"\x00\x01", "cannot be read"),
    ):
        pickled.write_bytes(content)
        assert message in refused("model", "import", pickled, *out)
    form = tmp_path / "form.json"
    form.write_text(json.dumps(autoencoder_form()))
    sentence = refused("model", "import", form, *out, "--layout", layout)
    assert "the JSON form says all itself, --layout is for networks of other programs" in sentence


def test_nothing_is_written_if_c_simulation_differs(
    refused: Refused, sequence: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = Proof(10, 3, 8, (1, 2, 3, 4), (7,), (8,))
    monkeypatch.setattr("l1distill.foreign.prove", lambda *_, **__: proof)
    state, types, layout = sequence
    given = ("--types", types, "--layout", layout)
    sentence = refused("model", "import", state, *given, "-o", "model.json")
    assert "C-simulation differs in 3 of 10 events, first for [1, 2, 3, 4]: [7], read" in sentence


def test_check_says_what_may_overflow(program: Program, model_file: Path) -> None:
    lines = program("model", "check", model_file).out.splitlines()
    assert lines[1].startswith("overflow: ")
    assert "may wrap or become 0" in lines[1]
    assert "--on FILE counts them" in lines[1]


def test_check_counts_overflows_on_files(
    program: Program, model_file: Path, write_sample: WriteSample, small_model: Model
) -> None:
    sample = write_sample("sample.root", 60, 1)
    ended = program("model", "check", model_file, "--on", sample, "--on", sample)
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[1].split() == [
        *("node", "place", "type", "effect", "crossings", "share", "overflows"),
    ]
    found = program("model", "check", model_file, "--on", sample, "--on", sample, "--json").json
    counts = found["overflows"]["counts"]
    assert found["overflows"]["n_crossings"] == 120
    assert len(lines) >= 2 + len(counts)
    rows = feature_rows(read_events(str(sample)), small_model.layout)
    for count, once in zip(counts, count_overflows(small_model.graph, rows), strict=True):
        assert count["n_events"] == 2 * once.n_events
        assert count["n_overflows"] == 2 * once.n_overflows


def test_check_warns_of_what_wraps(
    program: Program, tmp_path: Path, write_sample: WriteSample, small_model: Model
) -> None:
    score = small_model.graph["score"]
    assert isinstance(score, Dense)
    wrapping = replace(score, accumulator=FixedFormat(2, 2 - score.accumulator.fraction))
    graph = Graph((*small_model.graph.nodes[:-1], wrapping), small_model.graph.outputs)
    path = tmp_path / "wrapping.json"
    save_model(replace(small_model, graph=graph), path)
    ended = program("model", "check", path, "--on", write_sample("sample.root", 60, 1))
    warning = next(line for line in ended.out.splitlines() if line.startswith("WARNING"))
    assert "WARNING: score, " in warning
    assert "give the type more integer bits" in warning


def test_check_refuses_a_missing_file(refused: Refused, model_file: Path, tmp_path: Path) -> None:
    assert "none.root" in refused("model", "check", model_file, "--on", tmp_path / "none.root")
