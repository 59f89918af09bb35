"""Fields of words, and what the trigger would not send."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.objects import UgtWords, open_file, write_words
from emulator.objects.ugt_lines import LINE_BYTES, format_lines
from emulator.objects.ugt_words import BitField, empty_words

if TYPE_CHECKING:
    from pathlib import Path


def test_a_signed_field_over_all_its_codes() -> None:
    field = BitField(3, 4, signed=True)
    values = np.arange(-8, 8)
    words = field.put(values, np.uint32)
    assert field.get(words).tolist() == values.tolist()
    assert words.max() < 1 << 7
    assert (words & 7).tolist() == [0] * 16


def test_words_are_cut_by_slices() -> None:
    words: UgtWords = empty_words(5)[1:3]
    assert words.crossing.tolist() == [1, 2]
    assert len(format_lines(words)) == 2 * LINE_BYTES


@pytest.mark.parametrize(
    ("column", "word", "note"),
    [
        ("eg", 0x1000_0014, "1 crossings with bits that no field uses"),
        ("tau", 0x0800_0014, None),  # as simulation sets it
        ("sums", 0x0800_0000, "1 crossings with bits that no field uses"),
        ("jet", 0x0000_0800, "1 crossings with an object without pT"),
        ("mu", 1 << 61, None),  # a muon shower
        ("mu", 1 << 60, "1 crossings with an object without pT"),
        ("final_or", 1, "1 crossings with a final OR that is not the OR of the algorithm bits"),
    ],
)
def test_what_the_trigger_would_not_send_is_noted(
    column: str, word: int, note: str | None, tmp_path: Path
) -> None:
    words = empty_words(2)
    getattr(words, column)[(1, 0)[: getattr(words, column).ndim]] = word
    write_words(tmp_path / "a.txt", [words])
    _, *notes = open_file(tmp_path / "a.txt").describe().notes
    assert notes == ([f"{note}: the file may be damaged"] if note else [])
