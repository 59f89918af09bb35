"""Files that appear whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path


def test_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_text("old", encoding="utf-8")

    def fail() -> None:
        with replace_file(path) as draft:
            draft.write_text("half", encoding="utf-8")
            msg = "power cut"
            raise OSError(msg)

    with pytest.raises(OSError, match="power cut"):
        fail()
    assert [(file.name, file.read_text(encoding="utf-8")) for file in tmp_path.iterdir()] == [
        ("a.npz", "old")
    ]
