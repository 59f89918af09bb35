"""Whose fault a mismatch with published decisions is: the inputs' or the network's.

The network is rarely what is wrong; its inputs are. So a comparison that fails is made again with the
inputs of every other era, with objects in the other order, and with the other set of objects where a
file has one. Crossings in which objects of equal pt change places are counted, too. What no such
change explains remains with the network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import awkward as ak
import numpy as np

from emulator.errors import L1Error, MissingNameError
from emulator.features import Era, FeatureLayout
from emulator.fixed import FixedFormat
from emulator.graph import Graph
from emulator.objects import OBJECTS
from emulator.results import Record
from l1distill.emulation import Scorer, chunks_of_events

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from emulator.features.layout import MuonPosition, PtRule
    from emulator.model import Model, NamedThreshold
    from emulator.objects.chunks import Order, Source
    from l1distill.published_bits import Paths

AlternativeKind = Literal["era", "order", "tree"]

#: Missing energy without and with the forward calorimeter: eras differ in which one they feed.
_MISSING_ENERGY = {"etm": "etmhf", "etmhf": "etm"}
#: Rules of pt that mean the same unit, so that one may be meant where the other is written.
_HALVES: dict[PtRule, PtRule] = {"halved": "exact_half", "exact_half": "halved"}


@dataclass(frozen=True, slots=True)
class Alternative(Record):
    """The same comparison with other inputs.

    Attributes
    ----------
    kind, description
        What was changed.
    n_mismatch
        Crossings that differ then.
    n_resolved
        Mismatches that go away.
    n_new
        Crossings that differ only then.
    """

    kind: AlternativeKind
    description: str
    n_mismatch: int
    n_resolved: int
    n_new: int


@dataclass(frozen=True, slots=True)
class Blame(Record):
    """What explains the mismatches.

    Attributes
    ----------
    alternatives
        All that could be tried, best first.
    not_tried
        Changes for which the files lack what they need, and why; of those that lack the same field
        the smallest.
    n_ties
        Mismatches in crossings in which two objects of equal pt are among those that the network
        reads or stand at their end: their order is not defined.
    n_remaining
        Mismatches without such ties that the best alternative, if it has fewer mismatches at all,
        does not explain: the network's.
    """

    alternatives: tuple[Alternative, ...]
    not_tried: tuple[str, ...]
    n_ties: int
    n_remaining: int


def find_blame(
    model: Model,
    paths: Paths,
    thresholds: Sequence[NamedThreshold],
    published: NDArray[np.bool_],
    differs: NDArray[np.bool_],
    *,
    source: Source = "unpacked",
    threads: int | None = None,
) -> Blame:
    """Make a failed comparison again with other inputs.

    Parameters
    ----------
    model, paths, thresholds, source, threads
        As for `l1distill.bit_comparison.compare_with_bits`.
    published
        Decisions that were published, bool (crossing, threshold); alternatives are compared with the
        same ones, also where the other set of objects has decisions of its own.
    differs
        Which crossings differ, bool (crossing).
    """
    found: list[tuple[Alternative, NDArray[np.bool_]]] = []
    not_tried: list[str] = []
    explained = _ties(model.layout, paths, source)
    n_ties = int((differs & explained).sum())
    lacking: set[str] = set()  # fields, said once
    for kind, description, other, other_source in _alternatives(model, source):
        if kind == "era" and lacking.intersection(".".join(each) for each in other.layout.inputs):
            continue
        try:
            fires = _fires(other, paths, thresholds, other_source, threads)
        except MissingNameError as error:
            lacking.add(error.name)
            not_tried.append(f"{description}: {error}")
            continue
        except L1Error as error:
            not_tried.append(f"{description}: {error}")
            continue
        if len(fires) != len(published):
            not_tried.append(f"{description}: {len(fires)} crossings, not {len(published)}")
            continue
        then = (fires != published).any(axis=1)
        resolved = differs & ~then
        counts = (int(each.sum()) for each in (then, resolved, then & ~differs))
        found.append((Alternative(kind, description, *counts), resolved))
    # Of equal ones the first, which changes least, is the better explanation.
    found.sort(key=lambda each: each[0].n_mismatch)
    if found and found[0][0].n_mismatch < int(differs.sum()):
        explained |= found[0][1]
    alternatives = tuple(each for each, _ in found)
    return Blame(alternatives, tuple(not_tried), n_ties, int((differs & ~explained).sum()))


def _alternatives(
    model: Model, source: Source
) -> Iterator[tuple[AlternativeKind, str, Model, Source]]:
    layout = model.layout
    for changed in _other_layouts(layout):
        yield "era", _said(layout, changed), _with_layout(model, changed), source
    order: Order = "pt" if layout.order == "readout" else "readout"
    changed = replace(layout, order=order)
    yield "order", _said(layout, changed), _with_layout(model, changed), source
    other: Source = "emulated" if source == "unpacked" else "unpacked"
    yield "tree", f"{other} objects", model, other


def _other_layouts(layout: FeatureLayout) -> Iterator[FeatureLayout]:
    """All eras in which the same features could have been filled, one change first."""
    pt_rules = [layout.era.pt]
    if layout.era.pt in _HALVES:
        pt_rules.append(_HALVES[layout.era.pt])
    here = layout.era
    positions = _muon_positions(layout, "phi", here.muon_position)
    etas = _muon_positions(layout, "eta", here.muon_eta)
    swaps = [False]
    if any(feature.object in _MISSING_ENERGY for feature in layout.features):
        swaps.append(True)
    eras: list[tuple[int, FeatureLayout]] = []
    for swap, position, eta, pt in product(swaps, positions, etas, pt_rules):
        era = Era(pt=pt, muon_position=position, muon_eta=eta)
        features = layout.features
        if swap:
            features = tuple(
                replace(f, object=_MISSING_ENERGY.get(f.object, f.object)) for f in features
            )
        moved = (position != here.muon_position, eta != here.muon_eta, pt != here.pt)
        n_changes = swap + sum(moved)
        if n_changes:
            eras.append((n_changes, replace(layout, era=era, features=features)))
    yield from (changed for _, changed in sorted(eras, key=lambda each: each[0]))


def _muon_positions(
    layout: FeatureLayout, field: str, here: MuonPosition
) -> tuple[MuonPosition, ...]:
    """Return where the muons' angle may have been taken, as the layout says first."""
    other: MuonPosition = "vertex" if here == "measured" else "measured"
    read = any((f.object, f.field) == ("mu", field) for f in layout.features)
    return (here, other) if read else (here,)


