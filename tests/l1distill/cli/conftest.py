"""Runs the program in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from l1distill.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: object
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be JSON and nothing else."""
        assert self.code in {0, 1}, self.err
        return json.loads(self.out)


class Program(Protocol):
    """Runs a command."""

    def __call__(self, *words: object) -> Ended:
        """Run ``l1distill`` with these words."""
        ...


class Refused(Protocol):
    """Runs a command that must be refused."""

    def __call__(self, *words: object) -> str:
        """Check that it exits with 2, says one sentence, leaves no file; return the sentence."""
        ...


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoded files go to a folder of the test, not to the user's."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr("emulator.files.user_cache_folder", lambda: folder)


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    """Runs a command and returns how it ended."""

    def call(*words: object) -> Ended:
        with pytest.raises(SystemExit) as left:
            run([str(word) for word in words])
        captured = capsys.readouterr()
        return Ended(left.value.code, captured.out, captured.err)

    return call


@pytest.fixture
def refused(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Runs a command in the test's folder that must be refused without a trace."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> str:
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
        ended = program(*words)
        assert ended.code == 2, ended.err
        assert ended.out == ""
        assert ended.err.startswith("l1distill: ")
        assert ended.err.count("\n") == 1, "one line"
        assert ended.err.endswith("\n")
        assert "Traceback" not in ended.err
        after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
        assert after == before, "nothing is left behind"
        return ended.err

    return call
