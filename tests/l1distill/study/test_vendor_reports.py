"""Reports of the vendor's tools in the results of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from small_samples import make_small_model

from emulator.errors import InputFileError, SettingsError
from emulator.model import save_model
from firmware.cost import CostFigure
from firmware.reports import read_reports
from l1distill.study import vendor_reports
from l1distill.study.context import RunFolder
from l1distill.study.manifest import Manifest
from l1distill.study.vendor_reports import add_reports, kept_reports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from firmware.reports import ReportSet

MODEL = make_small_model()
COSIM = "Cosimulation\n|Verilog|{status}|8|8|9|1|1|1|100|\n"
UTILISATION = """\
| Tool Version : Vivado v.2023.1 (lin64)
| Device       : xcvu13p-flga2577-2-e
| Design State : Routed
Utilization Design Information
| CLB LUTs*     | {luts} |
| CLB Registers |    120 |
| DSPs          |      0 |
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder with a small model as its emulated network; no page is made."""
    monkeypatch.setattr(vendor_reports, "write_report", lambda folder: [folder / "report.html"])
    folder = tmp_path / "run"
    save_model(MODEL, folder / "models" / "small.json")
    model = {"name": "emulator", "kind": "emulator", "model_file": "models/small.json"}
    scenario = ("name", "sqrt_s_tev", "n_bunches", "pileup", "inelastic_mb", "crossing_rate_khz")
    results = {
        "schema": "l1distill-results/1",
        "study": "small",
        "scenario": dict.fromkeys(scenario, 1),
        "models": [
            {"name": "teacher", "kind": "teacher"},
            {**model, "sha256": MODEL.network_sha256},
        ],
        "working_points": [],
        "efficiencies": [],
    }
    (folder / "results.json").write_text(json.dumps(results))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., ReportSet]:
    """Writes reports of a project as the tools leave them, and reads them."""

    def write(
        luts: int = 14_002,
        *,
        status: str = "Pass",
        strategy: str = "distributed_arithmetic",
        sha256: str | None = MODEL.network_sha256,
    ) -> ReportSet:
        folder = tmp_path / "project"
        folder.mkdir(exist_ok=True)
        (folder / "x_cosim.rpt").write_text(COSIM.format(status=status))
        (folder / "vivado_impl.rpt").write_text(UTILISATION.format(luts=luts))
        summary = {"strategy": strategy, "clock_period_ns": 5, "part": "xcvu13p-flga2577-2-e"}
        if sha256 is not None:
            summary["network_sha256"] = sha256
        (folder / "l1distill.json").write_text(json.dumps(summary))
        return read_reports(folder)

    return write


def emulated(run: Path) -> dict[str, Any]:
    results = json.loads((run / "results.json").read_text())
    found: dict[str, Any] = next(one for one in results["models"] if one["name"] == "emulator")
    return found


def luts(run: Path) -> list[tuple[str, str, float]]:
    figures = (CostFigure(**one) for one in emulated(run)["costs"])
    return [
        (one.flow, one.stage, one.value)
        for one in figures
        if one.quantity == "luts" and one.is_counted
    ]


def test_reports_stand_beside_the_estimates(run: Path, project: Callable[..., ReportSet]) -> None:
    assert add_reports(run, project(), "hls") == "emulator"
    assert luts(run) == [("distributed arithmetic", "routed", 14_002)]
    figures = emulated(run)["costs"]
    source = "Vivado 2023.1, xcvu13p-flga2577-2-e, vivado_impl.rpt"
    assert [one["value"] for one in figures if one["source"] == source] == [14_002, 120, 0]
    latency = [one for one in figures if one["quantity"] == "latency_ns"][-1]
    assert (latency["value"], latency["stage"]) == (45.0, "co-simulation")
    assert emulated(run)["luts_stage"] == "HLS report"  # the quick estimate's


def test_later_reports_of_a_project_win_and_other_flows_stay(
    run: Path, project: Callable[..., ReportSet]
) -> None:
    add_reports(run, project(), "hls")
    add_reports(run, project(13_500), "hls")
    add_reports(run, project(60_000, strategy="Latency"), "latency")
    assert luts(run) == [
        ("distributed arithmetic", "routed", 13_500),
        ("latency", "routed", 60_000),
    ]
    assert len(json.loads((run / "results.json").read_text())["reports"]) == 2
    assert len(kept_reports(RunFolder(run))) == 2


def test_the_manifest_knows_the_new_results(run: Path, project: Callable[..., ReportSet]) -> None:
    Manifest(run, "tiny").finish("report", "key", [run / "results.json"], 1.0)
    add_reports(run, project(), "hls")
    assert Manifest.load(run).is_current("report", "key")


def test_what_the_tools_complain_of_is_kept(run: Path, project: Callable[..., ReportSet]) -> None:
    add_reports(run, project(status="Fail"), "hls")
    (record,) = json.loads((run / "results.json").read_text())["reports"]
    assert record["complaints"] == ["co-simulation failed: x_cosim.rpt"]


def test_reports_of_another_network_are_refused(
    run: Path, project: Callable[..., ReportSet]
) -> None:
    before = (run / "results.json").read_bytes()
    with pytest.raises(SettingsError, match=r"^hls: reports network 000000000000, .*\(emulator\)$"):
        add_reports(run, project(sha256="0" * 64), "hls")
    with pytest.raises(
        SettingsError, match=r"^hls: does not say of which network it reports; copy"
    ):
        add_reports(run, project(sha256=None), "hls")
    assert (run / "results.json").read_bytes() == before
    assert not (run / "parts" / "reports.json").exists()


def test_damaged_parts_are_told(run: Path, project: Callable[..., ReportSet]) -> None:
    with pytest.raises(InputFileError, match=r"results\.json: no results"):
        add_reports(run / "models", project(), "hls")
    (run / "parts").mkdir(exist_ok=True)
    for text in ("{", "[1]", '[{"flow": "latency"}]'):
        (run / "parts" / "reports.json").write_text(text)
        with pytest.raises(InputFileError, match=r"reports\.json: is damaged; remove it"):
            add_reports(run, project(), "hls")
