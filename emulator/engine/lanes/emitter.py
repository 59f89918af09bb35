"""Writes the vector instructions of the lane kernels, without any name of a processor's own.

Lanes are events. Plain vector code is enough: LLVM makes ``vpdpwssd`` or ``vpmaddwd`` of "extend,
multiply, add neighbours", as measured on AVX-512, AVX2 and SSE2. Only the sum of four 8-bit products
has no plain form and names its instruction, as does packing for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba.core import cgutils

from emulator.engine.lanes.target import LANES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    #: An address or a count as kernels hand it on; numba makes a 64-bit integer of it.
    Place = int | np.signedinteger

INT8, INT16, INT32, INT64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))

# Values and builders of llvmlite have no types.
Value = Any


def vector(element: Any = INT32, count: int = LANES) -> Any:
    """Return the type of a vector."""
    return ir.VectorType(element, count)


def number(value: int, kind: Any = INT64) -> Value:
    """Return a scalar constant."""
    return ir.Constant(kind, value)


def constant(value: int, kind: Any) -> Value:
    """Return a vector of equal constants."""
    return ir.Constant(kind, [ir.Constant(kind.element, value)] * kind.count)


def spread(builder: Any, scalar: Value, kind: Any) -> Value:
    """Return a vector of a type with a scalar in every place."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, scalar, number(0, INT32))
    zeros = ir.Constant(vector(INT32, kind.count), [number(0, INT32)] * kind.count)
    return builder.shuffle_vector(first, undefined, zeros)


class Emitter:
    """A builder of LLVM instructions with what the lane kernels need; addresses are integers."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def at(self, base: Value, *offsets: Value) -> Value:
        """Return an address: the base plus all offsets, in bytes."""
        for offset in offsets:
            step = number(offset) if isinstance(offset, int) else offset
            base = self.builder.add(base, step)
        return base

    def load(self, address: Value, kind: Any, align: int) -> Value:
        """Read a scalar or a vector."""
        pointer = self.builder.inttoptr(address, kind.as_pointer())
        return self.builder.load(pointer, align=align)

    def store(self, value: Value, address: Value, align: int) -> None:
        """Write a scalar or a vector."""
        pointer = self.builder.inttoptr(address, value.type.as_pointer())
        self.builder.store(value, pointer, align=align)

    def spread(self, scalar: Value) -> Value:
        """Return a vector with the scalar in every lane."""
        return spread(self.builder, scalar, vector(scalar.type))

    def load_spread(self, address: Value) -> Value:
        """Read a 32-bit integer into every lane."""
        return self.spread(self.load(address, INT32, 4))

    def shuffle(self, first: Value, second: Value, places: Sequence[int]) -> Value:
        """Pick elements of two vectors, counted through both."""
        kind = vector(INT32, len(places))
        mask = ir.Constant(kind, [number(place, INT32) for place in places])
        return self.builder.shuffle_vector(first, second, mask)

    def call(self, name: str, result: Any, *arguments: Value) -> Value:
        """Call an intrinsic of LLVM."""
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        insert: Callable[..., Any] = cgutils.get_or_insert_function
        return self.builder.call(insert(self.builder.module, kind, name), arguments)

    def larger(self, first: Value, second: Value) -> Value:
        """Return the larger of two signed integers, in each lane."""
        return self._pick("smax", first, second)

    def smaller(self, first: Value, second: Value) -> Value:
        """Return the smaller of two signed integers, in each lane."""
        return self._pick("smin", first, second)

    def difference_saturated(self, first: Value, second: Value) -> Value:
        """Return ``first - second`` brought into the range of signed integers, in each lane."""
        return self._pick("ssub.sat", first, second)

    def larger_unsigned(self, first: Value, second: Value) -> Value:
        """Return the larger of two unsigned integers, in each lane."""
        return self._pick("umax", first, second)

    def smaller_unsigned(self, first: Value, second: Value) -> Value:
        """Return the smaller of two unsigned integers, in each lane."""
        return self._pick("umin", first, second)

    def halves_saturated(self, first: Value, second: Value) -> Value:
        """Return 16-bit integers: in each block of 128 bits four of the first, four of the second vector."""
        return self._pack("packssdw", INT16, first, second)

    def bytes_saturated(self, first: Value, second: Value) -> Value:
        """Return unsigned bytes: in each block of 128 bits eight of the first, eight of the second vector."""
        return self._pack("packuswb", INT8, first, second)

    def signed_bytes_saturated(self, first: Value, second: Value) -> Value:
        """Return signed bytes, in the same order."""
        return self._pack("packsswb", INT8, first, second)

    def _pack(self, name: str, element: Any, first: Value, second: Value) -> Value:
        kind = vector(element, 2 * first.type.count)
        return self.call(f"llvm.x86.avx512.{name}.512", kind, first, second)

    def _pick(self, name: str, first: Value, second: Value) -> Value:
        kind = first.type
        full = f"llvm.{name}.v{kind.count}i{kind.element.width}"
        return self.call(full, kind, first, second)

    def prefetch(self, address: Value, cache: int) -> None:
        """Begin to read a line of memory into the first or the second cache; any address may be given."""
        kind = ir.FunctionType(ir.VoidType(), [INT8.as_pointer(), INT32, INT32, INT32])
        insert: Callable[..., Any] = cgutils.get_or_insert_function
        function = insert(self.builder.module, kind, "llvm.prefetch.p0")
        pointer = self.builder.inttoptr(address, INT8.as_pointer())
        self.builder.call(function, [pointer, *(number(each, INT32) for each in (0, 4 - cache, 1))])

    def loop(
        self,
        count: Value,
        body: Callable[[Value, list[Value]], list[Value]],
        carried: Sequence[Value] = (),
    ) -> list[Value]:
        """Repeat ``body`` at least once, with a counter from 0; return the last carried values."""
        builder = self.builder
        before = builder.block
        head = builder.append_basic_block("repeat")
        after = builder.append_basic_block("done")
        builder.branch(head)
        builder.position_at_end(head)
        counter = builder.phi(INT64)
        counter.add_incoming(number(0), before)
        phis = [builder.phi(value.type) for value in carried]
        for phi, value in zip(phis, carried, strict=True):
            phi.add_incoming(value, before)
        results = body(counter, phis)
        following = builder.add(counter, number(1))
        counter.add_incoming(following, builder.block)
        for phi, value in zip(phis, results, strict=True):
            phi.add_incoming(value, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, count), head, after)
        builder.position_at_end(after)
        return results

    def either(
        self,
        condition: Value,
        first: Callable[[], list[Value]],
        second: Callable[[], list[Value]],
    ) -> list[Value]:
        """Return what the first branch gives where the condition holds, else the second."""
        builder = self.builder
        with builder.if_else(condition) as (then, otherwise):
            with then:
                left = first()
                left_end = builder.block
            with otherwise:
                right = second()
                right_end = builder.block
        results = []
        for value, other in zip(left, right, strict=True):
            phi = builder.phi(value.type)
            phi.add_incoming(value, left_end)
            phi.add_incoming(other, right_end)
            results.append(phi)
        return results
