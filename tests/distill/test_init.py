"""The public names of the package."""

from __future__ import annotations

import subprocess
import sys

import pytest

import distill


def test_import_is_light() -> None:
    code = "import distill, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_exists() -> None:
    for name in distill.__all__:
        assert getattr(distill, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = distill.nothing
