"""Parser of the expressions in which the menus of the CMS Global Trigger write their seeds."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import VisitError

from emulator.errors import L1Error
from emulator.menu.syntax import Condition, Expression, External, Junction, Negation, Requirement

if TYPE_CHECKING:
    from emulator.menu.syntax import Operator


class ExpressionError(L1Error):
    """The expression of a seed cannot be read; the message shows where."""


# Names of cuts hold a minus sign, which after an object begins its relative crossing: the lexer knows
# from the context (inside square brackets or not) which one it is.
_GRAMMAR: Final = r"""
    ?start: either
    ?either: exclusive (_OR exclusive)*             -> either
    ?exclusive: both (_XOR both)*                   -> exclusive
    ?both: factor (_AND factor)*                    -> both
    ?factor: _NOT factor                            -> negation
           | "(" either ")"
           | FUNCTION "{" leg ("," leg)* "}" [cuts] -> condition
           | leg
    leg: OBJECT [cuts]
    cuts: "[" CUT ("," CUT)* "]"

    _OR: "OR"
    _XOR: "XOR"
    _AND: "AND"
    _NOT: "NOT"
    FUNCTION: /[a-z][a-z0-9_]*/
    OBJECT: /[A-Z][A-Za-z0-9_.]*([+-][0-9]+)?/
    CUT: /[A-Za-z][A-Za-z0-9_.-]*/
    %ignore /\s+/
"""

_OBJECT = re.compile(r"(?P<kind>MBT[01]HF[PM]|[A-Z]+)(?P<threshold>\d+(?:p\d+)?)?(?P<bx>[+-]\d+)?")
_EXTERNAL = re.compile(r"EXT_(?P<name>[A-Za-z0-9_.]+)(?P<bx>[+-]\d+)?")


class _Tree(Transformer[Token, Expression]):
    """Builds the tree from what the grammar matches."""

    @v_args(inline=True)
    def leg(self, token: Token, cuts: tuple[str, ...] | None) -> Requirement | External:
        text = str(token)
        external = _EXTERNAL.fullmatch(text)
        if external is not None and cuts is None:
            return External(external["name"], int(external["bx"] or 0))
        match = _OBJECT.fullmatch(text)
        if match is None:
            msg = f"{text!r} is no object of the trigger"
            raise ExpressionError(msg)
        threshold = match["threshold"]
        return Requirement(
            match["kind"],
            Fraction(threshold.replace("p", ".")) if threshold else None,
            int(match["bx"] or 0),
            cuts or (),
        )

    def cuts(self, tokens: list[Token]) -> tuple[str, ...]:
        return tuple(str(token) for token in tokens)

    def condition(self, parts: list[Any]) -> Condition:
        function, *legs, cuts = parts
        for leg in legs:
            if not isinstance(leg, Requirement):
                msg = f"{function} takes objects, not the external signal {leg.name!r}"
                raise ExpressionError(msg)
        return Condition(str(function), tuple(legs), cuts or ())

    @v_args(inline=True)
    def negation(self, operand: Expression) -> Negation:
        return Negation(operand)

    def either(self, operands: list[Expression]) -> Expression:
        return _junction("OR", operands)

    def exclusive(self, operands: list[Expression]) -> Expression:
        return _junction("XOR", operands)

    def both(self, operands: list[Expression]) -> Expression:
        return _junction("AND", operands)


def _junction(operator: Operator, operands: list[Expression]) -> Expression:
    return operands[0] if len(operands) == 1 else Junction(operator, tuple(operands))


_PARSER: Final = Lark(_GRAMMAR, parser="lalr", maybe_placeholders=True)


def parse_expression(text: str) -> Expression:
    """Read the expression of a seed.

    Raises
    ------
    ExpressionError
        If it is not of the grammar; the message shows the place.

    Examples
    --------
    >>> parse_expression("MU5[MU-QLTY_SNGL] AND NOT EXT_BPTX_OR_VME-1").operands[1]
    Negation(operand=External(name='BPTX_OR_VME', bx=-1))
    >>> parse_expression("dist{MU0,JET16p5-1}[DR_MAX_0p4]").legs[1]
    Requirement(kind='JET', threshold=Fraction(33, 2), bx=-1, cuts=())
    >>> parse_expression("MU5 AND")
    Traceback (most recent call last):
    emulator.menu.grammar.ExpressionError: the expression ends too early: 'MU5 AND'
    """
    try:
        return _Tree().transform(_PARSER.parse(text))
    except UnexpectedInput as error:
        token = getattr(error, "token", None)
        if token is not None and token.type == "$END":
            msg = f"the expression ends too early: {text!r:.80}"
        else:
            place: int = getattr(error, "pos_in_stream", 0)
            msg = f"the expression cannot be read from {text[place : place + 30]!r} on"
        raise ExpressionError(msg) from error
    except VisitError as error:
        raise error.orig_exc from error
