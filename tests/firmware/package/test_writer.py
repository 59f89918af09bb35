"""Packages: built by their own Makefile, two versions loaded side by side, every part checked."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from small_samples import draw_events, make_small_model

from emulator.engine import evaluate_rows
from emulator.errors import InputFileError, RangeError, SettingsError
from emulator.features import feature_rows
from emulator.menu import load_menu
from emulator.model import Model, NamedThreshold, import_network_form, load_model
from emulator.objects import read_events, read_events_and_bits
from emulator.objects.ugt_events import encode_events
from firmware.errors import CompileError
from firmware.package import Package, PackageEvents, verify_package, write_package

if TYPE_CHECKING:
    from pathlib import Path

    import awkward as ak

    from emulator.objects import SeedBits
    from emulator.objects.ugt_words import UgtWords

N_EVENTS = 5_000


@pytest.fixture(scope="module")
def events() -> ak.Array:
    return draw_events(N_EVENTS, 11, weighted=False)


def model_of(version: str) -> Model:
    """The same network by name, with another bias in each version."""
    return make_small_model("AD-small", bias={"v1": 7, "v2": -5}[version])


@pytest.fixture(scope="module")
def packages(
    events: ak.Array, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Package, Path]]:
    """Two versions, built."""
    made = {}
    for version in ("v1", "v2"):
        folder = tmp_path_factory.mktemp("packages") / version
        package = write_package(
            model_of(version),
            folder,
            PackageEvents(events, "drawn ones"),
            version=version,
            first_bit=440,
            check=False,
        )
        subprocess.run(
            ["make", "-s", "CXXFLAGS=-O1", "all", "check_models"],
            cwd=folder / "emulator",
            check=True,
            timeout=300,
        )
        made[version] = package, folder
    return made


def run_models(*words: Path | str) -> tuple[int, str]:
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def library(made: tuple[Package, Path]) -> Path:
    package, folder = made
    return folder / "emulator" / package.library


def test_vectors_are_what_the_reference_gives(
    events: ak.Array, packages: dict[str, tuple[Package, Path]]
) -> None:
    for version, (_, folder) in packages.items():
        model = model_of(version)
        rows = feature_rows(events, model.layout)
        expected = evaluate_rows(model.graph, rows)["score"]
        vectors = folder / "vectors"
        np.testing.assert_array_equal(np.loadtxt(vectors / "features.dat", dtype=int), rows)
        scores = np.loadtxt(vectors / "scores.dat", dtype=int)
        np.testing.assert_array_equal(scores, expected[:, 0])
        decisions = np.loadtxt(vectors / "decisions.dat", dtype=int)
        np.testing.assert_array_equal(decisions, expected >= np.array([200, 900]))
        assert 0 < decisions[:, 1].sum() < decisions[:, 0].sum() < N_EVENTS


def test_two_versions_side_by_side_give_our_scores(
    packages: dict[str, tuple[Package, Path]], tmp_path: Path
) -> None:
    (_, first), (_, second) = packages["v1"], packages["v2"]
    stems = [library(packages[version]).with_suffix("") for version in ("v1", "v2")]
    program = first / "emulator" / "check_models"
    words = (program, stems[0], first / "vectors", stems[1], second / "vectors")
    code, said = run_models(*words)
    assert code == 0, said
    assert said.count(f"0 of {N_EVENTS} scores differ") == 2
    # They are not the same network: each fails the other's vectors.
    code, said = run_models(program, stems[0], second / "vectors")
    assert code == 1
    assert f"0 of {N_EVENTS}" not in said
    # One score that is wrong is found.
    spoiled = shutil.copytree(first / "vectors", tmp_path / "spoiled")
    lines = (spoiled / "scores.dat").read_text().splitlines()
    lines[4_321] = str(int(lines[4_321]) ^ 1)
    (spoiled / "scores.dat").write_text("\n".join(lines) + "\n")
    code, said = run_models(program, stems[0], spoiled, stems[1], second / "vectors")
    assert code == 1
    assert "crossing 4321 gives" in said
    assert f"1 of {N_EVENTS} scores differ" in said


def test_loader_tells_what_is_wrong(
    packages: dict[str, tuple[Package, Path]], tmp_path: Path
) -> None:
    program = packages["v1"][1] / "emulator" / "check_models"
    stem = library(packages["v1"]).with_suffix("")
    assert run_models(program)[0] == 2
    assert "cannot load the model" in run_models(program, tmp_path / "none", tmp_path)[1]
    assert "has no features.dat" in run_models(program, stem, tmp_path)[1]
    (tmp_path / "features.dat").write_text("1 2 3 4\n")
    (tmp_path / "scores.dat").write_text("1\n2\n")
    code, said = run_models(program, stem, tmp_path)
    assert (code, "do not belong together" in said) == (2, True)


def test_libraries_keep_their_symbols_and_know_their_network(
    packages: dict[str, tuple[Package, Path]],
) -> None:
    for version, made in packages.items():
        names = subprocess.run(
            ["nm", "-D", "--defined-only", "-C", library(made)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\n")
        ours = {line.split()[-1] for line in names if " T " in line}
        assert ours == {"create_model", "destroy_model", "network_sha256"}
        assert not [line for line in names if " u " in line]  # unique in a process
        loaded = ctypes.CDLL(str(library(made)))
        loaded.network_sha256.restype = ctypes.c_char_p
        assert loaded.network_sha256().decode() == model_of(version).network_sha256


def test_ugt_vectors_hold_objects_and_decisions(
    events: ak.Array, packages: dict[str, tuple[Package, Path]]
) -> None:
    package, folder = packages["v1"]
    model = model_of("v1")
    again, bits = read_events_and_bits(folder / "vectors" / "ugt_testvector.txt")
    assert len(again) == 3_564
    rows = feature_rows(again, model.layout)
    np.testing.assert_array_equal(rows, feature_rows(events, model.layout)[:3_564])
    scores = evaluate_rows(model.graph, rows)["score"][:, 0]
    for seed in package.conditions:
        np.testing.assert_array_equal(bits.column(str(seed.bit)), scores >= seed.threshold)
        assert 0 < bits.column(str(seed.bit)).sum() < len(scores)


def test_menu_types_layout_and_manifest(packages: dict[str, tuple[Package, Path]]) -> None:
    package, folder = packages["v2"]
    assert package.left_out == {}
    menu = load_menu(folder / "menu.json")
    assert [(seed.bit, seed.name) for seed in menu.seeds] == [
        (440, "L1_AXO_loose"),
        (441, "L1_AXO_tight"),
    ]
    plain = json.loads((folder / "menu.json").read_text())
    assert plain["441"][1] == "AXO[AXO-MODEL_v2,AXO-SCORE_tight]"
    types = json.loads((folder / "types.json").read_text())
    assert types["input"] == {"size": 4, "type": "fixed<16,16>"}
    assert types["score"] == {"node": "score", "type": "ufixed<12,9,RND,SAT>"}
    assert types["nodes"][2]["accum"] == "fixed<20,14>"
    layout = json.loads((folder / "layout.json").read_text())
    assert layout["era"] == {"pt": "hardware", "muon_position": "vertex"}
    assert layout["inputs"][1] == {"input": 1, "object": "jet", "slot": 0, "field": "pt"}
    thresholds = json.loads((folder / "thresholds.json").read_text())
    assert [seed["threshold"] for seed in thresholds["seeds"]] == [200, 900]
    assert thresholds["count_value"] == 0.125
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["namespace"] == "hls4ml_AD_small_v2"
    assert manifest["network_sha256"] == load_model(folder / "model.json").network_sha256
    assert (
        "namespace hls4ml_AD_small_v2 {"
        in (folder / "emulator" / "NN" / "AD_small_v2.cpp").read_text()
    )
    readme = (folder / "README.md").read_text()
    assert "$" not in readme
    assert "| L1_AXO_tight | 441 | `AXO[AXO-MODEL_v2,AXO-SCORE_tight]` | 900 |" in readme


def test_checksums_find_every_change(
    packages: dict[str, tuple[Package, Path]], tmp_path: Path
) -> None:
    folder = shutil.copytree(packages["v1"][1], tmp_path / "copy")
    found = verify_package(folder)
    assert found.intact
    # What make left is none of the package's.
    assert "emulator/AD_small_v1.so" in found.extra
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)
    weight = next(folder.glob("emulator/NN/weights/w*.h"))
    text = weight.read_text()
    weight.write_text(text.replace("0.75", "0.50", 1))
    (folder / "menu.json").unlink()
    found = verify_package(folder)
    assert not found.intact
    assert found.changed == (weight.relative_to(folder).as_posix(),)
    assert found.missing == ("menu.json",)
    (folder / "SHA256SUMS").write_text("garbage\n")
    with pytest.raises(InputFileError, match="line 1 is no checksum of a file"):
        verify_package(folder)
    (folder / "SHA256SUMS").write_text(f"{'0' * 64}  ../x\n")
    with pytest.raises(InputFileError, match="line 1 is no checksum of a file"):
        verify_package(folder)
    with pytest.raises(InputFileError, match="is no package"):
        verify_package(tmp_path)


def test_a_package_that_fails_leaves_the_earlier_one(
    events: ak.Array,
    packages: dict[str, tuple[Package, Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = shutil.copytree(packages["v1"][1], tmp_path / "delivery")
    program = tmp_path / "fake-g++"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && { echo fake; exit; }\necho "x: error: no"; exit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("CXX", str(program))
    some = PackageEvents(events[:100], "drawn ones")
    with pytest.raises(CompileError, match=r"x: error: no \(all of it in .*delivery.log\)"):
        write_package(model_of("v2"), folder, some)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "delivery",
        "delivery.log",
        "fake-g++",
    ]
    assert verify_package(folder).intact


def test_what_cannot_be_packaged_is_told(events: ak.Array, tmp_path: Path) -> None:
    some, model = PackageEvents(events[:10], "drawn ones"), model_of("v1")
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "thesis.tex").touch()
    with pytest.raises(InputFileError, match=r"has no manifest.json, so it is not replaced"):
        write_package(model, folder, some)
    folder = tmp_path / "new"
    with pytest.raises(SettingsError, match="letters, digits and _, got 'v 1'"):
        write_package(model, folder, some, version="v 1")
    with pytest.raises(SettingsError, match="has no thresholds; `l1distill rates` sets them"):
        write_package(model.with_thresholds([]), folder, some)
    with pytest.raises(SettingsError, match="no thresholds of menu 'x'; it has those of no menu"):
        write_package(model, folder, some, menu="x")
    with pytest.raises(SettingsError, match="L1_AXO_tight: algorithm bit 512 is not 0 to 511"):
        write_package(model, folder, some, first_bit=511)
    both = [NamedThreshold("a", 1, bit=3), NamedThreshold("b", 2, bit=3)]
    with pytest.raises(SettingsError, match="two thresholds of the package have the algorithm bit"):
        write_package(model.with_thresholds(both), folder, some)
    assert not folder.exists()


def test_what_the_words_cannot_hold_is_left_out(
    events: ak.Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some, folder = PackageEvents(events[:40], "drawn ones"), tmp_path / "p"

    def other_objects(given: ak.Array, bits: SeedBits) -> UgtWords:
        return encode_events(given[::-1], bits)

    monkeypatch.setattr("firmware.package.writer.encode_events", other_objects)
    package = write_package(model_of("v1"), folder, some, check=False)
    assert "has other inputs" in package.left_out["vectors/ugt_testvector.txt"]
    assert not (folder / "vectors" / "ugt_testvector.txt").exists()
    assert "left out: read back" in (folder / "README.md").read_text()
    assert verify_package(folder).intact

    def too_many(*_: object) -> None:
        msg = "row 0: 9 mu; a uGT test vector holds 8"
        raise RangeError(msg)

    monkeypatch.setattr("firmware.package.writer.encode_events", too_many)
    package = write_package(model_of("v1"), folder, some, check=False)
    assert package.left_out == {
        "vectors/ugt_testvector.txt": "row 0: 9 mu; a uGT test vector holds 8"
    }


def test_menus_keep_their_seeds_and_bits(events: ak.Array, tmp_path: Path) -> None:
    of_menus = [
        NamedThreshold("a", 10, menu="m1", seed="L1_AXO_Loose", bit=438),
        NamedThreshold("b", 20, menu="m1", seed="L1_AXO_Tight", bit=439),
        NamedThreshold("c", 30, menu="m2", seed="L1_AXO_Loose", bit=12),
    ]
    package = write_package(
        replace(model_of("v1"), thresholds=tuple(of_menus)),
        tmp_path / "p",
        PackageEvents(events[:10], "drawn ones"),
        version="v3",
        menu="m1",
        check=False,
    )
    assert [(one.bit, one.expression) for one in package.conditions] == [
        (438, "AXO[AXO-MODEL_v3,AXO-SCORE_Loose]"),
        (439, "AXO[AXO-MODEL_v3,AXO-SCORE_Tight]"),
    ]


def test_published_network_gives_the_published_menu_and_bits(
    reference_data: Path, tmp_path: Path
) -> None:
    menu = "L1Menu_Collisions2024_v1_1_0"
    vector = reference_data / "ugt" / f"{menu}_ttBar.txt.xz"
    model, _ = import_network_form(reference_data / "axol1tl_v3.json")
    objects = read_events(vector, order=model.layout.order)
    crossings = PackageEvents(objects, "the published vector")
    folder = tmp_path / "p"
    package = write_package(model, folder, crossings, version="v3", menu=menu, check=False)
    assert package.library == "AXOL1TL_v3.so"
    published = json.loads((reference_data / "ugt" / f"algos_{menu}.json").read_text())
    ours = json.loads((folder / "menu.json").read_text())
    assert ours == {bit: published[bit] for bit in ("438", "439", "440", "441", "442")}
    _, given = read_events_and_bits(vector)
    _, found = read_events_and_bits(folder / "vectors" / "ugt_testvector.txt")
    for bit in ours:
        np.testing.assert_array_equal(found.column(bit), given.column(bit))
    assert found.column("438").sum() == 207
