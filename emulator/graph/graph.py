"""A network as a list of nodes in order of evaluation."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from emulator.errors import GraphError
from emulator.graph.operations import Input, Node, Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Graph:
    """A checked network; building one checks every rule of every node.

    Parameters
    ----------
    nodes
        In order of evaluation; the first one is the only `Input`.
    outputs
        Names of the nodes whose results leave the network.

    Raises
    ------
    GraphError
        If a rule is broken, with the node and the rule.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Input, Relu
    >>> x = Input("x", (), FixedFormat(8, 8), size=2)
    >>> y = Relu("y", ("x",), FixedFormat(4, 4, signed=False, overflow="SAT"))
    >>> Graph((x, y), outputs=("y",)).tensors["y"]
    Tensor(shape=(2,), format=ufixed<4,4,TRN,SAT>)
    """

    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.nodes or not isinstance(self.nodes[0], Input):
            raise GraphError(self.nodes[0].name if self.nodes else "(none)", "must be the input")
        tensors: dict[str, Tensor] = {}
        for place, node in enumerate(self.nodes):
            self._check_wiring(node, tensors, is_first=place == 0)
            tensors[node.name] = node.infer([tensors[name] for name in node.inputs])
        for name in self.outputs:
            if name not in tensors:
                raise GraphError(name, "is named as an output but does not exist")
        for name in {name for name in self.outputs if self.outputs.count(name) > 1}:
            raise GraphError(name, "is named twice as an output")
        if not self.outputs:
            raise GraphError(self.nodes[-1].name, "the graph names no output")
        object.__setattr__(self, "tensors", tensors)

    @staticmethod
    def _check_wiring(node: Node, earlier: Mapping[str, Tensor], *, is_first: bool) -> None:
        node.require(_NAME.fullmatch(node.name) is not None, "its name is no C identifier")
        node.require(node.name not in earlier, "its name is taken by an earlier node")
        node.require(is_first or not isinstance(node, Input), "a graph has one input, the first")
        node.require(
            len(node.inputs) == node.arity, f"takes {node.arity} inputs, has {len(node.inputs)}"
        )
        for name in node.inputs:
            node.require(name in earlier, f"its input {name!r} is no earlier node")

    @property
    def input(self) -> Input:
        """The node that holds the features."""
        first = self.nodes[0]
        assert isinstance(first, Input)  # noqa: S101 - __post_init__ has checked it
        return first

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Nodes by their names."""
        return {node.name: node for node in self.nodes}

    def __getitem__(self, name: str) -> Node:
        return self.by_name[name]

    def with_outputs(self, outputs: tuple[str, ...]) -> Graph:
        """Return the same network with other outputs, for example all nodes for a trace."""
        return Graph(self.nodes, outputs)
