"""Networks in the JSON form: what comes out decides alike, what cannot be read is refused."""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from network_form_by_hand import evaluate_form
from network_forms import FEATURES, autoencoder_form, encoder_form

from emulator.engine import Emulator, check_example, evaluate
from emulator.errors import InputFileError, L1Error, ModelFileError
from emulator.features import Era, feature_rows
from emulator.model import Model, import_network_form, load_model, save_model
from emulator.objects import Columns, build_events, known_fields, load_scales

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import awkward as ak

Form = dict[str, Any]


def imported(form: Form, tmp_path: Path) -> Model:
    (tmp_path / "form.json").write_text(json.dumps(form))
    return import_network_form(tmp_path / "form.json")[0]


def random_events(n: int, seed: int = 5) -> ak.Array:
    """Crossings whose integers lie anywhere in their ranges."""
    rng = np.random.default_rng(seed)
    scales = load_scales()
    collections = {}
    for name in ("mu", "eg", "jet", "etm"):
        counts = rng.integers(0, min(4, scales.multiplicity(name)) + 1, n)
        offsets = np.concatenate([[0], counts.cumsum()])
        fields = {}
        for field in known_fields(name):
            scale = scales.field(name, field)
            fields[field] = rng.integers(scale.minimum, scale.maximum + 1, offsets[-1])
        collections[name] = Columns(offsets, fields)
    ids = {key: np.zeros(n, int) for key in ("run", "lumi", "event", "orbit", "crossing")}
    return build_events(ids, collections)


