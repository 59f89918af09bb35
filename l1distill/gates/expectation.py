"""The expectation file: facts of a model on given samples, and its cost by kind of machine."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from emulator.errors import InputFileError
from emulator.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "l1distill-expectation/1"


@dataclass(frozen=True)
class Expectation:
    """What a check must find.

    Parameters
    ----------
    facts
        Exact facts of network and samples, nested plain values.
    speed
        Accepted cost of the network, calibrations per million events, by kind of machine.
    """

    facts: Mapping[str, Any]
    speed: Mapping[str, float] = field(default_factory=dict)

    @property
    def network_sha256(self) -> str:
        """Identity of the network that the facts are of."""
        return str(self.facts["network"]["sha256"])

    def save(self, path: str | Path) -> None:
        """Write the file, complete or not at all."""
        plain = {"schema": SCHEMA, "facts": self.facts, "speed": self.speed}
        with replace_file(path) as temporary:
            temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote.

        Raises
        ------
        InputFileError
            If it is missing or no such file.
        """
        place = Path(path)
        try:
            plain = json.loads(place.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            problem = "no such expectation; --write makes it from what is found now"
            raise InputFileError(place, problem) from error
        except IsADirectoryError as error:
            raise InputFileError(place, "is a folder, not an expectation") from error
        except (ValueError, RecursionError) as error:
            raise InputFileError(place, f"is no expectation, no JSON ({error})") from error
        if not isinstance(plain, dict) or plain.get("schema") != SCHEMA:
            raise InputFileError(place, f"is no expectation of this version ({SCHEMA})")
        facts, speed = plain.get("facts"), plain.get("speed")
        if not isinstance(facts, dict) or not _has_identity(facts.get("network")):
            raise InputFileError(place, "damaged expectation: it says no network's identity")
        if not isinstance(speed, dict) or not all(map(_is_cost, speed.values())):
            raise InputFileError(place, "damaged expectation: a speed is no number above zero")
        return cls(facts, speed)


def _has_identity(network: object) -> bool:
    return isinstance(network, dict) and isinstance(network.get("sha256"), str)


def _is_cost(value: object) -> bool:
    return isinstance(value, int | float) and value > 0
