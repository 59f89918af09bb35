"""What hls4ml's C-simulation cannot do exactly is refused before anything is built."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from emulator.graph import (
    Add,
    AveragePool,
    BatchNormalization,
    Constant,
    Conv2d,
    Dense,
    Input,
    Multiply,
    OffsetShift,
    QuantizeEach,
    Sigmoid,
    Square,
    Subtract,
    Tanh,
    UnaryLut,
)
from emulator.graph.overflows import possible_overflows
from emulator.graph.tables import sigmoid_table, tanh_table
from firmware.errors import UnsupportedNodeError
from firmware.hls.settings import DISTRIBUTED_ARITHMETIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emulator.fixed import FixedFormat
    from emulator.graph import Graph, Node, Tensor
    from firmware.hls.settings import HlsSettings

# The bridge passes doubles, whose integers are exact to 53 bits.
MAX_INPUT_WIDTH = 52
MAX_CONSTANT = 1 << 53
# Beyond these powers of two a double is no longer normal.
MAX_EXPONENT = 900
# ``AP_INT_MAX_W`` of the ap_types headers that hls4ml ships.
MAX_INTERMEDIATE_WIDTH = 1024

# hls4ml keeps its own attributes under these names beside the results of the layers.
_ATTRIBUTES = """
input name class_name inputs outputs index trace precision reuse_factor strategy op n_in
n_out input_shape data_format use_bias weight_data bias_data offset_data shift_data
config_cpp function_cpp include_header accum_t result_t weight weight_t bias bias_t offset
offset_t shift shift_t inner_t index_t table_t table_size activation target_cycles
axis count_pad fusible mask_kbi n_chan n_filt overrides pool_op scale scale_data scale_t
table table_data target_shape value value_data value_t
"""
# The input's name becomes a variable of the top function.
_CPP_WORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl
const constexpr const_cast continue decltype default delete do double dynamic_cast else
enum explicit export extern false float for friend goto if inline int long mutable
namespace new noexcept not not_eq nullptr operator or or_eq private protected public
register reinterpret_cast return short signed sizeof static static_assert static_cast
struct switch template this thread_local throw true try typedef typeid typename union
unsigned using virtual void volatile wchar_t while xor xor_eq nnet hls std loaded_weights
"""
_GENERATED = re.compile(r"(w|b|s|offset|shift|table|value|layer|config)\d+(_out)?|.*_t")


def check_exact(graph: Graph, settings: HlsSettings) -> None:
    """Refuse a graph that hls4ml would not compute exactly.

    Raises
    ------
    UnsupportedNodeError
        Naming the node and the reason.
    """
    _check_names(graph, settings)
    _check_outputs(graph)
    if settings.strategy == DISTRIBUTED_ARITHMETIC:
        _check_distributed(graph)
    for node in graph.nodes:
        _check_input(node)
        _check_constants(node)
        _check_widths(node, [graph.tensors[name].format for name in node.inputs])
        _check_order(node, settings)
        _check_own_rules(node, [graph.tensors[name] for name in node.inputs])


def _refuse(node: str, reason: str) -> None:
    raise UnsupportedNodeError(node, reason)


@cache
def _names_of_hls4ml() -> frozenset[str]:
    """Return what hls4ml's C++ headers and the language name already."""
    folder = resources.files("hls4ml").joinpath("templates", "vivado", "nnet_utils")
    headers = (path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file())
    code = (re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL) for text in headers)
    named = re.compile(
        r"^\S[^\n;={}]*?(\w+)\s*\(|\b(?:struct|class|enum|using)\s+(\w+)", re.MULTILINE
    )
    words = {word for text in code for pair in named.findall(text) for word in pair}
    return frozenset(words | set(_CPP_WORDS.split()))


def _check_names(graph: Graph, settings: HlsSettings) -> None:
    seen: dict[str, str] = {}
    for node in graph.nodes:
        if node.name in _ATTRIBUTES.split():
            _refuse(node.name, "hls4ml uses this name itself; rename the node")
        earlier = seen.setdefault(node.name.lower(), node.name)
        if earlier != node.name:
            _refuse(node.name, f"hls4ml cannot tell its name from {earlier!r}; rename one")
    name = graph.input.name
    if name in _CPP_WORDS.split() or name == settings.project_name or _GENERATED.fullmatch(name):
        _refuse(name, "the input's name has a meaning in the generated C++; rename it")


def _check_outputs(graph: Graph) -> None:
    for name in graph.outputs:
        if name == graph.input.name:
            _refuse(name, "the input itself cannot be an output; put a Quantize in between")


def _check_input(node: Node) -> None:
    if isinstance(node, Input) and node.format.width > MAX_INPUT_WIDTH:
        reason = (
            f"inputs pass through doubles, exact to {MAX_INPUT_WIDTH} bits, and {node.format} has "
            f"{node.format.width}"
        )
        _refuse(node.name, reason)
    if isinstance(node, Input):
        _check_exponents(node, node.format)


def _constants(node: Node) -> Iterable[tuple[str, FixedFormat, Sequence[int]]]:
    if isinstance(node, Dense | Conv2d):
        yield "weight", node.weight_format, [raw for row in node.weights for raw in row]
        yield "bias", node.bias_format, node.bias
    if isinstance(node, OffsetShift):
        yield "offset", node.offset_format, node.offset
    if isinstance(node, BatchNormalization):
        yield "scale", node.scale_format, node.scale
        yield "bias", node.bias_format, node.bias
    if isinstance(node, UnaryLut):
        yield "table entry", node.table_format, node.table
    if isinstance(node, Constant):
        yield "number", node.format, node.raws


