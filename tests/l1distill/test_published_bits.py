"""Which thresholds belong to which bits, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.errors import InputFileError, MissingNameError, SettingsError
from emulator.menu import Menu, Seed
from emulator.model import NamedThreshold
from emulator.objects.decisions import SeedBits
from l1distill.published_bits import (
    chunks_with_bits,
    decisions_by_bit,
    decisions_of,
    thresholds_of_menu,
)

if TYPE_CHECKING:
    from emulator.model import Model
    from tests.l1distill.conftest import WriteSample


def of_menus(model: Model, *menus: tuple[str, int]) -> Model:
    """A model with one seed in each menu, at its own threshold."""
    return model.with_thresholds(
        [
            *model.thresholds,
            *(
                NamedThreshold(f"a_{menu}", limit, menu=menu, seed="L1_A", bit=7)
                for menu, limit in menus
            ),
        ]
    )


MENU = Menu("v1", (Seed(7, "L1_A", "AXO[AXO-MODEL_x]"), Seed(9, "L1_B", "MU5")))


def test_one_menu_needs_no_name(small_model: Model) -> None:
    model = of_menus(small_model, ("v1", 5))
    for chosen in (
        thresholds_of_menu(model),
        thresholds_of_menu(model, name="v1"),
        thresholds_of_menu(model, menu=MENU),
        thresholds_of_menu(model, menu=replace(MENU, name="renamed")),
    ):
        assert [each.name for each in chosen] == ["a_v1"]


def test_menus_that_say_the_same_need_no_name(small_model: Model) -> None:
    model = of_menus(small_model, ("v1", 5), ("v2", 5))
    assert [each.menu for each in thresholds_of_menu(model)] == ["v1"]
    assert [each.menu for each in thresholds_of_menu(model, name="v2")] == ["v2"]
    assert [each.menu for each in thresholds_of_menu(model, menu=replace(MENU, name="v2"))] == [
        "v2"
    ]


def test_menus_that_differ_must_be_named(small_model: Model) -> None:
    model = of_menus(small_model, ("v1", 5), ("v2", 6))
    with pytest.raises(SettingsError, match=r"several menus \(v1, v2\) that differ; name one"):
        thresholds_of_menu(model)
    with pytest.raises(SettingsError, match=r"its seeds fit several \(v1, v2\); use --menu"):
        thresholds_of_menu(model, menu=replace(MENU, name="renamed"))
    assert thresholds_of_menu(model, menu=MENU, name="v2")[0].threshold == 6


def test_refused(small_model: Model) -> None:
    with pytest.raises(SettingsError, match="no threshold belongs to a bit of a menu"):
        thresholds_of_menu(small_model)
    model = of_menus(small_model, ("v1", 5))
    with pytest.raises(MissingNameError, match="no menu 'v9'; nearest: v1"):
        thresholds_of_menu(model, name="v9")
    other = Menu("v1", (Seed(7, "L1_C", "MU5"),))
    with pytest.raises(
        SettingsError, match="bit 7 is L1_A there, but L1_C in the algorithms of v1"
    ):
        thresholds_of_menu(model, menu=other)
    with pytest.raises(MissingNameError, match="no menu 'v3'"):
        thresholds_of_menu(model, menu=replace(other, name="v3"))
    empty = Menu("v1", (Seed(8, "L1_A", "MU5"),))
    with pytest.raises(SettingsError, match="but no seed in the algorithms"):
        thresholds_of_menu(model, menu=empty, name="v1")


def test_decisions_are_found_by_bit_or_by_name() -> None:
    bits = SeedBits(("7", "L1_B"), np.array([[True, False], [True, True]]))
    assert decisions_of(bits, 7, "L1_A", "file").tolist() == [True, True]
    assert decisions_of(bits, 9, "L1_B", "file").tolist() == [False, True]
    with pytest.raises(MissingNameError, match="file: no decision of seed 'L1_C'"):
        decisions_of(bits, None, "L1_C", "file")
    assert {bit: each.tolist() for bit, each in decisions_by_bit(bits, MENU).items()} == {
        7: [True, True],
        9: [False, True],
    }


def test_files_without_decisions_are_refused(write_sample: WriteSample) -> None:
    with pytest.raises(InputFileError, match=r"a\.root.*decisions"):
        list(chunks_with_bits([write_sample("a.root", 5, 1)]))
