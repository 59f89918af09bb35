"""Why two executions differ: the node that differs first, computed again under each known fault.

A fault is likely if it gives, for every event looked at, what the odd side computed: those on which the
node differs and those on which it does not. The plain-Python reference does the computing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from emulator.engine.reference.arithmetic import cast_exact
from emulator.engine.reference.operations import evaluate_node
from emulator.errors import FormatError
from emulator.fixed import FixedFormat, Overflow, Rounding
from emulator.graph import Dense, Node, QuantizeEach, Sigmoid, Tanh, Tensor, UnaryLut
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Raws = list[int]
    #: From the raws of the node's inputs to its own.
    Compute = Callable[[Sequence[Raws]], Raws]

Kind = Literal[
    "rounding mode",
    "overflow mode",
    "accumulator wrap",
    "input truncation",
    "type of the result",
    "table",
    "weight",
]

#: Further faults that are named beside the first one.
SHOWN_OTHERS = 3

#: What to call the types of a node that a sum or a shift passes through, and the last one.
_PLACES = {"format": "result", "accumulator": "accumulator", "inner": "inner type"}

#: Changes of a type's bits that are tried; the last one stands for a type that never overflows.
_BITS = (*range(-8, 0), *range(1, 9), 40)


class Evidence(NamedTuple):
    """One event at one node: what it was given, and what each side made of it."""

    inputs: Sequence[Raws]
    engine: Raws
    other: Raws


@dataclass(frozen=True, slots=True)
class LikelyCause(Record):
    """A fault that explains all that was seen of the first node that differs.

    Parameters
    ----------
    node
        The node.
    side
        The execution that does not compute the node as the network says.
    kind
        The kind of fault.
    fault
        What that side seems to do instead, in words.
    n_events
        Events that it explains: all that were looked at, with and without a difference.
    others
        Other faults that explain them as well.
    """

    node: str
    side: str
    kind: Kind
    fault: str
    n_events: int
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        others = f"; or {', or '.join(self.others)}" if self.others else ""
        return (
            f"{self.kind}: {self.side} computes node {self.node!r} as if {self.fault}{others} "
            f"(explains all {self.n_events} events looked at)"
        )


class _Fault(NamedTuple):
    kind: Kind
    words: str
    compute: Compute


def likely_cause(
    node: Node, tensors: Sequence[Tensor], evidence: Sequence[Evidence], *, against: str
) -> LikelyCause | None:
    """Find the fault that explains a difference.

    Parameters
    ----------
    node
        The first node that differs.
    tensors
        Shape and type of each of its inputs.
    evidence
        Events, with and without a difference at this node.
    against
        Name of the other execution.

    Returns
    -------
    The first fault that explains all of them, and the next ones; None if none does.

    Examples
    --------
    >>> from emulator.graph import Quantize
    >>> y = Quantize("y", ("x",), FixedFormat(6, 6, rounding="RND"))
    >>> x = Tensor((1,), FixedFormat(8, 6))
    >>> seen = [Evidence([[raw]], [(raw + 2) // 4], [raw // 4]) for raw in range(-8, 9)]
    >>> cause = likely_cause(y, [x], seen, against="csim")
    >>> cause.kind, cause.fault
    ('rounding mode', 'its result were fixed<6,6>, not fixed<6,6,RND,WRAP>')
    """
    right = [evaluate_node(node, one.inputs, tensors) for one in evidence]
    sides = {"engine": [one.engine for one in evidence], against: [one.other for one in evidence]}
    odd = {side: seen for side, seen in sides.items() if seen != right}
    if len(odd) != 1:  # both wrong, or none: no single fault
        return None
    ((side, seen),) = odd.items()
    inputs = [one.inputs for one in evidence]
    # The event that differs first settles most faults.
    order = sorted(range(len(seen)), key=lambda place: seen[place] == right[place])
    found: list[_Fault] = []
    for fault in _faults(node, tensors, inputs, right, seen):
        if all(fault.compute(inputs[place]) == seen[place] for place in order):
            found.append(fault)
        if len(found) > SHOWN_OTHERS:
            break
    if not found:
        return None
    first, *rest = found
    others = tuple(fault.words for fault in rest)
    return LikelyCause(node.name, side, first.kind, first.words, len(evidence), others)


def _faults(
    node: Node,
    tensors: Sequence[Tensor],
    inputs: Sequence[Sequence[Raws]],
    right: Sequence[Raws],
    seen: Sequence[Raws],
) -> Iterator[_Fault]:
    """All faults that are known, the commonest first."""
    places = [item.name for item in fields(node) if item.name in _PLACES]
    for place in places:
        yield from _other_modes(node, tensors, place)
    if isinstance(node, QuantizeEach):
        yield from _other_element_modes(node, tensors)
    for place in [*(name for name in places if name != "format"), "format"]:
        yield from _other_widths(node, tensors, place)
    for number in range(len(tensors)):
        yield from _other_inputs(node, tensors, number)
    if isinstance(node, UnaryLut | Sigmoid | Tanh):
        yield from _other_tables(node, tensors, inputs, seen)
    if isinstance(node, Dense):
        yield from _other_weights(node, tensors, right, seen)


def _of_node(kind: Kind, words: str, node: Node, tensors: Sequence[Tensor]) -> _Fault:
    return _Fault(kind, words, lambda inputs: evaluate_node(node, inputs, tensors))


def _other_modes(node: Node, tensors: Sequence[Tensor], place: str) -> Iterator[_Fault]:
    own: FixedFormat = getattr(node, place)
    for rounding in get_args(Rounding):
        if rounding != own.rounding:
            other = _changed(own, rounding=rounding)
            yield from _with_type("rounding mode", node, tensors, place, other)
    for overflow in get_args(Overflow):
        if overflow != own.overflow:
            kind: Kind = "overflow mode" if place == "format" else "accumulator wrap"
            yield from _with_type(kind, node, tensors, place, _changed(own, overflow=overflow))
    if (own.rounding, own.overflow) != ("TRN", "WRAP"):
        plain = _changed(own, rounding="TRN", overflow="WRAP")
        yield from _with_type("rounding mode", node, tensors, place, plain)


def _other_widths(node: Node, tensors: Sequence[Tensor], place: str) -> Iterator[_Fault]:
    own: FixedFormat = getattr(node, place)
    kind: Kind = "type of the result" if place == "format" else "accumulator wrap"
    for bits in _BITS:  # the grid stays: more or fewer integer bits
        other = _changed(own, width=own.width + bits, integer=own.integer + bits)
        yield from _with_type(kind, node, tensors, place, other)
    for bits in _BITS:
        yield from _with_type(kind, node, tensors, place, _changed(own, width=own.width + bits))


def _changed(own: FixedFormat, **values: object) -> FixedFormat | None:
    """Change a type; None if there is no such type."""
    try:
        return replace(own, **values)  # type: ignore[arg-type] # names and types stand above
    except FormatError:
        return None


def _with_type(
    kind: Kind, node: Node, tensors: Sequence[Tensor], place: str, other: FixedFormat | None
) -> Iterator[_Fault]:
    if other is None:
        return
    own: FixedFormat = getattr(node, place)
    words = f"its {_PLACES[place]} were {other}, not {own}"
    if place != "format":
        values: dict[str, Any] = {place: other}
        yield _of_node(kind, words, replace(node, **values), tensors)
        return
    # What the result is read as stays: its raw is brought back to the grid of its own type.
    changed = replace(node, format=other)

    def compute(inputs: Sequence[Raws]) -> Raws:
        raws = evaluate_node(changed, inputs, tensors)
        return [cast_exact(raw, other.fraction, own) for raw in raws]

    yield _Fault(kind, words, compute)
    if other.fraction != own.fraction:  # or its raws are passed on as they are
        yield _of_node(kind, words, changed, tensors)


def _other_element_modes(node: QuantizeEach, tensors: Sequence[Tensor]) -> Iterator[_Fault]:
    changes: list[tuple[Kind, str, str]] = [
        *(("rounding mode", "rounding", mode) for mode in get_args(Rounding)),
        *(("overflow mode", "overflow", mode) for mode in get_args(Overflow)),
    ]
    for kind, name, mode in changes:
        formats = tuple(own and _changed(own, **{name: mode}) for own in node.formats)
        if formats != node.formats:
            words = f"its elements had the {kind} {mode}"
            yield _of_node(kind, words, replace(node, formats=formats), tensors)


def _other_inputs(node: Node, tensors: Sequence[Tensor], number: int) -> Iterator[_Fault]:
    """Another type between the node's input and the node: bits cut off at either end."""
    own, name = tensors[number].format, node.inputs[number]
    fewer = range(1, own.width)
    changed = [
        *(_changed(own, width=own.width - bits, rounding="TRN", overflow="WRAP") for bits in fewer),
        *(
            _changed(own, width=own.width - bits, integer=own.integer - bits, overflow=overflow)
            for overflow in ("WRAP", "SAT")
            for bits in fewer
        ),
        _changed(own, signed=not own.signed, overflow="WRAP"),
        _changed(own, signed=not own.signed, overflow="SAT"),
    ]
    for other in changed:
        if other is not None:
            words = f"it read {name!r} as {other}, not {own}"
            yield _Fault("input truncation", words, _through(other, node, tensors, number))


def _through(other: FixedFormat, node: Node, tensors: Sequence[Tensor], number: int) -> Compute:
    own = tensors[number].format

    def compute(inputs: Sequence[Raws]) -> Raws:
        cut = [cast_exact(raw, own.fraction, other) for raw in inputs[number]]
        given = list(inputs)
        given[number] = [cast_exact(raw, other.fraction, own) for raw in cut]
        return evaluate_node(node, given, tensors)

    return compute


def _other_tables(
    node: UnaryLut | Sigmoid | Tanh,
    tensors: Sequence[Tensor],
    inputs: Sequence[Sequence[Raws]],
    seen: Sequence[Raws],
) -> Iterator[_Fault]:
    last = len(node.table) - 1
    for step, words in ((1, "the entry above"), (-1, "the entry below")):
        moved = tuple(node.table[min(max(i + step, 0), last)] for i in range(last + 1))
        fault = f"it read {words} in its table"
        yield _of_node("table", fault, replace(node, table=moved), tensors)
    # The entries themselves: those read where the sides differ must always give the same.
    wide = FixedFormat(32, 32)
    places = replace(node, table=tuple(range(last + 1)), table_format=wide, format=wide)
    used = [evaluate_node(places, one, tensors) for one in inputs]
    given: dict[int, int] = {}
    for entries, other in zip(used, seen, strict=True):
        for entry, found in zip(entries, other, strict=True):
            if given.setdefault(entry, found) != found:
                return
    wrong = sorted(entry for entry, found in given.items() if _entry(node, entry) != found)
    if wrong:
        first = wrong[0]
        more = f" and {len(wrong) - 1} more entries" if len(wrong) > 1 else ""
        words = f"entry {first} of its table gave {given[first]}, not {_entry(node, first)}{more}"

        def compute(one: Sequence[Raws]) -> Raws:
            entries = evaluate_node(places, one, tensors)
            return [given.get(entry, _entry(node, entry)) for entry in entries]

        yield _Fault("table", words, compute)


def _entry(node: UnaryLut | Sigmoid | Tanh, place: int) -> int:
    return cast_exact(node.table[place], node.table_format.fraction, node.format)


def _other_weights(
    node: Dense, tensors: Sequence[Tensor], right: Sequence[Raws], seen: Sequence[Raws]
) -> Iterator[_Fault]:
    """One bit of one weight, or of one bias."""
    pairs = [zip(own, other, strict=True) for own, other in zip(right, seen, strict=True)]
    columns = {place for pair in pairs for place, (a, b) in enumerate(pair) if a != b}
    if len(columns) != 1:
        return
    (column,) = columns
    alone = replace(
        node,
        weights=tuple((row[column],) for row in node.weights),
        bias=(node.bias[column],),
    )
    for number, (weight,) in enumerate(alone.weights):
        for other in _flipped(weight, node.weight_format):
            rows = (*alone.weights[:number], (other,), *alone.weights[number + 1 :])
            words = f"its weight [{number}][{column}] were {other}, not {weight}"
            yield _of_column(words, replace(alone, weights=rows), node, tensors, column)
    for other in _flipped(node.bias[column], node.bias_format):
        words = f"its bias [{column}] were {other}, not {node.bias[column]}"
        yield _of_column(words, replace(alone, bias=(other,)), node, tensors, column)


def _flipped(raw: int, target: FixedFormat) -> list[int]:
    """All raws of a type that differ from one in one bit."""
    mask = (1 << target.width) - 1
    flipped = [(raw & mask) ^ (1 << bit) for bit in range(target.width)]
    return [part - (1 << target.width) if part > target.raw_max else part for part in flipped]


def _of_column(
    words: str, alone: Dense, node: Dense, tensors: Sequence[Tensor], column: int
) -> _Fault:
    def compute(inputs: Sequence[Raws]) -> Raws:
        raws = evaluate_node(node, inputs, tensors)
        raws[column] = evaluate_node(alone, inputs, tensors)[0]
        return raws

    return _Fault("weight", words, compute)
