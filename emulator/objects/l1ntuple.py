"""CMS L1Ntuples: ``l1UpgradeTree`` (unpacked) and ``l1UpgradeEmuTree`` (emulated).

Branch names and meaning: CMSSW, ``L1Trigger/L1TNtuples``. Layouts of 2018 (80 leaves) and later
(94 leaves) are read; that of 2016, which has no types of sums and no muon quality, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.errors import InputFileError
from emulator.objects.tree_decisions import TreeDecisions
from emulator.objects.tree_layout import ObjectBranches, TreeLayout
from emulator.objects.tree_reader import TreeReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.objects.chunks import Order, Source
    from emulator.objects.root_file import RootFile

FORMAT_NAME: Final = "l1ntuple"

_TREES: Final[Mapping[Source, str]] = {
    "unpacked": "l1UpgradeTree/L1UpgradeTree",
    "emulated": "l1UpgradeEmuTree/L1UpgradeTree",
}
_EVENT_TREE: Final = "l1EventTree/L1EventTree"

#: Trees with the algorithm bits, and the branch of those before prescales and masks.
_DECISION_TREES: Final[Mapping[Source, str]] = {
    "unpacked": "l1uGTTree/L1uGTTree",
    "emulated": "l1uGTEmuTree/L1uGTTree",
}
_DECISIONS: Final = "m_algoDecisionInitial"

#: Flags of the Global Trigger's muon word (CMSSW, packer of muon showers).
_SHOWERS: Final = {
    "mus0": "muonShowerOneNominal",
    "mus1": "muonShowerOneTight",
    "mus2": "muonShowerTwoLooseDiffSectors",
}

_OBJECTS: Final = {
    "mu": ObjectBranches(
        "muonBx",
        {
            "pt": "muonIEt",
            "eta": "muonIEta",
            "phi": "muonIPhi",
            "eta_vtx": "muonIEtaAtVtx",
            "phi_vtx": "muonIPhiAtVtx",
            "qual": "muonQual",
            "charge": "muonChg",
            "index": "muonTfMuonIdx",
            "iso": "muonIso",
            "pt_unconstrained": "muonIEtUnconstrained",
            "dxy": "muonDxy",
        },
    ),
    "eg": ObjectBranches("egBx", {"pt": "egIEt", "eta": "egIEta", "phi": "egIPhi", "iso": "egIso"}),
    "tau": ObjectBranches(
        "tauBx", {"pt": "tauIEt", "eta": "tauIEta", "phi": "tauIPhi", "iso": "tauIso"}
    ),
    "jet": ObjectBranches(
        "jetBx", {"pt": "jetIEt", "eta": "jetIEta", "phi": "jetIPhi", "qual": "jetHwQual"}
    ),
}


def matches(file: RootFile) -> bool:
    """Tell whether a file is an L1Ntuple, by its trees."""
    return not {*_TREES.values(), _EVENT_TREE}.isdisjoint(file.trees())


def open_l1ntuple(file: RootFile, source: Source, order: Order) -> TreeReader:
    """Return the reader of an L1Ntuple.

    Parameters
    ----------
    file
        The open file; `matches` is true for it. It is not kept.
    source
        Which tree to read.
    order
        Order of the objects, see `TreeReader`.

    Raises
    ------
    MissingNameError
        If the tree of the source, the event tree or a branch is missing.
    InputFileError
        If the tree has no entries.
    """
    if _TREES[source] in file.trees():
        _refuse_layout_of_2016(file, _TREES[source])
    layout = TreeLayout(
        tree=_TREES[source],
        scalar_tree=_EVENT_TREE,
        # Event/bx is not read: simulation has 4294967295 there, and rows are keyed by event.
        scalars={"run": "run", "lumi": "lumi", "event": "event", "orbit": "orbit"},
        objects=_OBJECTS,
        sums=ObjectBranches("sumBx", {"pt": "sumIEt", "phi": "sumIPhi"}),
        sum_type="sumType",
        charge_is_sign=True,
        shower_crossing="muonShowerBx",
        showers=_SHOWERS,
        decisions=_decisions(file, source),
    )
    offered = tuple(each for each, tree in _TREES.items() if tree in file.trees())
    return TreeReader(file, FORMAT_NAME, source=source, layout=layout, sources=offered, order=order)


def _decisions(file: RootFile, source: Source) -> TreeDecisions | None:
    tree = _DECISION_TREES[source]
    if tree not in file.trees() or _DECISIONS not in file.tree(tree).branches:
        return None
    return TreeDecisions(tree, vector=_DECISIONS)


def _refuse_layout_of_2016(file: RootFile, name: str) -> None:
    """Raise `InputFileError` if the tree has objects but neither types of sums nor muon quality."""
    tree = file.tree(name)
    branches = set(tree.branches)
    if "egIEt" in branches and branches.isdisjoint({"sumType", "muonQual"}):
        raise InputFileError(
            tree.where,
            "this is the L1Ntuple layout of 2016 (no sumType, no muonQual): its sums cannot be told "
            "apart; use an L1Ntuple of 2017 or later",
        )
