"""Menus, groups and shared pools in scans: the same as counting everything at once by hand."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
import pytest
from small_samples import draw_events, make_small_model, write_events

from emulator.engine.reference import evaluate_rows
from emulator.features import feature_rows
from emulator.objects import read_events
from emulator.rates import (
    CountsError,
    Crossings,
    GroupedCounts,
    MenuCounts,
    ScoreCounts,
    Tail,
    bin_of,
    efficiency_at,
    working_point,
)
from emulator.rates.groups import labelled
from emulator.results import plain_rows
from emulator.scan import MEASURING, SETTING, ScanResult, counted, run_scan
from emulator.scan.counted import n_excess, n_shared
from emulator.scan.results import menu_efficiency
from emulator.scan.store import PieceFiles, StoredPiece, save_piece
from emulator.scan.work import PieceResult
from tests.emulator.scan.conftest import EVERYTHING, SEEDS, SMALL

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.scan import ScanPlan
    from tests.emulator.scan.conftest import MakePlan

COLUMN = EVERYTHING["menu"].column


@pytest.fixture(scope="module")
def everything(make_plan: MakePlan) -> ScanPlan:
    return make_plan(counting=EVERYTHING)


@pytest.fixture(scope="module")
def found(everything: ScanPlan, tmp_path_factory: pytest.TempPathFactory) -> ScanResult:
    return run_scan(everything, tmp_path_factory.mktemp("scan") / "run").result


class ByHand:
    """A sample read, scored by the reference, decided and counted at once."""

    def __init__(self, plan: ScanPlan, sample: str) -> None:
        self.events = read_events(list(plan.conditions[0].samples[sample]))
        self.crossings = Crossings.of(
            len(self.events),
            weights=np.asarray(self.events["weight"]),
            pool_ids=np.asarray(self.events["pool_id"]),
            replicas=plan.counting.replicas,
        )
        self.scores = {
            model.name: evaluate_rows(model.graph, feature_rows(self.events, model.layout))[
                model.score
            ][:, 0]
            for model in (make_small_model(), make_small_model("other", bias=-20))
        }
        jets = [max(each, default=0) for each in self.events["jet", "pt"].tolist()]
        sums = [sum(each) for each in self.events["htt", "pt"].tolist()]
        #: Halves of GeV in hardware, and the seeds by hand.
        self.decisions = np.stack(
            [np.array(sums) >= 300, np.array(jets) >= 120, self.scores["other"] >= 1500], axis=1
        )

    def pure(self, name: str) -> ScoreCounts:
        """Count what the menu leaves."""
        return ScoreCounts.from_crossings(
            self.scores[name], self.crossings, kept=COLUMN.none_accepts(self.decisions)
        )

    def jet_gev(self) -> NDArray[np.float64]:
        """Return the pT of the leading jet, NaN without one."""
        return (
            np.array([max(each, default=np.nan) for each in self.events["jet", "pt"].tolist()]) / 2
        )


def test_a_menu_equals_counting_by_hand(everything: ScanPlan, found: ScanResult) -> None:
    (condition,) = found.conditions.values()
    setting, measuring, signal = (ByHand(everything, name) for name in (SETTING, MEASURING, "A4l"))
    assert measuring.decisions.sum(axis=0).min() > 0
    counts = MenuCounts.from_decisions(measuring.decisions, COLUMN, measuring.crossings)
    assert condition.seeds == counts.rates(SMALL)
    assert [each.seed for each in condition.seeds] == [*SEEDS.seeds, "any seed"]
    overlap = counts.overlap(SMALL)
    assert {(each.seed, each.other): each.rate_khz for each in condition.overlaps} == {
        (one, other): overlap.loc[one, other] for one in SEEDS.seeds for other in SEEDS.seeds
    }
    kept = MenuCounts.from_decisions(signal.decisions, COLUMN, signal.crossings)
    assert condition.menu_efficiencies == (menu_efficiency("A4l", kept),)
    pure = {(each.model, each.target_khz): each for each in condition.pure_working_points}
    gains = {(each.model, each.target_khz): each for each in condition.pure_efficiencies}
    for name, target in ((n, t) for n in ("small", "other") for t in everything.targets_khz):
        assert pure[name, target] == working_point(
            setting.pure(name), measuring.pure(name), model=name, target_khz=target, scenario=SMALL
        )
        assert gains[name, target] == efficiency_at(
            signal.pure(name),
            setting.pure(name),
            signal="A4l",
            model=name,
            target_khz=target,
            scenario=SMALL,
        )
    assert condition.notes == ()


def test_a_menu_that_leaves_nothing_is_noted(make_plan: MakePlan, tmp_path: Path) -> None:
    from emulator.menu import parse_expression
    from emulator.rates import PrescaleColumn
    from emulator.scan import ScannedMenu

    rules = replace(
        SEEDS, seeds=("all",), expressions={"all": parse_expression("HTT0")}, thresholds={}
    )
    menu = ScannedMenu(PrescaleColumn.of({"all": 1}), rules)
    plan = make_plan(counting={"menu": menu})
    (condition,) = run_scan(plan, tmp_path / "run").result.conditions.values()
    assert (condition.pure_working_points, condition.pure_efficiencies) == ((), ())
    assert len(condition.notes) == 4
    assert condition.notes[0].startswith("pu60: small on top of the menu: ")
    assert condition.seeds[-1].rate_khz == pytest.approx(SMALL.crossing_rate_khz)


def test_groups_and_turn_ons_equal_counting_by_hand(
    everything: ScanPlan, found: ScanResult
) -> None:
    (condition,) = found.conditions.values()
    points = {(each.model, each.target_khz): each for each in condition.working_points}
    edges = (0.0, 20.0, 40.0, 500.0)
    measuring, signal = (ByHand(everything, name) for name in (MEASURING, "A4l"))
    groups = {"run": np.asarray(measuring.events["run"]), "jet": bin_of(measuring.jet_gev(), edges)}
    for (name, quantity), point in (
        ((n, q), p) for (n, _), p in points.items() if n in measuring.scores for q in groups
    ):
        fires = (measuring.scores[name] >= point.threshold).astype(int)
        counts = GroupedCounts.from_scores(fires, groups[quantity], measuring.crossings)
        bins = () if quantity == "run" else edges
        wanted = plain_rows(labelled(counts.rates(1, SMALL), quantity, bins, point))
        rows = [
            row
            for row in condition.rates_in_groups
            if (row["model"], row["quantity"], row["target_khz"])
            == (name, quantity, point.target_khz)
        ]
        assert rows == wanted
        assert rows
    for name, point in ((n, p) for (n, _), p in points.items() if n in signal.scores):
        fires = (signal.scores[name] >= point.threshold).astype(int)
        counts = GroupedCounts.from_scores(fires, bin_of(signal.jet_gev(), edges), signal.crossings)
        frame = labelled(counts.efficiencies(1), "jet", edges, point)
        rows = [
            row
            for row in condition.turn_ons
            if (row["model"], row["target_khz"]) == (name, point.target_khz)
        ]
        assert rows == [{"signal": "A4l", **row} for row in plain_rows(frame)]
        assert len(rows) >= 2


def test_everything_is_the_same_from_the_cache(
    everything: ScanPlan, found: ScanResult, tmp_path: Path
) -> None:
    cached = replace(
        everything, counting=replace(everything.counting, cache=str(tmp_path / "cache"))
    )
    for name in ("filled", "read"):
        assert run_scan(cached, tmp_path / name).result == found


def test_another_menu_is_another_scan(everything: ScanPlan) -> None:
    seeds = {**everything.counting.menu.rules.expressions} if everything.counting.menu else {}
    assert seeds
    changed = replace(SEEDS, thresholds={"ML": ("other", 1501)})
    for counting in (
        replace(everything.counting, menu=replace(EVERYTHING["menu"], rules=changed)),
        replace(everything.counting, menu=None),
        replace(everything.counting, by=()),
    ):
        assert counting.sha256() != everything.counting.sha256()
        assert replace(everything, counting=counting).sha256() != everything.sha256()


def test_sets_that_share_pool_events_are_refused(make_plan: MakePlan, tmp_path: Path) -> None:
    # Pool events of the setting crossings, in crossings of other numbers.
    own = draw_events(50, 5)
    shared = ak.with_field(own, draw_events(700, 0)["pool_id"][:50], "pool_id")
    write_events(tmp_path / "shared.root", shared)
    plan = make_plan()
    (condition,) = plan.conditions
    samples = {
        **condition.samples,
        MEASURING: (*condition.samples[MEASURING], str(tmp_path / "shared.root")),
    }
    plan = replace(plan, conditions=(replace(condition, samples=samples),))
    with pytest.raises(
        CountsError,
        match=r"^pu60: crossings that set thresholds and that measure rates share 25 pool",
    ):
        run_scan(plan, tmp_path / "run")


def test_sorted_numbers_are_compared_range_by_range(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    numbers = rng.integers(0, 1 << 63, 3_000).astype(np.uint64) * np.uint64(2)
    first, second = np.sort(numbers[:2_000]), np.sort(numbers[1_500:])
    twice = np.sort(np.concatenate([second, second[:7]]))
    for most in (1 << 23, 100, 7):
        monkeypatch.setattr(counted, "_NUMBERS", most)
        assert n_shared([first[::2], first[1::2]], [second]) == 500
        assert n_excess([first, second]) == 500
        assert n_excess([twice]) == 7
        assert n_excess([]) == 0


def test_merging_needs_memory_for_one_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_entries = 20_000
    monkeypatch.setattr(counted, "_ENTRIES", n_entries)
    none = np.zeros(0, dtype=np.uint64)

    def stored(number: int) -> StoredPiece:
        crossings = Crossings.of(n_entries, stream="s", first_event=number * n_entries, replicas=20)
        tail = Tail.of(np.arange(n_entries) % 50, crossings, floor=0)
        result = PieceResult(
            n_entries, crossings.total, crossings.ranges, False, (), {"m": tail}, {}, {"m": 0}, none, none
        )  # fmt: skip
        return save_piece(PieceFiles(tmp_path, number), result, "plan")

    pieces = [stored(number) for number in range(16)]
    peaks = []
    for n_pieces in (2, 16):  # the first time warms up
        tracemalloc.start()
        counts = counted.score_counts(pieces[:n_pieces], "m", floor=0, seed=0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert counts.total.entries == 16 * n_entries
    assert counts.passing(0).entries == 16 * n_entries
    assert peaks[1] < 1.3 * peaks[0]
    assert peaks[1] < 16 * 32 * n_entries / 2, "half of all tails together"
