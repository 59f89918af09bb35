"""The study file: what is accepted, and one sentence with its place for every mistake."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from distill.widths import BitWidths
from emulator.errors import InputFileError, L1Error, SettingsError
from emulator.features import load_layout
from l1distill.study.settings import load_study

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[[dict[str, Any]], Path]

STUDIES = Path(__file__).resolve().parents[4] / "studies"
FILES = ("samples", "files")
STUDENT = ("distillation", "student")


def changed(content: dict[str, Any], where: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return the study with one key set, or removed if the value is ``...``."""
    result = copy.deepcopy(content)
    place = result
    for key in where[:-1]:
        place = place.setdefault(key, {})
    if value is ...:
        del place[where[-1]]
    else:
        place[where[-1]] = value
    return result


def test_the_quick_study_loads() -> None:
    study = load_study(STUDIES / "quick.yaml")
    assert study.name == "quick"
    assert study.samples.generate == "quick"
    assert study.scenario.pileup == 50
    recipe = study.recipe()
    assert recipe.student.spec.widths == (32, 16)
    assert recipe.seed == study.seed


def test_the_study_as_used_is_a_study_again(content: dict[str, Any], write_study: Write) -> None:
    content["distillation"]["student"]["weight_format"] = "ap_fixed<7,2,AP_RND,AP_SAT>"
    study = load_study(write_study(content))
    again = load_study(write_study(study.plain()))
    assert again == study
    assert again.plain() == study.plain()


def test_paths_are_relative_to_the_study_file(
    content: dict[str, Any], write_study: Write, tmp_path: Path
) -> None:
    layout = load_layout("axol1tl_57").as_dict()
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(layout), encoding="utf-8")
    content["layout"] = "mine.yaml"
    study = load_study(write_study(content))
    files = study.samples.files
    assert files is not None
    assert files.training == [str(tmp_path / "training.root")]
    assert files.signals["b+c"] == [str(tmp_path / "b.root")]
    assert study.layout == str(tmp_path / "mine.yaml")


def test_addresses_reach_uproot_letter_by_letter(
    content: dict[str, Any], write_study: Write
) -> None:
    address = "root://eos.cern.ch//store/a.root"
    content["samples"]["files"]["training"] = [address]
    files = load_study(write_study(content)).samples.files
    assert files is not None
    assert files.training == [address]


@pytest.mark.parametrize("pt", ["exact_half", "halved", "hardware"])
def test_eras_of_a_layout(
    content: dict[str, Any], write_study: Write, tmp_path: Path, pt: str
) -> None:
    layout = load_layout("axol1tl_57").as_dict()
    layout["era"] = {"pt": pt, "muon_position": "measured"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(layout), encoding="utf-8")
    content["layout"] = "mine.yaml"
    if pt == "exact_half":
        with pytest.raises(
            SettingsError, match=r"'axol1tl_57' counts its features in halves .*take"
        ):
            load_study(write_study(content))
    else:
        assert load_study(write_study(content)).layout == str(tmp_path / "mine.yaml")


def test_choices_of_a_student_are_read(content: dict[str, Any], write_study: Write) -> None:
    content["distillation"]["student"] |= {
        "widths": [8, 4],
        "inputs": ["jet[0:4]", "mu.pt"],
        "loss": "huber",
        "quantization": {
            "method": "learned",
            "weight_bits": [8, 6, 4],
            "bias_bits": 10,
            "activation_bits": [7, 5],
            "per_channel": True,
        },
    }
    study = load_study(write_study(content))
    again = load_study(write_study(study.plain()))
    assert again.recipe() == study.recipe()
    recipe = study.recipe().student
    assert recipe.spec.inputs is not None
    assert len(recipe.spec.inputs) == 16
    assert recipe.loss.kind == "huber"
    assert recipe.quantization.bits == BitWidths((8, 6, 4), (10, 10, 10), (7, 5), per_channel=True)


def test_types_and_scenario_are_read(content: dict[str, Any], write_study: Write) -> None:
    content["distillation"]["student"]["score_format"] = "ap_ufixed<12,5>"
    content["scenario"] = {
        "name": "few",
        "sqrt_s_tev": 13.6,
        "n_bunches": 1200,
        "pileup": 20,
        "inelastic_mb": 80,
        "inelastic_source": "a note",
    }
    study = load_study(write_study(content))
    assert str(study.distillation.student.score_format) == "ufixed<12,5>"
    assert (study.scenario.name, study.scenario.n_bunches) == ("few", 1200)


