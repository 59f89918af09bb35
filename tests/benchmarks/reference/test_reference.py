"""The exact gate: nothing that the emulator says of the committed samples and students moves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import reference
from benchmarks.reference.make_models import DISTILLED, encoder, narrow
from emulator.graph import Dense, Graph
from emulator.model import load_model
from emulator.samples import load_manifest
from firmware.compare import compare
from l1distill.emulation import Scorer
from l1distill.gates import difference_table, differences, network_facts, passing_facts

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.model import Model

STUDENTS = [path.stem for path in reference.model_files()]

#: Crossings of each sample that the plain-Python reference computes here; all of them in a deep proof.
N_REFERENCE = 250


def student(name: str) -> Model:
    return load_model(reference.FOLDER / "models" / f"{name}.json")


def all_rows(model: Model, most: int | None = None) -> NDArray[np.int16]:
    return np.concatenate([reference.rows_of(model, name)[:most] for name in reference.SAMPLES])


def test_every_fact_is_as_accepted() -> None:
    found = differences(reference.load_expected(), reference.compute_facts())
    if found:
        pytest.fail(
            f"{len(found)} facts moved; if that is right: make accept WHY='...'\n"
            f"{difference_table(found)}"
        )


def test_there_is_something_to_hold() -> None:
    expected = reference.load_expected()
    assert len(STUDENTS) == 3
    assert list(expected["models"]) == STUDENTS
    for facts in expected["models"].values():
        assert all(point["fires"] > 10 for point in facts["at fixed rate"].values())
        assert all(facts["decisions"]["A4l"][f"at {rate}kHz"]["fires"] for rate in (1, 5, 10))


@pytest.mark.parametrize("name", STUDENTS)
def test_engine_equals_reference(name: str) -> None:
    model = student(name)
    (found,) = compare(model.graph, all_rows(model, N_REFERENCE))
    assert (found.n_events, found.n_mismatch) == (5 * N_REFERENCE, 0)


@pytest.mark.deep
@pytest.mark.parametrize("name", STUDENTS)
def test_engine_equals_reference_and_csimulation_everywhere(name: str, tmp_path: Path) -> None:
    model = student(name)
    found = compare(model.graph, all_rows(model), against=("reference", "csim"), work_dir=tmp_path)
    assert [(each.n_events, each.n_mismatch) for each in found] == [(10_145, 0)] * 2


def test_engine_equals_csimulation(tmp_path: Path) -> None:
    """The student whose accumulators round and overflow at each step, on every crossing."""
    model = student("narrow_57_32_16_1")
    (found,) = compare(model.graph, all_rows(model), against=("csim",), work_dir=tmp_path)
    assert (found.n_events, found.n_mismatch) == (10_145, 0)


def test_models_are_what_their_script_makes() -> None:
    distilled = student(DISTILLED)
    for made in (narrow(distilled), encoder(distilled)):
        assert made == student(made.name)


def test_samples_are_those_of_their_manifest() -> None:
    manifest = load_manifest(reference.FOLDER / "samples")
    assert (manifest.tier, manifest.seed) == ("fixture", 2026)
    stated = {file.name: file.content_sha256 for file in manifest.files}
    held = reference.load_expected()["samples"]
    for role, file in reference.SAMPLES.items():
        assert held[role]["content_sha256"] == stated[file]


def test_reference_is_small() -> None:
    size = sum(path.stat().st_size for path in reference.FOLDER.rglob("*.*") if path.is_file())
    assert size < 3_200_000


def test_one_bit_of_one_weight_is_seen() -> None:
    model = student(DISTILLED)
    last = model.graph.nodes[-1]
    assert isinstance(last, Dense)
    weights = ((last.weights[0][0] ^ 1,), *last.weights[1:])
    nodes = (*model.graph.nodes[:-1], replace(last, weights=weights))
    other = replace(model, graph=Graph(nodes, model.graph.outputs))
    expected = reference.load_expected()["models"][DISTILLED]
    changed = {each.what for each in differences(expected["network"], network_facts(other))}
    assert "sha256" in changed
    scores = Scorer(other, threads=1).scores(reference.sample("measuring"))
    facts = passing_facts(scores, None, model.thresholds)
    assert facts["scores_sha256"] != expected["decisions"]["measuring"]["scores_sha256"]
