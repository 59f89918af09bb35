"""From jagged objects to scores in one pass: rows are made for a block of events at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.lanes.gathering import (
    COLLECTION_COLUMNS,
    FIELD_COLUMNS,
    OBJECTS,
    gather_rows,
)
from emulator.features.layout import ZERO
from emulator.graph import Dense, Graph, Input, OffsetShift, Quantize, Relu
from emulator.objects import field_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.features import FeatureLayout
    from emulator.graph import Node

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
class Columns:
    """The order of rows that are copied field by field.

    Attributes
    ----------
    fields
        In the order of a row, the fields of a collection together.
    features
        For each column the feature of the layout that it holds; -1: none.
    """

    fields: tuple[Field, ...]
    features: tuple[int, ...]


def copied_columns(layout: FeatureLayout) -> Columns | None:
    """Return the columns of rows that `gather_rows` can make for a layout, None if it cannot.

    It can where no more than `OBJECTS` objects of a collection are asked for, and no number twice.
    """
    fields: list[Field] = []
    columns: list[int] = []
    for collection, name in sorted(layout.inputs):
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
        fields.append(Field(collection, name, slots, *layout.steps(name)))
        columns += [places.get(slot, -1) for slot in range(slots)]
    zeros = [place for place, feature in enumerate(layout.features) if feature.field == ZERO]
    return Columns(tuple(fields), (*columns, *zeros))


def in_columns(rows: NDArray[np.int16], columns: Columns) -> NDArray[np.int16]:
    """Return the same rows with the columns of gathered ones."""
    padded = np.pad(rows, ((0, 0), (0, 1)))  # the last column holds nothing: place -1
    return np.ascontiguousarray(padded[:, list(columns.features)])


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
    """Events as the tables that `gather_rows` reads; the arrays behind the addresses are kept."""

    n_events: int
    n_safe: int
    n_columns: int
    collections: NDArray[np.int64]
    fields: NDArray[np.int64]
    kept: tuple[NDArray[np.signedinteger], ...]

    @classmethod
    def of(cls, events: ak.Array, columns: Columns) -> JaggedRows:
        """Collect the addresses of all fields.

        ``n_safe`` counts the events after which, in every field, `OBJECTS` more objects stand.
        """
        collections: list[list[int]] = []
        fields: list[list[int]] = []
        kept: list[NDArray[np.signedinteger]] = []
        n_safe, place, before = len(events), 0, ""
        for field in columns.fields:
            offsets, contents = field_columns(events, field.collection, field.name)
            kept += [offsets, contents]
            if field.collection != before:
                collections.append([offsets.ctypes.data, 0])
                before = field.collection
            collections[-1][1] += 1
            fields.append([contents.ctypes.data, field.slots, 2 * place, field.down, field.up])
            place += field.slots
            safe = int(np.searchsorted(offsets, len(contents) - OBJECTS, side="right")) - 1
            n_safe = min(n_safe, max(safe, 0))
        return cls(
            n_events=len(events),
            n_safe=n_safe,
            n_columns=len(columns.features),
            collections=np.array(collections, np.int64).reshape(-1, COLLECTION_COLUMNS),
            fields=np.array(fields, np.int64).reshape(-1, FIELD_COLUMNS),
            kept=tuple(kept),
        )

    def buffer(self) -> NDArray[np.int16]:
        """Return space for the rows of a block; what no field writes stays zero."""
        return np.zeros(BLOCK * self.n_columns + OBJECTS, dtype=np.int16)

    def write(self, first: int, last: int, buffer: NDArray[np.int16]) -> NDArray[np.int16]:
        """Write the rows of at most `BLOCK` of the first `n_safe` events and return them."""
        rows = buffer[: (last - first) * self.n_columns].reshape(-1, self.n_columns)
        gather_rows(
            first,
            last - first,
            self.collections.ctypes.data,
            len(self.collections),
            self.fields.ctypes.data,
            rows.ctypes.data,
            2 * self.n_columns,
        )
        return rows
