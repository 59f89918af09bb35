"""Accepting facts that moved: the new reference, and a log of what changed, by how much, and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emulator.errors import SettingsError
from emulator.files import replace_file
from l1distill.gates import difference_table, differences

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from l1distill.gates import Difference

_TITLE = "# Accepted changes of the reference\n\nNewest last. Written by `make accept WHY=...`.\n"


def accept(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    why: str,
    expected: Path,
    log: Path,
    told: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
) -> tuple[Difference, ...]:
    """Write new facts as the reference and say in the log what changed.

    Parameters
    ----------
    old, new
        Facts accepted last and facts now.
    why
        The reason, for people who read the log.
    expected, log
        File of the facts and file of the log.
    told
        What the log compares, before and now; the facts themselves if omitted.

    Returns
    -------
    What changed; if nothing did, nothing is written.

    Raises
    ------
    SettingsError
        If no reason is given.
    """
    reason = " ".join(why.split())
    if not reason:
        msg = "say why the reference changes, for example: make accept WHY='rounding of the score'"
        raise SettingsError(msg)
    found = differences(*(told or (old, new)))
    if not found:
        return ()
    with replace_file(expected) as temporary:
        temporary.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")
    entry = _entry(found, reason, first=not (told[0] if told else old))
    before = log.read_text(encoding="utf-8") if log.is_file() else _TITLE
    with replace_file(log) as temporary:
        temporary.write_text(before + entry, encoding="utf-8")
    return found


def _entry(found: tuple[Difference, ...], why: str, *, first: bool) -> str:
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    if first:
        # All is new: the file itself is the list.
        return f"\n## {date}: {why}\n\n{len(found)} facts, the first reference.\n"
    plural = "fact" if len(found) == 1 else "facts"
    table = difference_table(found)
    return f"\n## {date}: {why}\n\n{len(found)} {plural} changed.\n\n```\n{table}\n```\n"
