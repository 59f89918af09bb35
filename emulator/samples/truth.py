"""What was generated, next to what the trigger sees: jets, electrons, muons, taus and missing pT.

Resolutions and turn-on curves compare Level-1 objects with these. fastjet is under the GPL and
optional: it is imported when events are made, never before.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from emulator.samples._optional import require

if TYPE_CHECKING:
    from collections.abc import Sequence

IntArray = NDArray[np.int64]

JET: Final = 0
ELECTRON: Final = 1
MUON: Final = 2
TAU: Final = 3
MET: Final = 4

#: Names of the kinds, in the order of their numbers.
TRUTH_KINDS: Final = ("jet", "electron", "muon", "tau", "met")

#: Columns of a generated object.
TRUTH_FIELDS: Final = ("kind", "pt", "eta", "phi")

# What is kept: far below any threshold of the trigger, and inside its acceptance. Jets are those
# of M. Cacciari, G. Salam, G. Soyez, JHEP 04 (2008) 063, with CMS's radius.
_JET_RADIUS: Final = 0.4
_JET_MIN_PT_GEV: Final = 10.0
_LEPTON_MIN_PT_GEV: Final = 3.0
_MAX_ABS_ETA: Final = 5.0
_NEUTRINOS: Final = (12, 14, 16, 18)


class Truth(NamedTuple):
    """Generated objects of consecutive events.

    Attributes
    ----------
    known
        Whether an event was looked at, bool, ``(n_events,)``.
    event
        Number of the event of each object, rising, int64, ``(n_objects,)``.
    objects
        float32, ``(n_objects, 4)``, columns of `TRUTH_FIELDS`; kinds are numbers of `TRUTH_KINDS`.
    """

    known: NDArray[np.bool_]
    event: IntArray
    objects: NDArray[np.float32]


def no_truth(n_events: int) -> Truth:
    """Return the truth of events that nobody looked at.

    Examples
    --------
    >>> no_truth(2).known.tolist()
    [False, False]
    """
    objects = np.zeros((0, len(TRUTH_FIELDS)), np.float32)
    return Truth(np.zeros(n_events, bool), np.zeros(0, np.int64), objects)


def join_truth(parts: Sequence[Truth]) -> Truth:
    """Put the events of several truths one after another."""
    first = np.concatenate([[0], np.cumsum([len(part.known) for part in parts])])
    return Truth(
        np.concatenate([part.known for part in parts]),
        np.concatenate([part.event + start for part, start in zip(parts, first, strict=False)]),
        np.concatenate([part.objects for part in parts]),
    )


def generated_objects(events: ak.Array, first: int) -> Truth:
    """Return the generated objects of the first events of a batch of Pythia.

    Jets are anti-kT 0.4 of all visible final particles but muons. Electrons and muons are final
    particles. A tau is what is visible of one that decays into hadrons. The missing pT is that of
    neutrinos and other invisible particles.

    Parameters
    ----------
    events
        Events as ``Pythia.nextBatch`` returns them.
    first
        Number of events to look at.
    """
    looked_at = events[:first]
    n = len(looked_at)
    known = np.arange(len(events)) < n
    if not n:
        return no_truth(len(events))
    particles = looked_at.prt
    table = [
        *_leptons(particles),
        _taus(particles),
        _missing(particles),
        _jets(particles),
    ]
    owner = np.concatenate([part[0] for part in table])
    objects = np.concatenate([part[1] for part in table])
    order = np.argsort(owner, kind="stable")
    return Truth(known, owner[order], objects[order])


_Table = tuple[IntArray, NDArray[np.float32]]


def _table(kind: int, owner: IntArray, px: Any, py: Any, pz: Any, min_pt_gev: float) -> _Table:
    x, y, z = (np.asarray(part, np.float64) for part in (px, py, pz))
    pt = np.hypot(x, y)
    eta = np.arcsinh(z / np.maximum(pt, 1e-9))
    keep = (pt >= min_pt_gev) & (np.abs(eta) < _MAX_ABS_ETA)
    columns = (np.full(len(pt), kind), pt, eta, np.arctan2(y, x))
    return owner[keep], np.stack(columns, axis=1).astype(np.float32)[keep]


def _flat(particles: ak.Array, select: ak.Array) -> tuple[IntArray, ak.Array]:
    """Selected particles of all events, with the number of their event."""
    owner = np.repeat(np.arange(len(particles)), ak.to_numpy(ak.sum(select, axis=1)))
    return owner, ak.flatten(particles[select])


def _leptons(particles: ak.Array) -> list[_Table]:
    found = []
    for kind, number in ((ELECTRON, 11), (MUON, 13)):
        select = (np.abs(particles.id) == number) & (particles.status > 0)
        owner, chosen = _flat(particles, select)
        p = chosen.p
        found.append(_table(kind, owner, p.px, p.py, p.pz, _LEPTON_MIN_PT_GEV))
    return found


def _taus(particles: ak.Array) -> _Table:
    """Visible part of taus that decay into hadrons: the tau without its neutrino."""
    final = particles.status > 0
    size = np.abs(particles.id)
    owner, neutrino = _flat(particles, final & (size == 16))
    mother = ak.to_numpy(neutrino.mother1)
    start = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(particles)))])[:-1]
    everything = ak.flatten(particles)
    parent = everything[start[owner] + mother]
    # A lepton beside the neutrino says that the tau did not decay into hadrons.
    lepton_owner, lepton = _flat(particles, final & ((size == 11) | (size == 13)))
    taken = start[lepton_owner] + ak.to_numpy(lepton.mother1)
    is_tau = ak.to_numpy(np.abs(parent.id) == 15) & ~np.isin(start[owner] + mother, taken)
    owner, parent, neutrino = owner[is_tau], parent[is_tau].p, neutrino[is_tau].p
    px, py, pz = (parent[name] - neutrino[name] for name in ("px", "py", "pz"))
    return _table(TAU, owner, px, py, pz, _LEPTON_MIN_PT_GEV)


def _invisible(particles: ak.Array) -> ak.Array:
    from emulator.samples.deposit import INVISIBLE, classify

    kind, _ = classify(ak.to_numpy(ak.flatten(particles.id)))
    return ak.unflatten(kind == INVISIBLE, ak.num(particles))


def _missing(particles: ak.Array) -> _Table:
    p = particles[(particles.status > 0) & _invisible(particles)].p
    owner = np.arange(len(particles))
    px, py = (ak.to_numpy(ak.sum(p[name], axis=1)) for name in ("px", "py"))
    return _table(MET, owner, px, py, np.zeros(len(owner)), 0.0)


def _jets(particles: ak.Array) -> _Table:
    visible = (particles.status > 0) & (np.abs(particles.id) != 13) & ~_invisible(particles)
    p = particles[visible].p
    fastjet = require("fastjet")
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, _JET_RADIUS)
    momenta = ak.zip({"px": p.px, "py": p.py, "pz": p.pz, "E": p.e})
    _silence()
    jets = fastjet.ClusterSequence(momenta, definition).inclusive_jets(min_pt=_JET_MIN_PT_GEV)
    owner = np.repeat(np.arange(len(jets)), ak.to_numpy(ak.num(jets)))
    flat = ak.flatten(jets)
    return _table(JET, owner, flat.px, flat.py, flat.pz, _JET_MIN_PT_GEV)


@lru_cache(maxsize=1)
def _silence() -> None:
    """Let fastjet print its banner into nowhere: it does so once in a process, into file 1."""
    fastjet = require("fastjet")
    sys.stdout.flush()
    saved, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        fastjet.ClusterSequence(
            [fastjet.PseudoJet(1.0, 0.0, 0.0, 1.0)],
            fastjet.JetDefinition(fastjet.kt_algorithm, 1.0),
        )
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nowhere)
