"""Rates in groups and turn-on curves, counted by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import uproot
from damage import some_events, write_l1ntuple

from emulator.errors import InputFileError, MissingNameError, SettingsError
from emulator.objects.quantities import Binning, read_quantity
from emulator.rates import WorkingPoint, load_scenario
from l1distill.dependence import column_of, rates_in_groups, read_binned, turn_ons
from l1distill.evaluation import Bootstrap
from l1distill.score_table import ScoreTable

if TYPE_CHECKING:
    from pathlib import Path

RUN3 = load_scenario("run3")
POINT = WorkingPoint("m", 10.0, 5, 9.0, 1, 1, 1, 8, 10, 9, 9, 9.0, reached=True, for_ranking=True)
PILEUP = Binning("pile-up", "tree/nPV", (0.0, 40.0, 60.0))


def some_table(scores: list[int], runs: list[int], pileup: list[float]) -> ScoreTable:
    identity: dict[str, np.ndarray] = {
        "event": np.arange(len(scores)),
        "run": np.array(runs, dtype=np.uint32),
        column_of(PILEUP): np.array(pileup),
    }
    return ScoreTable(identity, {"m": np.array(scores)})


TABLE = some_table([5, 4, 9, 5, 1, 0], [7, 7, 8, 8, 8, 8], [10, 50, 45, 40, 60, np.nan])


def test_rates_of_runs_and_bins_by_hand() -> None:
    frame = rates_in_groups(
        TABLE, [POINT], [Binning("run"), PILEUP], scenario=RUN3, bootstrap=Bootstrap(20)
    )
    rate = RUN3.crossing_rate_khz
    runs = frame[frame["quantity"] == "run"]
    assert runs["group"].tolist() == [7, 8]
    assert runs["rate_khz"].tolist() == pytest.approx([rate / 2, rate / 2])
    bins = frame[frame["quantity"] == "pile-up"]
    assert bins["low_edge"].tolist() == [0.0, 40.0]
    assert bins["n_total"].tolist() == [1, 3], "60 and NaN lie outside"
    assert bins["n_accepted"].tolist() == [1, 2]
    assert bins["rate_khz"].tolist() == pytest.approx([rate, rate * 2 / 3])
    assert set(frame["threshold"]) == {5}


def test_a_turn_on_by_hand() -> None:
    frame = turn_ons({"A4l": TABLE}, [POINT], [PILEUP], bootstrap=Bootstrap(20))
    assert frame["efficiency"].tolist() == pytest.approx([1.0, 2 / 3])
    assert frame["interval"].tolist() == ["clopper-pearson"] * 2
    assert frame["low"].iloc[0] == pytest.approx(0.15865, abs=1e-4), "one of one"
    assert (frame["signal"].iloc[0], frame["high_edge"].tolist()) == ("A4l", [40.0, 60.0])
    assert turn_ons({}, [POINT], [PILEUP], bootstrap=Bootstrap(20)).empty


def test_quantities_of_root_and_parquet(tmp_path: Path) -> None:
    path = tmp_path / "events.root"
    with uproot.recreate(path) as file:
        file.mktree("gen/tree", {"met": "float32", "pt": "var * float32"})
        file["gen/tree"].extend({"met": np.array([1, 2, 4.5]), "pt": [[3, 9.5], [], [1.0]]})
    assert read_quantity(str(path), "gen/tree/met").tolist() == [1, 2, 4.5]
    leading = read_quantity(str(path), "gen/tree/pt")
    assert leading[[0, 2]].tolist() == [9.5, 1.0]
    assert np.isnan(leading[1])
    table = pd.DataFrame({"met": [1.0, 2.0], "pt": [[1, 2], [7]]})
    table.to_parquet(tmp_path / "x.parquet")
    assert read_quantity(str(tmp_path / "x.parquet"), "pt").tolist() == [2, 7]
    with pytest.raises(MissingNameError, match="no column 'mett'; nearest: met"):
        read_quantity(str(tmp_path / "x.parquet"), "mett")
    with pytest.raises(InputFileError, match="name a quantity as TREE/BRANCH, not 'met'"):
        read_quantity(str(path), "met")
    with pytest.raises(MissingNameError, match="no branch 'ptt'; nearest: pt"):
        read_quantity(str(path), "gen/tree/ptt")
    (tmp_path / "x.txt").write_text("text")
    with pytest.raises(InputFileError, match="from ROOT and Parquet files only"):
        read_quantity(str(tmp_path / "x.txt"), "a")


def test_a_quantity_of_other_entries_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.root"
    events = some_events(np.random.default_rng(1), 3)
    write_l1ntuple(path, events, generator={"x": np.array([1.0, 2.0])})
    branch = "l1GeneratorTree/L1GenTree/x"
    with pytest.raises(InputFileError, match="L1GenTree/x has 2 entries, the objects have 3"):
        read_binned([path], [Binning("x", branch, (0.0, 1.0))])


@pytest.mark.parametrize("text", ["runn", "a=b", "a=t/b:", "a=t/b:1", "a=t/b:2,1", "=t/b:1,2"])
def test_quantities_that_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="a quantity is run, lumi or NAME=TREE/BRANCH"):
        Binning.parse(text)
