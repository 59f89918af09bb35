"""What changed between two trees of facts."""

from __future__ import annotations

import pytest

from l1distill.gates import Difference, difference_table, differences

OLD = {"network": {"ebops": 400, "sha256": "a" * 64}, "fires": {"1kHz": 40, "5kHz": 0}, "gone": 1.5}


def test_nothing_changed() -> None:
    assert differences(OLD, OLD) == ()
    assert differences({}, {}) == ()


def test_every_change_is_told_once_in_order() -> None:
    new = {
        "network": {"ebops": 402, "sha256": "b" * 64},
        "fires": {"5kHz": 3, "1kHz": 40},
        "n": [7],
    }
    assert differences(OLD, new) == (
        Difference("network / ebops", 400, 402),
        Difference("network / sha256", "a" * 64, "b" * 64),
        Difference("fires / 5kHz", 0, 3),
        Difference("gone", 1.5, None),
        Difference("n / 0", None, 7),
    )
    changes = [each.change for each in differences(OLD, new)]
    assert changes == ["+0.5 %", "other", "+3", "gone", "new"]


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), ("1", 1), (0, False), (2.0, 2.5)])
def test_kinds_are_told_apart(old: object, new: object) -> None:
    assert len(differences({"x": old}, {"x": new})) == 1


def test_the_smallest_change_of_a_float_is_seen() -> None:
    (found,) = differences({"rate_khz": 1.0}, {"rate_khz": 1.0 + 2**-52})
    assert found.relative_change == 2**-52
    assert found.change == "+2.22e-14 %"


def test_table() -> None:
    found = differences(OLD, {**OLD, "network": {"ebops": 300, "sha256": "b" * 64}})
    assert difference_table(found).splitlines() == [
        "what                           old               new  change",
        "network / ebops                400               300   -25 %",
        "network / sha256  aaaaaaaaaaaaaaa…  bbbbbbbbbbbbbbb…   other",
    ]
