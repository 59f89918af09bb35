"""The manifest: which stages are current, and what is wrong with a damaged one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import l1distill
from emulator.errors import InputFileError
from l1distill.study.manifest import Manifest, file_sha256, key_of, sources_sha256, versions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A run folder whose stage ``samples`` wrote two files."""
    (tmp_path / "parts").mkdir()
    outputs = [tmp_path / "parts" / "b.json", tmp_path / "a.root"]
    for path in outputs:
        path.write_text(path.name, encoding="utf-8")
    manifest = Manifest.load(tmp_path)
    manifest.study = "tiny"
    manifest.finish("samples", "key", outputs, 1.25)
    return tmp_path


def test_what_is_saved_is_loaded(finished: Path) -> None:
    manifest = Manifest.load(finished)
    assert manifest.study == "tiny"
    state = manifest.stages["samples"]
    assert (state.key, state.seconds) == ("key", 1.25)
    assert list(state.outputs) == ["a.root", "parts/b.json"]
    assert state.outputs["a.root"] == file_sha256(finished / "a.root")
    plain = json.loads(manifest.path.read_text(encoding="utf-8"))
    assert plain["versions"] == versions()


def test_a_finished_stage_is_current(finished: Path) -> None:
    manifest = Manifest.load(finished)
    assert manifest.is_current("samples", "key")
    assert not manifest.is_current("samples", "another key")
    assert not manifest.is_current("training", "key")


def test_a_changed_output_is_not_current(finished: Path) -> None:
    (finished / "a.root").write_text("a.rooT", encoding="utf-8")
    assert not Manifest.load(finished).is_current("samples", "key")


def test_a_removed_output_is_not_current(finished: Path) -> None:
    (finished / "parts" / "b.json").unlink()
    assert not Manifest.load(finished).is_current("samples", "key")


def test_an_absent_manifest_is_empty_and_not_made(tmp_path: Path) -> None:
    manifest = Manifest.load(tmp_path / "run")
    assert (manifest.study, manifest.stages) == ("", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        '{"schema": "l1distill-manifest/1"}',
        '{"schema": "l1distill-manifest/1", "study": "x", "stages": []}',
        '{"schema": "l1distill-manifest/1", "study": "x", "stages": {"samples": 3}}',
        '{"schema": "l1distill-manifest/1", "study": "x", "stages": {"samples": {"key": "k"}}}',
    ],
)
def test_a_damaged_manifest_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputFileError, match=r"manifest\.json: is damaged; remove it or give anot"):
        Manifest.load(tmp_path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"schema": "l1distill-manifest/9"}', encoding="utf-8")
    with pytest.raises(InputFileError, match="is of schema 'l1distill-manifest/9'; give another"):
        Manifest.load(tmp_path)


def test_keys_do_not_depend_on_order() -> None:
    assert key_of({"a": 1, "b": [1, 2]}) == key_of({"b": [1, 2], "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})


def test_sources_know_every_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "l1distill"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "data.yaml").write_text("a: 1", encoding="utf-8")
    monkeypatch.setattr(l1distill, "__file__", str(package / "__init__.py"))
    before = sources_sha256()
    assert sources_sha256() == before
    (package / "data.yaml").write_text("a: 2", encoding="utf-8")
    assert sources_sha256() != before
    (package / "data.yaml").write_text("a: 1", encoding="utf-8")
    (package / "compiled.pyc").write_bytes(b"x")
    assert sources_sha256() == before
