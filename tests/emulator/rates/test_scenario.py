"""Scenarios: the packaged ones, a user's file, and what is refused."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import InputFileError, MissingNameError, SettingsError
from emulator.rates import RateScenario, load_scenario

if TYPE_CHECKING:
    from pathlib import Path

FIELDS: dict[str, Any] = {
    "sqrt_s_tev": 13.6,
    "n_bunches": 2340,
    "pileup": 60.0,
    "inelastic_mb": 78.58,
    "inelastic_source": "Pythia",
}


@pytest.mark.parametrize(
    ("name", "sqrt_s_tev", "n_bunches", "pileup"),
    [
        ("run3", 13.6, 2340, 60),
        ("run3_pu50", 13.6, 2340, 50),
        ("run2", 13.0, 2544, 50),
        ("phase2", 14.0, 2760, 200),
    ],
)
def test_packaged(name: str, sqrt_s_tev: float, n_bunches: int, pileup: float) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert (scenario.sqrt_s_tev, scenario.n_bunches, scenario.pileup) == (
        sqrt_s_tev,
        n_bunches,
        pileup,
    )


def test_run3_is_the_default_and_counts_pileup_with_pythia() -> None:
    scenario = load_scenario()
    assert scenario == load_scenario("run3")
    assert scenario.inelastic_mb == 78.58
    assert "Pythia" in scenario.inelastic_source


def test_crossing_rates_that_the_experiments_quote() -> None:
    assert load_scenario("run3").crossing_rate_khz == pytest.approx(26_314.704)
    assert load_scenario("run2").crossing_rate_khz == pytest.approx(28_610, rel=1e-4)
    every_place = replace(load_scenario("run3"), n_bunches=3564)
    assert every_place.crossing_rate_khz == pytest.approx(40_079, rel=1e-4)


def test_1_khz_is_the_quoted_false_positive_rate_at_28_mhz() -> None:
    assert load_scenario("run2").rate_khz(35, 1_000_000) == pytest.approx(1.0, rel=5e-3)


@settings(deadline=None)
@given(st.integers(1, 2**70), st.data())
def test_rate_of_everything_is_the_crossing_rate(total: int, data: st.DataObject) -> None:
    scenario = load_scenario("run3")
    passing = data.draw(st.integers(0, total))
    assert scenario.rate_khz(total, total) == scenario.crossing_rate_khz
    assert 0 <= scenario.rate_khz(passing, total) <= scenario.crossing_rate_khz


def test_as_dict_has_the_names_of_results_json() -> None:
    record = load_scenario("run3").as_dict()
    assert {"sqrt_s_tev", "n_bunches", "pileup", "inelastic_mb"} <= record.keys()


def test_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        load_scenario("run3").n_bunches = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("n_bunches", 0, "n_bunches must be 1 to 3564, the places of one orbit, got 0"),
        ("n_bunches", 3565, "n_bunches must be 1 to 3564"),
        ("n_bunches", 2340.0, "n_bunches must be a whole number, got 2340.0"),
        ("n_bunches", True, "n_bunches must be a whole number, got True"),
        ("pileup", 0, "pileup must be a number above zero, got 0"),
        ("pileup", float("nan"), "pileup must be a number above zero, got nan"),
        ("sqrt_s_tev", float("inf"), "sqrt_s_tev must be a number above zero, got inf"),
        ("inelastic_mb", "78.58", "inelastic_mb must be a number above zero, got '78.58'"),
        ("inelastic_mb", True, "inelastic_mb must be a number above zero, got True"),
        ("inelastic_source", "", "inelastic_source must be a text that is not empty, got ''"),
    ],
)
def test_impossible_values_are_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(SettingsError, match=f"scenario 'mine': {message}"):
        RateScenario.from_settings("mine", FIELDS | {field: value})


def test_missing_and_unknown_fields_are_refused() -> None:
    with pytest.raises(SettingsError, match="scenario 'mine': inelastic_source, pileup is missing"):
        RateScenario.from_settings(
            "mine", {"sqrt_s_tev": 13.6, "n_bunches": 1, "inelastic_mb": 78.58}
        )
    with pytest.raises(
        SettingsError, match="scenario 'mine': unknown bunches; known: inelastic_mb"
    ):
        RateScenario.from_settings("mine", FIELDS | {"bunches": 3})
    with pytest.raises(SettingsError, match="expected a mapping of its fields, got 2340"):
        RateScenario.from_settings("mine", 2340)  # type: ignore[arg-type]


def test_unknown_name_shows_the_nearest() -> None:
    with pytest.raises(MissingNameError, match="no scenario 'run33'; nearest: run3"):
        load_scenario("run33")


def test_scenarios_of_a_user(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "low:\n  sqrt_s_tev: 13.6\n  n_bunches: 3\n  pileup: 2\n  inelastic_mb: 69.2\n"
        "  inelastic_source: CMS\n"
    )
    scenario = load_scenario("low", path=path)
    assert (scenario.n_bunches, scenario.inelastic_source) == (3, "CMS")
    with pytest.raises(MissingNameError, match=r"mine\.yaml: no scenario 'run3'"):
        load_scenario("run3", path=path)


@pytest.mark.parametrize(
    ("text", "message"), [("- 1\n", "holds no mapping"), ("a: [", "cannot be read as YAML")]
)
def test_damaged_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputFileError, match=message):
        load_scenario("low", path=path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"none\.yaml: cannot be read as YAML"):
        load_scenario("low", path=tmp_path / "none.yaml")
