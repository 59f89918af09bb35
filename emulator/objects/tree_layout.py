"""Where the trees of a format keep what an events array needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

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
        Branches of mu, eg, tau and jet.
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

    def with_fields(
        self, required: Mapping[str, Collection[str]], others: Collection[str]
    ) -> TreeLayout:
        """Return the layout with the required fields of each collection of objects, and some others.

        Parameters
        ----------
        required
            Fields by collection.
        others
            Further ones, as ``mu.iso``.
        """
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
        }
        return replace(self, objects=objects, further_sum_fields=frozenset(others))
