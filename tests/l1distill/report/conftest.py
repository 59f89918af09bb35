"""A small run folder with everything that a study leaves, made from a seed."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from small_samples import draw_events

from emulator.objects.quantities import Binning
from emulator.rates import PrescaleColumn, load_scenario
from emulator.results import plain_rows, table
from l1distill.anatomy import ACCEPTED, ALL, PURE, Anatomy, find_hot_spots
from l1distill.baselines import BASELINES
from l1distill.dependence import rates_in_groups, turn_ons
from l1distill.evaluation import Bootstrap, compare_models, evaluate
from l1distill.menu_rating import rate_menu
from l1distill.report import write_report
from l1distill.report.run_folder import RunResults
from l1distill.score_table import ScoreTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_BITS = 8
MENU = PrescaleColumn.of({"L1_HTT": 1, "L1_Mu": 2.5})
_PILEUP_WEIGHT = 2**32


def make_table(
    rng: np.random.Generator, n: int, first: int, kind: str | None
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[np.int64]]]:
    """Crossings with a falling hardness, sampled three times harder than they are and weighted."""
    hardness = rng.exponential(3.0 if kind is None else 4.0, n)
    weight = np.rint(3 * np.exp(-2 * hardness / 3) * _PILEUP_WEIGHT).astype(np.int64)
    identity: dict[str, NDArray[Any]] = {
        "run": np.ones(n, dtype=np.uint32),
        "lumi": np.ones(n, dtype=np.uint32),
        "event": np.arange(first, first + n, dtype=np.uint64),
        "orbit": np.zeros(n, dtype=np.uint64),
        "crossing": np.zeros(n, dtype=np.int16),
    }
    if kind is None:
        identity["weight"] = np.maximum(weight, 1)
        identity["pool_id"] = identity["event"] // np.uint64(2)
    boost = {None: (0.0, 0.0), "leptons": (1.0, 3.0), "jets": (4.0, 0.0), "soft": (0.5, 0.1)}
    jets, muons = boost[kind]
    energy = hardness + jets * rng.random(n)
    lepton = rng.exponential(0.9, (n, 3)).cumsum(axis=1)[:, ::-1] * 0.4 + muons * rng.random((n, 1))
    teacher = np.hypot(0.8 * energy, 1.1 * lepton[:, 0]) + 0.25 * rng.normal(size=n) ** 2
    student = teacher + 0.12 * rng.normal(size=n)
    quantized = np.rint(16 * (student + 0.05 * rng.normal(size=n))).astype(np.int64)
    scores = {
        "teacher": np.rint(teacher * 2**_BITS).astype(np.int64),
        "float student": np.rint(student * 2**_BITS).astype(np.int64),
        "quantized student": quantized,
        "emulator": quantized,
    }
    columns = {
        "HTT": 60 * energy + 10 * rng.random(n),
        "leading jet": 30 * energy * rng.beta(5, 2, n),
        "MET": 18 * energy * rng.beta(2, 3, n),
        "leading e/gamma": 12 * energy * rng.beta(2, 4, n) + 2,
        "leading muon": 9 * lepton[:, 0],
        "second muon": 5 * lepton[:, 1],
        "third muon": 3 * lepton[:, 2] - 4,
    }
    assert columns.keys() == BASELINES.keys()
    for name, values in columns.items():
        scores[name] = np.maximum(np.rint(values), 0).astype(np.int64)
    return identity, scores


def make_run(
    folder: Path,
    *,
    n_background: int = 6_000,
    n_signal: int = 400,
    signals: Sequence[tuple[str, str]] = (("A to 4l", "leptons"), ("HV Zprime", "jets")),
    replicas: int = 40,
    study: str = "synthetic",
) -> Path:
    """Write a run folder as the study pipeline does."""
    rng = np.random.default_rng(5)
    scenario = load_scenario("run3_pu50")
    setting, measuring = (
        ScoreTable(*make_table(rng, n_background, part * n_background, None)) for part in (0, 1)
    )
    tables = {name: ScoreTable(*make_table(rng, n_signal, 0, kind)) for name, kind in signals}
    options: dict[str, Any] = {
        "scenario": scenario,
        "targets_khz": (1.0, 5.0, 10.0),
        "bootstrap": Bootstrap(replicas, 1),
    }
    found = evaluate(setting, measuring, tables, **options)
    paired = compare_models(setting, tables, model="emulator", reference="teacher", **options)
    menu = rate_menu(
        MENU,
        with_menu(setting),
        with_menu(measuring),
        {name: with_menu(one) for name, one in tables.items()},
        **options,
    )
    points = [point for point in found.working_points if point.model == "emulator"]
    quantities, bootstrap = [Binning("run")], Bootstrap(replicas, 1)
    groups = rates_in_groups(measuring, points, quantities, scenario=scenario, bootstrap=bootstrap)
    curves = {
        **menu.tables(),
        "rate_curves": pd.concat(
            [frame.assign(model=model) for model, frame in found.rate_curves.items()]
        ),
        "efficiency_curves": pd.concat(list(found.efficiency_curves.values())),
        "working_points": table(found.working_points),
        "efficiencies": table(found.efficiencies),
        "paired": table(paired),
    }
    for name in ("tables", "scores"):
        (folder / name).mkdir(parents=True)
    for name, frame in curves.items():
        frame.to_csv(folder / "tables" / f"{name}.csv", index=False)
    measuring.write(folder / "scores" / "measuring.parquet")
    anatomy = make_anatomy(folder / "tables")
    results = {
        "schema": "l1distill-results/1",
        "study": study,
        "scenario": {**scenario.as_dict(), "crossing_rate_khz": scenario.crossing_rate_khz},
        "models": make_models(),
        "score_fraction": {
            "teacher": _BITS,
            "float student": _BITS,
            "quantized student": 4,
            "emulator": 4,
        },
        "working_points": [record.as_dict() for record in found.working_points],
        "efficiencies": [record.as_dict() for record in found.efficiencies],
        "paired": [record.as_dict() for record in paired],
        "menu": menu.as_dict(),
        "rates_in_groups": plain_rows(groups),
        "turn_ons": plain_rows(turn_ons(tables, points, quantities, bootstrap=bootstrap)),
        "anatomy": anatomy,
        "comparisons": [make_comparison("reference"), make_comparison("csim")],
        "export": {"n_events": 6_000, "n_mismatch": 0, "first": []},
        "training": [make_training(stage) for stage in ("teacher", "student", "quantized student")],
        "samples": [
            {"name": name, "role": role, "n_crossings": n, "sha256": "ab" * 32,
             "generated_events": n, "denominator": "all generated events"}
            for name, role, n in [
                ("zero bias train", "train", n_background),
                *((signal, "signal", n_signal) for signal, _ in signals),
            ]
        ],
        "versions": {"python": "3.11.2", "numpy": "2.4.0"},
        "timing": {"samples": 123.4, "training": 61.0},
    }  # fmt: skip
    write_json(folder / "results.json", results)
    manifest = {
        "schema": "l1distill-manifest/1",
        "stages": {"rating": {"outputs": {"tables/rate_curves.csv": "cd" * 32}, "seconds": 1.0}},
    }
    write_json(folder / "manifest.json", manifest)
    text = f"schema: l1distill-study/1\nname: {study}\nsamples:\n  generate: quick\n"
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return folder


def with_menu(scores: ScoreTable) -> ScoreTable:
    """The same crossings with the decisions of two seeds."""
    fired = np.stack([scores.scores["HTT"] >= 700, scores.scores["leading muon"] >= 30], axis=1)
    return ScoreTable(scores.identity, scores.scores, fired, MENU.seeds)


def make_anatomy(folder: Path) -> dict[str, Any]:
    """Histograms of crossings in which one tower is hot, as the study's stage leaves them."""
    events = draw_events(3_000, 8, weighted=False)
    htt = np.asarray(events["htt", "pt"])[:, 0]
    fires = (htt > 300).astype(float)
    anatomy = Anatomy.empty()
    anatomy.fill(events, None, {ALL: np.ones(3_000), ACCEPTED: fires, PURE: fires * (htt < 500)})
    anatomy.entries["eg"].view()[1, 40, 12] += 40
    spots = find_hot_spots(anatomy.tower_maps((ACCEPTED, PURE)))
    frames = {"anatomy": anatomy.table(rate_per_weight_khz=0.1)}
    frames["anatomy_maps"] = anatomy.map_table(rate_per_weight_khz=0.1)
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    shared = [
        {"target_khz": target, "seed": seed, "rate_khz": part * target, "of_khz": target}
        for target in (1.0, 5.0, 10.0)
        for seed, part in (("L1_HTT", 0.5), ("L1_Mu", 0.25), ("no other seed", 0.3))
    ]
    return {
        "target_khz": 10.0,
        "threshold": 301,
        "hot_spots": [each.as_dict() for each in spots],
        "shared": shared,
    }


