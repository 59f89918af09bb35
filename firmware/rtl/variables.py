"""What each operation is in alkaid's variables: the definitions register here, by operation."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

from firmware.rtl.errors import UnsupportedRtlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.graph import Node, Tensor

    # One alkaid variable for each element of a tensor.
    Variables = list[Any]


@singledispatch
def variables_of(node: Node, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    """Return alkaid's variables for the elements of a node.

    Parameters
    ----------
    node
        Any operation of which alkaid gives exactly what its definition says.
    inputs
        The variables of the elements of each of its inputs.
    tensors
        Shape and type of each of its inputs.

    Raises
    ------
    InexactError, UnsupportedRtlError
        If alkaid would not compute it exactly.
    """
    reason = f"no RTL for {type(node).__name__}"
    raise UnsupportedRtlError(node.name, reason)
