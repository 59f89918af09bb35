"""What hls4ml's C-simulation cannot do exactly is refused before anything is built."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.graph import Add, Dense, Input, OffsetShift, Square, Subtract
from firmware.errors import UnsupportedNodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emulator.fixed import FixedFormat
    from emulator.graph import Graph, Node
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
_GENERATED = re.compile(r"(w|b|offset|shift|layer|config)\d+(_out)?|.*_t")


def check_exact(graph: Graph, settings: HlsSettings) -> None:
    """Refuse a graph that hls4ml would not compute exactly.

    Raises
    ------
    UnsupportedNodeError
        Naming the node and the reason.
    """
    _check_names(graph, settings)
    _check_outputs(graph)
    for node in graph.nodes:
        _check_input(node)
        _check_constants(node)
        _check_widths(node, [graph.tensors[name].format for name in node.inputs])
        _check_order(node, settings)


def _refuse(node: str, reason: str) -> None:
    raise UnsupportedNodeError(node, reason)


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
    if isinstance(node, Dense):
        yield "weight", node.weight_format, [raw for row in node.weights for raw in row]
        yield "bias", node.bias_format, node.bias
    if isinstance(node, OffsetShift):
        yield "offset", node.offset_format, node.offset


def _check_constants(node: Node) -> None:
    for what, target, raws in _constants(node):
        _check_exponents(node, target)
        if max(map(abs, raws)) > MAX_CONSTANT:
            _refuse(node.name, f"a {what} needs more than the 53 bits of a double")


def _check_exponents(node: Node, target: FixedFormat) -> None:
    if abs(target.fraction) > MAX_EXPONENT or abs(target.integer) > MAX_EXPONENT:
        _refuse(node.name, f"{target} lies out of the range of doubles")


def _check_widths(node: Node, inputs: Sequence[FixedFormat]) -> None:
    if isinstance(node, Dense):
        width = inputs[0].width + node.weight_format.width
    elif isinstance(node, Square):
        width = 2 * inputs[0].width
    elif isinstance(node, Add | Subtract | OffsetShift):
        pair = inputs if len(inputs) == 2 else [inputs[0], node.offset_format]  # type: ignore[union-attr]
        width = max(part.integer for part in pair) + 2 + max(part.fraction for part in pair)
    else:
        width = 0
    if width > MAX_INTERMEDIATE_WIDTH:
        _refuse(
            node.name, f"it needs {width} bits in between, ap_fixed has {MAX_INTERMEDIATE_WIDTH}"
        )


def _check_order(node: Node, settings: HlsSettings) -> None:
    if isinstance(node, Dense) and settings.reuse_factor > 1:
        accumulator = node.accumulator
        if accumulator.overflow != "WRAP":
            reason = (
                f"its accumulator {accumulator} saturates, and with reuse factor "
                f"{settings.reuse_factor} the products are added in another order"
            )
            _refuse(node.name, reason)
