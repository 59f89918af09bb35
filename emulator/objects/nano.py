"""Level-1 NanoAOD of the full flavour: ``L1*`` (unpacked) and ``L1Emul*`` (emulated) in ``Events``.

The reduced flavour has no hardware integers and no low-pT objects, so rates and network inputs
would be biased: it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.errors import InputFileError
from emulator.objects.tree_decisions import SEED_PREFIXES, TreeDecisions
from emulator.objects.tree_layout import ObjectBranches, TreeLayout
from emulator.objects.tree_reader import TreeReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.objects.chunks import Order, Source
    from emulator.objects.root_file import RootFile

FORMAT_NAME: Final = "l1nano"

TREE: Final = "Events"

PREFIXES: Final[Mapping[Source, str]] = {"unpacked": "L1", "emulated": "L1Emul"}

#: Name of each collection, and of the collection of all sums, behind the prefix.
COLLECTIONS: Final[Mapping[str, str]] = {"mu": "Mu", "eg": "EG", "tau": "Tau", "jet": "Jet"}
SUM_COLLECTION: Final = "EtSum"

#: Name of each field of the events array in NanoAOD.
FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "mu": {
        "pt": "hwPt",
        "eta": "hwEta",
        "phi": "hwPhi",
        "eta_vtx": "hwEtaAtVtx",
        "phi_vtx": "hwPhiAtVtx",
        "qual": "hwQual",
        "charge": "hwCharge",
        "charge_valid": "hwChargeValid",
        "index": "tfMuonIndex",
        "iso": "hwIso",
        "pt_unconstrained": "hwPtUnconstrained",
        "dxy": "hwDXY",
    },
    "eg": {"pt": "hwPt", "eta": "hwEta", "phi": "hwPhi", "iso": "hwIso"},
    "tau": {"pt": "hwPt", "eta": "hwEta", "phi": "hwPhi", "iso": "hwIso"},
    "jet": {"pt": "hwPt", "eta": "hwEta", "phi": "hwPhi", "qual": "hwQual"},
}

#: Scalars, and what `write_nano` adds to the experiment's format.
SCALAR_BRANCHES: Final = {"run": "run", "lumi": "luminosityBlock", "event": "event"}
ORBIT_BRANCH: Final = "orbitNumber"
CROSSING_BRANCH: Final = "L1D_crossing"
WEIGHT_BRANCHES: Final = {
    "weight": "L1D_weight",
    "stratum": "L1D_stratum",
    "pool_id": "L1D_poolId",
}
SHOWER_BRANCHES: Final = {"mus0": "L1D_mus0", "mus1": "L1D_mus1", "mus2": "L1D_mus2"}


def matches(file: RootFile) -> bool:
    """Tell whether a file is some kind of NanoAOD, by its tree."""
    return TREE in file.trees()


def _layout(prefix: str, seeds: tuple[str, ...]) -> TreeLayout:
    objects = {
        name: ObjectBranches(
            f"{prefix}{nano}_bx",
            {each: f"{prefix}{nano}_{branch}" for each, branch in FIELDS[name].items()},
        )
        for name, nano in COLLECTIONS.items()
    }
    sums = f"{prefix}{SUM_COLLECTION}"
    return TreeLayout(
        tree=TREE,
        scalar_tree=TREE,
        scalars=SCALAR_BRANCHES,
        objects=objects,
        sums=ObjectBranches(f"{sums}_bx", {"pt": f"{sums}_hwPt", "phi": f"{sums}_hwPhi"}),
        sum_type=f"{sums}_etSumType",
        optional_scalars={"orbit": ORBIT_BRANCH, **WEIGHT_BRANCHES, **SHOWER_BRANCHES},
        row_crossing=CROSSING_BRANCH,
        decisions=TreeDecisions(TREE, seeds=seeds) if seeds else None,
    )


def open_nano(file: RootFile, source: Source, order: Order) -> TreeReader:
    """Return the reader of a Level-1 NanoAOD.

    Parameters
    ----------
    file
        The open file; `matches` is true for it. It is not kept.
    source
        Which objects to read.
    order
        Order of the objects, see `TreeReader`.

    Raises
    ------
    InputFileError
        If there are no Level-1 objects, only those of the reduced flavour, or no entries.
    MissingNameError
        If a branch is missing.
    """
    branches = set(file.tree(TREE).branches)
    offered = tuple(each for each, prefix in PREFIXES.items() if _is_full(branches, prefix))
    if source not in offered:
        raise InputFileError(file.path, _refusal(branches, source, offered))
    seeds = tuple(name for name in file.tree(TREE).branches if name.startswith(SEED_PREFIXES))
    layout = _layout(PREFIXES[source], seeds)
    return TreeReader(file, FORMAT_NAME, source=source, layout=layout, sources=offered, order=order)


def _names(prefix: str, variable: str) -> set[str]:
    collections = (*COLLECTIONS.values(), SUM_COLLECTION)
    return {f"{prefix}{name}_{variable}" for name in collections}


def _is_full(branches: set[str], prefix: str) -> bool:
    return not branches.isdisjoint(_names(prefix, "hwPt"))


def _refusal(branches: set[str], source: Source, offered: Sequence[Source]) -> str:
    if not branches.isdisjoint(_names(PREFIXES[source], "pt")):
        return (
            "this is the reduced flavour of Level-1 NanoAOD: hardware integers (hwPt, hwEta, hwPhi) "
            "are not stored and low-pT objects are missing, so rates and network inputs would be "
            "wrong; use a file of the full flavour (production keys @L1FULL or @L1DPG)"
        )
    if offered:
        return (
            f"no {source} Level-1 objects ({PREFIXES[source]}Mu_hwPt and so on); "
            f"this file offers: {', '.join(offered)}"
        )
    return (
        "this NanoAOD has no Level-1 objects (no branches L1Mu_hwPt, L1EG_hwPt and so on); "
        "use a file of the full Level-1 flavour (production keys @L1FULL or @L1DPG)"
    )
