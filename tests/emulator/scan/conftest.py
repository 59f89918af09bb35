"""Scans that are small: several files, two models, one object."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from small_samples import draw_events, make_small_model, write_events

from emulator.menu import SeedRules, parse_expression
from emulator.model import model_text
from emulator.objects.quantities import Binning
from emulator.rates import PrescaleColumn, RateScenario
from emulator.scan import (
    MEASURING,
    SETTING,
    Condition,
    Counting,
    Retries,
    ScannedMenu,
    ScanPlan,
)

if TYPE_CHECKING:
    from pathlib import Path

#: So few crossings in an orbit that targets of some kHz lie among some hundred crossings.
SMALL = RateScenario("small", 13.6, 1, 60.0, 78.58, "test")

#: A menu of an expression, a fraction and a network; and quantities of the crossings.
SEEDS = SeedRules(
    ("L1_HTT", "L1_Jet", "ML"),
    {"L1_HTT": parse_expression("HTT150"), "L1_Jet": parse_expression("JET60")},
    {},
    {"ML": ("other", 1500)},
)
EVERYTHING: dict[str, Any] = {
    "menu": ScannedMenu(PrescaleColumn.of({"L1_HTT": 1, "L1_Jet": "2.5", "ML": 3}), SEEDS),
    "by": (Binning("run"), Binning("jet", "Events/L1Jet_pt", (0.0, 20.0, 40.0, 500.0))),
    "turn_ons": (Binning("jet", "Events/L1Jet_pt", (0.0, 20.0, 40.0, 500.0)),),
}

OBJECTS = {"HTT": ("htt", 0, "pt"), "third muon": ("mu", 2, "pt")}


class MakePlan(Protocol):
    """Makes plans that differ in some settings."""

    def __call__(self, *, counting: dict[str, Any] | None = None, **settings: Any) -> ScanPlan:
        """Return a plan on the files of the test."""
        ...


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of two zero-bias sets, two each, and of a signal."""
    folder = tmp_path_factory.mktemp("samples")
    for number in range(2):
        for first, name in ((0, SETTING), (10, MEASURING)):
            write_events(folder / f"{name}{number}.root", draw_events(700, first + number))
    write_events(folder / "signal0.root", draw_events(300, 20, boost=3))
    return folder


@pytest.fixture(scope="session")
def make_plan(sample_folder: Path) -> MakePlan:
    """Makes plans on `sample_folder`."""
    samples = {
        SETTING: tuple(str(sample_folder / f"{SETTING}{n}.root") for n in range(2)),
        MEASURING: tuple(str(sample_folder / f"{MEASURING}{n}.root") for n in range(2)),
        "A4l": (str(sample_folder / "signal0.root"),),
    }
    models = {
        model.name: model_text(model)
        for model in (make_small_model(), make_small_model("other", bias=-20))
    }
    base = ScanPlan(
        conditions=(Condition("pu60", SMALL, samples),),
        counting=Counting(models, OBJECTS, replicas=40, chunk_events=400, retries=Retries(2, 0.0)),
        targets_khz=(0.2, 1.0),
        reference="small",
        resolve="all",
    )

    def make(*, counting: dict[str, Any] | None = None, **settings: Any) -> ScanPlan:
        plan = replace(base, **settings)
        return replace(plan, counting=replace(plan.counting, **(counting or {})))

    return make
