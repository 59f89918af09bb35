"""Model files: round trip, identity, and refusals that say what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from emulator.errors import InputFileError, ModelFileError
from emulator.features import Era, Feature, FeatureLayout
from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Input
from emulator.model import Model, NamedThreshold, load_model, save_model

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = FeatureLayout("two", (Feature("jet", 0, "pt"), Feature("mu", 1, "phi")))
BYTE = FixedFormat(8, 8)


@pytest.fixture
def model() -> Model:
    source = Input("x", (), FixedFormat(16, 16), size=2)
    score = Dense(
        "score",
        ("x",),
        FixedFormat(16, 12, rounding="RND", overflow="SAT"),
        weights=((3,), (-5,)),
        weight_format=BYTE,
        bias=(1,),
        bias_format=BYTE,
        accumulator=FixedFormat(28, 24),
    )
    return Model(
        "tiny",
        LAYOUT,
        Graph((source, score), ("score",)),
        "score",
        (NamedThreshold("10 kHz", 1234, 10.0, "run3", "ab" * 32),),
        {"trained_by": "hand"},
    )


def rewrite(path: Path, **changes: Any) -> None:
    plain = json.loads(path.read_text())
    plain.update(changes)
    path.write_text(json.dumps({key: value for key, value in plain.items() if value is not ...}))


def test_comes_back_as_it_was(model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m.json")
    again = load_model(tmp_path / "m.json")
    assert again == model
    assert again.network_sha256 == model.network_sha256
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]


def test_identity_is_what_decides(model: Model) -> None:
    renamed = replace(model, name="other", thresholds=(), provenance={})
    assert renamed.network_sha256 == model.network_sha256
    era = replace(LAYOUT, era=Era(pt="halved"))
    assert replace(model, layout=era).network_sha256 != model.network_sha256
    dense = model.graph["score"]
    assert isinstance(dense, Dense)
    heavier = replace(dense, weights=((3,), (-4,)))
    graph = Graph((model.graph.nodes[0], heavier), ("score",))
    assert replace(model, graph=graph).network_sha256 != model.network_sha256


def test_rows_of_weights_stand_on_lines_of_their_own(model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m.json")
    lines = [line.strip() for line in (tmp_path / "m.json").read_text().splitlines()]
    assert "[3]," in lines
    assert "[-5]" in lines


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "l1distill-model/9"}, "its schema is 'l1distill-model/9', this version reads"),
        ({"color": "red"}, "keys missing or unknown: color"),
        ({"score": ...}, "keys missing or unknown: score"),
        ({"score": "x"}, "the score 'x' is no output of the graph"),
        ({"name": 3}, "name must be str, found 3"),
        ({"network_sha256": "00"}, "the network was changed after its hash was written"),
        ({"thresholds": [{"name": "a"}]}, "threshold 0 needs the keys name, sample_sha256"),
        ({"thresholds": {}}, "thresholds must be a list"),
        ({"graph": {"nodes": []}}, "needs the keys nodes and outputs"),
        ({"graph": {"nodes": {}, "outputs": []}}, "nodes must be a list, found {}"),
    ],
)
def test_refuses_a_wrong_file(
    model: Model, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "m.json"
    save_model(model, path)
    rewrite(path, **changes)
    with pytest.raises(ModelFileError, match=message) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("weights", [[3], [-500]], "weight of input 1 to output 0 is -500, out of the range"),
        ("weights", [[3], [0.5]], "weights must be an integer, found 0.5"),
        ("weights", [[3]], "has weights for 1 inputs, gets 2"),
        ("format", "float", "'float' is no fixed-point type"),
        ("inputs", ["y"], "its input 'y' is no earlier node"),
        ("operation", "Softmax", "unknown operation 'Softmax'"),
        ("name", "a b", "its name is no C identifier"),
    ],
)
def test_names_the_node_and_the_rule(
    model: Model, tmp_path: Path, key: str, value: Any, message: str
) -> None:
    path = tmp_path / "m.json"
    save_model(model, path)
    graph = json.loads(path.read_text())["graph"]
    graph["nodes"][1][key] = value
    rewrite(path, graph=graph)
    with pytest.raises(ModelFileError, match=message):
        load_model(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such model file"),
        ("{", "cannot be read as JSON"),
        ("[]", "does not name its schema"),
        ("[" * 100_000, "cannot be read as JSON"),
    ],
)
def test_refuses_what_is_no_model_file(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "m.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputFileError, match=message):
        load_model(path)
    with pytest.raises(InputFileError, match="is a folder"):
        load_model(tmp_path)


def test_refuses_two_thresholds_of_one_name(model: Model) -> None:
    twice = (NamedThreshold("a", 1), NamedThreshold("a", 2))
    with pytest.raises(ModelFileError, match="two thresholds share a name"):
        model.with_thresholds(twice)


def test_refuses_a_layout_of_another_size(model: Model) -> None:
    short = FeatureLayout("one", LAYOUT.features[:1])
    with pytest.raises(ModelFileError, match="has 1 features, the network takes 2"):
        replace(model, layout=short)


def test_thresholds_of_menus_come_back_and_older_files_load(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    of_menu = NamedThreshold("a", 7, menu="L1Menu_Test", seed="L1_A", bit=438)
    both = model.with_thresholds((*model.thresholds, of_menu))
    save_model(both, path)
    assert load_model(path) == both
    plain = json.loads(path.read_text())["thresholds"]
    assert "menu" not in plain[0], "as files were written before"
    for key, value in (("menu", 3), ("bit", "438"), ("bit", True), ("seed", None)):
        rewrite(path, thresholds=[{**plain[1], key: value}])
        with pytest.raises(ModelFileError, match="threshold 0 has a value of the wrong type"):
            load_model(path)
    rewrite(path, thresholds=[{key: part for key, part in plain[1].items() if key != "bit"}])
    with pytest.raises(ModelFileError, match="and of a menu also bit, menu, seed"):
        load_model(path)


def test_features_and_input_count_in_the_same_steps(model: Model) -> None:
    halves = replace(LAYOUT, era=Era(pt="exact_half"))
    with pytest.raises(ModelFileError, match="features have 1 fraction bits, the network's input"):
        replace(model, layout=halves)
