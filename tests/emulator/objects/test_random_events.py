"""Random crossings: within the trigger's ranges, every slot used, the same for the same seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
import pytest

from emulator.features import feature_rows, load_layout
from emulator.objects import (
    REQUIRED_FIELDS,
    check_events,
    load_scales,
    read_events,
    write_words,
)
from emulator.objects.random_events import random_events
from emulator.objects.ugt_events import encode_events

if TYPE_CHECKING:
    from pathlib import Path


def test_ranges_and_slots_are_met() -> None:
    events = random_events(2_000, seed=1)
    check_events(events)
    for name in REQUIRED_FIELDS:
        scale = load_scales().collections[name]
        most = scale.multiplicity
        counts = ak.num(events[name]).to_list() if most > 1 else [1]
        assert max(counts) == most
        assert most == 1 or min(counts) == 0
        momenta = ak.ravel(events[name].pt).to_numpy()
        assert momenta.max() == scale.fields["pt"].maximum
        assert np.median(momenta) < scale.fields["pt"].maximum / 4
    assert set(ak.ravel(events.jet.eta).to_list()) == set(range(-128, 128))


def test_features_of_every_slot_vary() -> None:
    layout = load_layout("axol1tl_57")
    rows = feature_rows(random_events(1_000, seed=2), layout)
    varied = [len(np.unique(column)) > 50 for column in rows.T]
    assert [
        feature.field for feature, ok in zip(layout.features, varied, strict=True) if not ok
    ] == ["zero"]


def test_seeds_decide() -> None:
    first, again, other = (random_events(50, seed).to_list() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_words_of_the_global_trigger_hold_them(tmp_path: Path) -> None:
    events = random_events(300, seed=3)
    write_words(tmp_path / "vector.txt", [encode_events(events)])
    back = read_events(tmp_path / "vector.txt")
    for name in REQUIRED_FIELDS:
        for field in back[name].fields:
            if field in events[name].fields:
                assert back[name][field].to_list() == events[name][field].to_list(), (name, field)


@pytest.mark.parametrize("n", [0, 1])
def test_few_crossings(n: int) -> None:
    assert len(random_events(n, seed=1)) == n
