"""The tables of hls4ml's activations, entry for entry as its C++ fills them.

The C++ computes in ``float`` with the C library's ``expf`` and ``tanh``, whose last bit no other
library promises; so that library is asked. See hls4ml 1.3.0, ``nnet_activation.h``.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from emulator.fixed import FixedFormat, quantize
from emulator.graph.operations import Sigmoid, Tanh

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: hls4ml's default size and type.
TABLE_SIZE = 1024
TABLE_FORMAT = FixedFormat(18, 8)


def sigmoid_table(
    size: int = TABLE_SIZE, table_format: FixedFormat = TABLE_FORMAT
) -> tuple[int, ...]:
    """Return hls4ml's table of the sigmoid, raws of ``table_format``, for the node `Sigmoid`.

    Examples
    --------
    >>> sigmoid_table(4, FixedFormat(10, 2))
    (0, 4, 128, 251)
    """
    exp = _library_function("expf")
    one = np.float32(1)
    values = [
        float(np.float32(1.0 / float(one + np.float32(exp(-x)))))
        for x in _places(size, Sigmoid.reach)
    ]
    return _raws(values, table_format)


def tanh_table(size: int = TABLE_SIZE, table_format: FixedFormat = TABLE_FORMAT) -> tuple[int, ...]:
    """Return hls4ml's table of the hyperbolic tangent, raws of ``table_format``, for `Tanh`.

    Examples
    --------
    >>> tanh_table(4, FixedFormat(10, 2))
    (-256, -247, 0, 246)
    """
    tanh = _library_function("tanhf")
    return _raws([tanh(x) for x in _places(size, Tanh.reach)], table_format)


def _places(size: int, reach: int) -> list[float]:
    """Return the inputs at which a table is filled, as C floats."""
    return [float(np.float32(2.0 * reach * (i - size / 2.0) / size)) for i in range(size)]


def _raws(values: Sequence[float], table_format: FixedFormat) -> tuple[int, ...]:
    return tuple(int(raw) for raw in quantize(values, table_format))


@cache
def _library_function(name: str) -> Callable[[float], float]:
    """Return a function of the C library that takes and returns a C float."""
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    found = getattr(library, name)
    found.restype, found.argtypes = ctypes.c_float, [ctypes.c_float]

    def call(x: float) -> float:
        return float(found(x))

    return call
