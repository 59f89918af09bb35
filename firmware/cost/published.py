"""Networks whose size in an FPGA is known: what the estimate is calibrated against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from firmware.cost.figures import Flow, Stage

DATA = Path(__file__).parent / "data" / "published.yaml"


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """Size of one network in one flow at one stage."""

    flow: Flow
    stage: Stage
    luts: int
    source: str
    ffs: int | None = None
    dsps: int | None = None
    latency_ns: float | None = None


@dataclass(frozen=True, slots=True)
class PublishedNetwork:
    """A network of dense layers.

    Parameters
    ----------
    name
        Its name.
    layers
        For each layer inputs, outputs, bits of an input and of a weight, signs included.
    nonzero
        Weights that are not 0; None if not published.
    alike
        Name of the group of networks that are nearly the same.
    figures
        What is known of its size.
    """

    name: str
    layers: tuple[tuple[float, float, float, float], ...]
    nonzero: int | None
    alike: str
    figures: tuple[PublishedFigure, ...]

    @property
    def multiplications(self) -> int:
        """Number of weights."""
        return int(sum(n_in * n_out for n_in, n_out, _, _ in self.layers))

    @property
    def bit_products(self) -> float | None:
        """Bits of input times bits of weight, summed over the weights that are not 0.

        Those are taken to be spread evenly over the layers, since only their number is published.
        """
        if self.nonzero is None:
            return None
        dense = sum(n_in * n_out * x * weight for n_in, n_out, x, weight in self.layers)
        return dense * self.nonzero / self.multiplications


def published_networks() -> tuple[PublishedNetwork, ...]:
    """Return all of them.

    Examples
    --------
    >>> [network.name for network in published_networks()][:2]
    ['AXOL1TL v1', 'AXOL1TL v3']
    """
    listed: list[dict[str, Any]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return tuple(
        PublishedNetwork(
            name=one["name"],
            layers=tuple(tuple(layer) for layer in one["layers"]),
            nonzero=one["nonzero"],
            alike=one.get("alike", one["name"]),
            figures=tuple(PublishedFigure(**figure) for figure in one["figures"]),
        )
        for one in listed
    )
