"""Test vectors of the Global Trigger, written and read from their description in plain integers.

Nothing of the project is used here.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

#: Lowest and highest bit of each field of a word; signed fields are two's complement.
FIELDS: dict[str, dict[str, tuple[int, int, bool]]] = {
    "mu": {
        "phi_vtx": (0, 9, False),
        "pt": (10, 18, False),
        "eta": (23, 31, True),
        "phi_raw": (43, 52, False),
    },
    "eg": {"pt": (0, 8, False), "eta": (9, 16, True), "phi": (17, 24, False)},
    "tau": {"pt": (0, 8, False), "eta": (9, 16, True), "phi": (17, 24, False)},
    "jet": {"pt": (0, 10, False), "eta": (11, 18, True), "phi": (19, 26, False)},
    **{name: {"pt": (0, 11, False)} for name in ("ett", "htt")},
    **{
        name: {"pt": (0, 11, False), "phi": (12, 19, False)}
        for name in ("etm", "htm", "etmhf", "htmhf")
    },
}

#: Words of a line behind the crossing number, in order: kind, number of words, hexadecimal digits.
COLUMNS = (
    *(("mu", 8, 16), ("eg", 12, 8), ("tau", 12, 8), ("jet", 12, 8)),
    *((name, 1, 8) for name in ("ett", "htt", "etm", "htm", "etmhf", "htmhf")),
    ("cicada", 6, 8),
)

Words = dict[str, list[int]]


def draw_words(random: Random) -> Words:
    """Draw the words of a crossing, with empty slots between objects, too, and top codes."""
    words: Words = {}
    for name, count, _ in COLUMNS:
        words[name] = [0] * count
        for slot in range(count):
            if name in FIELDS and random.random() < (0.7 if count > 1 else 0.95):
                words[name][slot] = _draw_word(name, random)
        if name in {"eg", "tau", "jet"}:
            words[name].sort(key=lambda word: -field(name, "pt", word))
    return words


def _draw_word(name: str, random: Random) -> int:
    word = 0
    for key, (low, high, signed) in FIELDS[name].items():
        width = high - low + 1
        most = {"phi": 143, "phi_vtx": 575, "phi_raw": 575}.get(key, (1 << width) - 1)
        code = random.randint(0, most)
        if key == "pt":
            code = most if random.random() < 0.02 else min(most, int(random.expovariate(1 / 60)))
        assert not signed or most == (1 << width) - 1
        word |= code << low
    return word


def field(name: str, key: str, word: int) -> int:
    """Return a field of a word."""
    low, high, signed = FIELDS[name][key]
    width = high - low + 1
    code = word >> low & ((1 << width) - 1)
    return code - (1 << width) if signed and code >> (width - 1) else code


def line(crossing: int, words: Words, algorithms: int) -> str:
    """Return one line, its end included."""
    columns = [f"{crossing:04d}"]
    for name, _, digits in COLUMNS:
        columns += [f"{word:0{digits}x}" for word in words[name]]
    columns += [f"{0:064x}", f"{algorithms:0128x}", str(int(algorithms != 0))]
    assert len(columns) == 60
    return " ".join(columns) + "\n"


def features(words: Words, given: dict[str, Any]) -> list[Fraction]:
    """Return what the ``input`` of a network's JSON form makes of a crossing.

    Objects are counted in the order in which they are read out; a slot whose pt is 0 is empty.
    """
    era = given["era"]
    result = [Fraction(0)] * len(given["features"])
    for entry in given["features"]:
        name, key = entry["object"], entry["field"]
        there = [word for word in words[name] if len(words[name]) == 1 or field(name, "pt", word)]
        if key == "zero" or entry["slot"] >= len(there):
            continue
        word = there[entry["slot"]]
        if name == "mu" and key == "phi":
            key = "phi_raw" if era["muon_phi"] == "raw" else "phi_vtx"
        code = Fraction(field(name, key, word))
        if key == "pt":
            code = Fraction(code // 2) if era["pt_halved_to_integer"] else code / 2
        result[entry["index"]] = code
    return result
