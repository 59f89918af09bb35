"""Choosing features by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from distill.inputs import select_inputs
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from emulator.features import FeatureLayout


@pytest.mark.parametrize(
    ("selectors", "names"),
    [
        (["etm"], ["etm[0].pt", "etm[0].phi"]),
        (["jet[0].pt", "eg[1:3].eta"], ["eg[1].eta", "eg[2].eta", "jet[0].pt"]),
        (["mu[:1]", "mu[3:]"], [f"mu[{i}].{f}" for i in (0, 3) for f in ("pt", "eta", "phi")]),
        (
            ["mu.pt", "mu[0]"],
            ["mu[0].pt", "mu[0].eta", "mu[0].phi", *(f"mu[{i}].pt" for i in (1, 2, 3))],
        ),
    ],
)
def test_selectors(layout: FeatureLayout, selectors: list[str], names: list[str]) -> None:
    chosen = select_inputs(layout, selectors)
    assert [str(layout.features[place]) for place in chosen] == names


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("tau", "'tau' names no feature of layout 'axol1tl_57', which has etm, eg, mu, jet"),
        ("jet[10].pt", r"'jet\[10\].pt' names no feature"),
        ("etm.zero", "names no feature"),
        ("jet[", r"'jet\[' cannot be read; write it like 'jet'"),
        ("", "cannot be read"),
    ],
)
def test_refuses_what_names_nothing(layout: FeatureLayout, selector: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        select_inputs(layout, [selector])
