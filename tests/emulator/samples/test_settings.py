"""Processes and tiers: packaged files and refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from emulator.errors import MissingNameError, SettingsError
from emulator.samples._yaml import read_yaml
from emulator.samples.settings import (
    GeneratorSettings,
    SignalSize,
    check_tier,
    load_generator,
    load_tier,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["quick", "smoke"])
def test_packaged_tiers_fit_the_processes(name: str) -> None:
    check_tier(load_tier(name), load_generator())


def test_quick_tier_is_large_enough_for_the_study() -> None:
    tier = load_tier("quick")
    assert sum(tier.crossings["eval"].values()) >= 120_000
    assert sum(tier.crossings["tune"].values()) >= 80_000
    assert {"A4l", "LQbtau", "h0tautau", "hptaunu", "Haa4b"} <= set(tier.signals)
    assert all(size.crossings >= 3000 and size.events >= 1000 for size in tier.signals.values())


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
    with pytest.raises(SettingsError, match="each forced muon stratum once"):
        _changed(tmp_path, {"strata": ranks})
    share = {**content["strata"], "importance_share": 1.0}
    with pytest.raises(SettingsError, match="importance_share must be 0 or more and less than 1"):
        _changed(tmp_path, {"strata": share})
    ranked = {**content["strata"], "ranks": [*content["strata"]["ranks"], "A4l"]}
    with pytest.raises(SettingsError, match="A4l is ranked among the strata"):
        _changed(tmp_path, {"strata": ranked})


def test_unknown_names() -> None:
    with pytest.raises(MissingNameError, match="no tier 'quik'; nearest: quick"):
        load_tier("quik")
    with pytest.raises(MissingNameError, match="no process 'A4m'; nearest: A4l"):
        load_generator().process("A4m")


def test_tier_that_does_not_fit() -> None:
    generator, tier = load_generator(), load_tier("smoke")
    fewer = {**tier.crossings["eval"]}
    del fewer["qcd30_mu"]
    with pytest.raises(SettingsError, match="no number for the stratum qcd30_mu"):
        check_tier(replace(tier, crossings={**tier.crossings, "eval": fewer}), generator)
    more = {**tier.events["tune"], "qcd31": 3}
    with pytest.raises(MissingNameError, match="no process 'qcd31'"):
        check_tier(replace(tier, events={**tier.events, "tune": more}), generator)
    with pytest.raises(SettingsError, match="tt is a background"):
        check_tier(replace(tier, signals={"tt": SignalSize(1, 1)}), generator)
    with pytest.raises(SettingsError, match="a multiple of its 20 events"):
        check_tier(replace(tier, signals={"A4l": SignalSize(20, 30)}), generator)


def test_tier_numbers_are_positive(tmp_path: Path) -> None:
    content, _ = read_yaml("tiers")
    path = tmp_path / "tiers.yaml"
    path.write_text(
        yaml.safe_dump({"mine": {**content["smoke"], "piece_events": 0}}), encoding="utf-8"
    )
    with pytest.raises(SettingsError, match="tier mine: piece_events must be positive, not 0"):
        load_tier("mine", path)