def _said(before: FeatureLayout, after: FeatureLayout) -> str:
    """Say what differs between two layouts."""
    parts = []
    if after.era.pt != before.era.pt:
        parts.append(
            {"halved": "pT halved to an integer", "exact_half": "pT halved, 0.5 kept"}[after.era.pt]
        )
    for angle, was, now in (
        ("phi", before.era.muon_position, after.era.muon_position),
        ("eta", before.era.muon_eta, after.era.muon_eta),
    ):
        if now != was:
            parts.append(f"muon {angle} {'at the vertex' if now == 'vertex' else 'as measured'}")
    if after.features != before.features:
        met = next(f.object for f in after.features if f.object in _MISSING_ENERGY)
        parts.append(f"{met.upper()} as missing energy")
    if after.order != before.order:
        parts.append(
            "objects by falling pT" if after.order == "pt" else "objects in read-out order"
        )
    return ", ".join(parts)


def _with_layout(model: Model, layout: FeatureLayout) -> Model:
    """Return the model with other inputs; its input takes whatever rows of this layout hold."""
    source = replace(model.graph.input, format=FixedFormat(16, 16 - layout.era.fraction))
    graph = Graph((source, *model.graph.nodes[1:]), model.graph.outputs)
    return replace(model, layout=layout, graph=graph)


def _fires(
    model: Model,
    paths: Paths,
    thresholds: Sequence[NamedThreshold],
    source: Source,
    threads: int | None,
) -> NDArray[np.bool_]:
    scorer = Scorer(model, threads=threads)
    limits = np.array([threshold.threshold for threshold in thresholds])
    chunks = chunks_of_events(paths, source=source, order=model.layout.order)
    return np.concatenate([scorer.scores(events)[:, None] >= limits for events in chunks])


def _ties(layout: FeatureLayout, paths: Paths, source: Source) -> NDArray[np.bool_]:
    """Which crossings have objects of equal pt among those that the layout reads, or at their end."""
    read = {
        name: 1 + max(f.slot for f in layout.features if f.object == name)
        for name in OBJECTS
        if any(f.object == name for f in layout.features)
    }
    parts = []
    for events in chunks_of_events(paths, source=source, order=layout.order):
        tied = np.zeros(len(events), dtype=np.bool_)
        for name, slots in read.items():
            # Muons are not always in falling pt, so equal ones need not be neighbours.
            pt: Any = ak.sort(events[name].pt[:, : slots + 1], axis=1)
            tied |= ak.to_numpy(ak.any(pt[:, 1:] == pt[:, :-1], axis=1))
        parts.append(tied)
    return np.concatenate(parts)
