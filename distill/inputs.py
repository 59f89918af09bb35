"""Which features a student uses, chosen by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.features import FeatureLayout

_SELECTOR = re.compile(
    r"(?P<object>\w+)(?:\[(?P<first>\d*)(?P<range>:?)(?P<last>\d*)\])?(?:\.(?P<field>\w+))?"
)


def select_inputs(layout: FeatureLayout, selectors: Sequence[str]) -> tuple[int, ...]:
    """Return the places of the features that any selector names, rising.

    Parameters
    ----------
    layout
        All features; constants (``zero``) are never chosen.
    selectors
        ``jet`` (all of an object), ``jet.pt`` (one field), ``jet[0]`` or ``jet[0:4]`` (slots, the last one
        not included), ``jet[0:4].pt``.

    Raises
    ------
    SettingsError
        If a selector cannot be read, or names nothing.

    Examples
    --------
    >>> from emulator.features import load_layout
    >>> select_inputs(load_layout("axol1tl_57"), ["etm", "mu[0:2].pt"])
    (0, 2, 15, 18)
    """
    chosen: set[int] = set()
    for selector in selectors:
        found = _matching(layout, selector)
        if not found:
            names = ", ".join(dict.fromkeys(feature.object for feature in layout.features))
            msg = (
                f"input {selector!r} names no feature of layout {layout.name!r}, which has {names}"
            )
            raise SettingsError(msg)
        chosen |= found
    return tuple(sorted(chosen))


def _matching(layout: FeatureLayout, selector: str) -> set[int]:
    match = _SELECTOR.fullmatch(selector)
    if match is None or (match["range"] == "" and match["last"]):
        msg = f"input {selector!r} cannot be read; write it like 'jet', 'jet[0:4]' or 'jet[0:4].pt'"
        raise SettingsError(msg)
    first = int(match["first"] or 0)
    last = int(match["last"]) if match["last"] else len(layout)
    if match["first"] and not match["range"]:
        last = first + 1
    return {
        place
        for place, feature in enumerate(layout.features)
        if feature.object == match["object"]
        and first <= feature.slot < last
        and match["field"] in {None, feature.field}
        and feature.field != "zero"
    }
