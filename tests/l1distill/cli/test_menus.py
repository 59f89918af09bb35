"""``l1distill menu check``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from crowded_crossings import draw_crossings

from emulator.menu import SeedEvaluator, parse_expression
from emulator.objects import write_ugt
from emulator.objects.chunks import Chunk
from emulator.objects.decisions import SeedBits

if TYPE_CHECKING:
    from pathlib import Path

    from tests.l1distill.cli.conftest import Program, Refused

MENU = {
    "3": ["L1_DoubleMu", "comb{MU0,MU3}"],
    "4": ["L1_Never", "EG255p5"],
    "9": ["L1_JetMu_dR", "dist{JET30,MU3}[DR_MAX_0p8]"],
    "10": ["L1_Strange", "MU0[MU-MOOD_BAD]"],
    "11": ["L1_Bunch", "EXT_BPTX_OR_VME"],
}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A menu and a vector with its decisions."""
    menu = tmp_path / "algos_L1Menu_Small.json"
    menu.write_text(json.dumps(MENU))
    events = draw_crossings(200, 6)
    evaluator = SeedEvaluator(events)
    decisions = np.stack([evaluator.decide(parse_expression(MENU[b][1])) for b in "349"], axis=1)
    vector = tmp_path / "vector.txt"
    write_ugt(vector, [Chunk("", "", 0, 200, events, SeedBits(("3", "4", "9"), decisions))])
    return menu, vector


def test_all_agree(program: Program, files: tuple[Path, Path], tmp_path: Path) -> None:
    ended = program("menu", "check", *files, "-o", tmp_path / "seeds.csv")
    assert ended.code == 0, ended.err
    assert (
        "L1Menu_Small: of 4 seeds of objects 2 agree, 1 never fire and are not tested" in ended.out
    )
    assert "mismatch: 75.0 % of the 4 seeds of objects, 75.0 % of the 4 whose inputs" in ended.out
    assert "L1_DoubleMu" not in ended.out, "what agrees is shown on request"
    assert "the cut 'MU-MOOD_BAD' is not known" in ended.out
    assert "L1_DoubleMu" in program("menu", "check", *files, "--all").out
    frame = pd.read_csv(tmp_path / "seeds.csv")
    assert frame["status"].tolist() == [
        "agrees",
        "not tested",
        "agrees",
        "unsupported",
        "not in the file",
    ]


def test_a_disagreement_fails(program: Program, files: tuple[Path, Path]) -> None:
    menu, vector = files
    menu.write_text(json.dumps({**MENU, "9": ["L1_JetMu_dR", "dist{JET30,MU3}[DR_MAX_0p4]"]}))
    ended = program("menu", "check", menu, vector, "--json")
    assert ended.code == 1
    found: Any = ended.json
    assert found["summary"]["disagrees"] == 1
    (wrong,) = [seed for seed in found["seeds"] if seed["status"] == "disagrees"]
    assert (wrong["name"], wrong["extra"]) == ("L1_JetMu_dR", 0)
    assert wrong["missing"] > 0


def test_refused(refused: Refused, files: tuple[Path, Path], tmp_path: Path) -> None:
    menu, vector = files
    assert "no such menu file" in refused("menu", "check", "none.json", vector)
    assert "there is no such file" in refused("menu", "check", menu, "none.txt")
    assert "written as .csv" in refused("menu", "check", menu, vector, "-o", tmp_path / "a.txt")


COSMICS = "L1_CDC_SingleMu_3_er1p2_TOP120_DPHI2p618_3p142"

EXPECTED = {
    # agree, never fire, disagree, not in the file (one looks at the crossing before), not supported
    "L1Menu_Collisions2024_v1_1_0_data": (257, 82, 0, 1, 0),
    # Simulation does not fill the index of muons.
    "L1Menu_Collisions2024_v1_1_0_ttBar": (261, 48, 0, 31, 0),
    "L1Menu_Collisions2024_v1_2_0_ttBar": (264, 45, 0, 36, 0),
    # Two flags of muon showers are set in this file, but its bits of them never are.
    "L1Menu_Collisions2023_v1_3_0_ttBar": (291, 46, 0, 21, 0),
    # 118 seeds use the zero-degree calorimeter, which is not in the file.
    "L1Menu_CollisionsPPRef2024_v1_0_0_data": (194, 1, 0, 119, 0),
}


@pytest.mark.parametrize("vector", EXPECTED)
def test_menus_of_cms(program: Program, reference_data: Path, vector: str) -> None:
    folder = reference_data / "ugt"
    menu = folder / f"algos_{vector.rsplit('_', 1)[0]}.json"
    ended = program("menu", "check", menu, folder / f"{vector}.txt.xz", "--json")
    found: Any = ended.json
    names = ("agrees", "not_tested", "disagrees", "not_in_the_file", "unsupported")
    assert tuple(found["summary"][name] for name in names) == EXPECTED[vector]
    assert found["summary"]["fraction_of_those_in_the_file"] > 0.99
    assert ended.code == 0
    absent = {s["name"]: s["reason"] for s in found["seeds"] if s["status"] == "not in the file"}
    if "Collisions2023" in vector:
        assert "sets this flag in 1771 crossings" in absent["L1_SingleMuShower_Nominal"]
        assert "sets this flag in 1785 crossings" in absent["L1_SingleMuShower_Tight"]


def test_a_full_menu_on_all_its_vectors(program: Program, reference_data: Path) -> None:
    folder = reference_data / "ugt"
    name = "L1Menu_Collisions2024_v1_1_0"
    vectors = [folder / f"{name}_{kind}.txt.xz" for kind in ("data", "ttBar")]
    found: Any = program("menu", "check", folder / f"algos_{name}.json", *vectors, "--json").json
    assert found["summary"]["n_seeds"] == 340
    assert found["summary"]["fraction_without_mismatch"] > 0.99
    assert found["summary"]["agrees"] >= 0.8 * 340
    (absent,) = [
        seed
        for seed in found["seeds"]
        if seed["status"] == "not in the file" and seed["kind"] == "objects"
    ]
    assert absent["name"] == COSMICS
    assert "neighbouring crossings" in absent["reason"]


@pytest.mark.parametrize(("year", "fires"), [("2024_v1_1_0", 2), ("2023_v1_3_0", 1)])
def test_lines_of_simulated_vectors_are_consecutive_crossings(
    program: Program, reference_data: Path, year: str, fires: int
) -> None:
    folder = reference_data / "ugt"
    name = f"L1Menu_Collisions{year}"
    files = (folder / f"algos_{name}.json", folder / f"{name}_ttBar.txt.xz")
    found: Any = program("menu", "check", *files, "--consecutive", "--json").json
    (seed,) = [each for each in found["seeds"] if each["name"] == COSMICS]
    assert (seed["status"], seed["fires"]) == ("agrees", fires)
    assert found["summary"]["disagrees"] == 0


def test_only_lines_of_vectors_can_be_consecutive(
    program: Program, refused: Refused, files: tuple[Path, Path], tmp_path: Path
) -> None:
    menu, vector = files
    decided = tmp_path / "b.parquet"
    assert program("convert", vector, "-o", decided).code == 0
    assert "--consecutive is for test vectors" in refused(
        "menu", "check", menu, decided, "--consecutive"
    )
