"""What a reader must know of teacher, training and score before trusting the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1distill.report.summary import Statement

if TYPE_CHECKING:
    from l1distill.report.run_folder import RunResults

_QUESTIONS = {
    "training_notes": "Is the training sound?",
    "grid_notes": "Can thresholds be set where they are wanted?",
}


def doubts(run: RunResults) -> list[Statement]:
    """Return the doubts that were noted; nothing if there are none."""
    found = []
    for key, question in _QUESTIONS.items():
        notes = [str(note) for note in run.results.get(key, ())]
        if notes:
            found.append(Statement(question, tuple(f"{_capital(note)}." for note in notes), "open"))
    return found


def _capital(note: str) -> str:
    return f"{note[0].upper()}{note[1:]}"
