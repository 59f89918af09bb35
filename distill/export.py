"""From a quantized student to a graph of integers, and the proof that both decide alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from distill.errors import ExportError
from distill.quantizers import channel_formats, cover
from distill.scaling import ROW_FORMAT
from distill.scores import quantized_scores
from distill.students import RELU
from emulator.engine import Emulator
from emulator.fixed import FixedFormat, Interval, quantize, to_float
from emulator.graph import Dense, Graph, Input, Node, Quantize, QuantizeEach, Relu, node_ranges
from emulator.model import Model
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from distill.quantizers import QuantDense
    from distill.students import QuantStudent, StudentSpec
    from emulator.features import FeatureLayout

#: Name of the graph's output.
SCORE = "score"
#: A sum is exact in doubles, in any order, if its terms add up to less than this many bits.
_EXACT_BITS = 53
_SHOWN_MISMATCHES = 5


@dataclass(frozen=True, slots=True)
class Mismatch(Record):
    """One crossing on which student and emulator differ."""

    crossing: int
    student_score: float
    emulator_score: float
    row: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExportProof(Record):
    """Comparison of a student in doubles with its graph in the emulator."""

    n_events: int
    n_mismatch: int
    first: tuple[Mismatch, ...]


def export_graph(student: QuantStudent) -> Graph:
    """Write a quantized student as a graph.

    The nodes are an input of 16-bit integers, the scaling (`OffsetShift`), and for each layer a
    `Dense` and a `Relu` (or, for ``hard_tanh``, a `Quantize`); the last `Dense` is called ``score``.
    Sums are exact: the accumulator has all fraction bits of the products, and as many integer bits as
    the actual weights and the ranges of the layer's inputs can ever need, at every step of the sum.
    Features that are not used have weights of 0. Weights with a type for each unit stand on the common
    grid of these types; activations with a type for each unit take it in a `QuantizeEach`, behind a
    `Relu` that loses nothing.

    Parameters
    ----------
    student
        Trained student.

    Raises
    ------
    ExportError
        If a parameter is not finite, or a sum could exceed the 53 bits of a double, so that torch
        could not be compared exactly.
    """
    return Graph(tuple(network_nodes(student, SCORE, student.spec.score_format)), (SCORE,))


def network_nodes(student: QuantStudent, name: str, target: FixedFormat) -> list[Node]:
    """Return the nodes of `export_graph`; the last layer has this name, and its sums take this type."""
    spec = student.spec
    nodes: list[Node] = [
        Input("x", (), ROW_FORMAT, size=len(student.scaling)),
        student.scaling.node("scaled", "x"),
    ]
    *hidden, last = (cast("QuantDense", layer) for layer in student.layers)
    inputs = spec.inputs
    for place, layer in enumerate(hidden):
        nodes.append(_dense(nodes, f"dense_{place}", layer, None, inputs))
        nodes += _activation(nodes[-1], place, spec)
        inputs = None
    nodes.append(_dense(nodes, name, last, target, inputs))
    return nodes


def _activation(sums: Node, place: int, spec: StudentSpec) -> list[Node]:
    """Return the nodes that make what hidden layer ``place`` passes on of its sums."""
    name, target, is_relu = (
        f"hidden_{place}",
        spec.activation_formats[place],
        spec.activation == RELU,
    )
    if isinstance(target, FixedFormat):
        kind = Relu if is_relu else Quantize
        return [kind(name, (sums.name,), target)]
    each = QuantizeEach(name, (sums.name,), cover(target, signed=not is_relu), formats=target)
    if not is_relu:
        return [each]
    # One rounding only, as in training: the positive sums keep all bits until then.
    exact = replace(sums.format, width=sums.format.width - 1, integer=sums.format.integer - 1)
    relu = Relu(f"relu_{place}", (sums.name,), replace(exact, signed=False))
    return [relu, replace(each, inputs=(relu.name,))]


def export_model(
    student: QuantStudent,
    layout: FeatureLayout,
    name: str,
    *,
    provenance: Mapping[str, Any] | None = None,
) -> Model:
    """Write a quantized student as a model, which alone says all that firmware and emulator need.

    Parameters
    ----------
    student
        Trained student.
    layout
        What its features are.
    name
        Name of the model.
    provenance
        Plain values that say how it was made.

    Raises
    ------
    ExportError
        If the layout has another number of features, or `export_graph` refuses.
    """
    if len(layout.features) != len(student.scaling):
        msg = (
            f"model {name!r}: the layout {layout.name!r} has {len(layout.features)} features, "
            f"the student reads {len(student.scaling)}"
        )
        raise ExportError(msg)
    return Model(
        name=name,
        layout=layout,
        graph=export_graph(student),
        score=SCORE,
        provenance=dict(provenance or {}),
    )


def _dense(
    before: Sequence[Node],
    name: str,
    layer: QuantDense,
    target: FixedFormat | None,
    inputs: Sequence[int] | None,
) -> Dense:
    """Return a layer as a node after ``before``.

    Without a target its result is the whole sum; ``inputs`` are the places that it reads, if not all.
    """
    source = before[-1]
    weight_format = cover(layer.weight_format)
    used = _weight_raws(layer, f"{name}: weight")
    weight = used
    if inputs is not None:
        size = Graph(tuple(before), (source.name,)).tensors[source.name].size
        weight = np.zeros((size, used.shape[1]), dtype=np.int64)
        weight[list(inputs)] = used
    bias = _raws(layer.linear.bias.detach().numpy(), layer.bias_format, f"{name}: bias")
    ranges = node_ranges(Graph(tuple(before), (source.name,)))[source.name]
    fraction = source.format.fraction + weight_format.fraction
    accumulator = accumulator_format(
        ranges, weight, fraction, bias, layer.bias_format.fraction, name=name
    )
    return Dense(
        name,
        (source.name,),
        accumulator if target is None else target,
        weights=tuple(tuple(row) for row in weight.tolist()),
        weight_format=weight_format,
        bias=tuple(bias.tolist()),
        bias_format=layer.bias_format,
        accumulator=accumulator,
    )


def accumulator_format(
    inputs: Sequence[Interval],
    weights: NDArray[np.int64],
    fraction: int,
    bias: NDArray[np.int64],
    bias_fraction: int,
    *,
    name: str,
) -> FixedFormat:
    """Return the narrowest signed accumulator that no sum of a dense layer can leave.

    Parameters
    ----------
    inputs
        Interval of the raws of each input.
    weights
        Raws, int64 (inputs, outputs).
    fraction
        Fraction bits of the products.
    bias
        Raws, int64 (outputs,).
    bias_fraction
        Fraction bits of the biases.
    name
        Of the layer, for messages.

    Returns
    -------
    A wrapping, truncating type; both modes never act.

    Raises
    ------
    ExportError
        If the absolute values of the terms of a sum can add up to 2**53 of its last bit.

    Examples
    --------
    >>> import numpy as np
    >>> byte = Interval(0, 255)
    >>> accumulator_format(
    ...     [byte, byte], np.array([[1], [-1]]), 4, np.array([1]), 4, name="dense"
    ... )
    fixed<10,6>
    """
    exact = max(fraction, bias_fraction)
    term_unit, bias_unit = 1 << exact - fraction, 1 << exact - bias_fraction
    reached = [Interval(0, 0)]
    for output, start in enumerate(bias.tolist()):
        total = Interval(start * bias_unit, start * bias_unit)
        size = abs(start * bias_unit)
        reached.append(total)
        for source, raw in zip(inputs, weights[:, output].tolist(), strict=True):
            term = source.times(raw * term_unit)
            total += term
            size += max(abs(term.low), abs(term.high))
            reached += (term, total)
        if size >= 1 << _EXACT_BITS:
            msg = f"{name}: output {output} needs {size.bit_length()} bits, doubles have {_EXACT_BITS}"
            raise ExportError(msg)
    widest = Interval.hull(reached)
    width = 1 + max(widest.high.bit_length(), (-widest.low - 1).bit_length())
    return FixedFormat(width, width - exact)


def _weight_raws(layer: QuantDense, what: str) -> NDArray[np.int64]:
    """Return the raws of all weights on their common grid, int64 (inputs, outputs)."""
    values = layer.linear.weight.detach().numpy().T
    common = cover(layer.weight_format)
    each = channel_formats(layer.weight_format, values.shape[1])
    raws = np.zeros(values.shape, dtype=np.int64)
    for column, target in enumerate(each):
        if target is not None:
            own = _raws(values[:, column], target, what)
            raws[:, column] = own << common.fraction - target.fraction
    return raws


def _raws(values: NDArray[np.float32], target: FixedFormat, what: str) -> NDArray[np.int64]:
    if not np.isfinite(values).all():
        msg = f"{what}: a parameter of the student is not finite; its training has failed"
        raise ExportError(msg)
    return quantize(values, target)


def prove_export(
    student: QuantStudent, graph: Graph, rows: NDArray[np.int16], *, threads: int = 2
) -> ExportProof:
    """Compare the student, evaluated by torch in doubles, with its graph in the emulator.

    Torch is exact here: all numbers are multiples of powers of two and no sum reaches 2**53 of its
    last bit (`export_graph` has proved it). No difference is tolerated.

    Parameters
    ----------
    student
        The student that was exported.
    graph
        Its graph; the score is the output ``score``.
    rows
        Hardware integers, int16 (crossings, features).
    threads
        Of the emulator.

    Returns
    -------
    Counts, and the first five crossings that differ.
    """
    expected = quantized_scores(student, rows)
    raws = Emulator(graph, threads=threads).run(rows)[SCORE][:, 0]
    found = to_float(raws, graph.tensors[SCORE].format)
    wrong = np.flatnonzero(expected != found)
    first = tuple(
        Mismatch(
            crossing=int(place),
            student_score=float(expected[place]),
            emulator_score=float(found[place]),
            row=tuple(rows[place].tolist()),
        )
        for place in wrong[:_SHOWN_MISMATCHES]
    )
    return ExportProof(n_events=len(rows), n_mismatch=len(wrong), first=first)
