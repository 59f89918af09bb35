"""Networks that a study does not train, as those of other programs, rated beside its student."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import L1Error, SettingsError
from emulator.features import load_layout
from emulator.model import load_model
from l1distill.emulation import Scorer

if TYPE_CHECKING:
    from emulator.model import Model
    from l1distill.study.settings import Study


def other_models(study: Study) -> dict[str, Model]:
    """Return the model files that a study names, by the names that it gives them.

    Raises
    ------
    SettingsError
        If a file cannot be read, or its network takes objects in another order than the study's; the
        message gives the place in the study.
    """
    order = load_layout(study.layout).order
    found = {}
    for name, path in study.models.items():
        try:
            model = load_model(path)
        except L1Error as error:
            msg = f"models.{name}: {error}"
            raise SettingsError(msg) from error
        if model.layout.order != order:
            msg = (
                f"models.{name}: {path} takes objects in the order {model.layout.order!r}, the study's "
                f"layout {order!r}"
            )
            raise SettingsError(msg)
        found[name] = model
    return found


def other_scorers(study: Study, threads: int) -> dict[str, Scorer]:
    """Return what scores with each of them."""
    return {name: Scorer(model, threads=threads) for name, model in other_models(study).items()}
