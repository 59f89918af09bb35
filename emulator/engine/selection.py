"""Which kernels run a network: the fastest that are proved exact, or those that are asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

from emulator.engine.lanes.chain import NoChain, find_chain
from emulator.engine.planner import Plan, plan
from emulator.engine.widths import signed_bits
from emulator.errors import KernelError
from emulator.fixed import Interval
from emulator.graph import Graph, Input
from emulator.kernel_names import KERNELS

if TYPE_CHECKING:
    from emulator.engine.lanes.chain import Chain, LaneKernel
    from emulator.engine.planner import NodePlan
    from emulator.kernel_names import KernelName


@dataclass(frozen=True)
class Selection:
    """How a network is run.

    Attributes
    ----------
    plan
        What is proved of each node, with the kernel that runs it.
    chain
        The first part, in lanes, if any.
    rest
        The network that continues from the chain's result (or all of it); None if nothing is left.
    tile_bits
        Width of the general kernels' integers for the rest; 0: Python integers.
    """

    plan: Plan
    chain: Chain | None
    rest: Graph | None
    tile_bits: Literal[0, 32, 64]


def select(graph: Graph, kernel: KernelName | None = None) -> Selection:
    """Choose the kernels of a network.

    Parameters
    ----------
    kernel
        Run the network with this one. A lane kernel runs all layers of the chain; what follows them
        is left to the general kernels.

    Raises
    ------
    KernelError
        If the kernel is not proved exact for this network.
    """
    if kernel is not None and kernel not in KERNELS:
        raise KernelError(kernel, "(any)", f"there is no such kernel, only {', '.join(KERNELS)}")
    planned = plan(graph)
    if kernel == "python":
        return Selection(replace(planned, tile_bits=0), None, graph, 0)
    if kernel in {"tiles32", "tiles64"}:
        bits: Literal[32, 64] = 32 if kernel == "tiles32" else 64
        _require_tiles(planned, kernel, bits)
        return Selection(replace(planned, tile_bits=bits), None, graph, bits)
    found = find_chain(graph, cast("LaneKernel | None", kernel))
    if isinstance(found, NoChain):
        if kernel is not None:
            raise KernelError(kernel, found.node, found.reason)
        return Selection(planned, None, graph, planned.tile_bits)
    rest = _rest(graph, found)
    nodes = tuple(_node_plan(node, found) for node in planned.nodes)
    bits_of_rest = plan(rest).tile_bits if rest else 32
    return Selection(Plan(planned.tile_bits, nodes), found, rest, bits_of_rest)


def plan_network(graph: Graph, kernel: KernelName | None = None) -> Plan:
    """Return what is proved of each node, and which kernel `Emulator` runs it with; see `select`.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Dense
    >>> byte, wide = FixedFormat(16, 16), FixedFormat(40, 40)
    >>> x = Input("x", (), byte, size=2)
    >>> y = Dense("y", ("x",), wide, ((3,), (-2,)), byte, (1,), byte, wide)
    >>> plan_network(Graph((x, y), ("y",))).nodes[1].kernel
    'dot16'
    """
    return select(graph, kernel).plan


def _require_tiles(planned: Plan, kernel: str, bits: int) -> None:
    if 0 < planned.tile_bits <= bits:
        return
    widest = max(
        planned.nodes,
        key=lambda node: node.stored_bits if planned.tile_bits else node.computed_bits,
    )
    need = (
        f"it stores integers of {widest.stored_bits} bits"
        if planned.tile_bits
        else f"it computes integers of {widest.computed_bits} bits"
    )
    raise KernelError(kernel, widest.node, need)


def _rest(graph: Graph, chain: Chain) -> Graph | None:
    """Return the network that reads the chain's result as its input."""
    covered = {graph.input.name, chain.scaling, *chain.kernels}
    left = [node for node in graph.nodes if node.name not in covered]
    if not left:
        return None
    last = graph.tensors[chain.last]
    return Graph((Input(chain.last, (), last.format, last.size), *left), graph.outputs)


def _node_plan(node: NodePlan, chain: Chain) -> NodePlan:
    """Return the plan of a node with the lane kernel that runs it, if one does."""
    if node.node == chain.scaling:
        bits = 16
        return replace(
            node,
            kernel="scale16",
            stored_bits=bits,
            computed_bits=bits,
            reason="monotone, 16 bits suffice between the inputs at which it saturates",
        )
    if node.node not in chain.kernels:
        return node
    kernel, layer = chain.kernels[node.node]
    first = node.node == layer.nodes[0]
    return replace(
        node,
        kernel=kernel,
        stored_bits=signed_bits(layer.result),
        computed_bits=signed_bits(Interval.hull([layer.sums, layer.result])),
        reason=layer.reason if first else f"merged into {layer.nodes[0]}",
    )
