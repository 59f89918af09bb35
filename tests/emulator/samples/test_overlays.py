"""Entries of classes, and the split of events by muons."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.errors import SettingsError
from emulator.samples.deposit import Deposits
from emulator.samples.detector import load_response
from emulator.samples.muons import BADLY, FREE, WELL
from emulator.samples.overlays import Entries, build_overlays

if TYPE_CHECKING:
    from emulator.samples.pools import Pool
    from emulator.samples.settings import GeneratorSettings

#: A trigger that finds every muon.
PERFECT = load_response().muons._replace(
    efficiency=1.0, turn_on_pt_gev=-1e6, barrel_min_pt_gev=0.0, endcap_min_p_gev=0.0
)


def test_importance_weights_take_the_proposal_back() -> None:
    natural = np.array([0.7, 0.2, 0.1])
    entries = Entries(100, natural, np.array([0.1, 0.3, 0.6]))
    index, weight = entries.draw(np.random.default_rng(1), 100_000, leading=True)
    sums = np.bincount(index - 100, weights=weight, minlength=3) / 100_000
    np.testing.assert_allclose(sums, natural, atol=0.01)
    np.testing.assert_allclose(np.unique(weight), [1 / 6, 2 / 3, 7.0])
    index, weight = entries.draw(np.random.default_rng(1), 100_000, leading=False)
    np.testing.assert_allclose(np.bincount(index - 100) / 100_000, natural, atol=0.01)
    assert set(weight) == {1.0}


def _pool(pools: dict[str, Pool], candidates: list[list[list[float]]]) -> dict[str, Pool]:
    """Replace the muon candidates of the minimum-bias pool."""
    pool = pools["minbias"]
    n = len(candidates)
    counts = [len(each) for each in candidates]
    flat = [row for each in candidates for row in each]
    whole = pool.deposits
    n_towers = whole.tower_offsets[n]
    deposits = Deposits(
        whole.tower_offsets[: n + 1],
        whole.tower_index[:n_towers],
        whole.em_gev[:n_towers],
        whole.had_gev[:n_towers],
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array(flat, np.float32).reshape(-1, 5),
    )
    return {**pools, "minbias": replace(pool, deposits=deposits, event_id=pool.event_id[:n])}


def test_forced_muons_keep_the_softer_ones_of_their_event(
    pools: dict[str, Pool], generator: GeneratorSettings
) -> None:
    three = [
        [6.0, 0.1, 0.0, 1.0, 0.5],
        [2.0, 0.2, 0.0, 1.0, 0.8],
        [9.0, 0.3, 0.0, -1.0, 0.25],
    ]
    fabricated = _pool(pools, [three, [], [[3.0, 0.0, 0.0, 1.0, 0.5], [5.0, 2.45, 0.0, 1.0, 1.0]]])
    overlays = build_overlays(fabricated, generator.strata, PERFECT)
    muon, soft = overlays.classes["minbias_mu"], overlays.classes["minbias"]
    offsets = overlays.candidate_offsets
    lists = [
        overlays.candidates[offsets[e] : offsets[e + 1]] for e in range(muon.first, muon.first + 8)
    ]
    # The hardest first: it is certain, and the others float with their own probability.
    np.testing.assert_allclose(lists[0][:, [0, 4]], np.array([[9, 1], [6, 0.5], [2, 0.8]]))
    np.testing.assert_array_equal(lists[0][:, 5], [WELL, FREE, FREE])
    # The second leads only where the hardest is not realised: that one is absent.
    np.testing.assert_allclose(lists[1][:, [0, 4]], np.array([[6, 1], [2, 0.8]]))
    np.testing.assert_allclose(lists[2][:, [0, 4]], np.array([[2, 1]]))
    # Out of the acceptance: as if it were not there.
    np.testing.assert_allclose(lists[3][:, [0, 4]], np.array([[3, 1]]))
    # The same again, measured badly.
    np.testing.assert_array_equal(lists[4][:, :5], lists[0][:, :5])
    np.testing.assert_array_equal(lists[5][:, 5], [BADLY, FREE])
    leading = np.array([0.25, 0.75 * 0.5, 0.75 * 0.5 * 0.8, 0.5])
    share = leading / leading.sum()
    np.testing.assert_allclose(muon.natural, np.concatenate([0.96 * share, 0.04 * share]))
    assert overlays.muon_fraction["minbias"] == pytest.approx(leading.sum() / 3)
    # Without a muon no candidate is left, and events with likely muons are rarer.
    np.testing.assert_allclose(soft.natural, np.array([0.075, 1.0, 0.5]) / 1.575)
    assert offsets[soft.first] == offsets[soft.first + 3]


def test_certain_muon_leaves_nothing_to_softer_ones(
    pools: dict[str, Pool], generator: GeneratorSettings
) -> None:
    two = [[6.0, 0.1, 0.0, 1.0, 0.5], [9.0, 0.3, 0.0, -1.0, 1.0]]
    overlays = build_overlays(_pool(pools, [two, []]), generator.strata, PERFECT)
    assert len(overlays.classes["minbias_mu"].natural) == 2
    np.testing.assert_array_equal(overlays.classes["minbias"].natural, [0.0, 1.0])


def test_importance_rises_with_pt_up_to_the_cap_and_weights_are_bounded(
    pools: dict[str, Pool], generator: GeneratorSettings
) -> None:
    rows = [[[pt, 0.1, 0.0, 1.0, 0.5]] for pt in (5.0, 10.0, 60.0, 120.0)]
    muon = build_overlays(_pool(pools, rows), generator.strata, PERFECT).classes["minbias_mu"]
    rising = muon.proposed - 0.4 * muon.natural
    np.testing.assert_allclose(rising[:4] / rising[0], [1, 8, 12**3, 12**3])
    # Badly measured: 4 % of the natural probability, and as important as a muon of 12 GeV.
    tail = 0.04 / 0.96
    np.testing.assert_allclose(
        rising[4:] / rising[0], [tail * 2.4**3, tail * 2.4**3, tail * 12**3, tail * 12**3]
    )
    assert muon.proposed.sum() == pytest.approx(1.0)
    assert (muon.natural / muon.proposed).max() <= 1 / 0.4


def test_pool_without_any_muon_is_refused(
    pools: dict[str, Pool], generator: GeneratorSettings
) -> None:
    with pytest.raises(SettingsError, match="minbias of 2 eval events has no muon candidate"):
        build_overlays(_pool(pools, [[], []]), generator.strata, PERFECT)
