"""Of those who want to make the same folder, one works at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from firmware.building import one_at_a_time

if TYPE_CHECKING:
    from pathlib import Path


class Worker:
    """Enters, and stays until it is let out."""

    def __init__(self, target: Path) -> None:
        self.inside, self.leave = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._work, args=(target,))
        self.thread.start()

    def _work(self, target: Path) -> None:
        with one_at_a_time(target):
            self.inside.set()
            assert self.leave.wait(30)

    def out(self) -> None:
        """Let it out and wait for it."""
        self.leave.set()
        self.thread.join(30)


def test_one_who_comes_late_waits_for_one_who_waited(tmp_path: Path) -> None:
    target = tmp_path / "library"
    first = Worker(target)
    assert first.inside.wait(30)
    second = Worker(target)
    assert not second.inside.wait(0.3)
    first.out()
    assert second.inside.wait(30)
    rest = tmp_path / ".library-half"
    rest.mkdir()
    third = Worker(target)
    assert not third.inside.wait(0.5)
    assert rest.is_dir(), "the one who waits removes nothing of the one who works"
    second.out()
    assert third.inside.wait(30)
    assert not rest.exists()
    third.out()
