"""``l1distill compare``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from published import deployed_model, published_decisions, vector_events, write_vector

from emulator.fixed import FixedFormat
from emulator.graph import Graph
from emulator.model import load_model, save_model
from firmware.compare import Reference

if TYPE_CHECKING:
    from pathlib import Path

    from tests.l1distill.cli.conftest import Program, Refused
    from tests.l1distill.conftest import WriteSample


@pytest.fixture
def wrong_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference whose every tenth score is one count too high."""
    right = Reference.run

    def run(self: Reference, rows: Any) -> Any:
        found = {name: np.array(values) for name, values in right(self, rows).items()}
        found["score"][::10] += 1
        return found

    monkeypatch.setattr(Reference, "run", run)


def test_equal(
    program: Program, model_file: Path, write_sample: WriteSample, tmp_path: Path
) -> None:
    paths = [write_sample("a.root", 30, 1), write_sample("b.root", 20, 2)]
    words = ("compare", model_file, *paths, "--with", "reference", "-o", tmp_path / "out", "-j", 1)
    ended = program(*words)
    assert ended.code == 0
    assert ended.out.startswith("engine and reference: 0 mismatches in 50 crossings")
    (found,) = program(*words, "--json").json
    assert (found["with"], found["n_events"], found["n_mismatch"]) == ("reference", 50, 0)
    assert not (tmp_path / "out").exists()


def test_crossings_are_chosen(
    program: Program, model_file: Path, write_sample: WriteSample
) -> None:
    path = write_sample("a.root", 30, 1, crossings=(-1, 0, 1))
    words = ("compare", model_file, path, "--with", " reference ", "--crossings", "-1,1", "-j", 1)
    (found,) = program(*words, "--json").json
    assert found["n_events"] == 60


@pytest.mark.usefixtures("wrong_reference")
def test_a_mismatch_fails(
    program: Program, model_file: Path, write_sample: WriteSample, tmp_path: Path
) -> None:
    path = write_sample("a.root", 50, 1)
    words = ("compare", model_file, path, "--with", "reference", "-o", tmp_path / "out", "-j", 1)
    ended = program(*words)
    assert ended.code == 1
    assert ended.err == ""
    assert "engine and reference: 5 mismatches in 50 crossings" in ended.out
    assert "crossing 10 differs only as a whole" in ended.out
    assert "mismatches.json" in ended.out
    path = tmp_path / "out" / "mismatches.json"
    (comparison,) = json.loads(path.read_text(encoding="utf-8"))["comparisons"]
    assert (comparison["with"], comparison["n_mismatch"]) == ("reference", 5)
    assert [each["event"] for each in comparison["mismatches"]] == [0, 10, 20, 30, 40]
    for each in comparison["mismatches"]:
        (output,) = each["outputs"]
        assert output["other"][0] - output["engine"][0] == 1
    ended = program(*words, "--json")
    assert (ended.code, ended.json[0]["n_mismatch"]) == (1, 5)


@pytest.mark.usefixtures("wrong_reference")
def test_the_first_node_that_differs_is_named(
    program: Program,
    model_file: Path,
    write_sample: WriteSample,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = Reference.trace

    def trace(self: Reference, rows: Any) -> Any:
        found = {name: np.array(values) for name, values in right(self, rows).items()}
        found["scaled"][:, 2] -= 4
        return found

    monkeypatch.setattr(Reference, "trace", trace)
    path = write_sample("a.root", 5, 1)
    out = program("compare", model_file, path, "--with", "reference", "-o", tmp_path).out
    assert "crossing 0 first differs at node scaled: [" in out


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"weights": ((3,), (2,), (4,), (-1,))}, "weight: reference computes node 'score' as if"),
        (
            {"format": FixedFormat.parse("ufixed<12,9,TRN,SAT>")},
            "rounding mode: reference computes node 'score' as if its result were ufixed<12,9,TRN",
        ),
    ],
    ids=["weight", "rounding mode"],
)
def test_corrupted_network_fails_and_its_fault_is_named(
    program: Program,
    model_file: Path,
    write_sample: WriteSample,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    values: dict[str, Any],
    cause: str,
) -> None:
    def corrupted(graph: Graph, *, jobs: int) -> Reference:
        nodes = (replace(node, **values) if node.name == "score" else node for node in graph.nodes)
        return Reference(Graph(tuple(nodes), graph.outputs), jobs=jobs)

    monkeypatch.setattr("firmware.compare.Reference", corrupted)
    path = write_sample("a.root", 300, 1)
    words = ("compare", model_file, path, "--with", "reference", "-o", tmp_path, "-j", 1)
    ended = program(*words)
    assert ended.code == 1
    assert "first differs at node score: [" in ended.out
    assert ", given scaled = [" in ended.out
    assert f"likely cause, {cause}" in ended.out
    (written,) = json.loads((tmp_path / "mismatches.json").read_text())["comparisons"]
    assert written["cause"]["kind"] == cause.partition(":")[0]
    assert written["mismatches"][0]["inputs"][0]["node"] == "scaled"


