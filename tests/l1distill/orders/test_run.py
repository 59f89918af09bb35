"""A comparison of orders: unit by unit, interrupted, resumed, reported."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from emulator.errors import SettingsError
from l1distill.cli.main import run
from l1distill.orders.settings import load_orders

if TYPE_CHECKING:
    from collections.abc import Callable

STUDIES = Path(__file__).resolve().parents[3] / "studies"

ORDERS: dict[str, Any] = {
    "schema": "l1distill-orders/1",
    "name": "tiny_orders",
    "study": "study.yaml",
    "seeds": [1],
    "passes": 240 * 12,
    "weight_bits": [4, 8],
    "search": {
        "epochs": 3,
        "quantized_epochs": 1,
        "target_khz": 8000,
        "space": {"depth": 1, "widths": [2, 4]},
    },
    "cotraining": {"modes": ["offline", "joint"], "head_start": 0, "quantized_epochs": 1},
    "controls": {"kinds": ["encoder"], "latent": 2, "widths": [2, 3, 8]},
    "targets_khz": [2000, 8000],
    "lut_shares": [0.25, 0.1],
    "front_shares": [],
    "latencies_ns": [30.0, 60.0],
    "replicas": 20,
}


@pytest.fixture
def orders_file(
    sample_files: None,
    content: dict[str, Any],
    write_study: Callable[[dict[str, Any]], Path],
    tmp_path: Path,
) -> Path:
    content["distillation"]["teacher"]["training"]["epochs"] = 2
    write_study(content)
    path = tmp_path / "orders.yaml"
    path.write_text(yaml.safe_dump(ORDERS), encoding="utf-8")
    return path


def called(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        run(list(words))
    return int(caught.value.code or 0)


def curves_of(*command: str) -> dict[str, list[str]]:
    """Run a comparison to its end; return what TensorBoard shows of it, by folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert called(*command, "--tensorboard") == 0
        from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

        folder = Path(command[-1]) / "tensorboard"
        found = EventMultiplexer().AddRunsFromDirectory(str(folder))
        found.Reload()
        return {name: sorted(tags["scalars"]) for name, tags in found.Runs().items()}


def test_goes_on_unit_by_unit_and_reports(
    orders_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    command = ("train", "orders", str(orders_file), "-o", str(folder))
    assert called(*command, "--max-units", "2") == 0
    assert "2 of 8 units are done" in capsys.readouterr().out
    assert not (folder / "tensorboard").exists()
    curves = curves_of(*command)
    trained = [
        name for name, tags in curves.items() if tags == ["loss/training", "loss/validation"]
    ]
    assert {name.removeprefix("seed_1/") for name in trained} >= {
        *(f"joint/{stage}" for stage in ("teacher", "float-student", "student")),
        *(f"offline/{stage}" for stage in ("float-student", "student")),
        "tuned/luts_0.25/student",
        "control_encoder/luts_0.25/control-quantized",
        "control_encoder/luts_0.1/control",
    }
    searches = {name for name, tags in curves.items() if "search/agreement" in tags}
    assert searches == {f"seed_1/{order}/search" for order in ("post", "tuned", "aware")}
    out, err = capsys.readouterr()
    assert "8 of 8 units are done" in out
    assert "unit 2 of 8" not in err
    units = folder / "orders" / "units"
    aware = units / "seed_1_aware.json"
    first = json.loads(aware.read_text(encoding="utf-8"))
    # Three epochs of 240 crossings fit four times into the budget.
    assert 0 < first["passes"] <= ORDERS["passes"]
    teacher = json.loads((units / "seed_1_teacher.json").read_text(encoding="utf-8"))
    assert len(teacher["losses"]) == 2
    assert {one["limit"] for one in first["choices"]} <= {"luts", "latency_ns"}
    for one in first["choices"]:
        for kept in one["efficiencies"]:
            assert 0.0 <= kept["efficiency"] <= 1.0
            assert len(kept["replicas"]) == 20
    # An arm that is run again, its search read from its database, finds the same.
    aware.unlink()
    assert called(*command, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    again = json.loads(aware.read_text(encoding="utf-8"))
    assert again["choices"] == first["choices"]
    assert record["n_done"] == 8
    assert {one["second"] for one in record["differences"]} >= {
        "reference",
        "post",
        "tuned",
        "control encoder",
        "offline",
        "teacher",
    }
    page = (folder / "report.html").read_text(encoding="utf-8")
    # Sixty crossings are too few to compare by; the tables show them all the same.
    assert "search with types / float search, rounded" in page
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# tiny_orders")
    assert "at 8000 kHz: none" in text
    # One seed is not enough to tell.
    assert "Teachers of 1 seed: NOT converged" in text
    assert (folder / "plots" / "front_luts.png").is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": "absent.yaml"}, "study: .*absent.yaml: no such study file"),
        ({"seeds": [1, 1]}, "each seed can be used once only"),
        ({"weight_bits": [25]}, r"weight_bits\.0: .*less than or equal to 24"),
        ({"controls": {"widths": [0]}}, r"controls\.widths\.0: .*greater than 0"),
        ({"search": {"epochs": 2, "quantized_epochs": 2}}, "must be fewer than epochs"),
        ({"pases": 3}, "nearest: passes"),
    ],
)
def test_mistakes_have_their_place(change: dict[str, Any], message: str, orders_file: Path) -> None:
    orders_file.write_text(yaml.safe_dump({**ORDERS, **change}), encoding="utf-8")
    with pytest.raises(SettingsError, match=message):
        load_orders(orders_file)


