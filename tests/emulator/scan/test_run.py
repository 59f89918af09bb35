"""Scans: the same as counting by hand, whatever the engine, the interruptions and the floors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from small_samples import draw_events, make_small_model, write_events

from emulator.engine import evaluate_rows
from emulator.errors import InputFileError
from emulator.features import feature_rows
from emulator.objects import concatenate, open_file, read_events
from emulator.rates import ScoreCounts, efficiency_at, working_point
from emulator.scan import (
    MEASURING,
    SETTING,
    Condition,
    Counting,
    Processes,
    Retries,
    ScanError,
    ScanPlan,
    Serial,
    run_scan,
)
from emulator.scan.run import find_floors
from tests.emulator.scan.conftest import EVERYTHING, SMALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emulator.scan import Piece
    from emulator.scan.work import LostPiece, PieceResult
    from tests.emulator.scan.conftest import MakePlan


def counts_by_hand(plan: ScanPlan, sample: str) -> ScoreCounts:
    """Score all files of a sample at once by the reference, and count everything."""
    model = make_small_model()
    events = read_events(list(plan.conditions[0].samples[sample]))
    rows = feature_rows(events, model.layout)
    return ScoreCounts.from_scores(
        evaluate_rows(model.graph, rows)[model.score][:, 0],
        weights=np.asarray(events["weight"]),
        pool_ids=np.asarray(events["pool_id"]),
        replicas=plan.counting.replicas,
    )


def test_a_scan_equals_counting_by_hand(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    found = run_scan(plan, tmp_path / "run").result
    setting, measuring, signal = (
        counts_by_hand(plan, name) for name in (SETTING, MEASURING, "A4l")
    )
    points = {each.target_khz: each for _, each in found.working_points if each.model == "small"}
    kept = {each.target_khz: each for _, each in found.efficiencies if each.model == "small"}
    for target in plan.targets_khz:
        assert points[target] == working_point(
            setting, measuring, model="small", target_khz=target, scenario=SMALL
        )
        assert points[target].entries_passing > 20
        assert kept[target] == efficiency_at(
            signal, setting, signal="A4l", model="small", target_khz=target, scenario=SMALL
        )
    assert {condition for condition, _ in found.working_points} == {"pu60"}
    assert [each.n_events for each in found.samples] == [1400, 1400, 300]
    assert (found.lost, found.duplicates) == ((), ())
    assert {each.model for _, each in found.comparisons} == {"other", "HTT", "third muon"}


def test_resolving_the_tail_only_changes_nothing(make_plan: MakePlan, tmp_path: Path) -> None:
    # One chunk a file, so that the floor is found on 700 crossings.
    whole, tail = (
        make_plan(resolve=how, targets_khz=(0.05, 0.1), counting={"chunk_events": 1000})
        for how in ("all", "tail")
    )
    floors = find_floors(tail)["pu60"]
    assert floors["small"] is not None
    assert floors["third muon"] == 1
    assert find_floors(whole) == {"pu60": {}}
    found = run_scan(tail, tmp_path / "tail").result
    assert found == run_scan(whole, tmp_path / "whole").result
    kept = sum(path.stat().st_size for path in (tmp_path / "tail" / "pieces").iterdir())
    assert kept < sum(path.stat().st_size for path in (tmp_path / "whole" / "pieces").iterdir())


def test_processes_give_the_same_to_the_last_bit(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan(counting=EVERYTHING)
    serial = run_scan(plan, tmp_path / "serial")
    processes = run_scan(plan, tmp_path / "processes", engine=Processes(2))
    assert processes.result == serial.result
    assert (processes.n_worked, processes.n_kept) == (5, 0)


class Interrupted(Exception):
    """Stands for whatever stops a scan."""


class StopsAfter:
    """An engine that works backwards and is stopped after some pieces."""

    def __init__(self, n: int) -> None:
        self.n = n

    def run(
        self, pieces: Sequence[Piece], counting: Counting
    ) -> Iterator[tuple[Piece, PieceResult | LostPiece]]:
        """Work on some pieces, the last ones first."""
        for done, each in enumerate(Serial().run(pieces[::-1], counting)):
            if done == self.n:
                raise Interrupted
            yield each


@pytest.mark.parametrize("resolve", ["all", "tail"])
def test_an_interrupted_scan_goes_on_to_the_same_end(
    make_plan: MakePlan, tmp_path: Path, resolve: Any
) -> None:
    plan = make_plan(resolve=resolve, targets_khz=(0.05, 0.1), counting=EVERYTHING)
    whole = run_scan(plan, tmp_path / "whole")
    for n in (2, 1):
        with pytest.raises(Interrupted):
            run_scan(plan, tmp_path / "run", engine=StopsAfter(n), resume=n == 1)
    seen = []
    resumed = run_scan(
        plan,
        tmp_path / "run",
        resume=True,
        report=lambda done, total, _: seen.append((done, total)),
    )
    assert (resumed.n_worked, resumed.n_kept) == (2, 3)
    assert seen == [(4, 5), (5, 5)]
    assert resumed.result == whole.result
    again = run_scan(plan, tmp_path / "run", resume=True)
    assert (again.n_worked, again.n_kept) == (0, 5)
    assert again.result == whole.result


def test_damaged_results_are_worked_on_again(make_plan: MakePlan, tmp_path: Path) -> None:
    whole = run_scan(make_plan(), tmp_path / "run")
    pieces = sorted((tmp_path / "run" / "pieces").iterdir())
    pieces[0].write_bytes(pieces[0].read_bytes()[:1000])
    pieces[1].write_bytes(b"")
    pieces[2].write_bytes(pieces[3].read_bytes())  # the result of another file
    pieces[4].unlink()
    again = run_scan(make_plan(), tmp_path / "run", resume=True)
    assert (again.n_worked, again.n_kept) == (4, 1)
    assert again.result == whole.result


def test_the_manifest_says_what_became_of_each_file(make_plan: MakePlan, tmp_path: Path) -> None:
    run_scan(make_plan(), tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert [each["state"] for each in manifest["pieces"]] == ["done"] * 5
    assert [each["n_events"] for each in manifest["pieces"]] == [700] * 4 + [300]
    for each in manifest["pieces"]:
        assert (tmp_path / "run" / each["result"]).is_file()


def test_folders_that_are_refused(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    folder = tmp_path / "run"
    run_scan(plan, folder)
    with pytest.raises(
        ScanError, match="holds a scan; go on with --resume, or give another folder"
    ):
        run_scan(plan, folder)
    other = replace(plan, targets_khz=(0.3,))
    with pytest.raises(ScanError, match="was made by another scan"):
        run_scan(other, folder, resume=True)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(ScanError, match=r"manifest\.json: is damaged"):
        run_scan(plan, folder, resume=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(ScanError, match="is not empty and holds no scan"):
        run_scan(plan, tmp_path / "full")


def with_file(plan: ScanPlan, sample: str, path: Path) -> ScanPlan:
    """Add a file to a sample."""
    (condition,) = plan.conditions
    samples = {**condition.samples, sample: (*condition.samples[sample], str(path))}
    return replace(plan, conditions=(replace(condition, samples=samples),))


def test_a_lost_file_ends_the_scan(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = with_file(make_plan(), SETTING, tmp_path / "none.root")
    with pytest.raises(
        ScanError, match=r"none\.root: there is no such file; finished files are kept"
    ):
        run_scan(plan, tmp_path / "run")
    # Put right, it goes on.
    write_events(tmp_path / "none.root", draw_events(100, 77))
    found = run_scan(plan, tmp_path / "run", resume=True)
    assert found.n_kept == 2
    assert found.result.samples[0].n_events == 1500


def test_a_lost_file_leaves_the_denominator_openly(make_plan: MakePlan, tmp_path: Path) -> None:
    (tmp_path / "bad.root").write_bytes(b"not a file of ROOT")
    plan = with_file(make_plan(unreadable="skip"), SETTING, tmp_path / "bad.root")
    found = run_scan(plan, tmp_path / "run").result
    without = run_scan(make_plan(), tmp_path / "without").result
    assert found.working_points == without.working_points
    assert found.efficiencies == without.efficiencies
    (lost,) = found.lost
    assert (lost.condition, lost.sample) == ("pu60", SETTING)
    assert "its first bytes are of no format that is read" in lost.problem
    assert (found.samples[0].n_files, found.samples[0].n_files_lost) == (3, 1)
    states = json.loads((tmp_path / "run" / "manifest.json").read_text())["pieces"]
    assert [each["state"] for each in states].count("lost") == 1
    (condition,) = make_plan().conditions
    samples = {**condition.samples, "A4l": (str(tmp_path / "bad.root"),)}
    nothing = replace(plan, conditions=(replace(condition, samples=samples),))
    with pytest.raises(ScanError, match="none of the 1 files of 'A4l' could be read"):
        run_scan(nothing, tmp_path / "none")


def test_files_are_tried_again(
    make_plan: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emulator.scan import decoded

    tries: dict[str, int] = {}
    opened = open_file

    def flaky(path: str, **settings: Any) -> Any:
        tries[path] = tries.get(path, 0) + 1
        if tries[path] == 1:
            raise InputFileError(path, "the storage is asleep")
        return opened(path, **settings)

    whole = run_scan(make_plan(), tmp_path / "whole").result
    monkeypatch.setattr(decoded, "open_file", flaky)
    assert run_scan(make_plan(), tmp_path / "run").result == whole
    assert set(tries.values()) == {2}
    once = make_plan(counting={"retries": replace(make_plan().counting.retries, tries=1)})
    tries.clear()
    with pytest.raises(ScanError, match="the storage is asleep"):
        run_scan(once, tmp_path / "once")


def test_duplicate_events_are_reported(make_plan: MakePlan, tmp_path: Path) -> None:
    # Crossings without pools, which would be refused as shared in both sets of zero bias.
    parts = {name: draw_events(300, seed, weighted=False) for seed, name in enumerate("ab")}
    again = concatenate([parts["a"][:30], parts["b"][:5]])
    for name, events in {**parts, "again": again}.items():
        write_events(tmp_path / f"{name}.root", events)
    places = {name: str(tmp_path / f"{name}.root") for name in ("a", "b", "again")}
    samples = {SETTING: (places["a"], places["again"]), MEASURING: (places["b"],)}
    plan = make_plan(conditions=(Condition("pu60", SMALL, samples),))
    found = run_scan(plan, tmp_path / "run")
    counted = {each.sample: each.n_events for each in found.result.duplicates}
    assert counted == {SETTING: 30, f"{SETTING} + {MEASURING}": 5}
    ignoring = replace(plan, counting=replace(plan.counting, duplicates="ignore"))
    assert run_scan(ignoring, tmp_path / "ignore").result == replace(found.result, duplicates=())


def test_a_file_that_is_listed_twice_is_refused(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    first = plan.conditions[0].samples[SETTING][0]
    with pytest.raises(ScanError, match=r"setting0\.root: is listed twice in one condition"):
        run_scan(with_file(plan, MEASURING, type(tmp_path)(first)), tmp_path / "run")


def test_weighted_and_unweighted_files_are_not_mixed(make_plan: MakePlan, tmp_path: Path) -> None:
    write_events(tmp_path / "plain.root", draw_events(50, 5, weighted=False))
    plan = with_file(make_plan(), SETTING, tmp_path / "plain.root")
    with pytest.raises(
        InputFileError, match=r"plain\.root: its events have no pool_id, stratum, weight, unlike"
    ):
        run_scan(plan, tmp_path / "run")


def test_conditions_have_their_own_scenario(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    (condition,) = plan.conditions
    double = replace(condition, name="double", scenario=replace(SMALL, n_bunches=2))
    found = run_scan(replace(plan, conditions=(condition, double)), tmp_path / "run").result
    first, second = (
        {
            (each.model, each.target_khz): each
            for name, each in found.working_points
            if name == wanted
        }
        for wanted in ("pu60", "double")
    )
    for key, point in first.items():
        assert second[key].threshold >= point.threshold


def test_unweighted_crossings_are_blocks_of_their_own(make_plan: MakePlan, tmp_path: Path) -> None:
    paths = {}
    for name, seed in ((SETTING, 31), (MEASURING, 32)):
        write_events(tmp_path / f"{name}.root", draw_events(600, seed, weighted=False))
        paths[name] = (str(tmp_path / f"{name}.root"),)
    (condition,) = make_plan().conditions
    plan = make_plan(conditions=(replace(condition, samples=paths),))
    found = run_scan(plan, tmp_path / "a").result
    other_chunks = make_plan(conditions=plan.conditions, counting={"chunk_events": 77})
    assert run_scan(other_chunks, tmp_path / "b").result == found
    assert found.samples[0].weight == 600


def cut(plan: ScanPlan, n_parts: int) -> ScanPlan:
    """The same scan with every file cut into parts."""
    conditions = tuple(
        replace(each, parts={path: n_parts for paths in each.samples.values() for path in paths})
        for each in plan.conditions
    )
    return replace(plan, conditions=conditions)


@pytest.mark.parametrize("n_parts", [2, 3])
@pytest.mark.parametrize("resolve", ["all", "tail"])
def test_files_may_be_cut_anywhere(
    make_plan: MakePlan, tmp_path: Path, n_parts: int, resolve: Literal["all", "tail"]
) -> None:
    plan = make_plan(resolve=resolve, counting=EVERYTHING)
    whole = run_scan(plan, tmp_path / "whole")
    parts = run_scan(cut(plan, n_parts), tmp_path / "parts")
    assert parts.result == whole.result
    assert parts.n_worked == n_parts * whole.n_worked
    again = run_scan(cut(plan, n_parts), tmp_path / "parts", resume=True)
    assert (again.n_worked, again.n_kept) == (0, parts.n_worked)
    assert again.result == whole.result
    with pytest.raises(ScanError, match="was made by another scan"):
        run_scan(plan, tmp_path / "parts", resume=True)


def test_unweighted_files_may_be_cut_into_more_parts_than_entries(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{name}.root") for name in "ab"]
    for number, path in enumerate(paths):
        write_events(Path(path), draw_events(5, number, weighted=False))
    samples = {SETTING: (paths[0],), MEASURING: (paths[1],)}
    plan = ScanPlan(
        (Condition("pu60", SMALL, samples),),
        Counting({}, {"HTT": ("htt", 0, "pt")}, replicas=20),
        (SMALL.crossing_rate_khz,),
    )
    assert run_scan(cut(plan, 7), tmp_path / "y").result == run_scan(plan, tmp_path / "x").result


def test_a_file_of_which_a_part_is_lost_is_left_out_whole(
    make_plan: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emulator.scan import work

    plan = cut(make_plan(unreadable="skip", counting={"retries": Retries(1, 0.0)}), 2)
    bad = plan.conditions[0].samples[MEASURING][1]
    real = work.chunks_of

    def torn(piece: Piece, counting: Counting) -> Any:
        if (piece.path, piece.part) == (bad, 1):
            raise InputFileError(piece.path, "is torn")
        return real(piece, counting)

    monkeypatch.setattr(work, "chunks_of", torn)
    found = run_scan(plan, tmp_path / "run").result
    assert [each.path for each in found.lost] == [bad]
    sizes = {each.sample: each for each in found.samples}
    assert (sizes[MEASURING].n_files, sizes[MEASURING].n_files_lost) == (2, 1)
    assert sizes[MEASURING].n_events == 700, "nothing of the torn file"
