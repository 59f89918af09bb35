"""The page of a sample card, from the committed samples."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import reference
from emulator.samples.description import describe
from emulator.samples.performance import KINDS, summarise
from l1distill.cli.main import run
from l1distill.sample_card import write_sample_card

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = reference.FOLDER / "samples"


def test_command_writes_a_page_that_stands_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["samples", "describe", str(SAMPLES), "-o", str(tmp_path)])
    assert ended.value.code == 0
    assert "sample_card.html" in capsys.readouterr().out
    page = (tmp_path / "sample_card.html").read_text(encoding="utf-8")
    assert "SingleMu22" in page
    assert "±" in page
    assert "no comparison with generated objects" in page
    assert 'src="data:image/png' in page
    assert "http://" not in page
    assert "<script" not in page
    numbers = json.loads((tmp_path / "sample_card.json").read_text(encoding="utf-8"))
    assert numbers["schema"] == "l1distill-sample-card/1"
    assert {path.suffix for path in (tmp_path / "plots").iterdir()} == {".png", ".pdf", ".json"}


def test_card_with_pools_has_growth_and_turn_ons(tmp_path: Path) -> None:
    plain = describe(SAMPLES, total_khz=26_000.0)
    rng = np.random.default_rng(1)
    generated = rng.uniform(10.0, 30.0, 14)
    jets = summarise(KINDS[0], np.column_stack([generated, generated * rng.normal(1.0, 0.2, 14)]))
    scans = tuple(replace(plain.rates[0], pileup=pileup) for pileup in (30.0, 50.0))
    written = write_sample_card(
        replace(plain, rates=plain.rates + scans, performance=(jets,)), tmp_path
    )
    stems = {path.stem for path in written if path.suffix == ".png"}
    assert {"growth", "turn_on_jet", "resolution_jet"} <= stems
    page = written[0].read_text(encoding="utf-8")
    assert "PU 30" in page
    assert "14 generated objects" in page


def test_bad_pileups(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["samples", "describe", str(SAMPLES), "-o", str(tmp_path / "c"), "--pileups", "50,-1"])
    assert ended.value.code == 2
    assert "between 0 and 1000" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