def features_by_hand(event: Any, era: Form) -> list[Fraction]:
    """The era's rules, in words: pt halved (to an integer), muons raw or at the vertex."""
    result = []
    for name, slot, field in FEATURES:
        objects = event[name]
        if field == "zero" or slot >= len(objects):
            result.append(Fraction(0))
            continue
        at_vertex = name == "mu" and era.get(f"muon_{field}", "raw") != "raw"
        number = Fraction(int(objects[slot][f"{field}_vtx" if at_vertex else field]))
        if field == "pt":
            number = Fraction(number // 2) if era["pt_halved_to_integer"] else number / 2
        result.append(number)
    return result


ERAS = [
    {"pt_halved_to_integer": halved, "muon_phi": phi, "muon_eta": eta}
    for halved, phi, eta in (
        *((True, "raw", "vtx"), (True, "vtx", "vtx"), (False, "vtx", "vertex")),
        *((False, "raw", "raw"), (True, "vtx", "raw")),
    )
]
ACCUMULATORS = (
    "ap_fixed<21,16>",  # keeps everything
    "ap_fixed<14,10>",  # truncates products, wraps
    "ap_fixed<12,9,AP_RND,AP_SAT>",  # rounds and saturates at every step
    "ap_ufixed<15,9>",  # unsigned
    "ap_ufixed<13,10,AP_TRN,AP_SAT>",
)
RAW_TYPES = (
    *("ap_fixed<18,13>", "ap_fixed<14,6>", "ap_fixed<12,9,AP_TRN,AP_SAT>"),
    *("ap_fixed<13,13,AP_RND_INF,AP_SAT_SYM>", "ap_ufixed<12,12,AP_TRN,AP_SAT_ZERO>"),
)


@pytest.mark.parametrize("make", [encoder_form, autoencoder_form])
@pytest.mark.parametrize("accum", ACCUMULATORS)
def test_the_model_decides_as_the_words_say(
    make: Callable[..., Form], accum: str, tmp_path: Path
) -> None:
    events = random_events(12)
    for seed, era in enumerate(ERAS):
        form = make(seed, accum=accum, era=era)
        form["input"]["raw_type"] = RAW_TYPES[seed]
        model = imported(form, tmp_path)
        rows = feature_rows(events, model.layout)
        engine = Emulator(model.graph, threads=1).trace(rows)
        for place, event in enumerate(events.tolist()):
            expected = evaluate_form(form, features_by_hand(event, era))
            reference = evaluate(model.graph, rows[place].tolist())
            for layer, numbers in expected.items():
                name = "scaled" if layer == "input" else layer
                assert reference[name] == numbers, (seed, place, name)
                assert engine[name][place].tolist() == numbers, (seed, place, name)


def test_era_order_and_thresholds(tmp_path: Path) -> None:
    eras = [imported(encoder_form(era=era), tmp_path).layout.era for era in ERAS]
    assert eras == [
        Era("halved", "measured"),
        Era("halved", "vertex"),
        Era("exact_half", "vertex"),
        Era("exact_half", "measured", "measured"),
        Era("halved", "vertex", "measured"),
    ]
    form = encoder_form()
    model = imported(form, tmp_path)
    assert model.layout.order == "readout"
    assert [(t.name, t.threshold, t.menu, t.seed, t.bit) for t in model.thresholds] == [
        ("L1_TEST_Loose", 40, "L1Menu_Test_v1", "L1_TEST_Loose", 438),
        ("L1_TEST_Tight", 400, "L1Menu_Test_v1", "L1_TEST_Tight", 439),
    ]
    form["thresholds"]["L1Menu_Test_v2"] = {"438": {"seed": "L1_TEST_Loose", "threshold": 50}}
    names = [t.name for t in imported(form, tmp_path).thresholds]
    assert names[0] == "L1_TEST_Loose__L1Menu_Test_v1"
    assert names[2] == "L1_TEST_Loose__L1Menu_Test_v2"


def test_the_model_file_holds_all(tmp_path: Path) -> None:
    model = imported(autoencoder_form(era=ERAS[2]), tmp_path)
    save_model(model, tmp_path / "model.json")
    assert load_model(tmp_path / "model.json") == model
    bare = model.with_thresholds(())
    assert bare.network_sha256 == model.network_sha256
    assert model.provenance["source"]["repository"] == "none"


def test_layers_keep_their_names_whatever_helpers_are_called(tmp_path: Path) -> None:
    form = encoder_form()
    for old, new in (("mu", "loss_squares"), ("h1", "scaled")):
        text = json.dumps(form).replace(f'"name": "{old}"', f'"name": "{new}"')
        form = json.loads(text.replace(f'"inputs": ["{old}"]', f'"inputs": ["{new}"]'))
    model = imported(form, tmp_path)
    row = [1] * len(FEATURES)
    expected = evaluate_form(form, [Fraction(x) for x in row])
    found = evaluate(model.graph, row)
    assert found.pop("scaled_") == expected.pop("input")
    assert {name: found[name] for name in expected} == expected


def test_any_name_of_a_layer_and_words_to_readers(tmp_path: Path) -> None:
    plain = example_of(autoencoder_form(3), tmp_path)
    new = {
        "f": "f",
        "code": "2nd code",
        "decoded": "x\u0302",
        "distance": "2nd_code",
        "score": "|x-f|^2",
    }

    def renamed(part: Any) -> Any:
        if isinstance(part, dict):
            return {new.get(key, key): renamed(value) for key, value in part.items()}
        if isinstance(part, list):
            return [renamed(each) for each in part]
        return new.get(part, part) if isinstance(part, str) else part

    form = renamed({key: plain[key] for key in ("layers", "example")})
    form = {**plain, "layers": form["layers"], "example": form["example"]}
    form["example"]["score"] = form["example"].pop("|x-f|^2")
    form["score"] = {**plain["score"], "layer": "|x-f|^2", "note": "of the squares"}
    form["layers"][0]["comment"] = ["features", "of the network"]
    form["conventions"] = "as documented"
    path = tmp_path / "named.json"
    path.write_text(json.dumps(form))
    model, example = import_network_form(path)
    assert example is not None
    check_example(model, example)
    rows = feature_rows(random_events(20), model.layout)
    other = imported(plain, tmp_path)
    ours, theirs = (
        Emulator(each.graph, threads=1).run(rows)[each.score].tolist() for each in (model, other)
    )
    assert ours == theirs


def example_of(form: Form, tmp_path: Path) -> Form:
    """The form with a worked example made by hand."""
    features = features_by_hand(random_events(1).tolist()[0], form["input"]["era"])
    mantissas: dict[str, Any] = dict(evaluate_form(form, features))
    score = mantissas[form["score"]["layer"]][0]
    mantissas[form["score"]["layer"]] = score
    raw = [int(x) if x.denominator == 1 else float(x) for x in features]
    return {**form, "example": {"raw": raw, "mantissas": mantissas, "score": score}}


@pytest.mark.parametrize("era", ERAS)
def test_the_worked_example_is_checked(tmp_path: Path, era: Form) -> None:
    form = example_of(autoencoder_form(era=era), tmp_path)
    path = tmp_path / "form.json"
    path.write_text(json.dumps(form))
    model, example = import_network_form(path)
    assert example is not None
    check_example(model, example)
    for layer, place in (("input", 3), ("f", 2), ("decoded", 0), ("distance", 4)):
        wrong = copy.deepcopy(form)
        wrong["example"]["mantissas"][layer][place] += 1
        path.write_text(json.dumps(wrong))
        model, example = import_network_form(path)
        assert example is not None
        with pytest.raises(ModelFileError, match=f"first at layer '{layer}', element {place}:"):
            check_example(model, example)


def test_an_example_out_of_the_inputs_range_is_refused(tmp_path: Path) -> None:
    form = example_of(encoder_form(), tmp_path)
    form["example"]["raw"][0] = 100_000
    with pytest.raises(ModelFileError, match=r"example\.raw\[0\]: 100000 cannot be represented"):
        imported(form, tmp_path)


def changed(form: Form, path: str, value: object) -> Form:
    """A copy with one value changed; ``...`` deletes its key."""
    result = copy.deepcopy(form)
    *parts, last = path.split("/")
    target: Any = result
    for part in parts:
        target = target[int(part) if isinstance(target, list) else part]
    key: Any = int(last) if isinstance(target, list) else last
    if value is ...:
        del target[key]
    else:
        target[key] = value
    return result


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("color", "red", "color: is no key that is known here"),
        ("layers", ..., "layers: is missing"),
        ("layers", [], "layers: list should have at least 1 item"),
        ("name", 3, "name: input should be a valid string, found 3"),
        ("layers/0/kind", "conv", r"layers\[0\] 'h1': its kind 'conv' is not known; known: dense"),
        ("layers/0/kind", ..., r"layers\[0\] 'h1': its kind None is not known"),
        ("layers/0/strides", 1, r"layers\[0\] 'h1'\.strides: is no key that is known here"),
        ("layers/0/activation", "tanh", r"layers\[0\] 'h1'\.activation: input should be 'linear'"),
        ("layers/0/weight/3/5", 40, r"layers\[0\] 'h1'\.weight\[3\]\[5\]: is 40, out of the range"),
        ("layers/0/weight/3/5", -33, r"\.weight\[3\]\[5\]: is -33, .* fixed<6,3>, -32 to 31"),
        ("layers/0/weight/3/5", 0.5, r"'h1'\.weight\[3\]\[5\]: input should be a valid integer"),
        ("layers/0/weight/3/5", True, r"'h1'\.weight\[3\]\[5\]: input should be a valid integer"),
        ("layers/0/weight/3", [1], r"'h1'\.weight\[3\]: has 1 numbers for 6 outputs"),
        ("layers/0/weight", [[1] * 6], r"'h1'\.weight: has 1 rows for 21 inputs"),
        ("layers/0/bias/2", 512, r"'h1'\.bias\[2\]: is 512, out of the range of fixed<10,7>"),
        ("layers/0/bias", [], r"'h1'\.bias: has no numbers"),
        ("layers/0/n_in", 20, r"'h1'\.n_in: is 20, but the layer has 21"),
        ("layers/0/n_out", 7, r"'h1'\.n_out: is 7, but the layer has 6"),
        ("layers/0/accum_type", "float", r"'h1'\.accum_type: 'float' is no fixed-point type"),
        ("layers/0/accum_type", ..., r"'h1'\.accum_type: is missing"),
        ("layers/1/inputs", ["h2"], r"layers\[1\] 'mu'\.inputs: 'h2' is no earlier layer"),
        ("layers/1/inputs", ["h1", "h1"], r"'mu'\.inputs: a dense layer takes 1, has 2"),
        ("layers/1/name", "h1", r"layers\[1\] 'h1': its name is taken"),
        ("layers/1/name", "input", r"layers\[1\] 'input': its name is taken"),
        ("layers/1/name", "", r"layers\[1\] '': its name is no C identifier"),
        ("layers/1/note", 3, r"layers\[1\] 'mu'\.note: is no key that is known here"),
        ("input/offset/4", 0.25, r"input\.offset\[4\]: 0\.25 cannot be represented in fixed<10,9>"),
        ("input/offset/4", 256, r"input\.offset\[4\]: 256 cannot be represented in fixed<10,9>"),
        ("input/offset/4", float("nan"), r"input\.offset\[4\]: input should be a finite number"),
        ("input/offset", [1.0], r"input\.offset: has 1 numbers for 21 features"),
        ("input/shift/0", 18, r"input\.shift\[0\]: is 18, beyond the 18 bits"),
        ("input/shift", [1], r"input\.shift: has 1 numbers for 21 features"),
        ("input/features/2/index", 3, r"input\.features\[3\]: its index is 3; indices are 0 to 20"),
        ("input/features/2/object", "met", r"input\.features: layout .* no object 'met'"),
        ("input/features/2/field", "mass", r"input\.features: .* no field of 'etm' 'mass'"),
        ("input/features/2/slot", 1, r"input\.features: .* slot 1 of 'etm'"),
        ("input/era/muon_eta", "gmt", r"input\.era\.muon_eta: input should be 'raw', 'vtx' or"),
        ("input/era/muon_phi", "x", r"input\.era\.muon_phi: input should be 'raw', 'vtx' or"),
        ("input/era/year", 2025, r"input\.era\.year: is no key that is known here"),
        ("score/layer", "nll", r"score\.layer: 'nll' is no layer \(h1, mu, loss\)"),
        ("score/layer", "mu", r"score\.type: is ufixed<18,14>, but the output of 'mu' is"),
        ("score/lsb", 0.5, r"score\.lsb: is 0\.5, but one count of ufixed<18,14> is 0\.0625"),
        ("thresholds/L1Menu_Test_v1/512", {"seed": "a", "threshold": 1}, "is no algorithm bit"),
        ("thresholds/L1Menu_Test_v1/07", {"seed": "a", "threshold": 1}, "is no algorithm bit"),
        ("thresholds/L1Menu_Test_v1/438/threshold", 1.5, r"438\.threshold: input should be a val"),
        ("thresholds/L1Menu_Test_v1/438/seed", "", r"thresholds\.L1Menu_Test_v1\.438\.seed: is em"),
        ("thresholds/L1Menu_Test_v1/438/seed", "L1_TEST_Tight", "two thresholds share a name"),
        ("example", {"raw": [1], "mantissas": {}, "score": 1}, r"example\.raw: has 1 numbers for"),
        ("example", {"raw": [0] * 21, "mantissas": {"x": 1}, "score": 1}, "'x' is no layer"),
        ("example", {"raw": [0] * 21, "mantissas": {"mu": 1}, "score": 1}, r"mu: has 1 numbers, t"),
        ("example", {"raw": [0] * 21, "mantissas": {"loss": 2}, "score": 1}, r"example\.score: is"),
    ],
)  # fmt: skip
def test_refused_with_the_place_in_the_json(
    path: str, value: object, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match=message) as caught:
        imported(changed(encoder_form(), path, value), tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "form.json"))
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_inputs_of_a_difference_have_one_size(tmp_path: Path) -> None:
    form = changed(autoencoder_form(), "layers/3/inputs", ["decoded", "code"])
    with pytest.raises(ModelFileError, match=r"'distance': its inputs have 5 and 2 elements"):
        imported(form, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such file"),
        ("{", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ('{"format": "a", "format": "b"}', "the key 'format' comes twice"),
        ("[]", "is no network of the form l1-fixed-point-network/1: it names no format"),
        ('{"schema": "l1distill-model/1", "network_sha256": "0"}', "it is a model file already"),
        ('{"format": "l1-fixed-point-network/2"}', "its format is 'l1-fixed-point-network/2'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "form.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputFileError, match=message):
        import_network_form(path)
    with pytest.raises(InputFileError, match="is a folder"):
        import_network_form(tmp_path)


WRONG_VALUES: tuple[Any, ...] = (None, -(2**70), "x", [], {}, [[]], True, 1e300, ...)


def test_no_single_change_of_a_value_ends_in_anything_but_a_sentence(tmp_path: Path) -> None:
    form = example_of(autoencoder_form(), tmp_path)

    def places(part: Any, path: str) -> list[str]:
        items = part.items() if isinstance(part, dict) else enumerate(part)
        here = [f"{path}{key}" for key, _ in items]
        items = part.items() if isinstance(part, dict) else enumerate(part)
        deeper = [
            place
            for key, inner in items
            if isinstance(inner, dict | list)
            for place in places(inner, f"{path}{key}/")[:40]
        ]
        return here[:12] + deeper

    sentences = []
    for place in places(form, ""):
        for value in WRONG_VALUES:
            try:
                imported(changed(form, place, value), tmp_path)
            except L1Error as error:
                sentences.append(str(error))
    assert len(sentences) > 500
    assert not [sentence for sentence in sentences if "\n" in sentence]


def test_axol1tl_as_deployed(reference_data: Path) -> None:
    model, example = import_network_form(reference_data / "axol1tl_v3.json")
    assert example is not None
    check_example(model, example)
    assert model.layout.era == Era("halved", "measured")
    assert model.layout.order == "readout"
    assert {(t.menu, t.bit, t.seed, t.threshold) for t in model.thresholds} >= {
        ("L1Menu_Collisions2024_v1_1_0", 438, "L1_AXO_VLoose", 15717),
        ("L1Menu_Collisions2024_v1_2_0", 442, "L1_AXO_VTight", 30161),
    }
