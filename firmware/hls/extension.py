"""Our layers in hls4ml's extension API. Import this through `firmware.hls.library.load_extension`.

Each layer is an hls4ml ``Layer`` with explicit types, a template for its configuration struct and one
for its call; their C++ is in ``nnet_utils/nnet_l1.h``, which hls4ml copies into each project.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from hls4ml.backends import get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.model.attributes import Attribute, TypeAttribute, WeightAttribute
from hls4ml.model.layers import Layer, register_layer
from hls4ml.model.types import IntegerPrecisionType

HEADER = Path(__file__).parent / "nnet_utils" / "nnet_l1.h"

# Shifts stay below the widest type, 1024 bits.
_SHIFT_BITS = 12


class L1Constant(Layer):
    """The same numbers for every event. Its input only tells hls4ml where it stands."""

    _expected_attributes = (Attribute("n_in"), WeightAttribute("value"), TypeAttribute("value"))

    def initialize(self) -> None:
        """Declare the result and the numbers."""
        self.add_output_variable(self.attributes["target_shape"])
        self.add_weights_variable(name="value", var_name="value{index}")


class L1OffsetShift(Layer):
    """``(x - offset) >> shift`` per element."""

    _expected_attributes = (
        Attribute("n_in"),
        WeightAttribute("offset"),
        TypeAttribute("offset"),
        WeightAttribute("shift"),
        TypeAttribute("shift"),
        TypeAttribute("inner"),
    )

    def initialize(self) -> None:
        """Declare the result, the inner type and the constants."""
        self.add_output_variable(self.get_input_variable().shape)
        self._set_type_t("inner")
        self.add_weights_variable(name="offset", var_name="offset{index}")
        shift_type = IntegerPrecisionType(_SHIFT_BITS, signed=True)
        self.add_weights_variable(name="shift", var_name="shift{index}", precision=shift_type)


class L1Quantize(Layer):
    """A cast. hls4ml's own linear activation is removed by its optimizer where the type stays."""

    _expected_attributes = (Attribute("n_in"),)

    def initialize(self) -> None:
        """Declare the result."""
        self.add_output_variable(self.get_input_variable().shape)


class L1Reshape(Layer):
    """A copy under another shape.

    hls4ml's own reshape shares the memory of its input, so that neither can be an output beside the
    other, and is removed where it comes last. A copy is no hardware either.
    """

    _expected_attributes = (Attribute("n_in"),)

    def initialize(self) -> None:
        """Declare the result."""
        self.add_output_variable(self.attributes["target_shape"])


class L1Square(Layer):
    """Element-wise square."""

    _expected_attributes = (Attribute("n_in"),)

    def initialize(self) -> None:
        """Declare the result."""
        self.add_output_variable(self.get_input_variable().shape)


class L1Sum(Layer):
    """Sum of all elements."""

    _expected_attributes = (Attribute("n_in"), TypeAttribute("accum"))

    def initialize(self) -> None:
        """Declare the result; hls4ml sets the accumulator itself."""
        self.add_output_variable([1])


_FUNCTIONS: dict[type[Any], str] = {
    L1Constant: "l1_constant",
    L1OffsetShift: "l1_offset_shift",
    L1Quantize: "l1_quantize",
    L1Reshape: "l1_quantize",
    L1Square: "l1_square",
    L1Sum: "l1_sum",
}


class _Config(LayerConfigTemplate):
    """Configuration struct: the size, and the types that the layer names."""

    def __init__(self) -> None:
        super().__init__(tuple(_FUNCTIONS))
        self.name = "l1_config_template"

    def format(self, node: Any) -> str:
        lines = [
            f"struct config{node.index} : nnet::l1_config {{",
            f"    static const unsigned n_in = {node.get_attr('n_in')};",
        ]
        lines += [
            f"    typedef {node.get_attr(kind).name} {kind};"
            for kind in ("offset_t", "shift_t", "inner_t", "accum_t", "value_t")
            if node.get_attr(kind) is not None
        ]
        inner = node.get_attr("inner_t")
        if inner is not None:
            part = inner.precision
            sign = "" if part.signed else "u"
            lines.append(f"    typedef ap_{sign}fixed<{part.width}, {part.integer}> shifted_t;")
        return "\n".join([*lines, "};\n"])


class _Call(FunctionCallTemplate):
    """Call of the layer's function."""

    def __init__(self) -> None:
        super().__init__(tuple(_FUNCTIONS), include_header=[f"nnet_utils/{HEADER.name}"])
        self.name = "l1_function_template"

    def format(self, node: Any) -> str:
        values = self._default_function_params(node)
        function = next(
            name for kind, name in _FUNCTIONS.items() if kind.__name__ == node.class_name
        )
        arguments = [values["input"], values["output"]]
        arguments += [weight.name for weight in node.get_weights()]
        types = f"{values['input_t']}, {values['output_t']}, {values['config']}"
        return f"nnet::{function}<{types}>({', '.join(arguments)});"


@cache
def register() -> None:
    """Register the layers, once in a process, for both back ends."""
    for layer in _FUNCTIONS:
        register_layer(layer.__name__, layer)
    for name in ("Vivado", "Vitis"):
        backend = get_backend(name)
        backend.register_template(_Config)
        backend.register_template(_Call)
        backend.register_source(HEADER)


register()
