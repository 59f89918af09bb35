"""Refusals of cards of K factors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.errors import L1Error
from emulator.samples.settings import load_generator

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("k_factors: {W: {value: -1.0, source: a}}", "K factor of W must be positive, not -1"),
        ("k_factors: {W: {value: 1.2}}", "the setting 'source' is missing"),
        (
            "k_factors: {W: {value: 2.0, source: a, band: [1.1, 1.3]}}",
            "outside its band 1.1 to 1.3",
        ),
        ("k_factors: {WW: {value: 1.2, source: a}}", "no process 'WW'; nearest: W"),
    ],
)
def test_bad_k_factors(tmp_path: Path, card: str, message: str) -> None:
    factors, processes = tmp_path / "k.yaml", tmp_path / "p.yaml"
    factors.write_text(f"name: k\nsources: {{a: somewhere}}\n{card}\n")
    processes.write_text(f"extends: processes\nk_factors: {factors}\n")
    with pytest.raises(L1Error, match=message):
        load_generator(processes)
