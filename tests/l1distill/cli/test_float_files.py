"""Files whose integers are mapped from floats: every command that reads objects says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.l1distill.cli.conftest import Program

h5py = pytest.importorskip("h5py")

SENTENCE = "mapped from floats; no hardware ever saw them"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files of the ADC2021 challenge."""
    rng = np.random.default_rng(3)
    paths = []
    for name in ("a.h5", "b.h5"):
        values = np.abs(rng.normal(40, 30, (300, 19, 3)))
        values[..., 1:] = rng.uniform(-2, 2, (300, 19, 2))
        with h5py.File(tmp_path / name, "w") as file:
            file.create_dataset("Data", data=values)
        paths.append(tmp_path / name)
    return paths


def test_every_command_says_so(
    program: Program, files: list[Path], model_file: Path, tmp_path: Path
) -> None:
    first, second = files
    check: tuple[object, ...] = (
        "check",
        model_file,
        "-b",
        first,
        "--expect",
        tmp_path / "e.json",
        "--no-speed",
    )
    check = (*check, "--csim", "no", "-j", 1)
    targets = ("--at", "1000")
    commands: dict[str, tuple[object, ...]] = {
        "emulate": ("emulate", model_file, first, "-o", tmp_path / "s.parquet", "--no-cache"),
        "compare": ("compare", model_file, first, "--with", "reference"),
        "rates": ("rates", model_file, "--background", first, "--measure", second, *targets),
        "model check": ("model", "check", model_file, "--on", first),
        "convert": ("convert", first, "-o", tmp_path / "c.root"),
        "check, write": (*check, "--write"),
        "check": check,
    }
    for name, words in commands.items():
        ended = program(*words)
        assert ended.code == 0, (name, ended.err, ended.out)
        assert ended.out.count(SENTENCE) == 1, name
        if name not in {"convert", "check, write"}:
            plain = program(*words, "--json").json
            (record,) = plain if isinstance(plain, list) else [plain]
            assert SENTENCE in record["caveats"][0], name
    assert "values: mapped from floats" in program("inspect", first).out
    assert program("convert", first, "-o", tmp_path / "d.root", "--json").json["float_valued"]


def test_a_scan_says_so(
    program: Program, files: list[Path], model_file: Path, tmp_path: Path
) -> None:
    scenario = {
        "name": "small",
        "sqrt_s_tev": 13.6,
        "n_bunches": 1,
        "pileup": 60.0,
        "inelastic_mb": 78.58,
        "inelastic_source": "test",
    }
    samples = {"setting": [files[0].name], "measuring": [files[1].name]}
    content = {
        "schema": "l1distill-scan/1",
        "models": [model_file.name],
        "targets_khz": [1],
        "bootstrap": {"replicas": 20},
        "conditions": {"pu60": {"scenario": scenario, **samples}},
    }
    (tmp_path / "scan.yaml").write_text(yaml.safe_dump(content))
    ended = program("scan", tmp_path / "scan.yaml", "-o", tmp_path / "run", "-j", 1)
    assert ended.code == 0, ended.err
    assert "and 1 more file" in ended.out
    assert ended.out.count(SENTENCE) == 1
    (caveat,) = json.loads((tmp_path / "run" / "results.json").read_text())["caveats"]
    assert SENTENCE in caveat
