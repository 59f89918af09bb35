"""Each operation as the steps that the kernels run."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from typing import TYPE_CHECKING

from emulator.engine import kernels as k
from emulator.engine.assembler import extend, set_cast
from emulator.engine.exact_sums import (
    exact_sum_fraction,
    kept_format,
    start_values,
    sum_range,
    term_fraction,
)
from emulator.engine.proofs import moved_range, table_reach
from emulator.fixed import Interval
from emulator.graph.operations import (
    Add,
    AveragePool,
    BatchNormalization,
    Concatenate,
    Constant,
    Conv2d,
    Dense,
    Flatten,
    Input,
    MaxPool,
    Multiply,
    Node,
    OffsetShift,
    Quantize,
    QuantizeEach,
    Relu,
    Reshape,
    Sigmoid,
    Square,
    Subtract,
    Sum,
    Tanh,
    UnaryLut,
)
from emulator.graph.ranges import table_place
from emulator.graph.windows import BEYOND, patches, pool_windows, spread, weight_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.engine.assembler import Assembler
    from emulator.graph.windows import Adder


@singledispatch
def add_steps(node: Node, assembler: Assembler) -> None:
    """Add the steps of a node.

    Raises
    ------
    TypeError
        If the operation is not known.
    """
    msg = f"no steps for {type(node).__name__}"
    raise TypeError(msg)


@add_steps.register(Dense)
@add_steps.register(Conv2d)
@add_steps.register(Sum)
def _(node: Adder, assembler: Assembler) -> None:
    source = assembler.graph.tensors[node.inputs[0]]
    found = patches(node, source)
    n_patch = len(found[0].places)
    template = _sum_step(assembler, node, n_patch)
    if not isinstance(node, Conv2d):
        return
    assembler.steps.pop()
    template[k.N_IN], template[k.N_OUT] = n_patch, len(node.bias)
    # The last group of a sum reaches beyond its patch; its weights there are zero.
    patch_rows = assembler.spare_rows(n_patch + k.GROUP)
    zero_row = assembler.spare_rows(1)
    first_row = assembler.tile_rows[node.inputs[0]].start
    for patch in found:
        rows = [zero_row if at == BEYOND else first_row + at for at in patch.places]
        gather = assembler.new_step(node)
        gather[k.OPERATION] = k.GATHER
        gather[k.POOL] = extend(assembler.wide_pool, (row * k.TILE for row in rows))
        gather[k.N_OUT], gather[k.TARGET] = n_patch, patch_rows * k.TILE
        step = template.copy()
        step[k.SOURCE] = patch_rows * k.TILE
        step[k.TARGET] += patch.first * k.TILE
        assembler.steps.append(step)


def _sum_step(assembler: Assembler, node: Adder, n_in: int) -> list[int]:
    step = assembler.new_step(node)
    source = assembler.graph.tensors[node.inputs[0]]
    fraction = term_fraction(node, source)
    columns = weight_columns(node, n_in)
    starts = start_values(node)
    accumulator = node.accumulator
    at = exact_sum_fraction(node, fraction)
    if at is None:
        step[k.OPERATION] = k.SUM_STEPWISE
        step[k.POOL] = extend(
            assembler.wide_pool, (weight for column in columns for weight in column)
        )
        step[k.STARTS] = extend(assembler.wide_pool, starts)
        set_cast(step, k.CAST_INNER, fraction, accumulator)
        set_cast(step, k.CAST_STEP, accumulator.fraction, accumulator)
        set_cast(step, k.CAST_RESULT, accumulator.fraction, node.format)
        return step
    exact = sum_range(node, assembler.ranges[node.inputs[0]], source, at)
    step[k.OPERATION] = k.SUM_EXACT
    step[k.POOL] = len(assembler.pool)
    for column in columns:
        padding = [0] * (-len(column) % k.GROUP)
        extend(assembler.pool, [weight << at - fraction for weight in column] + padding)
    step[k.STARTS] = extend(
        assembler.pool, (start >> accumulator.fraction - at for start in starts)
    )
    kept = kept_format(accumulator, at)
    set_cast(step, k.CAST_STEP, at, kept, exact)
    set_cast(step, k.CAST_RESULT, at, node.format, exact.cast(at, kept))
    return step


@add_steps.register(OffsetShift)
def _(node: OffsetShift, assembler: Assembler) -> None:
    step = assembler.new_step(node)
    source = assembler.fractions(node)[0]
    fraction = max(source, node.offset_format.fraction)
    align = fraction - node.offset_format.fraction
    step[k.OPERATION] = k.OFFSET_SHIFT
    step[k.ALIGN] = fraction - source
    step[k.POOL] = extend(assembler.wide_pool, (offset << align for offset in node.offset))
    step[k.STARTS] = extend(assembler.wide_pool, node.shift)
    moved = moved_range(node, assembler.ranges[node.inputs[0]], source)
    set_cast(step, k.CAST_INNER, fraction, node.inner, moved)
    set_cast(step, k.CAST_STEP, node.inner.fraction, replace(node.inner, overflow="WRAP"))
    set_cast(step, k.CAST_RESULT, node.inner.fraction, node.format)


@add_steps.register(Add)
@add_steps.register(Subtract)
@add_steps.register(Multiply)
@add_steps.register(Square)
@add_steps.register(Relu)
@add_steps.register(Quantize)
def _(node: Node, assembler: Assembler) -> None:
    step = assembler.new_step(node)
    fractions = assembler.fractions(node)
    fraction = max(fractions)
    step[k.ALIGN], step[k.ALIGN_SECOND] = (fraction - fractions[0], fraction - fractions[-1])
    if isinstance(node, Square | Multiply):
        step[k.OPERATION] = k.MULTIPLY
        fraction = fractions[0] + fractions[-1]
    else:
        step[k.OPERATION] = k.ALIGNED_SUM
        step[k.SIGN] = int(isinstance(node, Add)) - int(isinstance(node, Subtract))
    set_cast(step, k.CAST_RESULT, fraction, node.format, relu=isinstance(node, Relu))


@add_steps.register(BatchNormalization)
def _(node: BatchNormalization, assembler: Assembler) -> None:
    step = assembler.new_step(node)
    n = step[k.N_OUT]
    product = assembler.fractions(node)[0] + node.scale_format.fraction
    fraction = max(product, node.bias_format.fraction)
    align = fraction - node.bias_format.fraction
    step[k.OPERATION] = k.NORMALIZE
    step[k.POOL] = extend(
        assembler.wide_pool, (s << fraction - product for s in spread(node.scale, n))
    )
    step[k.STARTS] = extend(assembler.wide_pool, (bias << align for bias in spread(node.bias, n)))
    set_cast(step, k.CAST_RESULT, fraction, node.format)


@add_steps.register(UnaryLut)
@add_steps.register(Sigmoid)
@add_steps.register(Tanh)
def _(node: UnaryLut | Sigmoid | Tanh, assembler: Assembler) -> None:
    step = assembler.new_step(node)
    source = assembler.graph.tensors[node.inputs[0]].format
    reach = table_reach(node, Interval.hull(assembler.ranges[node.inputs[0]]), source)
    entries = (node.table[table_place(node, x, source)] for x in range(reach.low, reach.high + 1))
    fraction = node.table_format.fraction
    step[k.OPERATION] = k.LOOK_UP
    step[k.ALIGN], step[k.ALIGN_SECOND] = reach.low, reach.high
    step[k.POOL] = extend(
        assembler.wide_pool, (Interval(e, e).cast(fraction, node.format).low for e in entries)
    )


@add_steps.register(MaxPool)
@add_steps.register(AveragePool)
def _(node: MaxPool | AveragePool, assembler: Assembler) -> None:
    """Add a step for each element of each window; channels stand side by side."""
    source = assembler.graph.tensors[node.inputs[0]]
    first_row, channels = assembler.tile_rows[node.inputs[0]].start, source.shape[-1]
    target, spare = assembler.tile_rows[node.name].start, assembler.spare_rows(channels)
    fraction, given = source.format.fraction, source.format
    for window in pool_windows(node, source):
        rows = [first_row + place for place in window]
        if isinstance(node, MaxPool):
            assembler.add_cast(rows[0], spare, channels, fraction, given)
            for row in rows[1:]:
                step = assembler.add_cast(spare, spare, channels, fraction, given)
                step[k.OPERATION], step[k.SECOND] = k.MAXIMUM, row * k.TILE
            assembler.add_cast(spare, target, channels, fraction, node.format)
        else:
            _add_mean(assembler, node, rows, spare, fraction, channels)
            step = assembler.add_cast(
                spare, target, channels, node.accumulator.fraction, node.format
            )
            step[k.OPERATION], step[k.ALIGN] = k.DIVIDE, len(window)
        target += channels


def _add_mean(
    assembler: Assembler,
    node: AveragePool,
    rows: Sequence[int],
    spare: int,
    fraction: int,
    channels: int,
) -> None:
    accumulator = node.accumulator
    common = max(fraction, accumulator.fraction)
    assembler.add_fill(spare, (0,) * channels)
    for row in rows:
        step = assembler.add_cast(spare, spare, channels, common, accumulator)
        step[k.SECOND], step[k.SIGN] = row * k.TILE, 1
        step[k.ALIGN] = common - accumulator.fraction
        step[k.ALIGN_SECOND] = common - fraction


@add_steps.register(QuantizeEach)
def _(node: QuantizeEach, assembler: Assembler) -> None:
    first, target = (assembler.tile_rows[name].start for name in (node.inputs[0], node.name))
    fraction = assembler.fractions(node)[0]
    for place, own in enumerate(spread(node.formats, assembler.graph.tensors[node.name].size)):
        if own is None:
            assembler.add_fill(target + place, (0,))
            continue
        assembler.add_cast(first + place, target + place, 1, fraction, own)
        assembler.add_cast(target + place, target + place, 1, own.fraction, node.format)


@add_steps.register(Concatenate)
def _(node: Concatenate, assembler: Assembler) -> None:
    tensors = [assembler.graph.tensors[name] for name in node.inputs]
    target = assembler.tile_rows[node.name].start
    for row in range(tensors[0].size // tensors[0].shape[-1]):
        for name, tensor in zip(node.inputs, tensors, strict=True):
            n = tensor.shape[-1]
            first = assembler.tile_rows[name].start + row * n
            assembler.add_cast(first, target, n, tensor.format.fraction, node.format)
            target += n


@add_steps.register(Constant)
def _(node: Constant, assembler: Assembler) -> None:
    assembler.add_fill(assembler.tile_rows[node.name].start, node.raws)


@add_steps.register(Reshape)
@add_steps.register(Flatten)
@add_steps.register(Input)
def _(node: Node, assembler: Assembler) -> None:
    """Nothing is to be done: numbers stand where they stood."""
