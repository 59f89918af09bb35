"""The mutations of `mutations`: changes of roundings, shifts, clips, comparisons, masks and signs.

Texts are found once in their file. The tests that stand beside a group are those that must notice.
"""

from __future__ import annotations

from dataclasses import dataclass

FIXED = "emulator/fixed"
ENGINE = "emulator/engine"
LANES = f"{ENGINE}/lanes"
TESTS = "tests/emulator/engine"

COLUMNS = f"{TESTS}/test_cast_columns.py"
CASTS = f"{TESTS}/lanes/test_casts.py"
INPUTS = f"{TESTS}/lanes/test_inputs.py"
DOTS = f"{TESTS}/lanes/test_dots.py"
SCALING = f"{TESTS}/lanes/test_scaling.py"
BYTE_ORDER = f"{TESTS}/lanes/test_byte_order.py"
SCALE_TABLE = f"{TESTS}/lanes/test_scale_table.py"
AHEAD = f"{TESTS}/lanes/test_read_ahead.py"
SELECTION = f"{TESTS}/test_selection.py"
STUDENTS = f"{SELECTION}::test_every_kernel_equals_the_reference"
JAGGED = f"{TESTS}/test_jagged.py"
GATHERING = f"{TESTS}/lanes/test_gathering.py"
EMULATOR = f"{TESTS}/test_emulator.py"
EVERY_CAST = f"{EMULATOR}::test_every_cast_of_all_bytes"
EVERY_STEP = f"{EMULATOR}::test_every_step_of_a_narrow_accumulator"
NETWORKS = f"{EMULATOR}::test_equals_the_reference_on_random_networks"
CONTRACT = f"{TESTS}/test_contract.py"
STEPS = f"{TESTS}/test_steps.py"
PROOFS = f"{TESTS}/test_proofs.py"


def small(operation: str) -> str:
    """Name the test of all rows of an operation."""
    return f"{CONTRACT}::test_all_rows_of_small_types_agree_and_stay_in_range[{operation}]"


def wide(operation: str) -> str:
    """Name the test of wide types of an operation."""
    return f"{CONTRACT}::test_wide_types_agree_and_stay_in_range[{operation}]"


@dataclass(frozen=True)
class Group:
    """Changes of one file and the tests that must notice each of them.

    ``compiled``: kernels are made of this file, which have to be compiled again.
    """

    path: str
    tests: tuple[str, ...]
    changes: tuple[tuple[str, str], ...]
    compiled: bool = False


