"""What operations say of firmware is true."""

from __future__ import annotations

from emulator.graph.operations import OPERATIONS
from firmware.rtl.variables import variables_of


def test_operations_that_can_be_rtl_are_traced_and_no_others() -> None:
    traced = {kind for kind in OPERATIONS.values() if kind in variables_of.registry}
    assert traced == {kind for kind in OPERATIONS.values() if kind.rtl}
