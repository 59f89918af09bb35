"""Events arrays of the words of the Global Trigger's test vectors, and words of events arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.errors import MissingNameError, RangeError
from emulator.objects.events import (
    OBJECTS,
    SUMS,
    Columns,
    columns,
    displaced_of_jets,
    scalar_columns,
)
from emulator.objects.ugt_words import (
    ALGORITHMS,
    BIT_FIELDS,
    GROUPS,
    ORBIT_CROSSINGS,
    SHOWER,
    SHOWER_SLOTS,
    UgtWords,
    empty_words,
)

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray

    from emulator.objects.decisions import SeedBits


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
    showers = {name: SHOWER.get(words.mu[:, slot]) for name, slot in SHOWER_SLOTS.items()}
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
    groups: dict[str, NDArray[Any]] = {name: getattr(empty, name) for name in GROUPS}
    for name in OBJECTS:
        part = columns(events, name)
        rows, slots = _places(name, part, groups[name].shape[1])
        groups[name][rows, slots] = _word(name, part, groups[name].dtype.type)
    for place, name in enumerate(SUMS):
        part = columns(events, name)
        rows, _ = _places(name, part, 1)
        groups["sums"][rows, place] = _word(name, part, np.uint32)
    scalars = scalar_columns(events)
    for name, slot in SHOWER_SLOTS.items():
        if name in scalars:
            groups["mu"][:, slot] |= SHOWER.put(scalars[name], np.uint64)
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
    lacking = [name for name in SHOWER_SLOTS if name not in events.fields]
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
