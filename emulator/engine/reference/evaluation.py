"""Evaluation of a whole network, node by node, event by event."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.reference.operations import evaluate_node
from emulator.errors import RangeError
from emulator.graph.operations import Input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emulator.graph.graph import Graph


def evaluate(graph: Graph, row: Sequence[int]) -> dict[str, list[int]]:
    """Evaluate every node for one event.

    Parameters
    ----------
    graph
        The network.
    row
        One hardware integer for each feature, within the input's type.

    Returns
    -------
    For each node, in order of evaluation, the raws of its elements.

    Raises
    ------
    ValueError
        If the row has the wrong length.
    RangeError
        If an integer is out of the input's range.

    Examples
    --------
    >>> from emulator.fixed.format import FixedFormat
    >>> from emulator.graph import Graph, Input, Square
    >>> x = Input("x", (), FixedFormat(8, 8), size=2)
    >>> y = Square("y", ("x",), FixedFormat(8, 8, signed=False, overflow="SAT"))
    >>> evaluate(Graph((x, y), ("y",)), [-3, 20])
    {'x': [-3, 20], 'y': [9, 255]}
    """
    values: dict[str, list[int]] = {}
    for node in graph.nodes:
        if isinstance(node, Input):
            values[node.name] = _checked_input(node, row)
            continue
        inputs = [values[name] for name in node.inputs]
        tensors = [graph.tensors[name] for name in node.inputs]
        values[node.name] = evaluate_node(node, inputs, tensors)
    return values


def evaluate_rows(
    graph: Graph, rows: NDArray[np.integer], *, jobs: int = 1
) -> dict[str, NDArray[np.int64]]:
    """Evaluate the graph's outputs for many events.

    Parameters
    ----------
    graph
        The network.
    rows
        Hardware integers, (n events, n features).
    jobs
        Processes; they change nothing but the time.

    Returns
    -------
    For each output the raws, int64, (n events, size).

    Raises
    ------
    RangeError
        If a raw of an output does not fit 64 bits.
    """
    if jobs == 1 or len(rows) < 1_000:
        return _evaluate_block(graph, rows)
    blocks = np.array_split(rows, 4 * jobs)
    with ProcessPoolExecutor(jobs) as pool:
        parts = list(pool.map(_evaluate_block, [graph] * len(blocks), blocks))
    return {name: np.concatenate([part[name] for part in parts]) for name in graph.outputs}


def _evaluate_block(graph: Graph, rows: NDArray[np.integer]) -> dict[str, NDArray[np.int64]]:
    results: dict[str, list[list[int]]] = {name: [] for name in graph.outputs}
    for row in rows.tolist():
        values = evaluate(graph, row)
        for name, listed in results.items():
            listed.append(values[name])
    return {
        name: _as_int64(name, listed).reshape(len(rows), graph.tensors[name].size)
        for name, listed in results.items()
    }


def _as_int64(name: str, raws: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    try:
        return np.array(raws, dtype=np.int64)
    except OverflowError as error:
        worst = max((raw for listed in raws for raw in listed), key=abs)
        msg = f"node {name!r}: {worst} in an event does not fit the 64 bits of results"
        raise RangeError(msg) from error


def _checked_input(node: Input, row: Sequence[int]) -> list[int]:
    if len(row) != node.size:
        msg = f"the network takes {node.size} features, the row has {len(row)}"
        raise ValueError(msg)
    for place, raw in enumerate(row):
        if not node.format.lowest <= raw <= node.format.raw_max:
            msg = f"feature {place} is {raw}, out of the range of {node.format}"
            raise RangeError(msg)
    return [int(raw) for raw in row]
