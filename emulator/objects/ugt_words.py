"""The words of the Global Trigger's test vectors: text, bit fields, and events.

A test vector holds one line for each crossing of an orbit, 60 columns of hexadecimal words behind the
crossing number. `UgtWords` keeps every bit of it, so that writing gives the same bytes again;
`decode_events` and `encode_events` go between words and events arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.errors import InputFileError, MissingNameError, RangeError
from emulator.objects.decisions import SeedBits
from emulator.objects.events import (
    OBJECTS,
    SUMS,
    Columns,
    columns,
    displaced_of_jets,
    scalar_columns,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import awkward as ak
    from numpy.typing import NDArray

#: Crossings of one LHC orbit, and so the lines of a test vector.
ORBIT_CROSSINGS: Final = 3564

#: Columns of a line, and characters of each.
COLUMN_WIDTHS: Final = (4, *[16] * 8, *[8] * 36, *[8] * 6, *[8] * 6, 64, 128, 1)

#: Bytes of a line, with one blank behind each column and the end of line behind the last.
LINE_BYTES: Final = sum(COLUMN_WIDTHS) + len(COLUMN_WIDTHS)

#: Number of algorithm bits.
ALGORITHMS: Final = 512

#: First column (counted from 0), number of columns and type of each group of words.
_GROUPS: Final = {
    "mu": (1, 8, np.uint64),
    "eg": (9, 12, np.uint32),
    "tau": (21, 12, np.uint32),
    "jet": (33, 12, np.uint32),
    "sums": (45, 6, np.uint32),
    "cicada": (51, 6, np.uint32),
}
_EXTERNAL, _ALGORITHMS, _FINAL_OR = 57, 58, 59


@dataclass(frozen=True, slots=True)
class BitField:
    """Where a field lies in a word: lowest bit, number of bits, two's complement or not."""

    low: int
    bits: int
    signed: bool = False

    def get(self, words: NDArray[Any]) -> NDArray[np.int64]:
        """Return the field of each word, same shape."""
        kind = words.dtype.type
        values: NDArray[np.int64] = (words >> kind(self.low) & kind(self._mask)).astype(np.int64)
        if self.signed:
            values -= (values >> (self.bits - 1)) << self.bits
        return values

    def put(self, values: NDArray[np.integer[Any]], dtype: type[Any]) -> NDArray[Any]:
        """Return words with nothing but the field; values must fit it."""
        word: NDArray[Any] = (np.asarray(values, np.int64) & self._mask).astype(dtype)
        word <<= dtype(self.low)
        return word

    @property
    def _mask(self) -> int:
        return (1 << self.bits) - 1


_CALO: Final = {"pt": BitField(0, 9), "eta": BitField(9, 8, signed=True), "phi": BitField(17, 8)}
_ET, _ANGLE = BitField(0, 12), BitField(12, 8)
_ASYMMETRY, _TOP = BitField(20, 8), BitField(28, 4)

#: Bit fields of each word (CMS, interface of the Global Trigger in Run 3).
BIT_FIELDS: Final[Mapping[str, Mapping[str, BitField]]] = {
    "mu": {
        "pt": BitField(10, 9),
        "eta_vtx": BitField(23, 9, signed=True),
        "phi_vtx": BitField(0, 10),
        "phi": BitField(43, 10),
        "qual": BitField(19, 4),
        "charge": BitField(34, 1),
        "charge_valid": BitField(35, 1),
        "index": BitField(36, 7),
        "iso": BitField(32, 2),
        "pt_unconstrained": BitField(53, 8),
        "dxy": BitField(62, 2),
    },
    "eg": {**_CALO, "iso": BitField(25, 2)},
    "tau": {**_CALO, "iso": BitField(25, 2)},
    "jet": {
        "pt": BitField(0, 11),
        "eta": BitField(11, 8, signed=True),
        "phi": BitField(19, 8),
        "displaced": BitField(27, 1),
    },
    "ett": {"pt": _ET, "ettem": BitField(12, 12), "min_bias": _TOP},
    "htt": {"pt": _ET, "towers": BitField(12, 13), "min_bias": _TOP},
    "etm": {"pt": _ET, "phi": _ANGLE, "asymmetry": _ASYMMETRY, "min_bias": _TOP},
    "htm": {"pt": _ET, "phi": _ANGLE, "asymmetry": _ASYMMETRY, "min_bias": _TOP},
    "etmhf": {"pt": _ET, "phi": _ANGLE, "asymmetry": _ASYMMETRY, "centrality": _TOP},
    "htmhf": {"pt": _ET, "phi": _ANGLE, "asymmetry": _ASYMMETRY, "centrality": _TOP},
}

