"""What of a model does not fit together: features beyond its input's type, thresholds beyond its score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import RangeError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from emulator.engine import Plan
    from emulator.model import Model


class InputRange:
    """The features of a model that can leave the type of the network's input.

    Parameters
    ----------
    model
        The network and its layout.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        source = model.graph.input.format
        #: Their places, with the lowest and the highest integer of each.
        self.beyond = tuple(
            (place, low, high)
            for place, (low, high) in enumerate(model.layout.ranges)
            if low < source.lowest or high > source.raw_max
        )

    def require(self, rows: NDArray[np.integer], path: str | Path) -> None:
        """Raise `RangeError` with file and feature if one leaves it.

        Parameters
        ----------
        rows
            Hardware integers, axes (crossing, feature).
        path
            The file that they are from.
        """
        source = self._model.graph.input.format
        for place, _, _ in self.beyond:
            values = rows[:, place]
            bad = values[(values < source.lowest) | (values > source.raw_max)]
            if len(bad):
                msg = (
                    f"{path}: {self._model.layout.features[place]} is {bad[0]} in a crossing; the input of "
                    f"network {self._model.name}, {source}, holds {source.lowest} to {source.raw_max}"
                )
                raise RangeError(msg)


def model_caveats(model: Model, planned: Plan) -> tuple[str, ...]:
    """Return what a user of a model must know before it sees data, one sentence each."""
    return (*_input_caveats(model), *_score_caveats(model, planned))


def _input_caveats(model: Model) -> list[str]:
    beyond, source = InputRange(model).beyond, model.graph.input.format
    if not beyond:
        return []
    place, low, high = beyond[0]
    others = f" and {len(beyond) - 1} more" if len(beyond) > 1 else ""
    sentence = (
        f"{model.layout.features[place]} ({low} to {high}){others} can leave the network's input, {source} "
        f"({source.lowest} to {source.raw_max}): crossings in which one does are refused"
    )
    return [sentence]


def _score_caveats(model: Model, planned: Plan) -> list[str]:
    (score,) = (node for node in planned.nodes if node.node == model.score)
    found = []
    if not -(2**63) <= score.low <= score.high < 2**63:
        found.append(
            f"score {model.score} ({score.low} to {score.high}) can leave 64 bits: crossings in which it does "
            f"are refused"
        )
    for each in model.thresholds:
        if each.threshold > score.high:
            found.append(
                f"threshold {each.name}: no crossing reaches {each.threshold}, the score is proved to be at "
                f"most {score.high}"
            )
        elif each.threshold <= score.low:
            found.append(
                f"threshold {each.name}: every crossing reaches {each.threshold}, the score is proved to be at "
                f"least {score.low}"
            )
    return found