@pytest.mark.parametrize("name", ["seed_study", "seed_study_quick"])
def test_the_studies_that_come_with_it_can_be_read(name: str) -> None:
    orders, study = load_orders(STUDIES / f"{name}.yaml")
    assert (orders.name, study.name) == (name, "quick")
    trial = orders.search.epochs * study.distillation.n_crossings * 0.8
    assert orders.budget >= 2 * trial


@pytest.mark.deep
def test_the_quick_form_runs_in_minutes(tmp_path: Path) -> None:
    orders = STUDIES / "seed_study_quick.yaml"
    assert called("train", "orders", str(orders), "-o", str(tmp_path / "run")) == 0
    record = json.loads((tmp_path / "run" / "orders.json").read_text(encoding="utf-8"))
    assert record["n_done"] == record["n_units"] == 20
    assert all(one["n_seeds"] <= 2 for one in record["differences"])
    assert any(one["low_95"] is not None for one in record["differences"])


NAMED: dict[str, Any] = {
    "schema": "l1distill-orders/1",
    "name": "tiny_figures",
    "study": "study.yaml",
    "seeds": [1, 2],
    "orders": [],
    "cotraining": {"modes": []},
    "controls": {"kinds": []},
    "students": {
        "small": {
            "within": 0.5,
            "keeps": 0.01,
            "student": {
                "widths": [2],
                "inputs": ["jet.pt"],
                "sampling_power": 0.5,
                "training": {"epochs": 2},
                "quantized_training": {"epochs": 1},
            },
        },
        "large": {"within": 1e-6, "keeps": 1e-9, "of": "teacher"},
    },
    "targets_khz": [8000],
    "replicas": 20,
}


def test_named_students_are_asked_what_they_keep(
    orders_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = json.loads(json.dumps(NAMED))
    named["students"]["large"]["student"] = named["students"]["small"]["student"]
    orders_file.write_text(yaml.safe_dump(named), encoding="utf-8")
    folder = tmp_path / "run"
    assert called("train", "orders", str(orders_file), "-o", str(folder), "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["n_done"], record["n_units"]) == (8, 8)
    unit = folder / "orders" / "units" / "seed_1_student_small.json"
    (chosen,) = json.loads(unit.read_text(encoding="utf-8"))["choices"]
    # Ten jets, two units, one score.
    assert chosen["name"] == "10-2-1"
    assert 0.0 < chosen["share"] < 0.1
    asked = {(one["first"], one["second"]) for one in record["differences"]}
    assert asked == {
        ("reference", "teacher"),
        ("student small", "reference"),
        ("student large", "teacher"),
    }
    text = (folder / "report.md").read_text(encoding="utf-8")
    # The tiny signals are accepted too rarely to count, and no budget is shared.
    assert "Students that the file describes" in text
    assert not (folder / "plots" / "front_luts.png").exists()


def test_students_of_the_figures_can_be_trained() -> None:
    orders, study = load_orders(STUDIES / "figures.yaml")
    assert {one.within: one.keeps for one in orders.students.values()} == {
        0.5: 0.95,
        0.25: 0.9,
        0.1: 0.75,
    }
    assert study.distillation.teacher.training.epochs == 30