def test_corrupted_expected_vector_fails(program: Program, tmp_path: Path) -> None:
    model, events = deployed_model(tmp_path), vector_events()
    expected = published_decisions(model, events)
    expected[123, 0] ^= True
    save_model(model, tmp_path / "model.json")
    vector = write_vector(tmp_path / "vector.txt", events, model, expected)
    words = ("compare", tmp_path / "model.json", vector, "--with", "bits", "-o", tmp_path)
    ended = program(*words)
    assert ended.code == 1
    assert "1 mismatches in 500 crossings" in ended.out
    assert "vector.txt entry 123, score" in ended.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--with", "reference,verilator"),
            "cannot compare with 'verilator'; known: reference, cs",
        ),
        (("--with", ","), "--with names no execution; give for example --with reference,csim"),
        (("--with", "reference", "--crossings", "x"), "--crossings takes comma-separated integers"),
    ],
)
def test_refused(
    refused: Refused,
    model_file: Path,
    write_sample: WriteSample,
    words: tuple[str, ...],
    sentence: str,
) -> None:
    path = write_sample("a.root", 5, 1)
    assert sentence in refused("compare", model_file, path, "-o", "out", *words)


@pytest.fixture
def deployed(tmp_path: Path) -> tuple[Path, Path]:
    """A model file with thresholds of a menu, and a vector with their decisions."""
    model = deployed_model(tmp_path)
    save_model(model, tmp_path / "deployed.json")
    events = vector_events()
    vector = tmp_path / "vector.txt"
    return tmp_path / "deployed.json", write_vector(
        vector, events, model, published_decisions(model, events)
    )


def test_bits_are_equal(program: Program, deployed: tuple[Path, Path], tmp_path: Path) -> None:
    menu = tmp_path / "algos_L1Menu_Test_v1.json"
    seeds = {"438": "L1_TEST_Loose", "439": "L1_TEST_Tight", "440": "L1_TEST_Never"}
    menu.write_text(json.dumps({bit: [seed, "AXO[AXO-MODEL_x]"] for bit, seed in seeds.items()}))
    ended = program("compare", *deployed, "--with", "bits", "--algorithms", menu, "-o", tmp_path)
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0] == "random and the bits of L1Menu_Test_v1: 0 mismatches in 500 crossings"
    verdicts = {line.split()[0]: line for line in lines if line.strip().startswith("L1_")}
    assert verdicts["L1_TEST_Loose"].rstrip().endswith("equal")
    assert verdicts["L1_TEST_Never"].rstrip().endswith("not tested")
    assert not (tmp_path / "mismatches.json").exists()


def test_bits_with_executions_and_differences(
    program: Program, deployed: tuple[Path, Path], tmp_path: Path
) -> None:
    path, vector = deployed
    model = load_model(path)
    lower = [replace(each, threshold=each.threshold // 2) for each in model.thresholds]
    save_model(model.with_thresholds(lower), path)
    words = ("--with", "reference,bits", "-o", tmp_path)
    ended = program("compare", path, vector, *words)
    assert ended.code == 1
    assert "the same comparison with other inputs:" in ended.out
    assert "not explained by inputs, so the network's:" in ended.out
    assert "engine and reference: 0 mismatches in 500 crossings" in ended.out
    written = json.loads((tmp_path / "mismatches.json").read_text())["comparisons"]
    assert [each["with"] for each in written] == ["bits", "reference"]
    assert written[0]["blame"]["alternatives"]
    assert written[0]["thresholds"][0]["verdict"] == "differs"
    shown = program("compare", path, vector, *words, "--json").json[0]
    assert shown == {**written[0], "caveats": []}


def test_bits_refused(refused: Refused, deployed: tuple[Path, Path], model_file: Path) -> None:
    path, vector = deployed
    assert "no threshold belongs to a bit" in refused(
        "compare", model_file, vector, "--with", "bits"
    )
    assert "no menu 'x'" in refused("compare", path, vector, "--with", "bits", "--menu", "x")
    assert "are for --with bits" in refused("compare", path, vector, "--menu", "x")
    words = ("--with", "bits", "--crossings", "-1")
    assert "compares crossing 0" in refused("compare", path, vector, *words)
