"""``l1distill samples``, as far as nothing is generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.l1distill.cli.conftest import Refused


def test_an_unknown_tier_is_refused(refused: Refused, tmp_path: Path) -> None:
    sentence = refused("samples", "generate", "--tier", "huge", "-o", "samples")
    assert "no tier 'huge'; nearest: " in sentence
    assert "quick" in sentence
    assert not (tmp_path / "samples").exists()


def test_impossible_numbers_are_refused(refused: Refused) -> None:
    words = ("samples", "generate", "-o", "samples")
    assert "'--seed': Input should be greater than or equal to 0" in refused(*words, "--seed", "-1")
    assert "mean pile-up must be between 0 and 1000, not -1" in refused(*words, "--pileup", "-1")
