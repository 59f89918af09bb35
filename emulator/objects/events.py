"""The events array: the one form in which Level-1 objects travel.

One row per crossing, jagged collections of int16 hardware integers. Readers and sample makers build
it from columns (`Columns`: offsets and flat contents), kernels get columns back (`columns`), so that
awkward arrays stay at the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import awkward as ak
import numpy as np

from emulator.errors import RangeError
from emulator.objects.scales import HardwareScales, load_scales

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Integers = NDArray[np.integer[Any]]

#: Scalars of every row. ``crossing`` is relative: 0 is the crossing that triggered the read-out.
SCALARS: Final[Mapping[str, np.dtype[Any]]] = {
    "run": np.dtype(np.uint32),
    "lumi": np.dtype(np.uint32),
    "event": np.dtype(np.uint64),
    "orbit": np.dtype(np.uint64),
    "crossing": np.dtype(np.int16),
}

#: Scalars of weighted samples: weight in units of 2**-32, stratum, key of the dominant pool event.
OPTIONAL_SCALARS: Final[Mapping[str, np.dtype[Any]]] = {
    "weight": np.dtype(np.int64),
    "stratum": np.dtype(np.int16),
    "pool_id": np.dtype(np.uint64),
}

#: Flags of muon showers (0 or 1), where a format carries them: nominal, tight, two loose ones.
SHOWERS: Final[Mapping[str, np.dtype[Any]]] = {
    name: np.dtype(np.uint8) for name in ("mus0", "mus1", "mus2")
}

#: Fields that every events array has, in collections that are always there (but may be empty).
REQUIRED_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "mu": ("pt", "eta_vtx", "phi_vtx"),
    "eg": ("pt", "eta", "phi"),
    "tau": ("pt", "eta", "phi"),
    "jet": ("pt", "eta", "phi"),
    "ett": ("pt",),
    "htt": ("pt",),
    "etm": ("pt", "phi"),
    "htm": ("pt", "phi"),
    "etmhf": ("pt", "phi"),
    "htmhf": ("pt", "phi"),
}

#: Fields that some formats do not carry (the Global Trigger's muon word has no measured eta).
#: ``mu.charge`` is the hardware's sign bit: 0 for a positive, 1 for a negative muon; ``charge_valid``
#: says whether it was measured, ``index`` which track finder the muon comes from. ``jet.displaced``
#: stands alone in the Global Trigger's word; elsewhere it is part of ``jet.qual`` (`displaced_of`).
OPTIONAL_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "mu": (
        *("eta", "phi", "qual", "charge", "charge_valid"),
        *("index", "iso", "pt_unconstrained", "dxy"),
    ),
    "eg": ("iso",),
    "tau": ("iso",),
    "jet": ("qual", "displaced"),
    "ett": ("ettem", "min_bias"),
    "htt": ("towers", "min_bias"),
    "etm": ("asymmetry", "min_bias"),
    "htm": ("asymmetry", "min_bias"),
    "etmhf": ("asymmetry", "centrality"),
    "htmhf": ("asymmetry", "centrality"),
}

#: Collections of objects, and of sums (at most one entry; also kept when its ET is 0, as the
#: trigger does: its phi is sent all the same).
OBJECTS: Final = ("mu", "eg", "tau", "jet")
SUMS: Final = ("ett", "htt", "etm", "htm", "etmhf", "htmhf")


def known_fields(collection: str) -> tuple[str, ...]:
    """Return all fields that a collection may have, required ones first.

    Examples
    --------
    >>> known_fields("eg")
    ('pt', 'eta', 'phi', 'iso')
    """
    return REQUIRED_FIELDS[collection] + OPTIONAL_FIELDS.get(collection, ())


def displaced_of(jet_quality: Integers) -> Integers:
    """Return the flag of displaced jets: the lowest bit of a jet's hardware quality.

    Source: CMSSW, ``L1Trigger/L1TGlobal`` (cuts on displaced jets take the lowest bit of ``hwQual``).

    Examples
    --------
    >>> displaced_of(np.array([0, 1, 2, 3])).tolist()
    [0, 1, 0, 1]
    """
    return np.asarray(jet_quality) & 1


def displaced_of_jets(fields: Mapping[str, Integers]) -> Integers | None:
    """Return the flag of displaced jets, which some formats keep in the quality; None if neither is there.

    Examples
    --------
    >>> displaced_of_jets({"pt": np.array([9, 8]), "qual": np.array([3, 2])}).tolist()
    [1, 0]
    """
    if "displaced" in fields:
        return fields["displaced"]
    return displaced_of(fields["qual"]) if "qual" in fields else None


def quality_of_jets(fields: Mapping[str, Integers]) -> Integers | None:
    """Return the hardware quality of jets; where only their flag is known, it is the flag.

    So the experiment's unpacker has it. Source: CMSSW, ``EventFilter/L1TRawToDigi``, unpacker of jets
    (``hwQual`` is bit 27 of the word).

    Examples
    --------
    >>> quality_of_jets({"pt": np.array([9, 8]), "displaced": np.array([1, 0])}).tolist()
    [1, 0]
    """
    return fields.get("qual", fields.get("displaced"))


@dataclass(frozen=True, slots=True)
class Columns:
    """One collection as flat arrays.

    Attributes
    ----------
    offsets
        int64 (n_rows + 1): row ``i`` owns ``contents[offsets[i]:offsets[i + 1]]``.
    fields
        Contents of each field, all of length ``offsets[-1]``; int16 for the columns of an events
        array, any integer type in what `build_events` takes.
    """

    offsets: NDArray[np.int64]
    fields: Mapping[str, Integers]

    def taken(self, index: Integers, offsets: NDArray[np.int64]) -> Columns:
        """Return the objects of ``index`` under new offsets."""
        return Columns(offsets, {name: values[index] for name, values in self.fields.items()})


def _row(row: int) -> str:
    return f"row {row}"


def build_events(
    scalars: Mapping[str, NDArray[Any]],
    collections: Mapping[str, Columns],
    *,
    scales: HardwareScales | None = None,
    place: Callable[[int], str] = _row,
) -> ak.Array:
    """Build an events array from columns and check all its ranges.

    Parameters
    ----------
    scalars
        The scalars of `SCALARS` and any of `OPTIONAL_SCALARS` and `SHOWERS`, each of shape (n_rows,).
    collections
        Columns of each collection; a collection that is not given is empty in every row.
    scales
        Ranges to check; ``cms_run3`` by default.
    place
        Says where a row comes from, for the message of an error.

    Returns
    -------
    The events array. Objects stay in the order given; `emulator.objects.arrange` orders them.

    Raises
    ------
    RangeError
        If an integer does not fit its range.
    ValueError
        If a scalar or a required field is missing, or lengths disagree.

    Examples
    --------
    >>> ids = {name: np.array([1, 1]) for name in ("run", "lumi", "event", "orbit")}
    >>> eg = Columns(np.array([0, 2, 2]), {"pt": [60, 8], "eta": [-3, 4], "phi": [0, 143]})
    >>> events = build_events({**ids, "crossing": np.array([0, 0])}, {"eg": eg})
    >>> events.eg.pt.tolist(), events.mu.pt.tolist()
    ([[60, 8], []], [[], []])
    """
    scales = scales or load_scales()
    scalar_columns = _checked_scalars(scalars, place)
    rows = len(scalar_columns["run"])
    unknown = set(collections) - set(REQUIRED_FIELDS)
    if unknown:
        msg = f"unknown collections: {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    contents: dict[str, Any] = {
        name: ak.contents.NumpyArray(values) for name, values in scalar_columns.items()
    }
    for name in REQUIRED_FIELDS:
        given = collections.get(name) or _no_objects(name, rows)
        contents[name] = _jagged(name, _checked_columns(name, given, rows, scales, place))
    layout = ak.contents.RecordArray(list(contents.values()), list(contents), length=rows)
    return ak.Array(layout)


def _no_objects(collection: str, rows: int) -> Columns:
    none = np.zeros(0, dtype=np.int16)
    fields = dict.fromkeys(REQUIRED_FIELDS[collection], none)
    return Columns(np.zeros(rows + 1, dtype=np.int64), fields)


def _checked_scalars(
    scalars: Mapping[str, NDArray[Any]], place: Callable[[int], str]
) -> dict[str, NDArray[Any]]:
    dtypes = {**SCALARS, **OPTIONAL_SCALARS, **SHOWERS}
    missing, unknown = set(SCALARS) - set(scalars), set(scalars) - set(dtypes)
    if missing or unknown:
        msg = f"scalars missing: {sorted(missing)}; unknown: {sorted(unknown)}"
        raise ValueError(msg)
    checked: dict[str, NDArray[Any]] = {}
    for name, dtype in dtypes.items():
        if name in scalars:
            values = np.asarray(scalars[name])
            limits = np.iinfo(dtype)
            highest = 1 if name in SHOWERS else int(limits.max)
            _check_range(name, values, (int(limits.min), highest), place)
            checked[name] = values.astype(dtype)
    if len({values.shape for values in checked.values()}) > 1 or checked["run"].ndim != 1:
        msg = f"scalars of different shapes: { {k: v.shape for k, v in checked.items()} }"
        raise ValueError(msg)
    return checked


def _checked_columns(
    collection: str,
    given: Columns,
    rows: int,
    scales: HardwareScales,
    place: Callable[[int], str],
) -> Columns:
    known = known_fields(collection)
    missing = set(REQUIRED_FIELDS[collection]) - set(given.fields)
    unknown = set(given.fields) - set(known)
    if missing or unknown:
        msg = f"{collection}: fields missing: {sorted(missing)}; unknown: {sorted(unknown)}"
        raise ValueError(msg)
    offsets = np.asarray(given.offsets, dtype=np.int64)
    if len(offsets) != rows + 1 or offsets[0] != 0 or bool(np.any(offsets[1:] < offsets[:-1])):
        msg = f"{collection}: offsets must rise from 0 and have {rows + 1} entries"
        raise ValueError(msg)

    def place_of_object(position: int) -> str:
        return place(int(np.searchsorted(offsets, position, side="right")) - 1)

    fields: dict[str, Integers] = {}
    for name in known:
        if name in given.fields:
            values = np.asarray(given.fields[name])
            if values.shape != (offsets[-1],):
                msg = f"{collection}.{name}: shape {values.shape}, offsets end at {offsets[-1]}"
                raise ValueError(msg)
            scale = scales.field(collection, name)
            limits = (scale.minimum, scale.maximum)
            _check_range(f"{collection}.{name}", values, limits, place_of_object)
            fields[name] = values.astype(np.int16, copy=False)
    return Columns(offsets, fields)


def _check_range(
    name: str, values: NDArray[Any], limits: tuple[int, int], place: Callable[[int], str]
) -> None:
    """Raise a `RangeError` for the first value outside of the limits (both included)."""
    if values.size == 0:
        return
    if values.dtype.kind not in "iu":
        msg = f"{name} must be integers, not {values.dtype}"
        raise ValueError(msg)
    if limits[0] <= int(values.min()) and int(values.max()) <= limits[1]:
        return
    # numpy compares uint64 with a negative Python integer exactly; no value is cast here.
    position = int(np.flatnonzero((values < limits[0]) | (values > limits[1]))[0])
    msg = (
        f"{place(position)}: {name} is {values[position]}, "
        f"outside of its range {limits[0]} to {limits[1]}"
    )
    raise RangeError(msg)


def _jagged(collection: str, columns_: Columns) -> Any:
    record = ak.contents.RecordArray(
        [ak.contents.NumpyArray(values) for values in columns_.fields.values()],
        list(columns_.fields),
        length=int(columns_.offsets[-1]),
        parameters={"__record__": collection},
    )
    return ak.contents.ListOffsetArray(ak.index.Index64(columns_.offsets), record)


def field_columns(
    events: ak.Array, collection: str, field: str
) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Return offsets and contents of one field, for kernels.

    Parameters
    ----------
    events
        An events array, or any slice of one.
    collection, field
        Names, as ``"mu"``, ``"pt"``.

    Returns
    -------
    Offsets int64 (n_rows + 1) that start at 0, and contents int16. They may be views: do not write.

    Examples
    --------
    >>> offsets, contents = field_columns(empty_events(), "mu", "pt")
    >>> offsets.tolist(), contents.tolist()
    ([0], [])
    """
    offsets, contents = _flat(events, collection, field)
    if contents.dtype != np.int16:
        msg = f"{collection}.{field} is {contents.dtype}, not int16; use build_events"
        raise ValueError(msg)
    return offsets, cast("NDArray[np.int16]", contents)


