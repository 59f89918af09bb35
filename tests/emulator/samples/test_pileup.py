"""Profiles of pile-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.errors import InputFileError, L1Error
from emulator.samples.pileup import load_pileup, poisson, recorded

if TYPE_CHECKING:
    from pathlib import Path


def test_a_number_is_a_poisson_mean_and_identifies_as_before() -> None:
    assert load_pileup("50") == poisson(50.0)
    # The hash of samples made before there were profiles held the mean.
    assert load_pileup("50").identity() == 50.0
    assert load_pileup("fixed:50").identity() != 50.0


def test_histogram_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("kind: histogram\nedges: [10, 20, 40, 60]\nshares: [1, 3, 0]\n")
    profile = load_pileup(path)
    assert profile.values == (15.0, 30.0)
    assert profile.shares == (0.25, 0.75)
    assert profile.mean == pytest.approx(26.25)
    again = recorded(profile.mean, profile.record())
    assert (again.values, again.shares, again.kind) == (
        profile.values,
        profile.shares,
        profile.kind,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "mean pile-up must be between 0 and 1000, not 0"),
        ("nan", "must be between 0 and 1000, not nan"),
        ("fixed:2.5", "must be whole, not 2.5"),
        ("fixed:-1", "between 0 and 1000"),
        ("fixed:x", "'fixed:x': give a number behind fixed:"),
        ("no_such", "no packaged settings of this name"),
        ("kind: flat", "kind must be one of poisson, fixed, histogram, not 'flat'"),
        ("kind: histogram\nedges: [1, 2]\nshares: [1, 2]", "2 edges do not belong to 2 shares"),
        ("kind: histogram\nedges: [1, 3, 2]\nshares: [1, 2]", "edges must rise"),
        ("kind: histogram\nedges: [1, 2, 3]\nshares: [0, 0]", "not all 0"),
        ("kind: histogram\nedges: [1, a]\nshares: [1]", "edges must be a list of numbers"),
        ("kind: fixed\nmaen: 3", "no setting 'maen'; nearest: mean"),
    ],
)
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    given: str | Path = text
    if ": " in text:
        given = tmp_path / "pileup.yaml"
        given.write_text(text)
    with pytest.raises((L1Error, InputFileError), match=message):
        load_pileup(given)
