"""The manifest of a folder of samples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from emulator.errors import InputFileError
from emulator.samples.manifest import (
    MANIFEST_NAME,
    SampleFile,
    SampleManifest,
    StratumRecord,
    load_manifest,
    save_manifest,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def manifest(tmp_path: Path) -> SampleManifest:
    stratum = StratumRecord("tt", 3, 1e-7, 10)
    files = (
        SampleFile("zerobias_eval.root", "eval", "zerobias", 10, 5, 7, "ab", (stratum,), {"tt": 5}),
        SampleFile("signal_A4l.root", "signal", "A4l", 10, 5, 10 << 32, "cd", (), {"A4l": 5}),
    )
    for file in files:
        (tmp_path / file.name).touch()
    return SampleManifest(
        tier="mine",
        seed=3,
        pileup=50.0,
        sqrt_s_tev=13.6,
        inelastic_mb=78.58,
        scales="cms_run3",
        generator_sha256="1",
        response_sha256="2",
        versions={"numpy": "2"},
        sigma_mb={"tt": 1e-7},
        k_factors={"tt": 1.6},
        files=files,
    )


def test_round_trip(tmp_path: Path, manifest: SampleManifest) -> None:
    save_manifest(manifest, tmp_path)
    assert load_manifest(tmp_path) == manifest


def test_files_are_found_by_role_and_signal(manifest: SampleManifest) -> None:
    assert manifest.file("eval").name == "zerobias_eval.root"
    assert manifest.file("A4l").name == manifest.file("signal_A4l.root").name == "signal_A4l.root"
    with pytest.raises(KeyError, match="signal"):
        manifest.file("signal")


def test_absent_damaged_and_incomplete(tmp_path: Path, manifest: SampleManifest) -> None:
    with pytest.raises(InputFileError, match="the samples are not finished"):
        load_manifest(tmp_path)
    path = save_manifest(manifest, tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "version": 99}), encoding="utf-8")
    with pytest.raises(InputFileError, match="version 99, expected 1"):
        load_manifest(tmp_path)
    path.write_text(json.dumps({**content, "colour": 1}), encoding="utf-8")
    with pytest.raises(InputFileError, match="damaged manifest"):
        load_manifest(tmp_path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputFileError, match="damaged manifest"):
        load_manifest(tmp_path)
    save_manifest(manifest, tmp_path)
    (tmp_path / "signal_A4l.root").unlink()
    with pytest.raises(InputFileError, match=r"not there: signal_A4l.root"):
        load_manifest(tmp_path)
    assert (tmp_path / MANIFEST_NAME).exists()