def _flat(events: ak.Array, collection: str, field: str) -> tuple[NDArray[np.int64], Integers]:
    layout = events[collection, field].layout
    if not (layout.is_list and layout.content.is_numpy):
        # A selection of rows leaves indexes behind, which packing resolves.
        layout = ak.to_packed(ak.Array(layout)).layout
    packed = layout.to_ListOffsetArray64(True)
    offsets = np.asarray(packed.offsets.data, dtype=np.int64)
    return offsets, np.asarray(packed.content.data)[: offsets[-1]]


def columns(events: ak.Array, collection: str, fields: Sequence[str] | None = None) -> Columns:
    """Return fields of a collection as columns, without a check of their types.

    Parameters
    ----------
    events
        An events array, or any slice of one.
    fields
        Names; all that there are if omitted.

    Examples
    --------
    >>> list(columns(empty_events(), "etm").fields)
    ['pt', 'phi']
    """
    objects = events[collection]
    names = objects.fields if fields is None else fields
    layout = objects.layout
    if layout.is_list and layout.content.is_record and names:
        # As all readers make it: one step for all fields.
        packed = layout.to_ListOffsetArray64(True)
        offsets = np.asarray(packed.offsets.data, dtype=np.int64)
        parts = {name: packed.content.content(name) for name in names}
        if all(part.is_numpy for part in parts.values()):
            end = offsets[-1]
            return Columns(
                offsets, {name: np.asarray(part.data)[:end] for name, part in parts.items()}
            )
    found: dict[str, Integers] = {}
    offsets = np.zeros(1, dtype=np.int64)
    for name in names:
        offsets, found[name] = _flat(events, collection, name)
    return Columns(offsets, found)


