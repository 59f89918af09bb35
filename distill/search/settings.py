"""How to search."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from distill.search.space import Order, SearchSpace
from emulator.errors import SettingsError

Sampler = Literal["nsga2", "tpe"]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How to search.

    Parameters
    ----------
    order
        ``aware``: each trial's student is trained with its types, and they are chosen too. ``float``:
        trials train float students; the best are quantized afterwards.
    space
        What is chosen.
    sampler
        ``nsga2`` or ``tpe``.
    population
        Of NSGA-II.
    target_khz
        Working point at which accept sets are compared.
    max_luts, max_latency_ns
        Limits; None for none. Trials beyond them are kept but not feasible.
    flow, stage
        Which LUT estimate counts; see docs/cost.md.
    hopeless_margin
        A float student is not quantized if a student that is no dearer agrees better by so much.
    seed
        Of the sampler; trial by trial, so that a search that is interrupted chooses as one that is not.

    Raises
    ------
    SettingsError
        If a choice is unknown or a number impossible.
    """

    order: Order = "aware"
    space: SearchSpace = field(default_factory=SearchSpace)
    sampler: Sampler = "nsga2"
    population: int = 20
    target_khz: float = 10.0
    max_luts: float | None = None
    max_latency_ns: float | None = 50.0
    flow: str = "latency"
    stage: str = "HLS report"
    hopeless_margin: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        for what, value, known in (
            ("order", self.order, get_args(Order)),
            ("sampler", self.sampler, get_args(Sampler)),
        ):
            if value not in known:
                msg = f"search: {what} must be one of {', '.join(known)}, got {value!r}"
                raise SettingsError(msg)
        if self.population < 2 or not self.target_khz > 0.0 or not self.hopeless_margin >= 0.0:
            msg = "search: population must be at least 2, target_khz positive, hopeless_margin not negative"
            raise SettingsError(msg)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as JSON gives them back."""
        return {**asdict(self), "space": self.space.as_dict()}
