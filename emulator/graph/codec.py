"""A graph as plain values for JSON, and back, strictly: unknown keys and wrong types are refused."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from emulator.errors import FormatError, GraphError
from emulator.fixed import FixedFormat
from emulator.graph.graph import Graph
from emulator.graph.operations import OPERATIONS, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def graph_to_plain(graph: Graph) -> dict[str, Any]:
    """Return a graph as dictionaries, lists, text and integers.

    Examples
    --------
    >>> from emulator.graph import Input
    >>> plain = graph_to_plain(Graph((Input("x", (), FixedFormat(8, 8), size=2),), ("x",)))
    >>> plain["nodes"]
    [{'operation': 'Input', 'name': 'x', 'inputs': [], 'format': 'fixed<8,8>', 'size': 2}]
    """
    return {"nodes": [_node_to_plain(node) for node in graph.nodes], "outputs": list(graph.outputs)}


def _node_to_plain(node: Node) -> dict[str, Any]:
    values = {item.name: _to_plain(getattr(node, item.name)) for item in fields(node)}
    return {"operation": type(node).__name__, **values}


def _to_plain(value: object) -> object:
    if isinstance(value, FixedFormat):
        return str(value)
    if isinstance(value, tuple):
        return [_to_plain(part) for part in value]
    return value


def graph_from_plain(plain: Mapping[str, Any]) -> Graph:
    """Build the graph that `graph_to_plain` wrote.

    Raises
    ------
    GraphError
        If a key is missing, unknown or of the wrong type, or a rule of the graph is broken.
    """
    if set(plain) != {"nodes", "outputs"}:
        raise GraphError("(graph)", f"needs the keys nodes and outputs, has {sorted(plain)}")
    if not isinstance(plain["nodes"], list):
        raise GraphError("(graph)", f"nodes must be a list, found {plain['nodes']!r:.60}")
    outputs = _names(plain["outputs"], "(graph)", "outputs")
    return Graph(tuple(_node_from_plain(node) for node in plain["nodes"]), outputs)


def _node_from_plain(plain: object) -> Node:
    if not isinstance(plain, dict):
        raise GraphError("(graph)", f"a node must be an object, found {plain!r:.60}")
    values = dict(plain)
    name = str(values.get("name", "(no name)"))
    kind = values.pop("operation", None)
    if not isinstance(kind, str) or kind not in OPERATIONS:
        known = ", ".join(OPERATIONS)
        raise GraphError(name, f"unknown operation {kind!r}; known: {known}")
    operation = OPERATIONS[kind]
    expected = {item.name: str(item.type) for item in fields(operation)}
    if set(values) != set(expected):
        wrong = sorted(set(values) ^ set(expected))
        raise GraphError(name, f"{kind} has keys missing or unknown: {', '.join(wrong)}")
    return operation(
        **{key: _DECODERS[expected[key]](value, name, key) for key, value in values.items()}
    )


def _text(value: object, node: str, key: str) -> str:
    if not isinstance(value, str):
        raise GraphError(node, f"{key} must be text, found {value!r:.60}")
    return value


def _integer(value: object, node: str, key: str) -> int:
    if type(value) is not int:
        raise GraphError(node, f"{key} must be an integer, found {value!r:.60}")
    return value


def _format(value: object, node: str, key: str) -> FixedFormat:
    try:
        return FixedFormat.parse(_text(value, node, key))
    except FormatError as error:
        raise GraphError(node, f"{key}: {error}") from error


def _items(value: object, node: str, key: str) -> list[object]:
    if not isinstance(value, list):
        raise GraphError(node, f"{key} must be a list, found {value!r:.60}")
    return value


def _names(value: object, node: str, key: str) -> tuple[str, ...]:
    return tuple(_text(part, node, key) for part in _items(value, node, key))


def _integers(value: object, node: str, key: str) -> tuple[int, ...]:
    return tuple(_integer(part, node, key) for part in _items(value, node, key))


def _matrix(value: object, node: str, key: str) -> tuple[tuple[int, ...], ...]:
    return tuple(_integers(part, node, key) for part in _items(value, node, key))


def _formats(value: object, node: str, key: str) -> tuple[FixedFormat | None, ...]:
    return tuple(
        None if part is None else _format(part, node, key) for part in _items(value, node, key)
    )


# By the annotations of the operations' fields, which are all that a node may hold.
_DECODERS: dict[str, Callable[[object, str, str], Any]] = {
    "str": _text,
    "int": _integer,
    "FixedFormat": _format,
    "tuple[FixedFormat | None, ...]": _formats,
    "tuple[str, ...]": _names,
    "tuple[int, ...]": _integers,
    "tuple[tuple[int, ...], ...]": _matrix,
}
