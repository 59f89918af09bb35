"""Lines of test vectors hold every bit, and no other text is taken for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from ugt_text import line, texts

from emulator.errors import InputFileError
from emulator.objects import open_file
from emulator.objects.ugt_lines import format_lines, parse_lines

if TYPE_CHECKING:
    from pathlib import Path


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(text=texts())
def test_any_bits_come_back_byte_for_byte(text: bytes) -> None:
    words = parse_lines(text, "here")
    assert format_lines(words) == text
    # A second way to the numbers: Python's own.
    for row, each in enumerate(text.decode().splitlines()):
        column = each.split(" ")
        numbers = [int(word, 16) for word in column]
        assert words.crossing[row] == int(column[0])
        assert words.mu[row].tolist() == numbers[1:9]
        assert words.eg[row].tolist() == numbers[9:21]
        assert words.tau[row].tolist() == numbers[21:33]
        assert words.jet[row].tolist() == numbers[33:45]
        assert words.sums[row].tolist() == numbers[45:51]
        assert words.cicada[row].tolist() == numbers[51:57]
        assert words.external[row].tobytes().hex() == column[57]
        fires = words.bits().values[row]
        assert sum(1 << int(bit) for bit in np.flatnonzero(fires)) == numbers[58]
        assert words.final_or[row] == numbers[59]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line() + line(2), "line 2: crossing 2; crossings must rise by one"),
        (line(3563) + line(3564), "line 2: crossing 3564; crossings must rise .* up to 3563"),
        (line(c2="0000000000000A00"), "line 1, column 2: unexpected 'A'; words are lower-case"),
        (line(c60="2"), "line 1, column 60: unexpected '2'"),
        (line() + line(1).replace("0001 ", "000a ", 1), "line 2, column 1: unexpected 'a'"),
        (line() + line(1).replace("1 0", "1x0", 1), "line 2, column 1: unexpected 'x'"),
        (line()[:-1], "does not end with a whole line; the file is cut short"),
        (line() + line(1)[:400], "does not end with a whole line; the file is cut short"),
        (line() + "0001 00000000\n", "line 2: 2 columns, 13 characters; .* 60 columns, 768"),
        (" ".join(line().split()[:48]) + "\n", "line 1: 48 columns, .* of 2015 and 2016 had"),
        (line().replace("\n", "\r\n"), "line 1: 60 columns, 769 characters"),
    ],
)
def test_other_text_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode())
    with pytest.raises(InputFileError, match=rf"a\.txt: {message}"):
        open_file(tmp_path / "a.txt")
