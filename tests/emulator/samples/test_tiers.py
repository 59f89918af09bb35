"""Tiers of sample sizes: packaged ones and refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from emulator.errors import MissingNameError, SettingsError
from emulator.samples._yaml import read_yaml
from emulator.samples.settings import load_generator
from emulator.samples.tiers import SignalSize, check_tier, load_tier

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["quick", "smoke", "fixture", "release"])
def test_packaged_tiers_fit_the_processes(name: str) -> None:
    tier = load_tier(name)
    check_tier(tier, load_generator(tier.processes))


def test_quick_tier_is_large_enough_for_the_study() -> None:
    tier = load_tier("quick")
    assert sum(tier.crossings["eval"].values()) >= 120_000
    assert sum(tier.crossings["tune"].values()) >= 80_000
    assert {"A4l", "LQbtau", "h0tautau", "hptaunu", "Haa4b"} <= set(tier.signals)
    assert all(size.crossings >= 3000 and size.events >= 1000 for size in tier.signals.values())


def test_unknown_tier() -> None:
    with pytest.raises(MissingNameError, match="no tier 'quik'; nearest: quick"):
        load_tier("quik")


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
