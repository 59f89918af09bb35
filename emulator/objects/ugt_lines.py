"""The text of the Global Trigger's test vectors: lines of hexadecimal words, read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.errors import InputFileError
from emulator.objects.ugt_words import GROUPS, ORBIT_CROSSINGS, UgtWords

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Columns of a line, and characters of each.
COLUMN_WIDTHS: Final = (4, *[16] * 8, *[8] * 36, *[8] * 6, *[8] * 6, 64, 128, 1)

#: Bytes of a line, with one blank behind each column and the end of line behind the last.
LINE_BYTES: Final = sum(COLUMN_WIDTHS) + len(COLUMN_WIDTHS)

#: First column of each group of words, counted from 0.
_FIRST: Final = {"mu": 1, "eg": 9, "tau": 21, "jet": 33, "sums": 45, "cicada": 51}
_EXTERNAL, _ALGORITHMS, _FINAL_OR = 57, 58, 59

_DIGITS: Final = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_NO_DIGIT: Final = 255


def _digit_values() -> NDArray[np.uint8]:
    values = np.full(256, _NO_DIGIT, dtype=np.uint8)
    values[_DIGITS] = np.arange(16, dtype=np.uint8)
    return values


_VALUES: Final = _digit_values()
_STARTS: Final = tuple(np.cumsum([0, *(width + 1 for width in COLUMN_WIDTHS)]).tolist())


def parse_lines(text: bytes, path: str) -> UgtWords:
    """Read the lines of a test vector.

    Parameters
    ----------
    text
        Whole lines, as `format_lines` writes them: lower-case digits, one blank between columns.
    path
        The file, for errors.

    Raises
    ------
    InputFileError
        If a line is not exactly of this form, or crossing numbers do not rise by one; the message
        names the line.
    """
    characters = _matrix(text, path)
    digits = _VALUES[characters]
    _check_characters(characters, digits, path)
    crossing = digits[:, :4].astype(np.int64) @ np.array([1000, 100, 10, 1])
    wrong = np.flatnonzero(np.diff(crossing, prepend=crossing[0] - 1) != 1)
    if len(wrong) or crossing[-1] >= ORBIT_CROSSINGS:
        line = int(wrong[0]) if len(wrong) else len(crossing) - 1
        raise InputFileError(
            path,
            f"line {line + 1}: crossing {crossing[line]}; crossings must rise by one from line to "
            f"line, up to {ORBIT_CROSSINGS - 1}",
        )
    words: dict[str, Any] = {
        name: _numbers(digits, _FIRST[name], count, dtype)
        for name, (count, dtype) in GROUPS.items()
    }
    return UgtWords(
        crossing=crossing,
        **words,
        external=_bytes(digits, _EXTERNAL),
        algorithms=_bytes(digits, _ALGORITHMS),
        final_or=digits[:, _STARTS[_FINAL_OR]],
    )


def _matrix(text: bytes, path: str) -> NDArray[np.uint8]:
    """Return the characters, uint8 (line, place); every line must have the length of 60 columns."""
    if len(text) and len(text) % LINE_BYTES == 0:
        matrix = np.frombuffer(text, dtype=np.uint8).reshape(-1, LINE_BYTES)
        if np.all(matrix[:, -1] == ord("\n")) and np.count_nonzero(matrix == ord("\n")) == len(
            matrix
        ):
            return matrix
    lines = text.split(b"\n")
    cut = lines.pop()
    for number, line in enumerate(lines, start=1):
        if len(line) != LINE_BYTES - 1:
            raise InputFileError(path, f"line {number}: {_not_a_line(line)}")
    problem = "does not end with a whole line; the file is cut short" if cut else "is empty"
    raise InputFileError(path, problem)


def _not_a_line(line: bytes) -> str:
    found = len(line.split())
    wanted = len(COLUMN_WIDTHS)
    old = ", as test vectors of 2015 and 2016 had" if found == wanted - 12 else ""
    return (
        f"{found} columns, {len(line)} characters{old}; a uGT test vector that is read here has "
        f"{wanted} columns, {LINE_BYTES - 1} characters"
    )


def _check_characters(characters: NDArray[np.uint8], digits: NDArray[np.uint8], path: str) -> None:
    blanks = np.array(_STARTS[1:-1]) - 1
    wrong = digits == _NO_DIGIT
    wrong[:, blanks] = characters[:, blanks] != ord(" ")
    wrong[:, -1] = False
    wrong[:, :4] |= digits[:, :4] > 9
    wrong[:, _STARTS[_FINAL_OR]] |= digits[:, _STARTS[_FINAL_OR]] > 1
    if wrong.any():
        line, place = (int(each[0]) for each in np.nonzero(wrong))
        column = int(np.searchsorted(_STARTS, place, side="right"))
        raise InputFileError(
            path,
            f"line {line + 1}, column {column}: unexpected {chr(characters[line, place])!r}; words are "
            "lower-case hexadecimal, the crossing is decimal, the final OR 0 or 1",
        )


def _numbers(digits: NDArray[np.uint8], first: int, count: int, dtype: type[Any]) -> NDArray[Any]:
    """Return the words of equally wide columns, axes (line, column)."""
    width = COLUMN_WIDTHS[first]
    block = digits[:, _STARTS[first] : _STARTS[first + count]]
    each = block.reshape(len(digits), count, width + 1)[:, :, :width]
    high, low = each[..., 0::2], each[..., 1::2]
    return (
        np.ascontiguousarray(high << 4 | low)
        .view(np.dtype(dtype).newbyteorder(">"))[..., 0]
        .astype(dtype)
    )


def _bytes(digits: NDArray[np.uint8], column: int) -> NDArray[np.uint8]:
    block = digits[:, _STARTS[column] : _STARTS[column] + COLUMN_WIDTHS[column]]
    joined: NDArray[np.uint8] = block[:, 0::2] << np.uint8(4) | block[:, 1::2]
    return joined


def format_lines(words: UgtWords) -> bytes:
    """Return the lines of a test vector; `parse_lines` reads them back.

    Examples
    --------
    >>> from emulator.objects.ugt_words import empty_words
    >>> text = format_lines(empty_words(2))
    >>> len(text), text[769:795]
    (1538, b'0001 0000000000000000 0000')
    """
    lines = np.full((len(words), LINE_BYTES), ord(" "), dtype=np.uint8)
    lines[:, -1] = ord("\n")
    decimal = words.crossing[:, None] // np.array([1000, 100, 10, 1]) % 10
    lines[:, :4] = _DIGITS[decimal]
    for name, (count, dtype) in GROUPS.items():
        values = getattr(words, name)
        big = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder(">"))
        for column in range(count):
            _put_bytes(
                lines, _FIRST[name] + column, np.ascontiguousarray(big[:, column : column + 1])
            )
    _put_bytes(lines, _EXTERNAL, words.external)
    _put_bytes(lines, _ALGORITHMS, words.algorithms)
    lines[:, _STARTS[_FINAL_OR]] = _DIGITS[words.final_or]
    return lines.tobytes()


def _put_bytes(lines: NDArray[np.uint8], column: int, values: NDArray[Any]) -> None:
    each = values.view(np.uint8)
    start = _STARTS[column]
    stop = start + COLUMN_WIDTHS[column]
    lines[:, start:stop:2] = _DIGITS[each >> 4]
    lines[:, start + 1 : stop : 2] = _DIGITS[each & 15]
