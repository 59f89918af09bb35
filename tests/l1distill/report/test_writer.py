"""Files of a report: all there, valid, and with the points of the tables."""

from __future__ import annotations

import json
import shutil
import zlib
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from emulator.errors import InputFileError
from l1distill.report import write_report
from l1distill.report.figures import plot_style
from l1distill.report.rate_plots import rate_plots
from l1distill.report.run_folder import RunResults

if TYPE_CHECKING:
    from pathlib import Path

PLOTS = {
    "rate_teacher",
    "rate_students",
    "rate_baselines",
    "efficiency_A-to-4l",
    "efficiency_HV-Zprime",
    "overview",
    "student_teacher",
    "learning",
    "anatomy_multiplicities",
    "anatomy_spectra",
    "anatomy_masses",
    "anatomy_map_all",
    "anatomy_map_accepted",
    "anatomy_map_pure",
    "groups_run",
    "turn_on_A-to-4l-run",
    "turn_on_HV-Zprime-run",
}


def points(folder: Path, name: str) -> dict[str, Any]:
    content = json.loads((folder / "plots" / f"{name}.json").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def test_every_file_is_there_and_nothing_else(reported: Any) -> None:
    named = {path.relative_to(reported.folder).as_posix() for path in reported.files}
    kinds = ("png", "pdf", "json")
    assert named == {"report.html"} | {f"plots/{n}.{kind}" for n in PLOTS for kind in kinds}
    on_disk = {path.name for path in (reported.folder / "plots").iterdir()}
    assert on_disk == {path.name for path in reported.files if path.parent.name == "plots"}


def test_pictures_are_whole(reported: Any) -> None:
    for path in reported.files:
        content = path.read_bytes()
        if path.suffix == ".png":
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
            assert content.endswith(b"IEND" + zlib.crc32(b"IEND").to_bytes(4, "big"))
            width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
            assert width == 1100
            assert height > 600
        elif path.suffix == ".pdf":
            assert content.startswith(b"%PDF-")
            assert content.rstrip().endswith(b"%%EOF")
            assert b"CreationDate" not in content
            # Every font brings its glyphs.
            assert b"/Subtype /Type3" in content
            assert b"/Subtype /Type1" not in content


@pytest.mark.parametrize("name", ["rate_teacher", "rate_students", "rate_baselines"])
def test_points_of_rates_are_rows_of_the_table(reported: Any, name: str) -> None:
    frame = pd.read_csv(reported.folder / "tables" / "rate_curves.csv")
    bits = {"teacher": 8, "float student": 8, "quantized student": 4, "emulator": 4}
    for series in points(reported.folder, name)["series"]:
        rows = frame[frame["model"] == series["model"]].set_index("threshold")
        chosen = rows.loc[series["threshold"]]
        assert len(series["threshold"]) == len(set(series["threshold"])) > 5
        assert chosen["rate_khz"].tolist() == series["rate_khz"]
        assert chosen["error_khz"].tolist() == series["error_khz"]
        step = 2.0 ** -bits.get(series["model"], 0)
        assert series["x"] == [threshold * step for threshold in series["threshold"]]


def test_points_of_efficiencies_are_the_table(reported: Any) -> None:
    frame = pd.read_csv(reported.folder / "tables" / "efficiency_curves.csv")
    content = points(reported.folder, "efficiency_A-to-4l")
    assert content["signal"] == "A to 4l"
    assert len(content["series"]) == 11
    for series in content["series"]:
        rows = frame[(frame["signal"] == "A to 4l") & (frame["model"] == series["model"])]
        for column in ("rate_khz", "efficiency", "low", "high", "low_total", "high_total"):
            assert rows[column].tolist() == series[column]


def test_points_of_the_overview_are_the_results(reported: Any) -> None:
    results = json.loads((reported.folder / "results.json").read_text(encoding="utf-8"))
    found = {(e["signal"], e["model"], e["target_khz"]): e for e in results["efficiencies"]}
    shown = points(reported.folder, "overview")["points"]
    assert {point["role"] for point in shown} == {"student", "teacher", "best baseline"}
    assert len(shown) == 2 * 3 * 3
    for point in shown:
        record = found[point["signal"], point["model"], point["target_khz"]]
        assert all(point[key] == record[key] for key in ("efficiency", "low_total", "high_total"))


def test_histogram_holds_the_whole_crossing_rate(reported: Any) -> None:
    content = points(reported.folder, "student_teacher")
    total = sum(entry["rate_khz"] for entry in content["bins"])
    assert total == pytest.approx(content["scenario"]["crossing_rate_khz"], rel=1e-12)
    results = json.loads((reported.folder / "results.json").read_text(encoding="utf-8"))
    for line in content["thresholds"]:
        thresholds = {
            point["model"]: point["threshold"]
            for point in results["working_points"]
            if point["target_khz"] == line["target_khz"]
        }
        assert line["x"] == thresholds["teacher"] / 2**8
        assert line["y"] == thresholds["emulator"] / 2**4


def test_points_of_the_anatomy_are_the_table(reported: Any) -> None:
    frame = pd.read_parquet(reported.folder / "tables" / "anatomy.parquet")
    shown = [
        series
        for name in ("multiplicities", "spectra", "masses")
        for series in points(reported.folder, f"anatomy_{name}")["series"]
    ]
    assert len(shown) == 3 * frame["quantity"].nunique() == 39
    for series in shown:
        chosen = (frame["quantity"] == series["quantity"]) & (
            frame["selection"] == series["selection"]
        )
        assert frame[chosen]["rate_khz"].tolist() == series["rate_khz"]
        assert frame[chosen]["low_edge"].tolist() == series["edges"][:-1]


def test_same_results_give_the_same_bytes_and_no_style_leaks(
    reported: Any, run_folder: Path
) -> None:
    before = dict(mpl.rcParams)
    for path in write_report(run_folder):
        first = reported.folder / path.relative_to(run_folder)
        assert path.read_bytes() == first.read_bytes(), path.name
    assert dict(mpl.rcParams) == before


def test_a_bare_run_is_reported(run_folder: Path) -> None:
    """Only what is needed is there, no network is known, and names are hostile."""
    path = run_folder / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    needless = ("paired", "comparisons", "training", "samples", "export", "versions", "timing")
    for key in (*needless, "menu", "anatomy"):
        del results[key]
    for name in ("anatomy", "anatomy_maps"):
        (run_folder / "tables" / f"{name}.parquet").unlink()
    hostile = "../<b>$x_$ " + "🚀" * 40
    text = json.dumps(results).replace("HV Zprime", json.dumps(hostile)[1:-1])
    path.write_text(text, encoding="utf-8")
    table = run_folder / "tables" / "efficiency_curves.csv"
    table.write_text(table.read_text("utf-8").replace("HV Zprime", hostile), encoding="utf-8")
    shutil.rmtree(run_folder / "scores")
    (run_folder / "manifest.json").unlink()
    (run_folder / "study.yaml").unlink()
    names = {file.name for file in write_report(run_folder)}
    assert "efficiency_b-x.png" in names
    assert not {"learning.png", "student_teacher.png"} & names
    page = (run_folder / "report.html").read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "simulated crossings" not in page
    assert "The run folder holds no study.yaml." in page
    assert "Nothing was trained in this run" in page
    assert "No menu was rated." in page
    assert "It was not looked at which objects fire." in page
    assert "(scores/measuring.parquet)" in page


def test_nothing_is_written_if_something_is_missing(run_folder: Path) -> None:
    (run_folder / "tables" / "rate_curves.csv").unlink()
    with pytest.raises(InputFileError, match=r"rate_curves\.csv: no such table; run the study"):
        write_report(run_folder)
    assert not (run_folder / "plots").exists()
    assert not (run_folder / "report.html").exists()


def test_curves_that_nothing_fires_on_are_left_out(run_folder: Path) -> None:
    table = run_folder / "tables" / "rate_curves.csv"
    frame = pd.read_csv(table)
    frame.loc[frame["model"] == "teacher", "rate_khz"] = 0.0
    frame.to_csv(table, index=False)
    with plot_style():
        names = [plot.name for plot in rate_plots(RunResults.load(run_folder))]
    assert names == ["rate_students", "rate_baselines"]


def test_weights_are_used(reported: Any) -> None:
    """Crossings are sampled harder than they are: without weights the bins would be others."""
    content = points(reported.folder, "student_teacher")
    rates = np.array([entry["rate_khz"] for entry in content["bins"]])
    assert rates.max() / rates.min() > 1e3
