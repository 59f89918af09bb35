"""What numba loads in processes of our own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from emulator._cache import sources_sha256

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


def test_kernels_are_cached_by_the_sources() -> None:
    program = "import sys, emulator; print('numba' in sys.modules); import emulator.jit, numba; "
    program += "print(numba.config.CACHE_DIR)"
    environment = {**os.environ}
    environment.pop("NUMBA_CACHE_DIR", None)
    for given in ({}, {"NUMBA_CACHE_DIR": "elsewhere"}):
        said = subprocess.check_output(
            [sys.executable, "-c", program], text=True, env={**environment, **given}
        )
        early, folder = said.split()
        assert early == "False", "who only reads types need not wait for numba"
        assert folder.endswith(given.get("NUMBA_CACHE_DIR", f"/numba/{sources_sha256()[:16]}"))
