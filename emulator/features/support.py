"""What a file can support: which of the experiment's input eras can be built from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from emulator.results import Record

if TYPE_CHECKING:
    from emulator.objects import FileSummary

#: Sums that CMS took for the missing energy in different years, and the field that each one needs.
#: What the rules of muons and pT need is told by `FeatureLayout.missing_in`.
_INPUTS: Final = (
    ("ETM, without HF", "etm", "pt"),
    ("ETMHF, with HF", "etmhf", "pt"),
)


@dataclass(frozen=True, slots=True)
class EraInput(Record):
    """Whether the inputs of an era can be built from a file.

    Attributes
    ----------
    name
        The input, in words.
    field
        The field it needs, as ``etm.pt``.
    available
        Whether the file has it.
    exercised
        Whether any crossing has a value other than 0, without which nothing is tested.
    """

    name: str
    field: str
    available: bool
    exercised: bool

    def __str__(self) -> str:
        if not self.available:
            return f"{self.name}: no, the file has no {self.field}"
        return f"{self.name}: yes" + ("" if self.exercised else ", but never other than 0")


def era_inputs(summary: FileSummary) -> tuple[EraInput, ...]:
    """Return which inputs of CMS's eras a file supports."""
    found = []
    for name, collection, field in _INPUTS:
        fields = [
            each
            for part in summary.collections
            if part.name == collection
            for each in part.fields
            if each.name == field
        ]
        # A sum without a single entry is not in the file.
        there = [each for each in fields if each.maximum is not None]
        exercised = any(bool(each.maximum) for each in there)
        found.append(EraInput(name, f"{collection}.{field}", bool(there), exercised))
    return tuple(found)
