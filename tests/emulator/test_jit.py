"""What numba loads in processes of our own."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numba
from emulator.jit import without_extensions
if {without}:
    without_extensions()
numba.njit(lambda x: x + 1)(2)
print("awkward" in sys.modules)
"""


@pytest.mark.parametrize("without", [True, False])
def test_libraries_that_extend_numba_are_not_loaded(without: bool) -> None:
    command = [sys.executable, "-c", PROGRAM.format(without=without)]
    assert subprocess.check_output(command, text=True).strip() == str(not without)
