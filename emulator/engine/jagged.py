"""From jagged objects to scores in one pass: rows are made for a block of events at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.lanes.gathering import (
    CONTENTS,
    DOWN,
    FEW_OBJECTS,
    FIELD_COLUMNS,
    FIELDS,
    FIELDS_TOGETHER,
    KIND,
    KINDS,
    LIMIT,
    N_FIELDS,
    OBJECTS,
    OFFSETS,
    PASS_COLUMNS,
    PLACE,
    PLAIN_ROW_BYTES,
    UP,
    gather_rows,
)
from emulator.engine.lanes.target import TILE, VECTOR_BYTES
from emulator.features import contents_of_field
from emulator.features.layout import ZERO
from emulator.graph import Dense, Graph, Input, OffsetShift, Quantize, Relu

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.features import FeatureLayout
    from emulator.graph import Node
    from emulator.objects import Columns

    #: Offsets and contents of a field.
    FieldArrays = tuple[NDArray[np.int64], NDArray[np.int16]]

#: Events whose rows are made at a time; they stay in a cache.
BLOCK = 1_024


@dataclass(frozen=True)
class Field:
    """One field of a collection as a row holds it: of the first ``slots`` objects, shifted."""

    collection: str
    name: str
    slots: int
    down: int
    up: int


@dataclass(frozen=True)
class RowOrder:
    """The order of rows that are copied field by field.

    Attributes
    ----------
    fields
        In the order of a row, the fields of a collection together, those of as many slots together.
    features
        For each column the feature of the layout that it holds; -1: none.
    """

    fields: tuple[Field, ...]
    features: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Bytes from one row to the next: room for the last vector, whole vectors of a lane kernel."""
        last = self.fields[-1]
        written = sum(field.slots for field in self.fields) - last.slots + _in_vector(last.slots)
        needed = 2 * max(written, len(self.features))
        return -(-needed // VECTOR_BYTES) * VECTOR_BYTES

    @cached_property
    def _passes(self) -> tuple[NDArray[np.int64], list[int], list[int], list[int]]:
        """The table of passes without addresses, the first field of each, and where addresses stand.

        Those of the offsets of each pass, and of the contents of all fields, in the table as a single row.
        """
        passes = [
            places[first : first + FIELDS_TOGETHER]
            for places in self._together()
            for first in range(0, len(places), FIELDS_TOGETHER)
        ]
        starts = np.cumsum([0] + [2 * field.slots for field in self.fields])
        table = np.zeros((len(passes), PASS_COLUMNS), dtype=np.int64)
        for row, places in zip(table, passes, strict=True):
            fields = [self.fields[place] for place in places]
            slots, shifted = fields[0].slots, any(field.down or field.up for field in fields)
            plain = not shifted and self.row_bytes == PLAIN_ROW_BYTES
            row[KIND] = KINDS.index((_in_vector(slots), len(fields), plain))
            row[LIMIT], row[N_FIELDS] = slots, len(fields)
            columns = row[FIELDS:].reshape(-1, FIELD_COLUMNS)
            for column, place, field in zip(columns, places, fields, strict=False):
                column[PLACE], column[DOWN], column[UP] = starts[place], field.down, field.up
        offsets = [PASS_COLUMNS * which + OFFSETS for which in range(len(passes))]
        contents = [
            PASS_COLUMNS * which + FIELDS + FIELD_COLUMNS * place + CONTENTS
            for which, places in enumerate(passes)
            for place in range(len(places))
        ]
        return table, [places[0] for places in passes], offsets, contents

    def _together(self) -> list[list[int]]:
        """Return the places of fields of one collection and as many slots, which stand together."""
        places = range(len(self.fields))
        groups = groupby(
            places, lambda place: (self.fields[place].collection, self.fields[place].slots)
        )
        return [list(group) for _, group in groups]

    def passes(self, arrays: Sequence[FieldArrays]) -> NDArray[np.int64]:
        """Return the table that `gather_tile` reads, given offsets and contents of each field."""
        table, firsts, offsets, contents = self._passes
        table = table.copy()
        words = table.reshape(-1)
        words[offsets] = [arrays[first][0].ctypes.data for first in firsts]
        words[contents] = [each.ctypes.data for _, each in arrays]
        return table


def copied_order(layout: FeatureLayout) -> RowOrder | None:
    """Return the order of rows that `gather_rows` can make for a layout, None if it cannot.

    It can where no more than `OBJECTS` objects of a collection are asked for, and no number twice.
    """
    found: list[tuple[Field, list[int]]] = []
    for collection, name in layout.inputs:
        chosen = [
            (feature.slot, place)
            for place, feature in enumerate(layout.features)
            if feature.field != ZERO
            and (feature.object, layout.era.source_field(feature)) == (collection, name)
        ]
        places = dict(chosen)
        slots = max(places) + 1
        if slots > OBJECTS or len(places) < len(chosen):
            return None
        columns = [places.get(slot, -1) for slot in range(slots)]
        found.append((Field(collection, name, slots, *layout.steps(name)), columns))
    found.sort(key=lambda each: (each[0].collection, each[0].slots, each[0].name))
    zeros = [place for place, feature in enumerate(layout.features) if feature.field == ZERO]
    features = [place for _, columns in found for place in columns] + zeros
    return RowOrder(tuple(field for field, _ in found), tuple(features))


def _in_vector(slots: int) -> int:
    return FEW_OBJECTS if slots <= FEW_OBJECTS else OBJECTS


def reordered(graph: Graph, columns: Sequence[int]) -> Graph | None:
    """Return a network that gives the same outputs for rows in another order of columns.

    Parameters
    ----------
    columns
        For each column the feature that it holds; -1: none, its numbers are ignored.

    Returns
    -------
    None if the network does not begin with one scaling at most and one dense layer, or if the input
    is an output.
    """
    path: list[Node] = []
    name = graph.input.name
    while not path or not isinstance(path[-1], Dense):
        readers = [node for node in graph.nodes if name in node.inputs]
        if len(readers) != 1 or name in graph.outputs:
            return None
        if not isinstance(readers[0], OffsetShift | Quantize | Relu | Dense):
            return None
        path.append(readers[0])
        name = path[-1].name
    changed: dict[str, Node] = {
        graph.input.name: Input(graph.input.name, (), graph.input.format, len(columns))
    }
    for node in path:
        changed[node.name] = _reordered_node(node, columns)
    return Graph(tuple(changed.get(node.name, node) for node in graph.nodes), graph.outputs)


def _reordered_node(node: Node, columns: Sequence[int]) -> Node:
    if isinstance(node, Dense):
        nothing = (0,) * len(node.bias)
        weights = tuple(nothing if place < 0 else node.weights[place] for place in columns)
        return replace(node, weights=weights)
    if isinstance(node, OffsetShift):
        offset = tuple(0 if place < 0 else node.offset[place] for place in columns)
        shift = tuple(0 if place < 0 else node.shift[place] for place in columns)
        return replace(node, offset=offset, shift=shift)
    return node


@dataclass(frozen=True)
class JaggedRows:
    """Events as the table that `gather_tile` reads; the arrays behind the addresses are kept.

    ``n_safe`` counts the events behind which enough others stand, and contents in every field: whole tiles are
    gathered, and whole vectors.
    """

    n_events: int
    n_safe: int
    order: RowOrder
    passes: NDArray[np.int64]
    kept: tuple[FieldArrays, ...]

    @classmethod
    def of(
        cls, collections: Mapping[str, Columns], order: RowOrder, layout: FeatureLayout
    ) -> JaggedRows:
        """Collect the addresses of all fields that a layout reads.

        Raises
        ------
        MissingNameError
            If a field is missing.
        ValueError
            If contents are not int16, offsets reach beyond them, or collections differ in their
            number of events.
        """
        kept = [
            contents_of_field(collections, field.collection, field.name, layout)
            for field in order.fields
        ]
        lengths = {
            field.collection: len(offsets) - 1
            for field, (offsets, _) in zip(order.fields, kept, strict=True)
        }
        if len(set(lengths.values())) > 1:
            msg = f"collections differ in their number of events: {lengths}"
            raise ValueError(msg)
        for field, (offsets, contents) in zip(order.fields, kept, strict=True):
            if offsets[0] < 0 or offsets[-1] > len(contents):
                msg = f"offsets of {field.collection} reach beyond its contents"
                raise ValueError(msg)
        safe = min(
            int(offsets.searchsorted(len(contents) - OBJECTS, side="right"))
            for offsets, contents in kept
        )
        return cls(
            n_events=len(kept[0][0]) - 1,
            n_safe=max(safe - TILE, 0),
            order=order,
            passes=order.passes(kept),
            kept=tuple(kept),
        )

    @cached_property
    def padded_end(self) -> JaggedRows:
        """The events from `n_safe` on, copied, with room beyond the last ones and their objects."""
        n_events = self.n_events - self.n_safe
        padded: dict[str, NDArray[np.int64]] = {}
        kept = []
        for field, (offsets, contents) in zip(self.order.fields, self.kept, strict=True):
            start, stop = offsets[self.n_safe], offsets[-1]
            if field.collection not in padded:
                last = np.full(n_events + 1 + TILE, stop - start)
                np.subtract(offsets[self.n_safe :], start, out=last[: n_events + 1])
                padded[field.collection] = last
            room = np.zeros(stop - start + OBJECTS, dtype=np.int16)
            room[:-OBJECTS] = contents[start:stop]
            kept.append((padded[field.collection], room))
        passes = self.order.passes(kept)
        return JaggedRows(n_events, n_events, self.order, passes, tuple(kept))

    def buffer(self, n_events: int) -> NDArray[np.int16]:
        """Return space for rows of whole tiles; what no field writes stays zero."""
        row, n_rows = self.order.row_bytes // 2, -(-n_events // TILE) * TILE
        words = np.zeros(n_rows * row + VECTOR_BYTES // 2, dtype=np.int16)
        aligned = -words.ctypes.data % VECTOR_BYTES // 2
        return words[aligned : aligned + n_rows * row].reshape(n_rows, row)

    def write(self, first: int, last: int, buffer: NDArray[np.int16]) -> NDArray[np.int16]:
        """Write the rows of events among the first `n_safe` and return them."""
        passes = self.passes.ctypes.data, len(self.passes)
        rows = buffer.ctypes.data
        gather_rows(first, last, *passes, rows, self.order.row_bytes)
        return buffer[: last - first, : len(self.order.features)]
