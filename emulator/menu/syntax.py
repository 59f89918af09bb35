"""What the expression of a seed says, as a tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fractions import Fraction

Operator = Literal["AND", "OR", "XOR"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One object, sum or flag of the trigger with the cuts on it, as ``MU4p5[MU-QLTY_SNGL]``.

    Attributes
    ----------
    kind
        ``MU``, ``EG``, ``TAU``, ``JET``, ``ETT``, ..., as the Global Trigger names it.
    threshold
        In the unit of the kind (GeV for objects and sums); None if none is written.
    bx
        Relative crossing.
    cuts
        Names of cuts on this object.
    """

    kind: str
    threshold: Fraction | None
    bx: int
    cuts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class External:
    """A signal from outside of the trigger, as ``EXT_BPTX_OR_VME-1``."""

    name: str
    bx: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A function of several objects, as ``dist{MU0,MU0}[DR_MAX_1p6]``.

    Attributes
    ----------
    function
        ``comb``, ``dist``, ``mass_inv``, ``mass_trv``, ``mass_inv_3``, ``comb_orm``, ...
    legs
        Its objects.
    cuts
        Names of cuts on all of them together.
    """

    function: str
    legs: tuple[Requirement, ...]
    cuts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """``NOT`` of an expression."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Junction:
    """``AND``, ``OR`` or ``XOR`` of expressions."""

    operator: Operator
    operands: tuple[Expression, ...]


Expression = Requirement | External | Condition | Negation | Junction