GROUPS = (
    # Rounding and overflow of arrays, columns and intervals.
    Group(
        f"{FIXED}/rounding.py",
        ("tests/emulator/fixed/test_cast.py",),
        (
            ("negative & (half | sticky)", "negative & half"),
            (
                '"RND": lambda _odd, half, _sticky, _negative: half,',
                '"RND": lambda _odd, half, _sticky, _negative: half & 0,',
            ),
            ("half & (negative | sticky)", "half & sticky"),
            ("half & (negative ^ 1 | sticky)", "half & (negative | sticky)"),
            ("_negative: half & sticky", "_negative: half"),
            ("half & (odd | sticky)", "half & sticky"),
            ("raw & (1 << drop - 1) - 1 != 0", "raw & (1 << drop) - 1 != 0"),
            ("half = raw >> drop - 1 & 1", "half = raw >> drop & 1"),
        ),
    ),
    Group(
        f"{FIXED}/cast.py",
        ("tests/emulator/fixed/test_cast.py",),
        (
            (
                "(raw - low & (1 << target.width) - 1) + low",
                "(raw - low & (1 << target.width - 1) - 1) + low",
            ),
            ("(raw < low) | (raw > high), 0", "(raw > high), 0"),
            ("np.clip(raw, target.lowest, high)", "np.clip(raw, low, high)"),
            ("sticky = floor != halves", "sticky = floor != floor"),
            ("np.clip(raw, -(1 << room), 1 << room)", "np.clip(raw, 0, 1 << room)"),
            ("np.where(floor < 0, period, 0.0)", "np.where(floor < 0, 0.0, 0.0)"),
            ("drop_bits(mantissa, min(drop, 63)", "drop_bits(mantissa, min(drop, 61)"),
        ),
    ),
    Group(
        f"{FIXED}/column.py",
        ("tests/emulator/fixed/test_column.py",),
        (
            (
                "(self.raws - low & (1 << target.width) - 1) + low",
                "(self.raws & (1 << target.width) - 1) + low",
            ),
            (
                "np.where(self.outside(target), 0, self.raws)",
                "np.where(self.outside(target), low, self.raws)",
            ),
            ("np.clip(self.raws, low, high)", "np.clip(self.raws, target.raw_min, high)"),
            (
                "np.where(negative, -(-self.raws // divisor), self.raws // divisor)",
                "self.raws // divisor",
            ),
            ("return Column(self.raws << -drop)", "return self"),
            ("drop = min(drop, 63)", "drop = min(drop, 60)"),
        ),
    ),
    Group(
        f"{FIXED}/interval.py",
        ("tests/emulator/fixed",),
        (
            ("max(min(self.high, full.high), 0)", "min(self.high, full.high)"),
            ("high <= full.high else full", "high <= full.high + 1 else full"),
            ("period = 1 << target.width", "period = 1 << target.width - 1"),
            ("if self.high < full.low or self.low > full.high", "if self.high < full.low"),
            (
                "Interval(min(ends), max(ends))\n\n    def plus",
                "Interval(ends[0], ends[1])\n\n    def plus",
            ),
            ("0 if 0 in self else min(ends)", "min(ends)"),
        ),
    ),
    # The columns of casts, in lanes and on tiles.
    Group(
        f"{ENGINE}/cast_columns.py",
        (COLUMNS,),
        (
            ("half = 1 << drop - 1", "half = 1 << drop"),
            ('"TRN_ZERO": (0, sign, 2 * half - 1)', '"TRN_ZERO": (0, sign, half)'),
            ('"RND": (half, 0, 0)', '"RND": (half - 1, 0, 0)'),
            ('"RND_ZERO": (half - 1, sign, 1)', '"RND_ZERO": (half, sign, 1)'),
            ('"RND_INF": (half, sign, -1)', '"RND_INF": (half, sign, 0)'),
            ('"RND_MIN_INF": (half - 1, 0, 0)', '"RND_MIN_INF": (half, 0, 0)'),
            ('"RND_CONV": (half - 1, drop, 1)', '"RND_CONV": (half - 1, drop + 1, 1)'),
            ("target.rounding, bits - 1)", "target.rounding, bits - 2)"),
            (
                "left, right = bits - target.width - drop",
                "left, right = bits - target.width + drop",
            ),
            ("mask = (1 << target.width) - 1", "mask = (1 << target.width - 1) - 1"),
            ("elif wraps and target.width + drop <= bits:", "elif wraps:"),
            ("if left >= bits:", "if left > bits:"),
            ("low=max(own.low, every.low)", "low=max(own.low + 1, every.low)"),
            ("high=min(own.high, every.high)", "high=min(own.high + 1, every.high)"),
            ("keep=0 if clips and", "keep=-1 if clips and"),
            ("floor=0 if relu", "floor=-1 if relu"),
        ),
    ),
    # Proofs and columns in lanes.
    Group(
        f"{LANES}/casts.py",
        (CASTS,),
        (
            ('    _require(total, "results")\n', ""),
            ("fits and not (step.relu and total.low < 0)", "fits"),
            ("drop <= 0 and total.shifted", "total.shifted"),
            ("_require(total + Interval(0, 1 << drop)", "_require(total"),
            ("most = BITS if target.signed else BITS - 1", "most = BITS"),
            (
                '        _require(rounded, f"numbers before the overflow of {target}")\n',
                "        pass\n",
            ),
            ("fits=fits, relu=floored", "fits=fits"),
            ("if fraction != steps[-1].target.fraction:", "if fraction < 0:"),
        ),
    ),
    Group(
        f"{LANES}/inputs.py",
        (INPUTS,),
        (
            (
                "add, bit_mask = add << floor, bit_mask << floor",
                "add, bit_mask = add, bit_mask << floor",
            ),
            (
                "add, bit_mask = add << floor, bit_mask << floor",
                "add, bit_mask = add << floor, bit_mask",
            ),
            ("kept = -(1 << -drop)", "kept = -1"),
            ("right = max(floor + drop, 0)", "right = max(floor + drop - 1, 0)"),
            (
                "floor, drop = max(floor - zeros, 0), drop - max(zeros - floor, 0)",
                "floor, drop = max(floor - zeros, 0), drop",
            ),
            (
                "return first(lambda result: result > lowest) - 1",
                "return first(lambda result: result > lowest)",
            ),
            ("if not _fits_16_bits(row):", "if False:"),
            ("return by % -self.kept == 0 and lowest", "return lowest"),
            ("lowest >= INT16.low", "lowest >= 2 * INT16.low"),
            ('{"WRAP", "SAT_ZERO"} and', '{"WRAP"} and'),
            ("max(-inner_drop, 0) + max(-element.shift, 0)", "max(-inner_drop, 0)"),
            ("zeros = min(left, _trailing_zeros(offset, left), floor", "zeros = min(left, floor"),
            ("element.offset << append", "element.offset"),
            ("more = max(-drop - floor, 0)", "more = max(-drop, 0)"),
            ("inner >> self.shift if self.shift >= 0", "inner >> self.shift if self.shift > 9"),
            ('inner_drop > 0 and element.inner.rounding != "TRN"', "inner_drop > 99"),
        ),
    ),
    Group(
        f"{LANES}/inputs.py",
        (SCALING, STUDENTS),
        (
            (
                "return self.kept != -1 or ends != [self.bottom, self.top]",
                "return ends != [self.bottom, self.top]",
            ),
            ("return self.kept != -1 or ends != [self.bottom, self.top]", "return self.kept != -1"),
            (
                "max(scale.top for scale in scales) > INT8.high",
                "max(scale.top for scale in scales) > UINT8.high",
            ),
            ("self.bit_mask << self.bit_shift == 1 << self.right", "True"),
            ("(1 << self.right) - self.bit_mask", "(1 << self.right) - 1"),
            ("bottom and self.bottom > saturation.low", "False"),
            ("top and self.top < saturation.high", "False"),
        ),
    ),
    Group(
        f"{LANES}/arrays.py",
        (SCALING, DOTS, STUDENTS),
        (
            ("start + layer.base * sum(column)", "start"),
            ("moved = -(base << cast.right)", "moved = -base"),
            ("moved + cast.add + (1 if to_even else 0)", "moved + (1 if to_even else 0)"),
            ("moved + cast.add + (1 if to_even else 0)", "moved + cast.add"),
            ("low = max(cast.low, 0) if cast.floor == 0 else cast.low", "low = cast.low"),
            ("low=max(low - base, INT32.low)", "low=low"),
            ("high=min(cast.high - base, INT32.high)", "high=cast.high"),
            (" or not reached.within(INT32)", ""),
            ("        reading[FLIP] = BYTE_SIGNS\n        reading", "        reading"),
            ("bottom=low, top=low + 255", "bottom=low, top=low + 127"),
            ("            readings[2][FLIP] = BYTE_SIGNS\n", ""),
            ("scale.lowered(BYTE_BASE) for scale", "scale for scale"),
            ("row[BASE] = 0 if short else base", "row[BASE] = base if short else 0"),
            ("SHIFT_AND_CLIP if plain else TO_EVEN", "SHIFT_AND_CLIP"),
            ("packed_out == 4 and cast.right", "cast.right"),
            (
                "    if packed_out == 4 and cast.right <= MOST_ONCE_PACKED:",
                "    if packed_out == 4:",
            ),
        ),
    ),
    Group(
        f"{LANES}/chain.py",
        (SELECTION,),
        (
            ("base=-128 if packed == 4 and not inputs.within(UINT8) else 0", "base=0"),
            (
                "(inputs.within(UINT8) or inputs.within(INT8)) and weights.within(INT8)",
                "inputs.within(UINT8) or inputs.within(INT8)",
            ),
            (
                '"dot16": inputs.within(INT16) and weights.within(INT16)',
                '"dot16": inputs.within(INT16)',
            ),
            ("raw << at - fraction for raw", "raw for raw"),
            ("start >> dense.accumulator.fraction - at", "start"),
            (
                "Step(at, kept_format(dense.accumulator, at)), Step(at, dense.format)]",
                "Step(at, dense.format), Step(at, dense.format)]",
            ),
            ("relu=isinstance(node, Relu)", "relu=False"),
        ),
    ),
    # Kernels in lanes.
    Group(
        f"{LANES}/cast_code.py",
        (DOTS,),
        (
            ("MOST_ONCE_PACKED = 7", "MOST_ONCE_PACKED = 8"),
            ("builder.select(full, lowest, column(LOW))", "column(LOW)"),
            ("builder.select(full, highest, column(HIGH))", "column(HIGH)"),
            ("    value = emitter.larger(value, columns[FLOOR])\n", ""),
            (
                "    bit = builder.and_(builder.ashr(value, columns[BIT_SHIFT]), columns[BIT_MASK])\n    value",
                "    bit = builder.and_(builder.lshr(value, columns[BIT_SHIFT]), columns[BIT_MASK])\n    value",
            ),
            (
                "    value = builder.add(builder.add(value, columns[ADD]), bit)\n    value",
                "    value = builder.add(value, bit)\n    value",
            ),
            (
                "builder.ashr(builder.shl(value, columns[LEFT]), columns[RIGHT])",
                "builder.ashr(value, columns[RIGHT])",
            ),
            ("    value = builder.and_(value, columns[MASK])\n", ""),
            (
                "clipped = emitter.smaller(emitter.larger(value, columns[LOW]), columns[HIGH])",
                "clipped = emitter.smaller(value, columns[HIGH])",
            ),
            (
                "clipped = emitter.smaller(emitter.larger(value, columns[LOW]), columns[HIGH])",
                "clipped = emitter.larger(value, columns[LOW])",
            ),
            ("return builder.and_(clipped, builder.or_(same, columns[KEEP]))", "return clipped"),
            ("[emitter.builder.sub(result, base) for", "[result for"),
        ),
        compiled=True,
    ),
    Group(
        f"{LANES}/packing.py",
        (DOTS,),
        (
            ("emitter.smaller(emitter.larger(result, low), high)", "emitter.larger(result, low)"),
            ("emitter.smaller(emitter.larger(result, low), high)", "emitter.smaller(result, high)"),
            ("builder.and_(first, constant(0xFFFF, kind))", "first"),
            ("builder.shl(second, constant(16, kind))", "builder.shl(second, constant(15, kind))"),
            (
                "emitter.smaller_unsigned(emitter.larger_unsigned(octets, low), high)",
                "emitter.larger_unsigned(octets, low)",
            ),
            (
                "emitter.smaller_unsigned(emitter.larger_unsigned(octets, low), high)",
                "emitter.smaller_unsigned(octets, high)",
            ),
            (
                'builder.select(builder.icmp_signed("<", ending.low, least), least, ending.low)',
                "ending.low",
            ),
            (
                'builder.select(builder.icmp_signed(">", ending.high, most), most, ending.high)',
                "ending.high",
            ),
            ("first + row + packed * column", "first + column + packed * row"),
            ("odd = [place + _BLOCK for place in even]", "odd = [place + 3 for place in even]"),
        ),
        compiled=True,
    ),
    Group(
        f"{LANES}/dots.py",
        (DOTS,),
        (
            (
                "builder.sext(builder.bitcast(word, narrow), wide)",
                "builder.zext(builder.bitcast(word, narrow), wide)",
            ),
        ),
        compiled=True,
    ),
    Group(
        f"{LANES}/shifts.py",
        (DOTS, SCALING),
        (
            (
                'builder.icmp_signed("!=", builder.and_(value, below)',
                'builder.icmp_signed("!=", value',
            ),
            ("builder.sub(value, one), value), right)", "value, value), right)"),
            ("return builder.ashr(builder.select", "return builder.lshr(builder.select"),
            ("[builder.ashr(each, right) for", "[builder.lshr(each, right) for"),
            (
                "builder.shl(self._one, builder.add(self._right, self._one))",
                "builder.shl(self._one, self._right)",
            ),
        ),
        compiled=True,
    ),
    Group(
        f"{LANES}/flipping.py",
        (DOTS,),
        (("builder.xor(word, flips)", "word"),),
        compiled=True,
    ),
    Group(
        f"{LANES}/read_ahead.py",
        (AHEAD,),
        (
            ("line = builder.and_(first, number(-LINE_BYTES))", "line = first"),
            ("emitter.at(last, LINE_BYTES - 1), line)", "last, line)"),
            ('builder.icmp_signed("<", wanted, room)', 'builder.icmp_signed(">", wanted, room)'),
            ("emitter.at(size, 8 * TOGETHER - 1)", "size"),
            (
                "emitter.load(each, INT64, 8), number(2))",
                "emitter.load(each, INT64, 8), number(1))",
            ),
            ("emitter.at(stop, moved, 8)", "emitter.at(stop, moved)"),
            ("moved = builder.mul(later, number(8))", "moved = number(0)"),
            ("return builder.add(place, size)", "return builder.add(place, wanted)"),
        ),
        compiled=True,
    ),
    Group(
        f"{LANES}/rows.py",
        (STUDENTS,),
        (
            ("builder.add(pointer, number(4)) for", "builder.add(pointer, number(2)) for"),
            ("builder.add(two, row_bytes)]", "two]"),
            ("shift = builder.mul(place, number(VECTOR_BYTES))", "shift = number(0)"),
        ),
        compiled=True,
    ),
    Group(
        f"{LANES}/scaling.py",
        (SCALING, DOTS, STUDENTS),
        (
            (
                "emitter.smaller(emitter.larger(value, columns[LOW]), columns[HIGH])",
                "emitter.smaller(value, columns[HIGH])",
            ),
            (
                "emitter.smaller(emitter.larger(value, columns[LOW]), columns[HIGH])",
                "emitter.larger(value, columns[LOW])",
            ),
            (
                "emitter.builder.sub(emitter.builder.shl(value, columns[LEFT])",
                "emitter.builder.sub(value",
            ),
            ("return emitter.builder.sub(", "return emitter.builder.add("),
            (
                "emitter.difference_saturated(value, columns[OFFSET])",
                "emitter.builder.sub(value, columns[OFFSET])",
            ),
            (
                "emitter.larger(_saturated_move(emitter, columns, value), columns[LOW])",
                "_saturated_move(emitter, columns, value)",
            ),
            ("    return emitter.builder.shl(value, columns[LEFT])", "    return value"),
            ("columns[BIT_MASK], columns[ADD], columns", "columns[ADD], columns[ADD], columns"),
            (
                "builder.or_(code.has_clips, self._is_moved[Moves.CLIPPED])",
                "self._is_moved[Moves.CLIPPED]",
            ),
            ("builder.or_(code.has_clips, self._is_moved[Moves.CLIPPED])", "code.has_clips"),
            (
                "self._is_plain = builder.and_(code.to_bytes, ",
                "self._is_plain = builder.or_(code.to_bytes, ",
            ),
            ("builder.add(chunk, number(each))", "chunk"),
            ("done = builder.shl(code.n_pairs, number(1))", "done = code.n_pairs"),
            ("builder.ashr(value, columns[BIT_SHIFT])", "builder.lshr(value, columns[BIT_SHIFT])"),
            ("builder.add(builder.add(value, bit)", "builder.add(builder.add(value, value)"),
            ("builder.add(builder.add(value, bit), columns[ADD])", "builder.add(value, bit)"),
            ("    return builder.ashr(value", "    return builder.lshr(value"),
            ("    value = emitter.builder.and_(value, columns[KEPT])\n", ""),
            (
                "emitter.smaller(emitter.larger(value, columns[BOTTOM]), columns[TOP])",
                "emitter.smaller(value, columns[TOP])",
            ),
            (
                "emitter.smaller(emitter.larger(value, columns[BOTTOM]), columns[TOP])",
                "emitter.larger(value, columns[BOTTOM])",
            ),
            ("constant(-128, _HALVES)", "constant(-127, _HALVES)"),
            ("constant(127, _HALVES)", "constant(126, _HALVES)"),
            (
                "emitter.signed_bytes_saturated(first, second)",
                "emitter.bytes_saturated(first, second)",
            ),
            ("builder.xor(each, flips)", "each"),
        ),
        compiled=True,
    ),
    Group(
        f"{LANES}/byte_order.py",
        (BYTE_ORDER,),
        (
            ("range(0, 2 * n_pairs * CHUNK, 2 * CHUNK)", "range(0, 2 * n_pairs * CHUNK, CHUNK)"),
            ("for start in (block, block + CHUNK)", "for start in (block + CHUNK, block)"),
            ("while order[-1] >= n_features:", "while order[-1] > n_features:"),
        ),
    ),
    Group(
        f"{LANES}/scale_table.py",
        (SCALE_TABLE,),
        (
            ("any(scale.needs_clip(saturation) for scale in scales)", "False"),
            ("clips or any(scale.was_clipped(saturation) for scale in scales)", "clips"),
            ("scale.bit_mask == 0 or scale.rounds_to_even for", "True for"),
            ("if to_bytes and all(saturated)", "if to_bytes and any(saturated)"),
            ("any(row[LEFT] for row in rows)", "False"),
            ("scale.offset - scale.add - scale.bit_mask", "scale.offset - scale.add"),
            ("scale.offset - scale.add - scale.bit_mask", "scale.offset - scale.bit_mask"),
            ("min(scale.left, scale.right)", "0"),
            (
                "can_be_half = below and not -offset & below & (1 << left) - 1",
                "can_be_half = below",
            ),
            ("-(-offset >> left), 0", "offset >> left, 0"),
            ("(below | 1 << scale.right) >> left if", "below >> left if"),
            ("(below | 1 << scale.right) >> left if", "(below | 1 << scale.right) if"),
            ("max(scale.bit_mask >> left, 1)", "1"),
            ("max(scale.bit_mask >> left, 1)", "scale.bit_mask >> left"),
            ("INT16.low <= columns[OFFSET] <= INT16.high", "True"),
            ("        columns[LOW] = INT16.low\n", "        pass\n"),
            ("    offset += offset & row[BIT_MASK]\n", ""),
            ("-(-(top + offset) >> left)", "top + offset >> left"),
            ("top = -(-INT8.high & columns[KEPT])", "top = INT8.high"),
            ("lowest = INT8.low + offset >> left", "lowest = (INT8.low + offset >> left) + 1"),
            ("offset - (highest + 1 << left)", "offset - (highest << left)"),
        ),
    ),
    Group(
        f"{LANES}/gathering.py",
        (GATHERING, JAGGED),
        (
            ('icmp_signed("<", self._places, present)', 'icmp_signed("<=", self._places, present)'),
            ("count = builder.select(is_below, count, self._limit)", "pass"),
            ("constant(_CROWDED - 1, kind)", "constant(_CROWDED - 2, kind)"),
            ('"<", places, limit)', '"<=", places, limit)'),
            ("_CROWDED = 2**15", "_CROWDED = 2**16 + 2"),
            ("builder.ashr(value, field.down)", "builder.lshr(value, field.down)"),
            (
                "builder.shl(builder.ashr(value, field.down), field.up)",
                "builder.ashr(value, field.down)",
            ),
            ("kept = builder.select(known, value, ir.Constant(self._kind, None))", "kept = value"),
            ("builder.mul(start, number(2))", "builder.mul(start, number(1))"),
            ("builder.or_(kind, builder.zext(crowded, INT64))", "kind"),
        ),
        compiled=True,
    ),
    Group(
        f"{ENGINE}/jagged.py",
        (JAGGED, GATHERING),
        (
            ("len(contents) - OBJECTS, side", "len(contents), side"),
            ("nothing if place < 0 else node.weights[place]", "node.weights[place]"),
            ("0 if place < 0 else node.shift[place]", "node.shift[place]"),
            (" - last.slots + _in_vector(last.slots)", ""),
            ("if slots > OBJECTS or", "if slots > OBJECTS + 1 or"),
            ("or offsets[-1] > len(contents)", "or False"),
            ("offsets[self.n_safe :], start, out", "offsets[self.n_safe :], 0, out"),
            ("plain = not shifted and", "plain ="),
            ("safe - TILE, 0", "safe, 0"),
        ),
    ),
    # General kernels.
    Group(
        f"{ENGINE}/kernels.py",
        (small("Relu"), EVERY_CAST, EVERY_STEP),
        (
            ("    v = max(v, floor)\n", ""),
            ("return v + add + ((v >> bit_shift) & bit_mask)", "return v + add"),
            (
                "return v + add + ((v >> bit_shift) & bit_mask)",
                "return v + ((v >> bit_shift) & bit_mask)",
            ),
            (
                "    v = ((v << left) >> right) & mask\n    clipped",
                "    v = (v << left) >> right\n    clipped",
            ),
            (
                "    v = ((v << left) >> right) & mask\n    clipped",
                "    v = (v >> right) & mask\n    clipped",
            ),
            ("clipped = min(max(v, low), high)", "clipped = min(v, high)"),
            ("clipped = min(max(v, low), high)", "clipped = max(v, low)"),
            ("clipped if clipped == v else clipped & keep", "clipped"),
        ),
        compiled=True,
    ),
    Group(
        f"{ENGINE}/kernels.py",
        (small("Dense"), EVERY_STEP, wide("Dense"), NETWORKS),
        (
            ("            total[t + e] = start\n", "            total[t + e] = 0\n"),
            ("w7 * tile[s + seven", "w6 * tile[s + seven"),
            (
                "np.uint64(rows) * ROW, step[CAST_STEP:CAST_RESULT])",
                "np.uint64(rows) * ROW, step[CAST_RESULT:N_COLUMNS])",
            ),
            ("                term = overflowed(term, left, right, mask, low, high, keep)\n", ""),
            (
                "over_left, over_right, over_mask = last[LEFT], last[RIGHT], last[MASK]",
                "over_left, over_right, over_mask = left, right, mask",
            ),
            ("            scratch[t + e] = start\n", "            scratch[t + e] = 0\n"),
            ("scratch[t + e] + term, over_left", "scratch[t + e] - term, over_left"),
        ),
        compiled=True,
    ),
    Group(
        f"{ENGINE}/kernels.py",
        (small("OffsetShift"), wide("OffsetShift")),
        (
            ("<< align) - offset", "<< align) + offset"),
            ("(np.int64(tile[s + e]) << align) - offset", "np.int64(tile[s + e]) - offset"),
            ("up, down = max(-shift, 0), max(shift, 0)", "up, down = 0, max(shift, 0)"),
            ("up, down = max(-shift, 0), max(shift, 0)", "up, down = max(-shift, 0), 0"),
            ("scratch[t + e] = ((v << wrap_left) >> wrap_right) & wrap_mask", "scratch[t + e] = v"),
            (
                "scratch[t + e] = ((v << wrap_left) >> wrap_right) & wrap_mask",
                "scratch[t + e] = (v << wrap_left) >> wrap_right",
            ),
        ),
        compiled=True,
    ),
    Group(
        f"{ENGINE}/kernels.py",
        tuple(
            small(each)
            for each in (
                "Subtract",
                "Add",
                "MaxPool",
                "AveragePool",
                "Tanh",
                "UnaryLut",
                "BatchNormalization",
                "Constant",
            )
        ),
        (
            ("v + sign * (", "v + ("),
            ("np.int64(tile[y + e]) << align_second", "np.int64(tile[y + e])"),
            (
                "scratch[e] = max(tile[x + e], tile[y + e])",
                "scratch[e] = min(tile[x + e], tile[y + e])",
            ),
            ("v // divisor if v >= 0 else -(-v // divisor)", "v // divisor"),
            (
                "min(max(np.int64(tile[s + e]), low), high) - low",
                "min(np.int64(tile[s + e]), high) - low",
            ),
            (
                "min(max(np.int64(tile[s + e]), low), high) - low",
                "max(np.int64(tile[s + e]), low) - low",
            ),
            ("* constant + bias", "* constant"),
        ),
        compiled=True,
    ),
    # Programs and proofs of the general kernels.
    Group(
        f"{ENGINE}/steps.py",
        (
            STEPS,
            small("BatchNormalization"),
            small("Dense"),
            small("OffsetShift"),
            small("AveragePool"),
            small("Relu"),
            wide("Dense"),
            wide("BatchNormalization"),
            NETWORKS,
        ),
        (
            ("weight << at - fraction for weight", "weight for weight"),
            ("start >> accumulator.fraction - at for start", "start for start"),
            ("offset << align for offset", "offset for offset"),
            ("s << fraction - product for s", "s for s"),
            ("bias << align for bias", "bias for bias"),
            ("step[k.ALIGN_SECOND] = common - fraction", "step[k.ALIGN_SECOND] = 0"),
            ("relu=isinstance(node, Relu)", "relu=False"),
            ('replace(node.inner, overflow="WRAP")', "node.inner"),
            (
                "k.CAST_RESULT, at, node.format, exact.cast(at, kept))",
                "k.CAST_RESULT, at, node.format, exact)",
            ),
        ),
    ),
    Group(
        f"{ENGINE}/assembler.py",
        (STEPS, small("Dense"), wide("Dense"), wide("BatchNormalization"), NETWORKS),
        (("fits=fits or not full.within(INT62)", "fits=fits"),),
    ),
    Group(
        f"{ENGINE}/exact_sums.py",
        (EVERY_STEP, small("Dense"), wide("Dense"), EMULATOR),
        (
            (
                'accumulator.overflow != "WRAP" or accumulator.fraction < fraction',
                "accumulator.fraction < fraction",
            ),
            (
                'accumulator.overflow != "WRAP" or accumulator.fraction < fraction',
                'accumulator.overflow != "WRAP"',
            ),
            ("spare = min(spare, trailing_zeros)", "spare = spare"),
            ("unit = 1 << at - term_fraction(node, source)", "unit = 1"),
        ),
    ),
    Group(
        f"{ENGINE}/planner.py",
        (EVERY_STEP, small("Dense"), wide("Dense"), EMULATOR),
        (
            ("Plan(32 if narrow else 64, nodes)", "Plan(32, nodes)"),
            (
                "if not all(proof.computed.within(INT62) for",
                "if not any(proof.computed.within(INT62) for",
            ),
        ),
    ),
    Group(
        f"{ENGINE}/proofs.py",
        (PROOFS, EVERY_STEP, small("Dense"), wide("Dense"), EMULATOR),
        (
            (
                "Interval.hull([hull, last.stored]), last.computed, reason",
                "last.stored, last.computed, reason",
            ),
            ("computed.append(exact + Interval(0, 1 << drop))", "pass"),
        ),
    ),
)

#: Mutants that compute the same, and why; by path and the changed text.
EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        f"{LANES}/packing.py",
        'builder.select(builder.icmp_signed(">", ending.high, most), most, ending.high)',
        "ending.high",
    ): (
        "above a byte stands no bound but of a type of more bits, or none, less a base of 0: its last byte "
        "is 255, too"
    ),
    (f"{ENGINE}/jagged.py", "0 if place < 0 else node.shift[place]", "node.shift[place]"): (
        "the column has no weights"
    ),
    (f"{ENGINE}/jagged.py", "if slots > OBJECTS or", "if slots > OBJECTS + 1 or"): (
        "no layout asks for more objects than the trigger sends, which a vector holds"
    ),
}
