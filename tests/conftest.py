"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A first call may compile a kernel; how long a test takes is no property of the code under test.
settings.register_profile("l1distill", deadline=None)
settings.load_profile("l1distill")


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of the experiments' reference data; the test is skipped where it is absent.

    ``L1_REFERENCE_DATA`` names another place, and makes its absence a failure.
    """
    named = os.environ.get("L1_REFERENCE_DATA")
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(named) if named else beside
    if not folder.is_dir():
        if named:
            pytest.fail(f"L1_REFERENCE_DATA names {folder}, which is no folder")
        pytest.skip("no reference data beside the project (L1_REFERENCE_DATA can name it)")
    return folder
