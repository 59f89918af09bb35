"""Where the trees of a format keep what an events array needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from emulator.objects.events import SHOWERS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from emulator.objects.tree_decisions import TreeDecisions


@dataclass(frozen=True, slots=True)
class ObjectBranches:
    """Branches of one collection: the relative crossing, and each field of the events array."""

    crossing: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TreeLayout:
    """Where one source of one format keeps what the events array needs.

    Attributes
    ----------
    tree, scalar_tree
        Trees of the objects and of the event numbers (may be the same).
    scalars
        Branch of each scalar but ``crossing``.
    objects
        Branches of mu, eg, tau and jet, or of those among them that are read.
    other_crossings
        Branches with the crossings of objects that are not read.
    sums, sum_type
        Branches of all sums together, and the branch with their type codes.
    optional_scalars
        Branches of scalars that may be absent: weights, and ``orbit`` (0 if absent).
    row_crossing
        Branch that says which crossing an entry is, in files where each entry is one crossing.
    charge_is_sign
        Whether the charge branch holds +1 and -1 instead of the charge bit.
    shower_crossing, showers
        Branches of muon showers: the relative crossing of each, and each flag. Flags of files where
        each entry is one crossing stand in ``optional_scalars``.
    decisions
        Where the file keeps the trigger's decisions, if it does.
    further_sum_fields
        Which further fields of sums' words are wanted, as ``ett.min_bias``; None: all.
    """

    tree: str
    scalar_tree: str
    scalars: Mapping[str, str]
    objects: Mapping[str, ObjectBranches]
    sums: ObjectBranches
    sum_type: str
    optional_scalars: Mapping[str, str] = field(default_factory=dict)
    row_crossing: str | None = None
    charge_is_sign: bool = False
    shower_crossing: str | None = None
    showers: Mapping[str, str] = field(default_factory=dict)
    decisions: TreeDecisions | None = None
    further_sum_fields: Collection[str] | None = None
    other_crossings: tuple[str, ...] = ()

    @property
    def branches(self) -> tuple[str, ...]:
        """All branches that are read for every entry, those that a file may lack among them."""
        objects = (*self.objects.values(), self.sums)
        return (
            *(branch for each in objects for branch in (each.crossing, *each.fields.values())),
            self.sum_type,
            *self.scalars.values(),
            *self.optional_scalars.values(),
            *(() if self.row_crossing is None else (self.row_crossing,)),
        )

    def with_fields(
        self, required: Mapping[str, Collection[str]], others: Collection[str]
    ) -> TreeLayout:
        """Return the layout without the collections of objects and the fields that are not wanted.

        Parameters
        ----------
        required
            Fields that each collection has if any of it is wanted.
        others
            What is wanted, as ``mu.iso``. Flags of showers are not.
        """
        wanted = {each.partition(".")[0] for each in others}
        objects = {
            name: ObjectBranches(
                branches.crossing,
                {
                    field: branch
                    for field, branch in branches.fields.items()
                    if field in required[name] or f"{name}.{field}" in others
                },
            )
            for name, branches in self.objects.items()
            if name in wanted
        }
        left_out = [each.crossing for name, each in self.objects.items() if name not in wanted]
        return replace(
            self,
            objects=objects,
            other_crossings=(*self.other_crossings, *left_out),
            optional_scalars={
                name: branch
                for name, branch in self.optional_scalars.items()
                if name not in SHOWERS
            },
            shower_crossing=None,
            further_sum_fields=frozenset(others),
        )
