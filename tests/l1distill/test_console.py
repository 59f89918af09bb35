"""What commands show: nothing of a table is lost, progress goes to standard error."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

import l1distill.console
from l1distill.console import Reporter, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

ROWS = [["x[0].pt [red]", "y" * 300, "1"], ["short", "other words", "22"]]


def test_no_table_is_cut_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_table(["node", "reason", "n"], ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["node", "reason", "n"],
        ["x[0].pt", "[red]", "y" * 300, "1"],
        ["short", "other", "words", "22"],
    ]
    assert len({len(line) for line in lines}) == 1, "columns are aligned"


def on_terminal(file: io.StringIO, width: int) -> Callable[[], Console]:
    return lambda: Console(file=file, force_terminal=True, width=width, color_system=None)


def test_a_narrow_terminal_folds_and_drops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(l1distill.console, "Console", on_terminal(file, 40))
    print_table(["node", "reason", "n"], ROWS, title="nodes")
    text = file.getvalue()
    assert max(map(len, text.splitlines())) <= 40
    assert text.count("y") == 300
    assert "…" not in text
    assert "22" in text
    assert "nodes" in text


def test_progress_is_plain_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter().progress("samples") as progress:
        progress(0, 2, "pool [1/2]")
        progress(1, 2, "not shown: too soon")
        progress(2, 2, "done")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "  samples: pool [1/2] (0 of 2)",
        "  samples: done (2 of 2)",
    ]


def test_progress_is_a_bar_on_a_terminal() -> None:
    file = io.StringIO()
    reporter = Reporter(on_terminal(file, 80)())
    with reporter.progress("samples") as progress:
        progress(1, 2, "pool")
        progress(2, 2, "crossings")
    assert "samples: crossings" in file.getvalue()


def test_long_lines_are_not_folded(capsys: pytest.CaptureFixture[str]) -> None:
    Reporter().say("word " * 50)
    assert len(capsys.readouterr().err.splitlines()) == 1