def make_models() -> list[dict[str, Any]]:
    unknown: dict[str, Any] = {
        "sha256": None,
        "ebops": None,
        "luts_estimate": None,
        "latency_ns_estimate": None,
    }
    networks = ("teacher", "float student", "quantized student", "emulator")
    models = [{"name": name, "kind": name, **unknown} for name in networks]
    models[-1] |= {
        "sha256": "0123456789abcdef" * 4,
        "multiplications": 2352,
        "luts_estimate": 9876,
        "latency_ns_estimate": 42.5,
    }
    return models + [{"name": name, "kind": "baseline", **unknown} for name in BASELINES]


def make_comparison(name: str, n_events: int = 6_000, n_mismatch: int = 0) -> dict[str, Any]:
    node = {"node": "score", "engine": [17], "other": [18]}
    shown = [
        {
            "event": 41 + i,
            "row": [1, 2],
            "outputs": [node],
            "first_node": {**node, "node": "dense_2"},
        }
        for i in range(min(n_mismatch, 5))
    ]
    return {
        "with": name,
        "n_events": n_events,
        "n_mismatch": n_mismatch,
        "seconds": 2.0,
        "events_per_second": n_events / 2.0,
        "mismatches": shown,
    }


def make_training(stage: str) -> dict[str, Any]:
    epochs = [
        {
            "epoch": epoch,
            "training_loss": 0.1 + 0.9 / (1 + epoch) ** 1.5,
            "validation_loss": 0.12 + 0.9 / (1 + epoch) ** 1.4,
        }
        for epoch in range(12)
    ]
    return {"stage": stage, "epochs": epochs, "best_epoch": 10, "stopped_early": False}


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder; nothing may be changed in it."""
    return make_run(tmp_path_factory.mktemp("made") / "run")


@pytest.fixture
def run_folder(made_run: Path, tmp_path: Path) -> Path:
    """A copy of the run folder, to be changed and reported."""
    return shutil.copytree(made_run, tmp_path / "run")


@dataclass(frozen=True)
class Reported:
    """A run folder with its report, and the files that the report returned."""

    folder: Path
    files: list[Path]


@pytest.fixture(scope="session")
def reported(made_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """The run folder with its report; nothing may be changed in it."""
    folder = shutil.copytree(made_run, tmp_path_factory.mktemp("reported") / "run")
    return Reported(folder, write_report(folder))


@pytest.fixture
def change(run_folder: Path) -> Callable[..., RunResults]:
    """Change keys of ``results.json`` (None removes one) and read the folder."""

    def changed(**values: Any) -> RunResults:
        path = run_folder / "results.json"
        results = json.loads(path.read_text(encoding="utf-8")) | values
        write_json(path, {key: value for key, value in results.items() if value is not None})
        return RunResults.load(run_folder)

    return changed
