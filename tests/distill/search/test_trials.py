"""Searching: limits, pruning, going on after a kill, several workers on one study."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tiny_search
from tiny_search import IDENTITY, SETTINGS

from distill.recipe import Quantization
from distill.search.found import count_finished, finished, results
from distill.search.judge import estimated_cost
from distill.search.settings import SearchSettings
from distill.search.storage import open_search
from distill.widths import BitWidths
from emulator.engine import Emulator
from emulator.errors import SettingsError
from emulator.model import load_model

if TYPE_CHECKING:
    from pathlib import Path

    from optuna import Study

N_TRIALS = 6


def opened(folder: Path, settings: SearchSettings = SETTINGS) -> Study:
    return open_search(f"sqlite:///{folder / 'search.db'}", "tiny", settings, IDENTITY)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A search that nothing interrupts, and its folder."""
    folder = tmp_path_factory.mktemp("search")
    study = opened(folder)
    tiny_search.tiny_search(models=folder).run(study, N_TRIALS)
    return study, folder


def outcomes(study: Study) -> list[tuple[Any, ...]]:
    ended = [trial for trial in study.get_trials() if trial.state.name in {"COMPLETE", "PRUNED"}]
    return [(trial.state.name, trial.params, trial.values) for trial in ended]


def test_the_front_keeps_the_limits_and_nothing_beats_it(whole: tuple[Study, Path]) -> None:
    study, folder = whole
    assert count_finished(study) == N_TRIALS
    found = results(study)
    assert found
    front = [one for one in found if one.on_front]
    assert front
    for one in front:
        assert one.luts <= 12_000
        assert one.latency_ns <= 40
        for other in found:
            worse = (
                other.agreement <= one.agreement
                or other.luts > one.luts
                or other.latency_ns > one.latency_ns
            )
            assert worse or not other.feasible
    assert {one.feasible for one in found} == {
        one.luts <= 12_000 and one.latency_ns <= 40 for one in found
    }
    assert all(0.0 <= one.agreement <= 1.0 for one in found)
    assert len({one.agreement for one in found}) > 1
    # The costs are those of the student that was kept, and it is a whole model.
    model = load_model(folder / f"trial_{front[0].number:04d}.json")
    cost = estimated_cost(model.graph, flow="latency", stage="HLS report")
    assert (cost.luts, cost.ebops) == (front[0].luts, front[0].ebops)
    assert Emulator(model.graph).run(np.zeros((3, 57), dtype=np.int16))["score"].shape == (3, 1)


def test_hopeless_trials_are_not_trained(whole: tuple[Study, Path], tmp_path: Path) -> None:
    small = replace(SETTINGS, max_luts=10.0)
    study = opened(tmp_path, small)
    tiny_search.tiny_search(small).run(study, 3)
    assert [trial.state.name for trial in study.trials] == ["PRUNED"] * 3
    assert all("LUTs before training" in trial.user_attrs["hopeless"] for trial in study.trials)
    assert all(trial.constraints["luts"] > 1 for trial in study.trials)
    assert finished(whole[0])


def test_a_killed_search_loses_only_the_running_trial(
    whole: tuple[Study, Path], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'search.db'}"
    program = [sys.executable, tiny_search.__file__, url, "1000", "0"]
    process = subprocess.Popen(program)
    try:
        study = opened(tmp_path)
        deadline = time.monotonic() + 120
        while count_finished(study) < 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.kill()  # SIGKILL: nothing can be tidied up
        process.wait()
    before = count_finished(study)
    assert len(study.get_trials()) - before <= 1
    tiny_search.tiny_search().run(study, max(N_TRIALS, before))
    # What comes after is what would have come.
    assert outcomes(study)[:N_TRIALS] == outcomes(whole[0])


def test_workers_share_a_study(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'search.db'}"
    opened(tmp_path)
    programs = [[sys.executable, tiny_search.__file__, url, "5", str(worker)] for worker in (1, 2)]
    processes = [subprocess.Popen(program) for program in programs]
    assert [process.wait(timeout=180) for process in processes] == [0, 0]
    study = opened(tmp_path)
    assert count_finished(study) in {5, 6}  # the other worker may be on its last one
    assert len({str(trial.params) for trial in study.trials}) >= 5  # they choose differently


def test_a_float_search_is_quantized_afterwards(tmp_path: Path) -> None:
    settings = replace(SETTINGS, order="float", max_luts=None, max_latency_ns=None)
    study = opened(tmp_path, settings)
    search = tiny_search.tiny_search(settings, tmp_path)
    search.run(study, 2)
    one = results(study)[0]
    assert not any("bits" in name for name in one.params)
    depth = one.params["depth"]
    bits = BitWidths.uniform(depth, weights=4, biases=6, activations=5)
    for method, stages in (("post", 0), ("aware", 1)):
        student, histories = search.quantize_found(one, Quantization(method, bits))  # type: ignore[arg-type]
        assert len(histories) == stages
        assert {target.width for target in student.spec.bias_formats} == {6}


def test_tuning_signals_take_the_place_of_agreement(tmp_path: Path) -> None:
    search = tiny_search.tiny_search()
    rows = search.judge.background.rows
    search.judge.signals = {"hard": rows[rows[:, 27] > 60], "all": rows}
    study = opened(tmp_path)
    search.run(study, 2)
    assert max(one.agreement for one in results(study)) > 0.0
    search.judge.signals = {"none": rows[:5] * 0}
    search.run(study, 3)
    assert all(trial.values[0] == 0.0 for trial in finished(study) if trial.number >= 2)


def test_storage_of_another_search_is_refused(whole: tuple[Study, Path]) -> None:
    folder = whole[1]
    with pytest.raises(SettingsError, match="holds a search 'tiny' with other settings or samples"):
        opened(folder, replace(SETTINGS, seed=6))
    with pytest.raises(SettingsError, match=r"the storage nonsense cannot be opened"):
        open_search("nonsense", "tiny", SETTINGS, IDENTITY)
    with pytest.raises(SettingsError) as caught:
        open_search("nonsense://user:secret@host/db", "tiny", SETTINGS, IDENTITY)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "post"}, "order must be one of aware, float, got 'post'"),
        ({"sampler": "grid"}, "sampler must be one of nsga2, tpe"),
        ({"population": 1}, "population must be at least 2"),
    ],
)
def test_refuses_impossible_searches(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SearchSettings(**options)


def test_tpe_searches_too(tmp_path: Path) -> None:
    settings = replace(SETTINGS, sampler="tpe")
    study = opened(tmp_path, settings)
    tiny_search.tiny_search(settings).run(study, 2)
    assert count_finished(study) == 2
