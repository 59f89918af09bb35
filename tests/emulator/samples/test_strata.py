"""Class probabilities, and the split by muons."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import SettingsError
from emulator.samples.detector import load_response
from emulator.samples.pileup import poisson
from emulator.samples.strata import (
    ClassMeans,
    class_means,
    class_probabilities,
)

if TYPE_CHECKING:
    from emulator.samples.settings import GeneratorSettings

#: A trigger that finds every muon.
PERFECT = load_response().muons._replace(
    efficiency=1.0, turn_on_pt_gev=-1e6, barrel_min_pt_gev=0.0, endcap_min_p_gev=0.0
)
SIGMA = {"minbias": 78.58, "qcd30": 4.0, "tt": 0.4}


@settings(deadline=None)
@given(st.lists(st.floats(1e-12, 60.0), min_size=1, max_size=20))
def test_class_probabilities_sum_to_one(means: list[float]) -> None:
    named = {str(i): mean for i, mean in enumerate(means)}
    probabilities = class_probabilities(ClassMeans(poisson(50.0), (named,)))
    # The sum telescopes: exp(-above) - exp(-above - mean), from the hardest class down to the rest.
    assert math.isclose(math.fsum(probabilities.values()), 1.0, rel_tol=1e-14)
    assert list(probabilities) == [str(i) for i in range(len(means))]


def test_class_probability_is_what_its_definition_says() -> None:
    p = class_probabilities(ClassMeans(poisson(20.9), ({"a": 20.0, "b": 0.7, "c": 0.2},)))
    assert p["c"] == pytest.approx(1 - math.exp(-0.2), rel=1e-14)
    assert p["b"] == pytest.approx(math.exp(-0.2) * (1 - math.exp(-0.7)), rel=1e-14)
    assert p["a"] == pytest.approx(math.exp(-0.9), rel=1e-14)


def test_means_add_up_to_the_pileup(generator: GeneratorSettings) -> None:
    fractions = {"minbias": 0.01, "qcd30": 0.1}
    means = class_means(generator, fractions, SIGMA, 50.0)
    assert list(means) == list(generator.strata.ranks)
    inelastic = sum(value for name, value in means.items() if name != "tt")
    assert inelastic == pytest.approx(50.0)
    assert means["qcd30_mu"] == pytest.approx(50 * 4.0 / 78.58 * 0.1)
    assert means["tt"] == pytest.approx(50 * 0.4 / 78.58 * 1.6)
    with pytest.raises(SettingsError, match="pile-up must be between 0 and 1000, not 0"):
        class_means(generator, fractions, SIGMA, 0.0)
