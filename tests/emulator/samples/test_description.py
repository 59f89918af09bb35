"""Numbers of sample cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import reference
from emulator.errors import InputFileError
from emulator.objects.reader import read_events
from emulator.samples.description import (
    SPECTRUM_GEV,
    SampleDescription,
    clustered,
    describe,
)
from emulator.samples.seeds import STANDARD_SEEDS

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = reference.FOLDER / "samples"
TOTAL_KHZ = 26_000.0


@pytest.fixture(scope="module")
def described() -> SampleDescription:
    return describe(FOLDER, total_khz=TOTAL_KHZ)


def test_seeds_against_loops(described: SampleDescription) -> None:
    """A seed of each kind, crossing by crossing in plain Python on hardware integers."""
    events = read_events([FOLDER / "zerobias_eval.root"])
    rows = events.to_list()
    weight = [row["weight"] for row in rows]

    def rate(passes: object) -> float:
        total = sum(w for w, row in zip(weight, rows, strict=True) if passes(row))  # type: ignore[operator]
        return float(TOTAL_KHZ * total / sum(weight))

    def muons(row: dict[str, list[dict[str, int]]], quality: int) -> list[int]:
        return sorted((m["pt"] for m in row["mu"] if m["qual"] >= quality), reverse=True)

    def central(row: dict[str, list[dict[str, int]]], name: str, eta: float) -> list[int]:
        good = [o["pt"] for o in row[name] if abs(o["eta"] * 0.0435) <= eta]
        return sorted(good, reverse=True)

    seeds = described.rates[0].seeds
    # Muon codes count from 1, in steps of 0.5 GeV.
    assert seeds["SingleMu22"].rate_khz == pytest.approx(rate(lambda r: muons(r, 12)[:1] >= [45]))
    assert seeds["DoubleMu_15_7"].rate_khz == pytest.approx(
        rate(lambda r: len(m := muons(r, 8)) > 1 and m[0] >= 31 and m[1] >= 15)
    )
    assert seeds["QuadJet36er2p5"].rate_khz == pytest.approx(
        rate(lambda r: len(j := central(r, "jet", 2.5)) > 3 and j[3] >= 72)
    )
    assert seeds["SingleEG36er2p5"].rate_khz == pytest.approx(
        rate(lambda r: central(r, "eg", 2.5)[:1] >= [72])
    )
    assert seeds["ETM80"].rate_khz == pytest.approx(rate(lambda r: r["etm"][0]["pt"] >= 160))
    spectrum = described.spectra["HTT"]
    at_200 = spectrum[SPECTRUM_GEV.index(200)]
    assert at_200 == pytest.approx(rate(lambda r: r["htt"][0]["pt"] >= 400))
    assert seeds["HTT200er"].rate_khz == pytest.approx(at_200)


def test_what_every_card_has(described: SampleDescription) -> None:
    assert len(STANDARD_SEEDS) >= 12
    assert all(sum(f) == pytest.approx(1.0) for f in described.multiplicities.values())
    for rates in described.spectra.values():
        assert (np.diff(rates) <= 1e-9).all()
    # The committed files come without pools.
    assert len(described.rates) == 1
    assert described.performance == ()


def test_clustered_error_by_hand() -> None:
    share = np.array([0.1, 0.2, 0.3, 0.4])
    ids = np.array([7, 7, 8, 9], np.uint64)
    found = clustered(share, ids, np.array([True, True, True, False]), 10.0)
    assert found.rate_khz == pytest.approx(6.0)
    assert found.error_khz == pytest.approx(np.hypot(3.0, 3.0))
    assert found.firing == 3


def test_unfinished_samples(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="samples are not finished"):
        describe(tmp_path, total_khz=1.0)
