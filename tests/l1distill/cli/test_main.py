"""The program as a whole: help, exit codes, and one sentence for every mistake."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from emulator.errors import InputFileError
from l1distill.cli import models
from l1distill.cli.main import INTERNAL_ERROR, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.l1distill.cli.conftest import Program, Refused
    from tests.l1distill.conftest import WriteSample

COMMANDS = [
    ("study",),
    ("report",),
    ("inspect",),
    ("emulate",),
    ("compare",),
    ("rates",),
    ("samples", "generate"),
    ("model", "show"),
    ("model", "check"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_has_an_example(program: Program, command: tuple[str, ...], option: str) -> None:
    ended = program(*command, option)
    assert ended.code == 0
    assert ended.err == ""
    assert "Example:" in ended.out
    assert f"l1distill {' '.join(command)} " in " ".join(ended.out.split("Example:")[1].split())


def test_help_names_every_command(program: Program) -> None:
    top = program("--help").out
    for command in COMMANDS:
        assert command[0] in top
    assert "--debug" in top
    assert "generate" in program("samples", "--help").out


@pytest.mark.parametrize("words", [["--help"], ["emulate", "-h"], ["train", "orders", "--help"]])
def test_help_waits_for_no_large_library(words: list[str]) -> None:
    program = f"""
import sys
from l1distill.cli.main import run
try:
    run({words})
finally:
    large = {{"numba", "torch", "awkward", "uproot", "pyarrow", "pandas", "scipy", "sklearn"}}
    print(*large & set(sys.modules), file=sys.stderr)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], text=True, capture_output=True, check=True
    )
    assert "Usage" in ended.stdout
    assert ended.stderr.split() == []


@pytest.mark.parametrize("words", [(), ("samples",), ("model",)])
def test_without_a_command_help_is_shown(program: Program, words: tuple[str, ...]) -> None:
    ended = program(*words)
    assert ended.code == 2
    assert "Commands" in ended.out
    assert ended.err == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("stduy",), "No such command 'stduy'"),
        (("model", "shwo"), "No such command 'shwo'"),
        (("inspect",), "Missing argument"),
        (("emulate", "a.json", "b.root"), "Missing option '--output' / '-o'"),
        (("inspect", "--jsn", "a.root"), "No such option: --jsn"),
        (
            ("emulate", "a.json", "b.root", "-o", "c.root", "-j", "0"),
            "'--jobs' / '-j': Input should be greater than or equal to 1",
        ),
        (("inspect", "a.root", "--source", "raw"), "'raw' is not one of"),
        (("rates", "a.json"), "Missing option '--background'"),
    ],
)
def test_usage_errors_name_the_help(
    refused: Refused, words: tuple[str, ...], sentence: str
) -> None:
    said = refused(*words)
    assert sentence in said
    assert "--help'" in said


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    for words in (["--debug", "model", "show"], ["model", "show", "--debug"]):
        with pytest.raises(InputFileError):
            run([*words, str(tmp_path / "none.json")])


def test_debug_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L1DISTILL_DEBUG", "1")
    with pytest.raises(InputFileError):
        run(["model", "show", str(tmp_path / "none.json")])


def test_an_error_of_the_program_is_no_users_error(
    program: Program, monkeypatch: pytest.MonkeyPatch, model_file: Path
) -> None:
    def broken(*_: object) -> None:
        msg = "two\nlines"
        raise AssertionError(msg)

    monkeypatch.setattr(models, "print_json", broken)
    ended = program("model", "show", model_file, "--json")
    assert ended.code == INTERNAL_ERROR
    assert ended.err == (
        "l1distill: internal error, please report it: AssertionError: two lines "
        "(--debug shows more)\n"
    )


def test_an_interrupt_is_no_error(
    program: Program, monkeypatch: pytest.MonkeyPatch, model_file: Path
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "print_json", interrupted)
    ended = program("model", "show", model_file, "--json")
    assert ended.code == 130
    assert "Traceback" not in ended.err


def test_an_error_of_the_system_is_one_sentence(
    refused: Refused, tmp_path: Path, model_file: Path, write_sample: WriteSample
) -> None:
    # A file where a folder is needed: no output can be made there.
    (tmp_path / "taken").write_text("", encoding="utf-8")
    sample = write_sample("a.root", 5, 1)
    assert "taken: " in refused("emulate", model_file, sample, "-o", "taken/scores.parquet")
