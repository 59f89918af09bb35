"""Menu files: seeds by expression, stored decision and threshold; and what is refused."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from emulator.errors import InputFileError, L1Error, MissingNameError
from emulator.objects import Chunk
from emulator.objects.decisions import SeedBits
from l1distill.menu_file import load_rated_menu, plain_prescales

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.model import Model
    from tests.l1distill.conftest import MakeEvents


def write(folder: Path, seeds: dict[str, Any], **more: Any) -> Path:
    path = folder / "menu.yaml"
    content = {"schema": "l1distill-menu/1", "seeds": seeds, **more}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def test_every_way_to_decide(tmp_path: Path, small_model: Model, make_events: MakeEvents) -> None:
    algorithms = {"5": ["L1_HTT150", "HTT150"], "6": ["L1_Other", "MU500"]}
    (tmp_path / "algos.json").write_text(json.dumps(algorithms))
    path = write(
        tmp_path,
        {
            "L1_HTT150": 2,
            "L1_Jet": {"expression": "JET50", "prescale": "2.3"},
            "L1_Stored": {"bit": 7},
            "ML_Tight": {"threshold": "tight"},
            "ML_100": {"threshold": 100, "prescale": 0},
        },
        algorithms="algos.json",
    )
    menu = load_rated_menu(path, [small_model])
    assert menu.reads_bits
    assert menu.column.prescales[1] == Fraction(23, 10)
    assert plain_prescales(menu.column) == {
        "L1_HTT150": 2,
        "L1_Jet": "23/10",
        "L1_Stored": 1,
        "ML_Tight": 1,
        "ML_100": 0,
    }
    events = make_events(200, 1)
    stored = np.random.default_rng(1).random(200) < 0.5
    chunk = Chunk("a.root", "", 0, 200, events, bits=SeedBits(("7",), stored[:, None]))
    scores = np.arange(200) * 10
    found = menu.decisions(chunk, {"small": scores})
    assert found.dtype == np.bool_
    htt = np.array([sum(each) for each in events["htt", "pt"].tolist()])
    jet = np.array([max(each, default=0) for each in events["jet", "pt"].tolist()])
    for column, expected in enumerate(
        (htt >= 300, jet >= 100, stored, scores >= 900, scores >= 100)
    ):
        np.testing.assert_array_equal(found[:, column], expected)
        assert 0 < expected.sum() < 200


def test_decisions_that_a_file_does_not_store(
    tmp_path: Path, small_model: Model, make_events: MakeEvents
) -> None:
    menu = load_rated_menu(write(tmp_path, {"L1_A": {"bit": "L1_A"}}), [small_model])
    events, scores = make_events(3, 1), np.zeros(3, dtype=np.int64)
    with pytest.raises(
        InputFileError, match=r"a\.root: holds no decisions .* seed 'L1_A' asks for"
    ):
        menu.decisions(Chunk("a.root", "", 0, 3, events), {"small": scores})
    bits = SeedBits(("L1_B",), np.zeros((3, 1), dtype=bool))
    with pytest.raises(MissingNameError, match=r"a\.root: no decision 'L1_A'; nearest: L1_B"):
        menu.decisions(Chunk("a.root", "", 0, 3, events, bits=bits), {"small": scores})


def test_seeds_that_the_events_cannot_decide(
    tmp_path: Path, small_model: Model, make_events: MakeEvents
) -> None:
    menu = load_rated_menu(
        write(tmp_path, {"L1_A": {"expression": "MU5[MU-QLTY_SNGL]"}}), [small_model]
    )
    with pytest.raises(L1Error, match=r"a\.root: seed 'L1_A': "):
        menu.decisions(Chunk("a.root", "", 0, 3, make_events(3, 1)), {})


@pytest.mark.parametrize(
    ("seeds", "sentence"),
    [
        ({}, "seeds: dictionary should have at least 1 item"),
        ({"L1_A": 1}, "seed 'L1_A': say how it decides"),
        ({"L1_A": {"expression": "HTT200", "bit": 5}}, "one of expression, bit and threshold"),
        ({"L1_A": {"expression": "HTT200", "prescale": 0.5}}, "seed 'L1_A': a prescale is 0 (off)"),
        ({"L1_A": {"expression": "HTT200", "prescale": -1}}, "seed 'L1_A': a prescale is 0 (off)"),
        ({"L1_A": {"expression": "HTT200", "prescale": "x"}}, "a prescale is a number, got 'x'"),
        ({"L1_A": {"expression": "HTT("}}, "menu.yaml: "),
        ({"L1_A": {"threshold": "tigth"}}, "no threshold 'tigth'; nearest: tight"),
        ({"L1_A": {"expresion": "HTT200"}}, "expresion"),
    ],
)
def test_menus_that_are_refused(
    tmp_path: Path, small_model: Model, seeds: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(L1Error) as caught:
        load_rated_menu(write(tmp_path, seeds), [small_model])
    assert sentence in str(caught.value)
    assert "menu.yaml" in str(caught.value)


def test_missing_algorithms(tmp_path: Path, small_model: Model) -> None:
    with pytest.raises(InputFileError, match=r"none\.json: no such menu file"):
        load_rated_menu(write(tmp_path, {"L1_A": 1}, algorithms="none.json"), [small_model])
    with pytest.raises(InputFileError, match=r"none\.yaml: no such menu file"):
        load_rated_menu(tmp_path / "none.yaml", [small_model])
