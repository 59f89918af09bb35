"""Worked examples that come with a network, checked by the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.engine.reference import evaluate
from emulator.errors import L1Error, ModelFileError

if TYPE_CHECKING:
    from emulator.model import Model, WorkedExample


def check_example(model: Model, example: WorkedExample) -> None:
    """Check that the network gives the raws of a worked example.

    Parameters
    ----------
    model, example
        As `emulator.model.import_network_form` returns them.

    Raises
    ------
    ModelFileError
        If it does not; the message names the first layer that differs and its first element.
    """
    try:
        found = evaluate(model.graph, example.row)
    except L1Error as error:
        msg = f"its worked example cannot be evaluated: {error}"
        raise ModelFileError(msg) from error
    for name, expected in example.raws.items():
        for place, (ours, theirs) in enumerate(
            zip(found[example.nodes[name]], expected, strict=True)
        ):
            if ours != theirs:
                msg = (
                    f"its worked example differs first at layer {name!r}, element {place}: "
                    f"the network gives {ours}, the example says {theirs}"
                )
                raise ModelFileError(msg)