SCENARIO = {
    "name": "few",
    "sqrt_s_tev": 13.6,
    "n_bunches": 1200,
    "pileup": 20,
    "inelastic_mb": 80,
    "inelastic_source": "a note",
}

MISTAKES: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "unknown key": (("epochs",), 3, r"epochs: is no key that is known here; nearest: schema, name"),
    "unknown key inside": (
        ("rates", "target_khz"),
        [1],
        r"rates\.target_khz: is no key that is known here; nearest: targets_khz",
    ),
    "wrong type": (("rates", "replicas"), "many", r"rates\.replicas: .*integer.*'many'"),
    "wrong type of a section": (("rates",), [1, 5], r"rates: input should be .*\[1, 5\]"),
    "true is no number": (("rates", "replicas"), True, r"rates\.replicas: neither true nor false"),
    "not a whole number": (("seed",), 1.5, r"seed: .*integer.*1\.5"),
    "not finite": (("comparison", "clock_period_ns"), float("inf"), r"clock_period_ns: .*finite"),
    "unknown key of files": ((*FILES, "sorce"), "x", r"files\.sorce: is no key .*nearest: source"),
    "missing key": (("seed",), ..., r"seed: is missing"),
    "missing files": ((*FILES, "setting"), ..., r"samples\.files\.setting: is missing"),
    "other schema": (("schema",), "l1distill-study/9", r"schema: .*'l1distill-study/9'"),
    "bad name": (("name",), "a/b", r"name: .*pattern.*'a/b'"),
    "student is no file name": ((*STUDENT, "name"), "../x", r"student\.name: .*pattern"),
    "unknown scenario": (("scenario",), "run9", r"scenario: .*no scenario 'run9'; nearest: run3"),
    "scenario is a number": (("scenario",), 3, r"scenario: a scenario is the name of one"),
    "scenario lacks a key": (("scenario",), {"name": "x"}, r"scenario: .*is missing"),
    "scenario with another key": (
        ("scenario",),
        {**SCENARIO, "bunches": 3},
        r"scenario: .*unknown bunches",
    ),
    "impossible scenario": (
        ("scenario",),
        {**SCENARIO, "n_bunches": 4000},
        r"scenario: .*n_bunches must be 1 to 3564",
    ),
    "bad type": (
        (*STUDENT, "weight_format"),
        "ap_fixed<8",
        r"distillation\.student\.weight_format: .*ap_fixed<8",
    ),
    "type is no text": (
        (*STUDENT, "weight_format"),
        8,
        r"weight_format: a type is written as text",
    ),
    "more than 24 bits": (
        (*STUDENT, "quantization"),
        {"weight_bits": [8, 25], "bias_bits": 8, "activation_bits": 8},
        r"student\.quantization\.weight_bits\.1: a width is a whole number from 1 to 24.*found 25$",
    ),
    "a width that is no number": (
        (*STUDENT, "quantization"),
        {"weight_bits": 8, "bias_bits": 8, "activation_bits": ["6"]},
        r"student\.quantization\.activation_bits\.0: a width is a whole number .*found '6'$",
    ),
    "a type of more than 24 bits": (
        (*STUDENT, "weight_format"),
        ["ap_fixed<8,2>", "ap_fixed<25,2>"],
        r"distillation\.student\.weight_format\.1: fixed<25,2> is wider .*, found 'ap_fixed<25,2>'$",
    ),
    "types for another depth": (
        (*STUDENT, "weight_format"),
        ["ap_fixed<8,2>"] * 3,
        r"distillation\.student\.weight_format: a list has one entry for each of the 2 layers, found \['fixed<8,2>', 'fixed",
    ),
    "widths for another depth": (
        (*STUDENT, "quantization"),
        {"weight_bits": [8, 6, 6], "bias_bits": 8, "activation_bits": 8},
        r"student\.quantization\.weight_bits: a list has one entry for each of the 2 layers, found \[8, 6, 6\]$",
    ),
    "too few widths": (
        (*STUDENT, "quantization"),
        {"weight_bits": 8, "bias_bits": 8, "activation_bits": []},
        r"student\.quantization\.activation_bits: a list has one entry for each of the 1 layers, found \[\]$",
    ),
    "some widths only": (
        (*STUDENT, "quantization"),
        {"weight_bits": 8},
        r"student\.quantization: give all of weight_bits, bias_bits and activation_bits",
    ),
    "unknown input": (
        (*STUDENT, "inputs"),
        ["tau"],
        r"distillation\.student\.inputs: input 'tau' names no feature of layout",
    ),
    "no width": ((*STUDENT, "widths"), [0], r"student\.widths\.0: .*greater than 0, found 0"),
    "no widths": (("distillation", "teacher", "widths"), [], r"teacher\.widths: .*at least 1"),
    "no epochs": (
        (*STUDENT, "training", "epochs"),
        0,
        r"student\.training\.epochs: .*greater than 0",
    ),
    "fraction": (
        ("distillation", "validation_fraction"),
        1.0,
        r"validation_fraction: .*less than 1",
    ),
    "target too high": (
        ("rates", "targets_khz"),
        [1, 30_000],
        r"the study: a target of 30000 kHz is not below the crossing rate, 26315 kHz",
    ),
    "target twice": (("rates", "targets_khz"), [1, 1.0], r"rates: two of the targets 1, 1 kHz"),
    "negative target": (("rates", "targets_khz"), [-1], r"rates\.targets_khz\.0: .*greater than 0"),
    "both kinds of samples": (
        ("samples", "generate"),
        "quick",
        r"samples: give either 'generate' \(a tier\) or 'files'",
    ),
    "no samples": (("samples",), {}, r"samples: give either 'generate' \(a tier\) or 'files'"),
    "unknown tier": (("samples",), {"generate": "huge"}, r"no tier 'huge'; nearest: .*quick"),
    "no signal": ((*FILES, "signals"), {}, r"samples\.files\.signals: .*at least 1"),
    "no file": ((*FILES, "training"), [], r"samples\.files\.training: .*at least 1"),
    "file twice": (
        (*FILES, "measuring"),
        ["./setting.root"],
        r"samples\.files: setting\.root is given twice",
    ),
    "other source": ((*FILES, "source"), "raw", r"samples\.files\.source: .*'raw'"),
    "unknown layout": (("layout",), "axol2tl", r"no feature layout named 'axol2tl'"),
    "layout file": (("layout",), "none.yaml", r"none\.yaml: there is no such file"),
    "unknown execution": (("comparison", "against"), ["bits"], r"comparison\.against\.0: .*'bits'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_with_its_place(
    mistake: str, content: dict[str, Any], write_study: Write
) -> None:
    where, value, sentence = MISTAKES[mistake]
    path = write_study(changed(content, where, value))
    with pytest.raises(L1Error, match=sentence) as caught:
        load_study(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "pydantic" not in message
    assert "function-" not in message, "names of validators are no places"
    assert message.startswith(str(path.parent))


@pytest.mark.parametrize("name", ["training", "setting", "measuring"])
def test_signals_cannot_take_the_name_of_a_role(
    name: str, content: dict[str, Any], write_study: Write
) -> None:
    path = write_study(changed(content, (*FILES, "signals"), {name: ["a.root"]}))
    with pytest.raises(SettingsError, match=rf"signals\.{name}.*a role of zero-bias crossings"):
        load_study(path)


@pytest.mark.parametrize("name", ["a/b", "../x", "", "a b", "ä", "a\n"])
def test_signals_must_be_file_names(name: str, content: dict[str, Any], write_study: Write) -> None:
    path = write_study(changed(content, (*FILES, "signals"), {name: ["a.root"]}))
    with pytest.raises(SettingsError, match=r"samples\.files\.signals\..*pattern"):
        load_study(path)


@pytest.mark.parametrize("name", ["H_4l", "tt+j", "A.1-b", "7"])
def test_signal_names(name: str, content: dict[str, Any], write_study: Write) -> None:
    study = load_study(write_study(changed(content, (*FILES, "signals"), {name: ["a.root"]})))
    assert study.samples.files is not None
    assert list(study.samples.files.signals) == [name]


def test_several_mistakes_are_counted(content: dict[str, Any], write_study: Write) -> None:
    content |= {"sead": content.pop("seed"), "two": 2}
    with pytest.raises(SettingsError, match=r"sead: is no .*; nearest: seed \(and 2 more\)$"):
        load_study(write_study(content))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1, 2", "cannot be read as YAML"),
        ("a: b: c", "cannot be read as YAML"),
        ("- schema\n- name\n", "is no study file: it must hold keys and values"),
        ("", "is no study file"),
        ("just words", "is no study file"),
        ("schema: !!python/object:pathlib.Path {}", "could not determine a constructor"),
        ("!!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("name: !!python/name:os.getcwd ''", "could not determine a constructor"),
    ],
)
def test_no_yaml_and_python_tags_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputFileError, match=sentence) as caught:
        load_study(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_binary_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputFileError, match="cannot be read as YAML"):
        load_study(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"none\.yaml: no such study file"):
        load_study(tmp_path / "none.yaml")
    with pytest.raises(InputFileError, match="cannot be read as YAML"):
        load_study(tmp_path)
