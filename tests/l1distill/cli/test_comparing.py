"""``l1distill compare``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from firmware.compare import Reference

if TYPE_CHECKING:
    from pathlib import Path

    from tests.l1distill.cli.conftest import Program, Refused
    from tests.l1distill.conftest import WriteSample


@pytest.fixture
def wrong_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference whose every tenth score is one count too high."""
    right = Reference.run

    def run(self: Reference, rows: Any) -> Any:
        found = {name: np.array(values) for name, values in right(self, rows).items()}
        found["score"][::10] += 1
        return found

    monkeypatch.setattr(Reference, "run", run)


def test_equal(
    program: Program, model_file: Path, write_sample: WriteSample, tmp_path: Path
) -> None:
    paths = [write_sample("a.root", 30, 1), write_sample("b.root", 20, 2)]
    words = ("compare", model_file, *paths, "--with", "reference", "-o", tmp_path / "out", "-j", 1)
    ended = program(*words)
    assert ended.code == 0
    assert ended.out.startswith("engine and reference: 0 mismatches in 50 crossings")
    (found,) = program(*words, "--json").json
    assert (found["with"], found["n_events"], found["n_mismatch"]) == ("reference", 50, 0)
    assert not (tmp_path / "out").exists()


def test_crossings_are_chosen(
    program: Program, model_file: Path, write_sample: WriteSample
) -> None:
    path = write_sample("a.root", 30, 1, crossings=(-1, 0, 1))
    words = ("compare", model_file, path, "--with", " reference ", "--crossings", "-1,1", "-j", 1)
    (found,) = program(*words, "--json").json
    assert found["n_events"] == 60


@pytest.mark.usefixtures("wrong_reference")
def test_a_mismatch_fails(
    program: Program, model_file: Path, write_sample: WriteSample, tmp_path: Path
) -> None:
    path = write_sample("a.root", 50, 1)
    words = ("compare", model_file, path, "--with", "reference", "-o", tmp_path / "out", "-j", 1)
    ended = program(*words)
    assert ended.code == 1
    assert ended.err == ""
    assert "engine and reference: 5 mismatches in 50 crossings" in ended.out
    assert "crossing 10 differs only as a whole" in ended.out
    assert "mismatches.json" in ended.out
    path = tmp_path / "out" / "mismatches.json"
    (comparison,) = json.loads(path.read_text(encoding="utf-8"))["comparisons"]
    assert (comparison["with"], comparison["n_mismatch"]) == ("reference", 5)
    assert [each["event"] for each in comparison["mismatches"]] == [0, 10, 20, 30, 40]
    for each in comparison["mismatches"]:
        (output,) = each["outputs"]
        assert output["other"][0] - output["engine"][0] == 1
    ended = program(*words, "--json")
    assert (ended.code, ended.json[0]["n_mismatch"]) == (1, 5)


@pytest.mark.usefixtures("wrong_reference")
def test_the_first_node_that_differs_is_named(
    program: Program,
    model_file: Path,
    write_sample: WriteSample,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = Reference.trace

    def trace(self: Reference, rows: Any) -> Any:
        found = {name: np.array(values) for name, values in right(self, rows).items()}
        found["scaled"][:, 2] -= 4
        return found

    monkeypatch.setattr(Reference, "trace", trace)
    path = write_sample("a.root", 5, 1)
    out = program("compare", model_file, path, "--with", "reference", "-o", tmp_path).out
    assert "crossing 0 first differs at node scaled: [" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--with", "reference,verilator"),
            "cannot compare with 'verilator'; known: reference, cs",
        ),
        (("--with", ","), "--with names no execution; give for example --with reference,csim"),
        (("--with", "reference", "--crossings", "x"), "--crossings takes comma-separated integers"),
    ],
)
def test_refused(
    refused: Refused,
    model_file: Path,
    write_sample: WriteSample,
    words: tuple[str, ...],
    sentence: str,
) -> None:
    path = write_sample("a.root", 5, 1)
    assert sentence in refused("compare", model_file, path, "-o", "out", *words)
