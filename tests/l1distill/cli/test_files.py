"""``l1distill inspect`` and ``l1distill emulate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
import uproot

from emulator.engine import KernelName
from l1distill.score_table import ScoreTable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.l1distill.cli.conftest import Program, Refused
    from tests.l1distill.conftest import WriteSample

L1NTUPLE = "l1ntuple/cms_l1ntuple_run3mc_1ev.root"
NO_L1 = "nano/scouting_nano_40ev_no_l1_objects.root"


def test_inspect_the_real_l1ntuple(program: Program, reference_data: Path) -> None:
    ended = program("inspect", reference_data / L1NTUPLE)
    assert ended.code == 0
    assert "l1ntuple, 1 entries" in ended.out
    assert "objects: unpacked (offered: unpacked, emulated)" in ended.out
    assert "layout axol1tl_57: complete" in ended.out
    assert "eras with muon phi as measured: complete" in ended.out
    assert "weights: no, every crossing counts the same" in ended.out
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines() if line.strip()}
    assert rows["eg.pt"] == ["2", "6", "8", "0", "0"]
    assert rows["mu.pt"] == ["0", "-", "-", "0", "0"]


def test_inspect_as_json(program: Program, write_sample: WriteSample) -> None:
    paths = [write_sample("a.root", 30, 1), write_sample("b.root", 20, 2, weighted=False)]
    first, second = program("inspect", *paths, "--json").json
    assert (first["entries"], second["entries"]) == (30, 20)
    assert (first["weighted"], second["weighted"]) == (True, False)
    assert first["provenance"] == {"seed": 1}
    assert first["missing_features"] == []
    assert first["eras"] == [
        {"muon_position": "measured", "missing": ["mu.phi"]},
        {"muon_position": "vertex", "missing": []},
        {"muon_eta": "measured", "missing": ["mu.eta"]},
        {"muon_eta": "vertex", "missing": []},
    ]
    assert "mu.charge" in first["missing"]


def test_inspect_says_what_a_written_file_holds(
    program: Program, write_sample: WriteSample
) -> None:
    ended = program("inspect", write_sample("a.root", 30, 1, crossings=(-1, 0)))
    assert "crossings (entries with objects): -1 (30), 0 (30)" in ended.out
    assert "weights: yes" in ended.out
    assert "eras with muon phi as measured: missing mu.phi" in ended.out
    assert "eras with muon phi at the vertex: complete" in ended.out
    assert "eras with muon eta as measured: missing mu.eta" in ended.out
    assert "made by: {'seed': 1}" in ended.out


def test_inspect_refuses_a_file_without_objects(refused: Refused, reference_data: Path) -> None:
    sentence = refused("inspect", reference_data / NO_L1)
    assert NO_L1 in sentence


def test_inspect_refuses_other_files(refused: Refused, tmp_path: Path) -> None:
    assert "there is no such file" in refused("inspect", tmp_path / "none.root")
    text = tmp_path / "text.root"
    text.write_text("no ROOT file at all\n" * 20, encoding="utf-8")
    assert "text.root" in refused("inspect", text)
    text.write_bytes(b"")
    assert "text.root" in refused("inspect", text)
    assert str(tmp_path) in refused("inspect", tmp_path)


@pytest.mark.parametrize("source", ["unpacked", "emulated"])
def test_emulate_the_real_l1ntuple(
    program: Program, reference_data: Path, model_file: Path, tmp_path: Path, source: str
) -> None:
    output = tmp_path / "scores.parquet"
    words = (model_file, reference_data / L1NTUPLE, "-o", output, "-j", 1)
    ended = program("emulate", *words, "--source", source)
    assert ended.code == 0
    assert ended.out.startswith("1 crossings scored by small, scores ")
    assert len(ScoreTable.read(output)) == 1


def test_emulate_writes_both_formats(
    program: Program, model_file: Path, write_sample: WriteSample, tmp_path: Path
) -> None:
    paths = [write_sample("a.root", 30, 1), write_sample("b.root", 20, 2)]
    parquet, root = tmp_path / "out" / "scores.parquet", tmp_path / "scores.root"
    result = program("emulate", model_file, *paths, "-o", parquet, "-j", 1, "--json").json
    ended = program("emulate", model_file, *paths, "-o", root, "-j", 1)
    table = ScoreTable.read(parquet)
    with uproot.open(root) as file:
        columns = file["scores"].arrays(library="np")
    assert {name: column.tolist() for name, column in table.identity.items()} == {
        name: column.tolist() for name, column in columns.items()
    }
    assert result["n_crossings"] == len(table) == 50
    assert result["fires"] == {
        name: int(table.identity[f"fires_{name}"].sum()) for name in ("loose", "tight")
    }
    assert f"  loose: {result['fires']['loose']} fire" in ended.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("-o", "scores.txt"), "scores are written as .parquet, .arrow or .root, name the output"),
        (("-o", "s.root", "--crossings", "a"), "--crossings takes comma-separated integers"),
        (("-o", "s.root", "--crossings", ""), "--crossings takes comma-separated integers"),
        (("-o", "s.root", "--crossings", "0,0"), "crossings must be given, each once"),
        (("-o", "s.parquet", "--crossings", "7"), "crossing 7 is in no entry; offered: 0"),
        (
            ("-o", "s.root", "--cache", "small.json"),
            "the cache small.json must be a folder, and it is a file",
        ),
        (
            ("-o", "s.root", "--cache", "small.json/decoded"),
            "the cache small.json/decoded must be a folder, and small.json is a file",
        ),
        (("-o", "s.root", "--source", "emulated"), "emulated"),
    ],
)
def test_emulate_refuses(
    refused: Refused,
    model_file: Path,
    write_sample: WriteSample,
    words: tuple[str, ...],
    sentence: str,
) -> None:
    path = write_sample("a.root", 10, 1)
    assert sentence in refused("emulate", model_file, path, *words)


def test_emulate_refuses_missing_files(
    refused: Refused, model_file: Path, write_sample: WriteSample, tmp_path: Path
) -> None:
    path = write_sample("a.root", 10, 1)
    said = refused("emulate", model_file, path, tmp_path / "none.root", "-o", "s.parquet")
    assert "none.root: there is no such file" in said
    assert "none.json" in refused("emulate", tmp_path / "none.json", path, "-o", "s.parquet")


def test_emulate_never_writes_over_its_input(
    refused: Refused, model_file: Path, write_sample: WriteSample
) -> None:
    path = write_sample("a.root", 10, 1)
    assert "would be replaced" in refused("emulate", model_file, path, "-o", path)


def test_inspect_says_which_eras_and_decisions_a_vector_supports(
    program: Program, reference_data: Path
) -> None:
    name = "ugt/L1Menu_Collisions2024_v1_1_0_data.txt.xz"
    ended = program("inspect", reference_data / name)
    assert "ugt, 3564 entries" in ended.out
    assert "decisions: 512 for each entry" in ended.out
    # All six energy sums of this vector are 0.
    assert "input ETM, without HF: yes, but never other than 0" in ended.out
    (plain,) = program("inspect", reference_data / name, "--json").json
    assert [each["exercised"] for each in plain["era_inputs"]] == [False, False]


def test_convert_there_and_back(
    program: Program, write_sample: WriteSample, tmp_path: Path
) -> None:
    sample = write_sample("a.root", 30, 1)
    ended = program("convert", sample, "-o", tmp_path / "a.parquet")
    assert ended.code == 0
    assert "30 crossings written" in ended.out
    back = program("convert", tmp_path / "a.parquet", "-o", tmp_path / "b.root", "--json").json
    assert (back["n_crossings"], back["format_name"]) == (30, "l1nano")


def test_convert_refuses_an_unknown_format(
    refused: Refused, write_sample: WriteSample, tmp_path: Path
) -> None:
    sample = write_sample("a.root", 3, 1)
    assert "must end in .root" in refused("convert", sample, "-o", tmp_path / "a.csv")


def test_emulate_traces_nodes_with_any_kernel(
    program: Program, model_file: Path, write_sample: WriteSample, tmp_path: Path
) -> None:
    path = write_sample("a.root", 30, 1)
    found = []
    for kernel in get_args(KernelName):
        words = ("--trace", "scaled", "--kernel", kernel)
        ended = program("emulate", model_file, path, "-o", tmp_path / "s.root", *words)
        if ended.code == 0:
            with uproot.open(tmp_path / "s.root") as file:
                found.append(file["scores"].arrays(["score", "trace_scaled"]).tolist())
        else:
            assert f"the kernel '{kernel}' cannot run node" in ended.err
    assert len(found) >= 3
    assert len(found[0][0]["trace_scaled"]) == 4
    assert all(each == found[0] for each in found)
    refused = program("emulate", model_file, path, "-o", tmp_path / "t.root", "--kernel", "dot4")
    assert (refused.code, "'dot4' is not one of 'dot8'" in refused.err) == (2, True)
    assert "Value error" not in refused.err
    assert not (tmp_path / "t.root").exists()
