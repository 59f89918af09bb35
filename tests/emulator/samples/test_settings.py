"""Processes and strata: packaged files and refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from emulator.errors import InputFileError, L1Error, MissingNameError, SettingsError
from emulator.samples._yaml import read_yaml
from emulator.samples.settings import GeneratorSettings, load_generator
from emulator.samples.tiers import load_tier

if TYPE_CHECKING:
    from pathlib import Path


def test_settings_of_the_quick_tier_do_not_change() -> None:
    """Hashes of studies and reference runs hold these."""
    tier = load_tier("quick")
    assert load_generator(tier.processes).sha256() == (
        "eb757d67947c2d5afbfaaef6d8ba4de859ff79888e4ca240c6dcd171cca8a8ce"
    )


def test_hash_follows_every_setting() -> None:
    settings = load_generator()
    assert settings.sha256() == load_generator().sha256()
    assert settings.sha256() != replace(settings, inelastic_mb=80.0).sha256()


def _changed(tmp_path: Path, change: dict[str, Any]) -> GeneratorSettings:
    content, _ = read_yaml("processes")
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump({**content, **change}), encoding="utf-8")
    return load_generator(path)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"colour": 1}, MissingNameError, "no setting 'colour'"),
        ({"inelastic_mb": "x"}, SettingsError, "inelastic_mb must be of type float"),
        ({"batch_events": 5000}, SettingsError, "batch_events must be 1 to 2000"),
        ({"tune": [1]}, SettingsError, "tune must be a list of texts"),
        ({"processes": {"x": 1}}, SettingsError, "process x must be a mapping"),
        (
            {"processes": {"x": {"kind": "sound", "code": 1, "description": "", "settings": []}}},
            SettingsError,
            "kind must be background or signal, not 'sound'",
        ),
        (
            {"processes": {"x": {"kind": "signal", "kode": 1}}},
            MissingNameError,
            "no setting 'kode'; nearest: code",
        ),
    ],
)
def test_bad_settings(
    tmp_path: Path, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        _changed(tmp_path, change)


def test_codes_and_ranks_are_checked(tmp_path: Path) -> None:
    content, _ = read_yaml("processes")
    twice = {**content["processes"]}
    twice["tt"] = {**twice["tt"], "code": 1}
    with pytest.raises(SettingsError, match="codes of the processes must be different"):
        _changed(tmp_path, {"processes": twice})
    ranks = {**content["strata"], "ranks": ["minbias", "qcd20"]}
    with pytest.raises(
        SettingsError, match="each process, and each forced muon stratum, once; see minbias_mu"
    ):
        _changed(tmp_path, {"strata": ranks})
    share = {**content["strata"], "importance_share": 1.0}
    with pytest.raises(SettingsError, match="importance_share must be 0 or more and less than 1"):
        _changed(tmp_path, {"strata": share})
    ranked = {**content["strata"], "ranks": [*content["strata"]["ranks"], "A4l"]}
    with pytest.raises(SettingsError, match="A4l is ranked among the strata"):
        _changed(tmp_path, {"strata": ranked})


@pytest.mark.parametrize("name", ["processes", "processes_release"])
def test_processes_share_the_initialisation_of_their_kind(name: str) -> None:
    settings = load_generator(name)
    read = {process.name: settings.initialised_as(process) for process in settings.processes}
    assert {name for name, maker in read.items() if maker and maker.name == "minbias"} == {
        "minbias"
    }
    others = {maker and maker.name for name, maker in read.items() if name != "minbias"}
    assert others == {"qcd20"}
    alone = replace(settings, reuse_initialisation=("minbias",))
    assert alone.initialised_as(alone.process("tt")) is None


def test_own_multiparton_interactions_are_initialised_alone(tmp_path: Path) -> None:
    settings = load_generator()
    own = replace(settings.process("tt"), settings=("MultipartonInteractions:pT0Ref=2.0",))
    assert settings.initialised_as(own) is None
    softer = {**read_yaml("processes")[0]["processes"]}
    softer["qcd20"] = {**softer["qcd20"], "settings": ["HardQCD:all=on", "PDF:pSet=8"]}
    with pytest.raises(SettingsError, match="names qcd20, whose own settings decide about multip"):
        _changed(tmp_path, {"processes": softer})


def test_unknown_names() -> None:
    with pytest.raises(MissingNameError, match="no process 'A4m'; nearest: A4l"):
        load_generator().process("A4m")


def test_hard_qcd_of_the_release_is_cut_into_parts_that_share_nothing() -> None:
    """Below 80 GeV each scattering of HardQCD:all is switched on in one class; c and b in two, by muon."""
    settings = load_generator("processes_release")
    assert settings.strata.processes() != load_generator().strata.processes()
    light = {"gg2gg", "gg2qqbar", "qg2qg", "qq2qq", "qqbar2gg", "qqbar2qqbarNew"}

    def switched_on(name: str) -> set[str]:
        lines = settings.process(name).settings
        return {line[8:-3] for line in lines if line.startswith("HardQCD:")}

    for name in ("light20", "light30", "light50"):
        assert switched_on(name) == light
    with_muon, without = settings.process("bcmuon"), settings.process("bc")
    assert with_muon.settings == without.settings
    assert switched_on("bc") == {"hardccbar", "hardbbbar"}
    one, other = with_muon.muon_filter, without.muon_filter
    assert one is not None
    assert other is not None
    assert (one.min_pt_gev, one.max_abs_eta) == (other.min_pt_gev, other.max_abs_eta)
    assert {one.keep, other.keep} == {"with", "without"}
    assert {p.name for p in settings.processes if p.kind == "signal"} == {
        *("A4l", "LQbtau", "h0tautau", "hptaunu", "Haa4b", "Haa4tau", "VBFHinv", "XHH4b"),
        *("HVZp", "SUEP"),
    }


def test_a_file_extends_a_packaged_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: processes\nname: mine\nprocesses:\n  W: {settings: ['WeakSingleBoson:ffbar2W=on']}\n"
    )
    mine, base = load_generator(path), load_generator()
    assert mine.process("W").settings == ("WeakSingleBoson:ffbar2W=on",)
    assert mine.process("W").code == base.process("W").code
    assert mine.process("Z") == base.process("Z")
    assert mine.sha256() != base.sha256()
    path.write_text("extends: proceses\nname: mine\n")
    with pytest.raises(InputFileError, match=r"proceses\.yaml: no packaged settings of this name"):
        load_generator(path)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            "muon_filter: {min_pt_gev: 3.0, max_abs_eta: 2.5, keep: wiht}",
            "keep must be with or without",
        ),
        ("muon_filter: {min_pt: 3.0}", "no setting 'min_pt'; nearest: min_pt_gev"),
        ("spray: {pdg_id: 25, temperature_gev: 2.0}", "'meson_gev' is missing"),
    ],
)
def test_bad_filters(tmp_path: Path, extra: str, message: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"extends: processes\nprocesses: {{W: {{{extra}}}}}\n")
    with pytest.raises(L1Error, match=message):
        load_generator(path)
