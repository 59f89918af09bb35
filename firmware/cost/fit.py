"""One factor for each flow and stage, from published networks, with the error it makes on each.

LUTs are taken as proportional to the bit products: bits of input times bits of weight, signs included,
summed over the weights that are not 0. The factor is the geometric mean of what the known networks
need; its error is how far off it is for a network that it has not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import exp, log
from typing import TYPE_CHECKING

from firmware.cost.published import published_networks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firmware.cost.figures import Flow, Stage

#: What can be promised with so few networks, whatever the leave-one-out error.
LEAST_FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Point:
    """One published figure: LUTs and what they are predicted from."""

    network: str
    alike: str
    bit_products: float
    luts: int

    @property
    def ratio(self) -> float:
        """LUTs for one bit product."""
        return self.luts / self.bit_products


@dataclass(frozen=True, slots=True)
class Fit:
    """LUTs for one bit product in one flow at one stage.

    Parameters
    ----------
    flow, stage
        What it holds for.
    luts_per_bit_product
        The factor.
    points
        What it was fitted to.
    """

    flow: Flow
    stage: Stage
    luts_per_bit_product: float
    points: tuple[Point, ...]

    def left_out(self, point: Point) -> float | None:
        """Predict the LUTs of one of the points without it and those alike; None if none is left."""
        others = [other for other in self.points if other.alike != point.alike]
        return _mean_ratio(others) * point.bit_products if others else None

    @property
    def uncertainty_factor(self) -> float:
        """Factor within which the truth is expected: the worst leave-one-out error, at least 2."""
        errors = [
            max(predicted / point.luts, point.luts / predicted)
            for point in self.points
            if (predicted := self.left_out(point)) is not None
        ]
        return max([LEAST_FACTOR, *errors])

    @property
    def source(self) -> str:
        """What the fit rests on, for those who read its numbers."""
        names = ", ".join(point.network for point in self.points)
        tested = len({point.alike for point in self.points}) > 1
        return f"fit to {names}{'' if tested else ', not tested on another network'}"


def _mean_ratio(points: Sequence[Point]) -> float:
    return exp(sum(log(point.ratio) for point in points) / len(points))


@cache
def fits() -> tuple[Fit, ...]:
    """Return the fit of each flow and stage of which networks with known weights are published.

    Examples
    --------
    >>> [(fit.flow, fit.stage, round(fit.luts_per_bit_product, 2)) for fit in fits()][:2]
    [('latency', 'HLS report', 1.02), ('distributed arithmetic', 'estimate', 0.16)]
    """
    groups: dict[tuple[Flow, Stage], list[Point]] = {}
    for network in published_networks():
        bits = network.bit_products
        if bits is None:
            continue
        for figure in network.figures:
            point = Point(network.name, network.alike, bits, figure.luts)
            groups.setdefault((figure.flow, figure.stage), []).append(point)
    return tuple(
        Fit(flow, stage, _mean_ratio(points), tuple(points))
        for (flow, stage), points in groups.items()
    )
