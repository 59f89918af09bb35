"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a skip of a test on reference data a failure where ``L1_REFERENCE_DATA`` is set."""
    report = yield
    named = os.environ.get("L1_REFERENCE_DATA")
    if named and report.skipped and "reference_data" in getattr(item, "fixturenames", ()):
        report.outcome = "failed"
        report.longrepr = (
            f"L1_REFERENCE_DATA is set ({named}), so no skip is allowed: {call.excinfo}"
        )
    return report
