"""What commands show while they work: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    # (steps done, steps in all, what is being done)
    Report = Callable[[int, int, str], None]

#: Seconds between two plain lines of the same task.
_QUIET_SECONDS = 5.0

#: Columns of an output that is no terminal.
_NO_LIMIT = 100_000


@dataclass
class Reporter:
    """Writes progress to standard error, so that standard output holds results only."""

    console: Console = field(default_factory=lambda: Console(stderr=True))

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def progress(self, task: str) -> Iterator[Report]:
        """Follow a task whose steps are reported to the function that this gives."""
        if self.console.is_terminal:
            with _bars(self.console) as bars:
                bar = bars.add_task(task, total=None)

                def show(done: int, total: int, text: str) -> None:
                    bars.update(bar, completed=done, total=total, description=f"{task}: {text}")

                yield show
            return
        last = [0.0]

        def line(done: int, total: int, text: str) -> None:
            now = time.monotonic()
            if done >= total or now - last[0] >= _QUIET_SECONDS:
                last[0] = now
                self.say(f"  {task}: {text} ({done} of {total})")

        yield line


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table to standard output; plain aligned columns where it is no terminal."""
    console = Console()
    table = Table(title=title or None, title_justify="left", title_style="bold")
    for place, name in enumerate(columns):
        # On a narrow terminal cells are folded: nothing is cut.
        table.add_column(name, justify="right" if place else "left", overflow="fold")
    for row in rows:
        # As text: a name in square brackets is no style.
        table.add_row(*(Text(cell) for cell in row))
    if not console.is_terminal:
        table.box = None
        # A table is as wide as its content: whoever reads it with a program gets every row whole.
        console = Console(width=_NO_LIMIT)
    console.print(table)