#: Muon slot whose bit 61 is the flag of a muon shower.
_SHOWER_SLOTS: Final = {"mus0": 0, "mus1": 2, "mus2": 3}
_SHOWER: Final = BitField(61, 1)


@dataclass(frozen=True, slots=True)
class UgtWords:
    """All bits of the lines of a test vector; every array has the axis (crossing) first.

    Attributes
    ----------
    crossing
        int64 (n,): crossing number of each line.
    mu, eg, tau, jet
        uint64 (n, 8), uint32 (n, 12), three times.
    sums
        uint32 (n, 6): ETT, HTT, ETM, HTM, ETMHF, HTMHF.
    cicada
        uint32 (n, 6).
    external
        uint8 (n, 32): external conditions, most significant byte first.
    algorithms
        uint8 (n, 64): algorithm bits, most significant byte first.
    final_or
        uint8 (n,): 0 or 1.
    """

    crossing: NDArray[np.int64]
    mu: NDArray[np.uint64]
    eg: NDArray[np.uint32]
    tau: NDArray[np.uint32]
    jet: NDArray[np.uint32]
    sums: NDArray[np.uint32]
    cicada: NDArray[np.uint32]
    external: NDArray[np.uint8]
    algorithms: NDArray[np.uint8]
    final_or: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.crossing)

    def __getitem__(self, rows: slice) -> UgtWords:
        return UgtWords(*(getattr(self, name)[rows] for name in self.__slots__))

    def bits(self) -> SeedBits:
        """Return the algorithm bits, named ``"0"`` to ``"511"``."""
        values = np.unpackbits(self.algorithms, axis=1)[:, ::-1].astype(bool)
        return SeedBits(tuple(str(index) for index in range(ALGORITHMS)), values)


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
        name: _numbers(digits, first, count, dtype)
        for name, (first, count, dtype) in _GROUPS.items()
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
    >>> text = format_lines(empty_words(2))
    >>> len(text), text[769:795]
    (1538, b'0001 0000000000000000 0000')
    """
    lines = np.full((len(words), LINE_BYTES), ord(" "), dtype=np.uint8)
    lines[:, -1] = ord("\n")
    decimal = words.crossing[:, None] // np.array([1000, 100, 10, 1]) % 10
    lines[:, :4] = _DIGITS[decimal]
    for name, (first, count, dtype) in _GROUPS.items():
        values = getattr(words, name)
        big = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder(">"))
        for column in range(count):
            _put_bytes(lines, first + column, np.ascontiguousarray(big[:, column : column + 1]))
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


def empty_words(crossings: int) -> UgtWords:
    """Return words of so many crossings without objects, sums, conditions or decisions."""
    groups: dict[str, Any] = {
        name: np.zeros((crossings, count), dtype) for name, (_, count, dtype) in _GROUPS.items()
    }
    return UgtWords(
        crossing=np.arange(crossings),
        **groups,
        external=np.zeros((crossings, 32), np.uint8),
        algorithms=np.zeros((crossings, ALGORITHMS // 8), np.uint8),
        final_or=np.zeros(crossings, np.uint8),
    )


#: Bits that no field uses; bit 27 of EG and tau words is set in simulation.
_UNUSED: Final = {
    **dict.fromkeys(("eg", "tau", "jet"), 0xF000_0000),
    "sums": np.array([0x0F00_0000, 0x0E00_0000, 0, 0, 0, 0], dtype=np.uint32),
}


def oddities(words: UgtWords) -> dict[str, int]:
    """Count crossings that the trigger would not send, as damage makes them; only what occurs.

    Examples
    --------
    >>> words = empty_words(2)
    >>> words.eg[0, 3] = 20
    >>> oddities(words)
    {'an object behind an empty slot': 1}
    """
    unused, behind, empty = (np.zeros(len(words), dtype=np.bool_) for _ in range(3))
    for name, bits in _UNUSED.items():
        unused |= (getattr(words, name) & np.asarray(bits, dtype=np.uint32)).any(axis=1)
    for name in OBJECTS:
        slots = getattr(words, name)
        there = BIT_FIELDS[name]["pt"].get(slots) > 0
        behind |= (there[:, 1:] & ~there[:, :-1]).any(axis=1)
        shower = _SHOWER.put(np.array(1), slots.dtype.type) if name == "mu" else slots.dtype.type(0)
        empty |= (~there & ((slots & ~shower) != 0)).any(axis=1)
    final = words.algorithms.any(axis=1) != (words.final_or > 0)
    found = {
        "bits that no field uses": unused,
        "an object behind an empty slot": behind,
        "an object without pT": empty,
        "a final OR that is not the OR of the algorithm bits": final,
    }
    return {what: int(where.sum()) for what, where in found.items() if where.any()}


def decode_objects(words: UgtWords) -> dict[str, Columns]:
    """Return objects and sums of each crossing, in the order of their slots.

    An object with ET or pT 0 is not there; a sum always is. A field that every word has is present
    in every collection, whatever made the file: the track-finder index of simulation is 0.

    Returns
    -------
    Columns of each collection of the events array, int64.
    """
    found: dict[str, Columns] = {}
    for name in OBJECTS:
        slots = getattr(words, name)
        there = BIT_FIELDS[name]["pt"].get(slots) > 0
        offsets = np.concatenate([[0], np.cumsum(np.count_nonzero(there, axis=1))])
        chosen = slots[there]
        found[name] = Columns(
            offsets, {field: bits.get(chosen) for field, bits in BIT_FIELDS[name].items()}
        )
    for place, name in enumerate(SUMS):
        fields = {field: bits.get(words.sums[:, place]) for field, bits in BIT_FIELDS[name].items()}
        found[name] = Columns(np.arange(len(words) + 1), fields)
    return found


def decode_scalars(words: UgtWords) -> dict[str, NDArray[Any]]:
    """Return the scalars of the events array, showers included.

    A test vector has no run, lumi section or orbit: they are 0, and ``event`` is the crossing number
    in the orbit, so that rows keep a key. ``crossing`` is relative: each line is its own crossing 0.
    """
    zeros = np.zeros(len(words), dtype=np.int64)
    scalars = dict.fromkeys(("run", "lumi", "orbit", "crossing"), zeros)
    showers = {name: _SHOWER.get(words.mu[:, slot]) for name, slot in _SHOWER_SLOTS.items()}
    return {**scalars, "event": words.crossing, **showers}


def encode_events(events: ak.Array, bits: SeedBits | None = None, *, start: int = 0) -> UgtWords:
    """Return the words of events, one line for each row; fields that events lack are 0.

    Where muons have a charge and nothing says that it is not valid, it is.

    Parameters
    ----------
    events
        An events array; its objects go to the slots in the order that they have.
    bits
        Algorithm bits to write, named by their indices; none are set if not given.
    start
        Crossing number of the first row.

    Raises
    ------
    RangeError
        If a crossing has more objects than slots, or the rows do not fit one orbit.
    MissingNameError
        If a decision is not named by an index.

    Examples
    --------
    >>> from emulator.objects.events import SCALARS, build_events
    >>> ids = {name: np.zeros(1, np.int64) for name in SCALARS}
    >>> eg = Columns(np.array([0, 1]), {"pt": [3], "eta": [-1], "phi": [0], "iso": [0]})
    >>> hex(encode_events(build_events(ids, {"eg": eg})).eg[0, 0])
    '0x1fe03'
    """
    if start + len(events) > ORBIT_CROSSINGS:
        msg = (
            f"{start + len(events)} crossings; a uGT test vector holds one orbit, "
            f"at most {ORBIT_CROSSINGS}"
        )
        raise RangeError(msg)
    empty = empty_words(len(events))
    groups: dict[str, NDArray[Any]] = {name: getattr(empty, name) for name in _GROUPS}
    for name in OBJECTS:
        part = columns(events, name)
        rows, slots = _places(name, part, groups[name].shape[1])
        groups[name][rows, slots] = _word(name, part, groups[name].dtype.type)
    for place, name in enumerate(SUMS):
        part = columns(events, name)
        rows, _ = _places(name, part, 1)
        groups["sums"][rows, place] = _word(name, part, np.uint32)
    scalars = scalar_columns(events)
    for name, slot in _SHOWER_SLOTS.items():
        if name in scalars:
            groups["mu"][:, slot] |= _SHOWER.put(scalars[name], np.uint64)
    algorithms: NDArray[np.uint8] = empty.algorithms if bits is None else _packed(bits)
    return UgtWords(
        crossing=start + np.arange(len(events)),
        **groups,
        external=empty.external,
        algorithms=algorithms,
        final_or=np.asarray(np.any(algorithms > 0, axis=1), dtype=np.uint8),
    )


def filled_fields(events: ak.Array) -> tuple[str, ...]:
    """Return the fields of words that events do not tell, so that `encode_events` leaves them 0.

    Examples
    --------
    >>> from emulator.objects.events import empty_events
    >>> filled_fields(empty_events())[:3]
    ('mus0', 'mus1', 'mus2')
    """
    told = {"mu.charge": "mu.charge_valid", "jet.qual": "jet.displaced"}
    has = {f"{name}.{field}" for name in BIT_FIELDS for field in events[name].fields}
    has |= {other for field, other in told.items() if field in has}
    fields = (f"{name}.{field}" for name, bits in BIT_FIELDS.items() for field in bits)
    lacking = [name for name in _SHOWER_SLOTS if name not in events.fields]
    return (*lacking, *(field for field in fields if field not in has))


def _places(name: str, part: Columns, slots: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row and slot of each object."""
    counts = np.diff(part.offsets)
    too_many = np.flatnonzero(counts > slots)
    if len(too_many):
        row = int(too_many[0])
        msg = f"row {row}: {counts[row]} {name}; a uGT test vector holds {slots}"
        raise RangeError(msg)
    rows = np.repeat(np.arange(len(counts)), counts)
    return rows, np.arange(len(rows)) - part.offsets[rows]


def _word(name: str, part: Columns, dtype: type[Any]) -> NDArray[Any]:
    word = np.zeros(int(part.offsets[-1]), dtype=dtype)
    fields = dict(part.fields)
    displaced = displaced_of_jets(fields) if name == "jet" else None
    if displaced is not None:
        fields["displaced"] = displaced
    if name == "mu" and "charge_valid" not in fields and "charge" in fields:
        fields["charge_valid"] = np.ones_like(fields["charge"])
    for field, bits in BIT_FIELDS[name].items():
        if field in fields:
            word |= bits.put(fields[field], dtype)
    return word


def _packed(bits: SeedBits) -> NDArray[np.uint8]:
    values = np.zeros((len(bits.values), ALGORITHMS), dtype=bool)
    known = {str(index): index for index in range(ALGORITHMS)}
    for place, name in enumerate(bits.names):
        if name not in known:
            raise MissingNameError("algorithm", name, known, "bits")
        values[:, known[name]] = bits.values[:, place]
    return np.packbits(values[:, ::-1], axis=1)
