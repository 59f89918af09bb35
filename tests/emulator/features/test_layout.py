"""Layouts: the packaged one, its plain form, and what is refused."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emulator.errors import InputFileError, MissingNameError, SettingsError
from emulator.features import Era, Feature, FeatureLayout, load_layout
from emulator.objects import SCALARS, Columns, build_events, open_file, write_nano

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.features.layout import PtRule


def test_packaged_layout_is_that_of_the_deployed_network(reference_data: Path) -> None:
    network = json.loads((reference_data / "axol1tl_v3.json").read_text())
    expected = [(f["object"], f["slot"], f["field"]) for f in network["input"]["features"]]
    layout = load_layout("axol1tl_57")
    assert [(f.object, f.slot, f.field) for f in layout.features] == expected


def test_packaged_layout() -> None:
    layout = load_layout("axol1tl_57")
    names = [str(feature) for feature in layout.features]
    calo = [
        f"{name}[{slot}].{field}"
        for name, slots in (("eg", 4), ("mu", 4), ("jet", 10))
        for slot, field in product(range(slots), ("pt", "eta", "phi"))
    ]
    assert names == ["etm[0].pt", "etm[0].zero", "etm[0].phi", *calo]
    assert layout.era == Era(pt="hardware", muon_position="vertex")
    assert layout.inputs == (
        ("etm", "pt"), ("etm", "phi"), ("eg", "pt"), ("eg", "eta"), ("eg", "phi"),
        ("mu", "pt"), ("mu", "eta_vtx"), ("mu", "phi_vtx"),
        ("jet", "pt"), ("jet", "eta"), ("jet", "phi"),
    )  # fmt: skip


def test_plain_form_survives_json() -> None:
    layout = load_layout("axol1tl_57")
    assert FeatureLayout.from_dict(json.loads(json.dumps(layout.as_dict()))) == layout
    assert layout.as_dict()["features"][0] == {"object": "etm", "slot": 0, "field": "pt"}


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\n"
        "era: {pt: halved, muon_position: measured}\n"
        "blocks: [{object: mu, slots: 2, fields: [phi, qual]}]\n"
    )
    layout = load_layout(path)
    assert layout == load_layout(str(path))
    assert [str(f) for f in layout.features] == [
        "mu[0].phi",
        "mu[0].qual",
        "mu[1].phi",
        "mu[1].qual",
    ]
    assert layout.inputs == (("mu", "phi"), ("mu", "qual"))


def test_order_is_said_only_where_it_is_not_by_pt() -> None:
    by_pt = FeatureLayout("n", (Feature("mu", 0, "pt"),))
    readout = FeatureLayout("n", (Feature("mu", 0, "pt"),), order="readout")
    assert "order" not in by_pt.as_dict()
    for layout in (by_pt, readout):
        assert FeatureLayout.from_dict(layout.as_dict()) == layout
    with pytest.raises(SettingsError, match="order must be one of pt, readout, not 'eta'"):
        FeatureLayout.from_dict({"name": "n", "blocks": [BLOCK], "order": "eta"})


@pytest.mark.parametrize(
    ("feature", "pt", "expected"),
    [
        (("jet", 0, "pt"), "hardware", "fixed<12,12>"),
        (("jet", 0, "pt"), "halved", "fixed<11,11>"),
        (("jet", 0, "pt"), "exact_half", "fixed<12,11>"),
        (("mu", 0, "eta"), "halved", "fixed<9,9>"),
        (("mu", 0, "eta"), "exact_half", "fixed<10,9>"),
        (("mu", 0, "phi"), "exact_half", "fixed<12,11>"),
        (("etm", 0, "zero"), "exact_half", "fixed<2,1>"),
    ],
)
def test_format_holds_every_feature_and_no_more(
    feature: tuple[str, int, str], pt: PtRule, expected: str
) -> None:
    layout = FeatureLayout("n", (Feature(*feature),), Era(pt))
    assert str(layout.format) == expected


def test_missing_in_a_file(tmp_path: Path) -> None:
    ids = {name: np.zeros(1, int) for name in SCALARS}
    muon = {name: np.ones(1, int) for name in ("pt", "eta_vtx", "phi_vtx")}
    events = build_events(ids, {"mu": Columns(np.array([0, 1]), muon)})
    write_nano(tmp_path / "a.root", [events], provenance={})
    summary = open_file(tmp_path / "a.root").describe()
    measured = FeatureLayout("m", (Feature("mu", 0, "phi"),), Era(muon_position="measured"))
    assert measured.missing_in(summary) == ("mu.phi",)
    measured = FeatureLayout("m", (Feature("mu", 0, "eta"),), Era(muon_eta="measured"))
    assert measured.missing_in(summary) == ("mu.eta",)
    assert FeatureLayout.from_dict(measured.as_dict()) == measured
    assert "muon_eta" not in FeatureLayout("v", measured.features, Era()).as_dict()["era"]
    assert load_layout("axol1tl_57").missing_in(summary) == ()


BLOCK: dict[str, Any] = {"object": "eg", "slots": 2, "fields": ["pt"]}


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ([1], SettingsError, r"^here: must be a mapping with the keys blocks, era, features, name"),
        ({"blocks": [BLOCK]}, SettingsError, "^here: the key 'name' is missing"),
        ({"name": "n", "blok": []}, MissingNameError, "^here: no key 'blok'; nearest: blocks"),
        ({"name": "n"}, SettingsError, "^here: one of the keys 'features' and 'blocks' is needed"),
        ({"name": "n", "blocks": [BLOCK], "features": []}, SettingsError, "and not both"),
        ({"name": 3, "blocks": [BLOCK]}, SettingsError, "^here: name must be str, not 3"),
        ({"name": "n", "blocks": BLOCK}, SettingsError, "^here: blocks must be list, not"),
        ({"name": "n", "blocks": []}, SettingsError, "layout 'n': it has no features"),
        ({"name": "n", "features": []}, SettingsError, "layout 'n': it has no features"),
    ],
)
def test_wrong_content_is_refused_with_its_place(
    content: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        FeatureLayout.from_dict(content, where="here")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"object": "egg"}, MissingNameError, r"blocks\[1\]: no object 'egg'; nearest: eg"),
        ({"object": 3}, SettingsError, r"blocks\[1\]\.object must be str, not 3"),
        ({"fields": ["pt", "charge"]}, MissingNameError, r"blocks\[1\]: no field of 'eg' 'charge'"),
        ({"fields": "pt"}, SettingsError, r"blocks\[1\]\.fields must be list, not 'pt'"),
        ({"fields": []}, SettingsError, r"blocks\[1\]: needs at least one slot and one field"),
        ({"slots": 0}, SettingsError, r"blocks\[1\]: needs at least one slot and one field"),
        ({"slots": "2"}, SettingsError, r"blocks\[1\]\.slots must be int, not '2'"),
        ({"slots": True}, SettingsError, r"blocks\[1\]\.slots must be int, not True"),
        (
            {"slots": 13},
            SettingsError,
            r"blocks\[1\]: slot 12 of 'eg'; the trigger sends at most 12",
        ),
        ({"slot": 1}, MissingNameError, r"blocks\[1\]: no key 'slot'; nearest: slots"),
    ],
)
def test_wrong_blocks_are_refused_with_their_place(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    first = {"object": "tau", "slots": 1, "fields": ["pt"]}
    with pytest.raises(error, match=message):
        FeatureLayout.from_dict({"name": "n", "blocks": [first, {**BLOCK, **change}]}, where="here")


@pytest.mark.parametrize(
    ("era", "error", "message"),
    [
        (
            {"pt": "half"},
            SettingsError,
            r"era\.pt must be one of hardware, halved, exact_half, not 'half'",
        ),
        ({"muon_position": 1}, SettingsError, "must be one of measured, vertex, not 1"),
        ({"muon_eta": "raw"}, SettingsError, r"era\.muon_eta must be one of measured, vertex"),
        ({"muon_phi": "raw"}, MissingNameError, "era: no key 'muon_phi'; nearest: muon_position"),
        ("three", SettingsError, "era: must be a mapping with the keys muon_eta, muon_position"),
    ],
)
def test_wrong_eras_are_refused(era: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        FeatureLayout.from_dict({"name": "n", "blocks": [BLOCK], "era": era})


@pytest.mark.parametrize(
    ("name", "slots"),
    [("mu", 8), ("eg", 12), ("tau", 12), ("jet", 12), ("ett", 1), ("etm", 1), ("htmhf", 1)],
)
def test_slots_end_with_the_multiplicity(name: str, slots: int) -> None:
    FeatureLayout("n", (Feature(name, slots - 1, "pt"),))
    for slot in (slots, -1):
        with pytest.raises(SettingsError, match=rf"features\[0\]: slot {slot} of '{name}'"):
            FeatureLayout("n", (Feature(name, slot, "pt"),))


def test_a_feature_comes_once_but_zeros_may_repeat() -> None:
    zero = Feature("etm", 0, "zero")
    assert len(FeatureLayout("n", (zero, zero))) == 2
    with pytest.raises(SettingsError, match=r"features\[1\]: eg\[0\]\.pt comes twice"):
        FeatureLayout("n", (Feature("eg", 0, "pt"),) * 2)


def test_names_and_files_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="no feature layout named 'axol'; there are: axol1tl_57"
    ):
        load_layout("axol")
    with pytest.raises(InputFileError, match=r"mine\.yaml: there is no such file"):
        load_layout("mine.yaml")
    (tmp_path / "bad.yaml").write_text("name: [1\nera")
    with pytest.raises(InputFileError, match=r"bad\.yaml: is no valid YAML .* line 2"):
        load_layout(tmp_path / "bad.yaml")
