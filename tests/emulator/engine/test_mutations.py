"""Every listed mutation of the engine makes a test fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from mutation_list import GROUPS, Group

ROOT = Path(__file__).parents[3]


@pytest.mark.deep
def test_no_mutation_survives() -> None:
    command = [sys.executable, str(ROOT / "tests" / "support" / "mutations.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "**nothing**" not in done.stdout


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.path)
def test_each_mutation_can_be_applied(group: Group) -> None:
    text = (ROOT / group.path).read_text(encoding="utf-8")
    for before, after in group.changes:
        assert text.count(before) == 1, before
        assert after != before
