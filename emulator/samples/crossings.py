"""Crossings: pool events overlaid, turned into Level-1 objects, and packed into an events array."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.constants import WEIGHT_FRACTION_BITS
from emulator.jit import kernel
from emulator.objects import Columns, build_events
from emulator.samples import response as level1
from emulator.samples.deposit import CANDIDATE_FIELDS, Deposits
from emulator.samples.draws import Draw
from emulator.samples.muons import MUON_COLUMNS, measure_muons
from emulator.samples.neighbours import Neighbours, add_neighbours, draw_neighbours
from emulator.samples.overlays import (
    Entries,
    Overlays,
    OverlayTables,
    overlay_tables,
    soft_entry,
)
from emulator.samples.pileup import poisson
from emulator.samples.strata import ClassMeans
from emulator.samples.sums import SUM_ROWS, jet_sums, tower_sums
from emulator.samples.towers import PAD, add_event, moved_towers, primitives

if TYPE_CHECKING:
    from collections.abc import Sequence

    import awkward as ak

    from emulator.objects import HardwareScales
    from emulator.samples.detector import (
        EgammaResponse,
        JetResponse,
        MuonResponse,
        ResponseSettings,
        SumResponse,
        TauResponse,
        TowerResponse,
    )
    from emulator.samples.response import Steps

IntArray = NDArray[np.int64]
Int16Array = NDArray[np.int16]

# Beyond this many muons a crossing keeps the first ones found; the trigger sends eight.
_MUON_ROOM = 64


@dataclass(frozen=True, slots=True, eq=False)
class Crossings:
    """Simulated crossings in arrays of fixed shape, absent objects zero.

    Attributes
    ----------
    jets, egammas, taus
        int16, ``(n, multiplicity, 4)``: pt, eta, phi, and isolation (0 for jets).
    muons
        int16, ``(n, multiplicity, 7)``, see `emulator.samples.muons.MUON_COLUMNS`.
    sums
        int16, ``(n, 6, 2)``: pt and phi of each row of `emulator.samples.sums.SUM_ROWS`.
    weight
        float64, ``(n,)``.
    stratum
        int16, ``(n,)``.
    pool_id
        uint64, ``(n,)``.
    placement
        How the leading pool event was laid over, int16, ``(n, 2)``: steps by which it was turned,
        and -1 or 1 for its side in eta. Not written to files.
    """

    jets: Int16Array
    egammas: Int16Array
    taus: Int16Array
    muons: Int16Array
    sums: Int16Array
    weight: NDArray[np.float64]
    stratum: Int16Array
    pool_id: NDArray[np.uint64]
    placement: Int16Array

    def __len__(self) -> int:
        return len(self.weight)

    def taken(self, rows: IntArray | slice) -> Crossings:
        """Return some of the crossings, in the order given."""
        return Crossings(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def weighted(self, factor: float) -> Crossings:
        """Return the crossings with all weights multiplied."""
        return replace(self, weight=self.weight * factor)


class _Response(NamedTuple):
    """The part of `ResponseSettings` that the simulation of crossings uses."""

    towers: TowerResponse
    jets: JetResponse
    egammas: EgammaResponse
    taus: TauResponse
    muons: MuonResponse
    sums: SumResponse


class _Drawn(NamedTuple):
    """The part of `Draw` that the simulation uses, and what meets beside the crossings."""

    offsets: IntArray
    entries: IntArray
    n_soft: IntArray
    neighbours: Neighbours


class _Output(NamedTuple):
    jets: Int16Array
    egammas: Int16Array
    taus: Int16Array
    muons: Int16Array
    sums: Int16Array
    placement: Int16Array
    leading: IntArray


def simulate(
    overlays: Overlays,
    draw: Draw,
    means: ClassMeans,
    response: ResponseSettings,
    scales: HardwareScales,
    rng: np.random.Generator,
    *,
    stratum: int,
) -> Crossings:
    """Overlay drawn pool events and turn them into Level-1 objects.

    Parameters
    ----------
    overlays, draw
        Pool events, and which of them meet in each crossing.
    means
        Mean numbers of interactions, the class of soft ones first; neighbouring crossings follow them.
    response, scales
        Numbers of the detector and of the hardware.
    rng
        Source of randomness for symmetry operations, soft interactions and smearing.
    stratum
        Number that marks all these crossings.

    Returns
    -------
    The crossings, in the order of the draw. ``pool_id`` is that of the leading pool event; where all
    are soft, of the one with the hardest tower. What one event decides is a block of the bootstrap,
    and a soft event with a rare hard tower decides about all crossings that it is drawn into.
    """
    n = len(draw.n_soft)
    tables = overlay_tables(overlays, next(iter(means)))
    neighbours, own_rng = draw_neighbours(overlays, means, n, response.towers, rng)
    out = _Output(
        jets=np.zeros((n, scales.multiplicity("jet"), 4), np.int16),
        egammas=np.zeros((n, scales.multiplicity("eg"), 4), np.int16),
        taus=np.zeros((n, scales.multiplicity("tau"), 4), np.int16),
        muons=np.zeros((n, scales.multiplicity("mu"), len(MUON_COLUMNS)), np.int16),
        sums=np.zeros((n, len(SUM_ROWS), 2), np.int16),
        placement=np.zeros((n, 2), np.int16),
        leading=np.zeros(n, np.int64),
    )
    numbers = _Response(
        response.towers,
        response.jets,
        response.egammas,
        response.taus,
        response.muons,
        response.sums,
    )
    geometry = response.geometry
    moved = moved_towers(geometry.n_eta, geometry.n_phi)
    steps = level1.hardware_steps(scales, geometry)
    drawn = _Drawn(draw.offsets, draw.entries, draw.n_soft, neighbours)
    _simulate(tables, drawn, numbers, steps, moved, rng, own_rng, out)
    return Crossings(
        **{name: value for name, value in out._asdict().items() if name != "leading"},
        weight=draw.weight,
        stratum=np.full(n, stratum, np.int16),
        pool_id=overlays.event_id[out.leading],
    )


def compile_simulation(response: ResponseSettings, scales: HardwareScales) -> None:
    """Compile the kernels, or load them from the cache, by simulating one empty crossing."""
    nothing = Deposits(
        tower_offsets=np.zeros(2, np.int64),
        tower_index=np.zeros(0, np.uint16),
        em_gev=np.zeros(0, np.float32),
        had_gev=np.zeros(0, np.float32),
        candidate_offsets=np.zeros(2, np.int64),
        candidates=np.zeros((0, len(CANDIDATE_FIELDS)), np.float32),
    )
    certain = np.ones(1)
    overlays = Overlays(
        deposits=nothing,
        event=np.zeros(1, np.int64),
        event_id=np.zeros(1, np.uint64),
        hardest_tower_gev=np.zeros(1, np.float32),
        candidate_offsets=nothing.candidate_offsets,
        candidates=np.zeros((0, len(CANDIDATE_FIELDS) + 1), np.float32),
        classes={"soft": Entries(0, certain, certain)},
        muon_fraction={},
    )
    draw = Draw(np.zeros(2, np.int64), np.zeros(0, np.int64), np.ones(1, np.int64), certain)
    rng = np.random.default_rng(0)
    means = ClassMeans(poisson(1.0), ({"soft": 1.0},))
    simulate(overlays, draw, means, response, scales, rng, stratum=0)


@kernel
def _simulate(
    overlays: OverlayTables,
    drawn: _Drawn,
    r: _Response,
    s: Steps,
    moved: NDArray[np.uint16],
    rng: np.random.Generator,
    neighbour_rng: np.random.Generator,
    out: _Output,
) -> None:
    n_phi = moved.shape[1]
    n_eta = moved.shape[2] // n_phi
    em = np.zeros((n_eta, n_phi), np.float32)
    had = np.zeros((n_eta, n_phi), np.float32)
    total_plane = np.zeros((n_eta + 2 * PAD, n_phi + 2 * PAD), np.int32)
    em_plane = np.zeros((n_eta + 2 * PAD, n_phi + 2 * PAD), np.int32)
    found = np.zeros((level1.MAX_CANDIDATES, 4), np.int32)
    muons = np.zeros((_MUON_ROOM, out.muons.shape[2]), np.int32)
    angle = (np.arange(n_phi) + 0.5) * 2.0 * math.pi / n_phi
    cosine, sine = np.cos(angle), np.sin(angle)
    for crossing in range(drawn.n_soft.size):
        em[:] = 0.0
        had[:] = 0.0
        n_muons = 0
        hardest_gev = np.float32(0.0)
        n_hard = drawn.offsets[crossing + 1] - drawn.offsets[crossing]
        for k in range(n_hard + drawn.n_soft[crossing]):
            if k < n_hard:
                entry = drawn.entries[drawn.offsets[crossing] + k]
            else:
                entry = soft_entry(overlays, rng)
            event = overlays.event[entry]
            tower_gev = overlays.hardest_tower_gev[event]
            if k == 0 or (n_hard == 0 and tower_gev > hardest_gev):
                out.leading[crossing] = event
                hardest_gev = tower_gev
            turn = int(rng.random() * n_phi)
            flip = rng.random() < 0.5
            if k == 0:
                out.placement[crossing, 0] = turn
                out.placement[crossing, 1] = -1 if flip else 1
            add_event(em, had, overlays.deposits, event, moved[1 if flip else 0, turn])
            first, stop = overlays.candidate_offsets[entry], overlays.candidate_offsets[entry + 1]
            n_muons = measure_muons(
                overlays.candidates[first:stop],
                turn * 2.0 * math.pi / n_phi,
                flip,
                r.muons,
                s,
                rng,
                muons,
                n_muons,
            )
        add_neighbours(
            em, had, overlays, drawn.neighbours, crossing, moved, s.central_rings, neighbour_rng
        )
        p = primitives(em, had, r.towers, s.central_rings, total_plane, em_plane)
        n = level1.find_jets(p, r.jets, s, rng, found)
        jet_sums(found, n, r.sums, s, out.sums[crossing])
        level1.keep_best(found, n, out.jets[crossing])
        n = level1.find_egammas(p, r.egammas, s, rng, found)
        level1.keep_best(found, n, out.egammas[crossing])
        n = level1.find_taus(p, r.taus, s, found)
        level1.keep_best(found, n, out.taus[crossing])
        level1.keep_best(muons, n_muons, out.muons[crossing])
        tower_sums(p, r.sums, s, cosine, sine, out.sums[crossing])


def join_crossings(parts: Sequence[Crossings]) -> Crossings:
    """Put crossings one after another."""
    return Crossings(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Crossings)
        }
    )


def integer_weights(weight: NDArray[np.float64]) -> IntArray:
    """Round weights once to integers in units of ``2**-32``.

    Examples
    --------
    >>> (integer_weights(np.array([0.5, 3.0])) / 2**32).tolist()
    [0.5, 3.0]
    """
    return np.rint(weight * 2.0**WEIGHT_FRACTION_BITS).astype(np.int64)


def to_events(
    crossings: Crossings, weight: IntArray, *, run: int, first_event: int, scales: HardwareScales
) -> ak.Array:
    """Pack crossings into an events array.

    The simulation has no displaced muons and no muon isolation: unconstrained pT is the pT, impact
    parameter and isolation are 0.

    Parameters
    ----------
    crossings
        What to pack.
    weight
        Integer weights, int64, ``(n,)``.
    run, first_event
        Numbers to go into the events; they count on from ``first_event``.
    scales
        Hardware scales, for range checks.
    """
    n = len(crossings)
    event = first_event + np.arange(n, dtype=np.uint64)
    scalars: dict[str, NDArray[Any]] = {
        "run": np.full(n, run),
        "lumi": np.ones(n, np.int64),
        "event": event,
        "orbit": event,
        "crossing": np.zeros(n, np.int64),
        "weight": weight,
        "stratum": crossings.stratum,
        "pool_id": crossings.pool_id,
    }
    collections = {
        "mu": _muon_columns(crossings.muons, scales),
        "eg": _columns(crossings.egammas, level1.CLUSTER_COLUMNS),
        "tau": _columns(crossings.taus, level1.CLUSTER_COLUMNS),
        "jet": _columns(crossings.jets, ("pt", "eta", "phi", "qual")),
    }
    one_each = np.arange(n + 1, dtype=np.int64)
    for row, name in enumerate(SUM_ROWS):
        values = {"pt": crossings.sums[:, row, 0]}
        if name not in {"ett", "htt"}:
            values["phi"] = crossings.sums[:, row, 1]
        collections[name] = Columns(one_each, values)
    return build_events(scalars, collections, scales=scales)


def _columns(objects: Int16Array, names: Sequence[str]) -> Columns:
    present = objects[:, :, 0] > 0
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int64)
    flat = objects[present]
    return Columns(offsets, {name: flat[:, column] for column, name in enumerate(names)})


def _muon_columns(muons: Int16Array, scales: HardwareScales) -> Columns:
    columns = _columns(muons, MUON_COLUMNS)
    pt, unconstrained = scales.field("mu", "pt"), scales.field("mu", "pt_unconstrained")
    pt_gev = (columns.fields["pt"] - pt.offset) * pt.lsb
    again = (pt_gev / unconstrained.lsb).astype(np.int16) + unconstrained.offset
    none = np.zeros(len(pt_gev), np.int16)
    return Columns(
        columns.offsets,
        {
            **columns.fields,
            "pt_unconstrained": np.minimum(again, unconstrained.maximum),
            "iso": none,
            "dxy": none,
        },
    )