def scalar_columns(events: ak.Array) -> dict[str, NDArray[Any]]:
    """Return the scalars of an events array, each of shape (n_rows,)."""
    known = {**SCALARS, **OPTIONAL_SCALARS, **SHOWERS}
    return {name: ak.to_numpy(events[name]) for name in events.fields if name in known}


def check_events(
    events: ak.Array,
    *,
    scales: HardwareScales | None = None,
    place: Callable[[int], str] = _row,
) -> None:
    """Check that an array has what an events array has, and that its integers fit their ranges.

    Raises
    ------
    RangeError
        If an integer is out of range; the message names collection, field, value, range and place.
    ValueError
        If a collection or field is missing or unknown.
    """
    absent = set(REQUIRED_FIELDS) - set(events.fields)
    if absent:
        msg = f"no events array: collections missing: {', '.join(sorted(absent))}"
        raise ValueError(msg)
    parts = {name: columns(events, name) for name in REQUIRED_FIELDS}
    build_events(scalar_columns(events), parts, scales=scales, place=place)


def empty_events(*, weighted: bool = False) -> ak.Array:
    """Return an events array without rows.

    Examples
    --------
    >>> len(empty_events()), "weight" in empty_events(weighted=True).fields
    (0, True)
    """
    dtypes = {**SCALARS, **OPTIONAL_SCALARS} if weighted else SCALARS
    return build_events({name: np.zeros(0, dtype) for name, dtype in dtypes.items()}, {})
