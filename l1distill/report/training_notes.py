"""What a reader must know of teacher, training and score before trusting the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1distill.report.summary import Statement

if TYPE_CHECKING:
    from l1distill.report.run_folder import RunResults


def training_statement(run: RunResults) -> Statement | None:
    """Return the doubts that a study has noted, or None."""
    notes = [*run.results.get("training_notes", ()), *run.results.get("grid_notes", ())]
    lines = tuple(f"{str(note)[0].upper()}{str(note)[1:]}." for note in notes)
    return Statement("Is the training sound?", lines, "open") if lines else None
