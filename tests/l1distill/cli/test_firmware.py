"""``l1distill firmware``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.l1distill.cli.conftest import Program, Refused
    from tests.l1distill.conftest import WriteSample


def test_estimate_shows_the_flows_side_by_side(program: Program, model_file: Path) -> None:
    ended = program("firmware", "estimate", model_file)
    assert ended.code == 0
    for word in ("latency", "distributed arithmetic", "HLS report", "technology-mapped", "alkaid"):
        assert word in ended.out
    figures = program("firmware", "estimate", model_file, "--no-plan", "--json").json
    assert {one["quantity"] for one in figures} == {"ebops", "luts", "latency_ns"}
    assert all(one["low"] <= one["value"] <= one["high"] and one["source"] for one in figures)


def test_build_takes_the_board_and_the_study(
    program: Program, model_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "hls"
    words = ("firmware", "build", model_file, "-o", folder, "--no-check", "--events", 20)
    ended = program(*words, "--board", "uGT", "--backend", "Vivado")
    assert ended.code == 0
    said = "hls4ml project (Vivado, Latency, xc7vx690t-ffg1927-2, 25 ns) written to"
    assert f"{said} {folder}" in ended.out
    assert "20 crossings" in (folder / "README.md").read_text()
    quick = Path(__file__).parents[3] / "studies" / "quick.yaml"
    study = tmp_path / "study.yaml"
    section = "comparison: {backend: Vivado, reuse_factor: 1, clock_period_ns: 4, part: xcvu9p-flga2104-2L-e}"
    study.write_text(f"{quick.read_text().partition('comparison:')[0]}{section}\n")
    ended = program(*words, "--study", study)
    assert "(Vivado, Latency, xcvu9p-flga2104-2L-e, 4 ns)" in ended.out
    ended = program(*words, "--study", study, "--clock", 2.5, "--backend", "Vitis")
    assert "(Vitis, Latency, xcvu9p-flga2104-2L-e, 2.5 ns)" in ended.out
    # Another board has another part and clock than the study's.
    ended = program(*words, "--study", study, "--board", "uGT")
    assert "(Vivado, Latency, xc7vx690t-ffg1927-2, 25 ns)" in ended.out


def test_csim_tells_what_compiling_took(program: Program, model_file: Path, tmp_path: Path) -> None:
    words = ("firmware", "csim", model_file, "-o", tmp_path, "-j", 1)
    first = program(*words, "--json").json
    assert first["seconds"] > 0
    assert first["peak_mib"] > 10
    again = program(*words)
    assert f"compiled in {first['seconds']:.1f} s with at most" in again.out


def test_package_is_written_and_verified(
    program: Program, model_file: Path, write_sample: WriteSample, tmp_path: Path
) -> None:
    sample, folder = write_sample("zb.root", 60, 3), tmp_path / "delivery"
    words = ("firmware", "package", model_file, sample, "-o", folder, "--no-check")
    ended = program(*words, "--events", 50, "--version", "v2", "--first-bit", 100)
    assert ended.code == 0
    assert "small_v2.so was not built" in ended.out
    assert "AXO[AXO-MODEL_v2,AXO-SCORE_" in ended.out
    assert len((folder / "vectors" / "scores.dat").read_text().splitlines()) == 50
    ended = program("firmware", "verify", folder)
    assert (ended.code, "files are as they were written" in ended.out) == (0, True)
    (folder / "menu.json").write_text("{}")
    ended = program("firmware", "verify", folder)
    assert ended.code == 1
    assert "changed: menu.json" in ended.out
    assert program("firmware", "verify", folder, "--json").json["changed"] == ["menu.json"]


def test_package_without_files_says_what_its_vectors_are(
    program: Program, model_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "delivery"
    words = ("firmware", "package", model_file, "-o", folder, "--no-check", "--events", 400)
    ended = program(*words, "--seed", 5)
    assert ended.code == 0, ended.err
    assert "left out" not in ended.out
    said = "400 random ones, seed 5, of hardware integers over the ranges of the trigger"
    assert said in (folder / "README.md").read_text()
    decisions = (folder / "vectors" / "decisions.dat").read_text().split()
    assert {"0", "1"} == set(decisions)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["vectors"]["source"].startswith(said)


def test_reports_come_back(program: Program, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "x_cosim.rpt").write_text("Cosimulation\n|Verilog|Pass|8|8|9|1|1|1|100|\n")
    (tmp_path / "l1distill.json").write_text(
        '{"name": "ad", "network_sha256": "abc", "strategy": "Latency", "clock_period_ns": 2.5}'
    )
    kept = tmp_path / "kept" / "reports.json"
    ended = program("firmware", "reports", tmp_path, "-o", kept)
    assert ended.code == 0
    for word in ("ad, network abc", "latency_ns", "22.5", "co-simulation", "x_cosim.rpt"):
        assert word in ended.out
    assert json.loads(kept.read_text()) == program("firmware", "reports", tmp_path, "--json").json
    (tmp_path / "x_cosim.rpt").write_text("Cosimulation\n|Verilog|Fail|8|8|9|1|1|1|100|\n")
    ended = program("firmware", "reports", tmp_path)
    assert (ended.code, "co-simulation failed: x_cosim.rpt" in ended.out) == (1, True)
    (tmp_path / "x_cosim.rpt").write_text("Cosimulation\n|Verilog|Pa")
    assert "is cut short or damaged" in refused("firmware", "reports", tmp_path, "-o", kept)


def test_estimate_shows_reports_of_the_network_only(
    program: Program, refused: Refused, model_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "hls"
    folder.mkdir()
    (folder / "x_cosim.rpt").write_text("Cosimulation\n|Verilog|Pass|8|8|9|1|1|1|100|\n")
    summary = {"strategy": "Latency", "clock_period_ns": 2.5}
    network = json.loads(model_file.read_text())["network_sha256"]
    words = ("firmware", "estimate", model_file, "--no-plan", "--reports", folder)
    (folder / "l1distill.json").write_text(json.dumps({**summary, "network_sha256": network}))
    shown = program(*words, "--json").json[-1]
    assert (shown["value"], shown["flow"], shown["stage"]) == (22.5, "latency", "co-simulation")
    (folder / "l1distill.json").write_text(json.dumps({**summary, "network_sha256": "0" * 64}))
    assert "reports network 000000000000, small is" in refused(*words)


def test_rtl_measures_its_latency(program: Program, model_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "rtl"
    ended = program(
        "firmware", "rtl", model_file, "-o", folder, "--board", "uGT", "--clock", 10, "-j", 1
    )
    assert ended.code == 0
    assert "a new crossing every 1 clock (measured in the RTL simulation)" in ended.out
    assert (folder / "src" / "l1network.v").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("build", "--board", "x"), "unknown board 'x'; known: VU13P, uGT"),
        (("build", "--part", "x y"), "part must be the name of an FPGA like"),
        (("build", "--backend", "Quartus"), "unknown backend 'Quartus'; known: Vitis, Vivado"),
        (("build", "--reuse-factor", "0"), "reuse_factor must be at least 1, got 0"),
        (("rtl", "--clock", "0"), "clock_period_ns must be positive, got 0"),
        (("rtl", "--board", "Basys"), "unknown board 'Basys'; known: VU13P, uGT"),
    ],
)
def test_refused(
    refused: Refused, model_file: Path, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    command, *options = words
    folder = tmp_path / "out"
    assert sentence in refused("firmware", command, model_file, "-o", folder, *options)
    assert not folder.exists()