def _check_constants(node: Node) -> None:
    for what, target, raws in _constants(node):
        _check_exponents(node, target)
        if max(map(abs, raws)) > MAX_CONSTANT:
            _refuse(node.name, f"a {what} needs more than the 53 bits of a double")


def _check_exponents(node: Node, target: FixedFormat) -> None:
    if abs(target.fraction) > MAX_EXPONENT or abs(target.integer) > MAX_EXPONENT:
        _refuse(node.name, f"{target} lies out of the range of doubles")


def _check_widths(node: Node, inputs: Sequence[FixedFormat]) -> None:
    width = _intermediate_width(node, inputs)
    if width > MAX_INTERMEDIATE_WIDTH:
        _refuse(
            node.name, f"it needs {width} bits in between, ap_fixed has {MAX_INTERMEDIATE_WIDTH}"
        )


def _intermediate_width(node: Node, inputs: Sequence[FixedFormat]) -> int:
    """Return the bits of the widest number that the C++ of a node computes."""
    if isinstance(node, Dense | Conv2d):
        return inputs[0].width + node.weight_format.width
    if isinstance(node, Square | Multiply):
        return inputs[0].width + inputs[-1].width
    if isinstance(node, Sigmoid | Tanh):
        return inputs[0].width + 33
    pair = list(inputs)
    if isinstance(node, OffsetShift):
        pair.append(node.offset_format)
    elif isinstance(node, AveragePool):
        pair.append(node.accumulator)
    elif isinstance(node, BatchNormalization):
        scale = node.scale_format
        width, integer = pair[0].width + scale.width, pair[0].integer + scale.integer
        fraction = max(width - integer, node.bias_format.fraction)
        return max(integer, node.bias_format.integer) + 2 + fraction
    elif not isinstance(node, Add | Subtract):
        return 0
    return max(part.integer for part in pair) + 2 + max(part.fraction for part in pair)


def _check_order(node: Node, settings: HlsSettings) -> None:
    if isinstance(node, Dense | Conv2d) and settings.reuse_factor > 1:
        accumulator = node.accumulator
        if accumulator.overflow != "WRAP":
            reason = (
                f"its accumulator {accumulator} saturates, and with reuse factor "
                f"{settings.reuse_factor} the products are added in another order"
            )
            _refuse(node.name, reason)


def _check_distributed(graph: Graph) -> None:
    """Refuse sums that are cut on the way: distributed arithmetic cuts only what comes out."""
    inner = ("accumulator", "product", "bias")
    cut = {item.node for item in possible_overflows(graph) if item.place in inner}
    for node in graph.nodes:
        if not isinstance(node, Dense | Conv2d):
            continue
        accumulator = node.accumulator
        product = graph.tensors[node.inputs[0]].format.fraction + node.weight_format.fraction
        if accumulator.fraction < max(product, node.bias_format.fraction):
            reason = (
                f"its accumulator {accumulator} rounds products, and distributed arithmetic adds them "
                "whole"
            )
            _refuse(node.name, reason)
        if node.name in cut and not _same_modulo(accumulator, node.format):
            reason = (
                f"its accumulator {accumulator} can overflow, and distributed arithmetic has no "
                "accumulator"
            )
            _refuse(node.name, reason)


def _same_modulo(accumulator: FixedFormat, result: FixedFormat) -> bool:
    """Whether a result is the same of a wrapped sum and of the whole one."""
    shifts = result.fraction >= accumulator.fraction or result.rounding in {
        "TRN",
        "RND",
        "RND_CONV",
        "RND_MIN_INF",
    }
    wraps = accumulator.overflow == "WRAP" and result.overflow == "WRAP"
    return wraps and shifts and result.integer <= accumulator.integer


def _check_own_rules(node: Node, inputs: Sequence[Tensor]) -> None:
    if isinstance(node, Sigmoid | Tanh):
        _check_curve(node, inputs[0].format)
    if isinstance(node, BatchNormalization):
        _check_batch_normalization(node)
    if isinstance(node, QuantizeEach):
        _check_quantizer(node)


def _check_curve(node: Sigmoid | Tanh, source: FixedFormat) -> None:
    """Check the table, and that the C++ ``int`` that finds the entry is large enough."""
    make = sigmoid_table if isinstance(node, Sigmoid) else tanh_table
    size, span = len(node.table), 2 * node.reach
    if node.table != make(size, node.table_format):
        _refuse(
            node.name, "its table is not the one that hls4ml fills; take `emulator.graph.tables`"
        )
    if (size << max(source.integer, 0)) // span >= 1 << 30:
        _refuse(node.name, f"hls4ml finds entries with 32 bits, too few for inputs {source}")
    if source.fraction < 0 and size % span:
        _refuse(node.name, f"inputs {source} above one need a table size that {span} divides")


def _check_batch_normalization(node: BatchNormalization) -> None:
    one = 1 << max(node.scale_format.fraction, 0)
    if not any(node.bias) and node.scale_format.fraction >= 0 and set(node.scale) == {one}:
        _refuse(node.name, "hls4ml removes a batch normalization by 1; take a Quantize instead")


def _check_quantizer(node: QuantizeEach) -> None:
    if node.name in _names_of_hls4ml():
        _refuse(
            node.name, "hls4ml names a function by it, and has the name already; rename the node"
        )
    modes = {(own.rounding, own.overflow) for own in node.formats if own}
    if len(modes) > 1:
        _refuse(node.name, "hls4ml has one rounding and one overflow for all elements")
    if not modes:
        _refuse(node.name, "no element has a type; take a Constant of zeros")
