"""Expressions become trees; what is no expression is refused with its place."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import L1Error
from emulator.menu import ExpressionError, parse_expression
from emulator.menu.syntax import Condition, Expression, External, Junction, Negation, Requirement

MU5 = Requirement("MU", Fraction(5), 0, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MU4p5-1", Requirement("MU", Fraction(9, 2), -1, ())),
        ("MU0[MU-QLTY_SNGL,MU-ETA_2p0]", Requirement("MU", Fraction(0), 0, ("MU-QLTY_SNGL", "MU-ETA_2p0"))),
        ("MBT0HFP1", Requirement("MBT0HFP", Fraction(1), 0, ())),
        ("MUS0", Requirement("MUS", Fraction(0), 0, ())),
        ("AXO[AXO-MODEL_v3]", Requirement("AXO", None, 0, ("AXO-MODEL_v3",))),
        ("EXT_BPTX_B1NotB2_VME+2", External("BPTX_B1NotB2_VME", 2)),
        ("NOT NOT MU5", Negation(Negation(MU5))),
        ("(((MU5)))", MU5),
        ("dist{MU5,JET16[JET-ETA_2p52]}[DR_MAX_0p4]", Condition("dist", (MU5, Requirement("JET", Fraction(16), 0, ("JET-ETA_2p52",))), ("DR_MAX_0p4",))),
        ("comb{MU5,MU5}", Condition("comb", (MU5, MU5), ())),
        ("MU5 OR MU5 AND MU5 XOR MU5", Junction("OR", (MU5, Junction("XOR", (Junction("AND", (MU5, MU5)), MU5))))),
        ("MU5  AND( NOT EXT_A)", Junction("AND", (MU5, Negation(External("A", 0))))),
        ("ORBIT1 OR ANDY2", Junction("OR", (Requirement("ORBIT", Fraction(1), 0, ()), Requirement("ANDY", Fraction(2), 0, ())))),
    ],
)  # fmt: skip
def test_trees(text: str, expected: Expression) -> None:
    assert parse_expression(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ends too early"),
        ("MU5 AND", "ends too early: 'MU5 AND'"),
        ("(MU5", "ends too early"),
        ("AND MU5", "cannot be read from 'MU5' on"),
        ("MU5 MU6", "cannot be read from 'MU6' on"),
        ("MU5[]", r"cannot be read from '\]' on"),
        ("mu5", "cannot be read|ends too early"),
        ("MU5 & MU6", "cannot be read from '& MU6' on"),
        ("dist{EXT_A,MU5}", "dist takes objects, not the external signal 'A'"),
        ("MU5x", "'MU5x' is no object of the trigger"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse_expression(text)


@given(st.text(alphabet="MUEG05p[]{}(),-+_ ANDORTdist", max_size=40))
def test_any_text_is_a_tree_or_a_sentence(text: str) -> None:
    try:
        parse_expression(text)
    except L1Error as error:
        sentence = str(error)
        assert sentence
