"""Level-1 objects against generated ones: response, resolution and turn-on curves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from emulator.rates.intervals import clopper_pearson
from emulator.results import Record
from emulator.samples import draws, strata
from emulator.samples.crossings import Crossings, simulate
from emulator.samples.overlays import build_overlays
from emulator.samples.truth import ELECTRON, JET, MET, MUON, TAU

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.objects import HardwareScales
    from emulator.samples.detector import ResponseSettings
    from emulator.samples.pileup import PileupProfile
    from emulator.samples.pools import Pool
    from emulator.samples.settings import GeneratorSettings

    FloatArray = NDArray[np.float64]

# An isolated generated jet has no other one of this pT within this distance.
_OTHER_JET_GEV: Final = 15.0
_ALONE: Final = 0.8


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """How a Level-1 object is compared with a generated one.

    Attributes
    ----------
    name, truth
        Name in tables, and number of the generated kind.
    max_abs_eta, max_distance
        Of the generated object, and between the two.
    thresholds_gev
        Thresholds of the turn-on curves.
    """

    name: str
    truth: int
    max_abs_eta: float
    max_distance: float
    thresholds_gev: tuple[float, ...]


KINDS: Final = (
    ObjectKind("jet", JET, 2.5, 0.3, (35.0, 60.0, 100.0, 180.0)),
    ObjectKind("electron", ELECTRON, 2.4, 0.2, (10.0, 20.0, 30.0)),
    ObjectKind("muon", MUON, 2.4, 0.3, (5.0, 12.0, 22.0)),
    ObjectKind("tau", TAU, 2.1, 0.3, (20.0, 30.0)),
    ObjectKind("MET", MET, 99.0, 99.0, (40.0, 80.0)),
)

#: Processes whose generated objects are looked at.
SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "jet": (
        "qcd20",
        "qcd30",
        "qcd50",
        "light20",
        "light30",
        "light50",
        "qcd80",
        "qcd120",
        "qcd170",
        "qcd300",
    ),
    "electron": ("W", "Z", "A4l"),
    "muon": ("W", "Z", "A4l"),
    "tau": ("h0tautau", "LQbtau", "W"),
    "MET": ("W", "tt", "VBFHinv", "hptaunu", "qcd170"),
}

# Replicas of the bootstrap for errors of response and resolution, and its seed: the same pairs have the same errors.
_N_REPLICAS: Final = 200
_SEED: Final = 1

_PT_EDGES_GEV: Final = (10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 130, 170, 230, 300)


@dataclass(frozen=True, slots=True)
class Performance(Record):
    """Response and turn-on of one kind of object, in bins of the generated pT.

    Attributes
    ----------
    name
        Kind of object.
    pt_edges_gev
        Edges of the bins that have entries.
    n
        Generated objects in each bin.
    found
        Fraction with a Level-1 object.
    response, resolution
        Median of Level-1 over generated pT, and half its central 68 % over the median. NaN where nothing was found.
    response_error, resolution_error
        Their standard deviations over bootstrap replicas of the objects found. Of fewer than about ten they say little.
    turn_on
        For each threshold, the fraction with a Level-1 object at least as high. NaN in empty bins.
    turn_on_low, turn_on_high
        Clopper-Pearson intervals of these fractions, 68 %.
    """

    name: str
    pt_edges_gev: tuple[float, ...]
    n: tuple[int, ...]
    found: tuple[float, ...]
    response: tuple[float, ...]
    resolution: tuple[float, ...]
    response_error: tuple[float, ...]
    resolution_error: tuple[float, ...]
    turn_on: Mapping[str, tuple[float, ...]]
    turn_on_low: Mapping[str, tuple[float, ...]]
    turn_on_high: Mapping[str, tuple[float, ...]]


def measure_performance(
    pools: Mapping[str, Pool],
    generator: GeneratorSettings,
    response: ResponseSettings,
    scales: HardwareScales,
    sigma_mb: Mapping[str, float],
    *,
    pileup: float | PileupProfile,
    copies: int = 1,
    seed: int = 1,
) -> tuple[Performance, ...]:
    """Lay events with known generated objects over natural crossings, and compare.

    Parameters
    ----------
    pools
        Pools of all backgrounds, and of signals; those without generated objects are passed over.
    generator, response, scales, sigma_mb
        As the samples were made with.
    pileup
        Mean pile-up, or its profile.
    copies
        How often each event is used.
    seed
        Of the overlay.
    """
    pairs: dict[str, list[FloatArray]] = {kind.name: [] for kind in KINDS}
    wanted = {process for names in SOURCES.values() for process in names}
    for number, process in enumerate(sorted(wanted & set(pools))):
        pool = pools[process]
        chosen = np.tile(np.flatnonzero(pool.truth.known), copies)
        if not len(chosen):
            continue
        rng = np.random.default_rng(np.random.SeedSequence((seed, number)))
        crossings = _overlay(
            pools, pool, chosen, generator, response, scales, sigma_mb, pileup, rng
        )
        for kind in KINDS:
            if process in SOURCES[kind.name]:
                n_phi = response.geometry.n_phi
                pairs[kind.name].append(matched(pool, chosen, crossings, kind, scales, n_phi))
    return tuple(
        summarise(kind, np.concatenate(pairs[kind.name])) for kind in KINDS if pairs[kind.name]
    )


def _overlay(
    pools: Mapping[str, Pool],
    pool: Pool,
    chosen: NDArray[np.int64],
    generator: GeneratorSettings,
    response: ResponseSettings,
    scales: HardwareScales,
    sigma_mb: Mapping[str, float],
    pileup: float | PileupProfile,
    rng: np.random.Generator,
) -> Crossings:
    background = {name: pools[name] for name in generator.strata.processes()}
    signal = replace(pool, process="(leading)")
    overlays = build_overlays(background, generator.strata, response.muons, signal)
    means = strata.class_means(generator, overlays.muon_fraction, sigma_mb, pileup)
    leading = overlays.classes["(leading)"].first + chosen
    draw = draws.draw_natural(overlays, means, len(chosen), rng, leading)
    return simulate(overlays, draw, means, response, scales, rng, stratum=-1)


def matched(
    pool: Pool,
    chosen: NDArray[np.int64],
    crossings: Crossings,
    kind: ObjectKind,
    scales: HardwareScales,
    n_phi: int,
) -> FloatArray:
    """Return generated pT and the pT of the highest Level-1 object near it, 0 if there is none.

    Returns
    -------
    float64, ``(n, 2)``, GeV.
    """
    truth = pool.truth
    first = np.searchsorted(truth.event, np.arange(pool.n_events + 1))
    pt, eta, phi = _level1(crossings, kind, scales)
    found: list[tuple[float, float]] = []
    for row, event in enumerate(chosen):
        objects = truth.objects[first[event] : first[event + 1]]
        mine = objects[objects[:, 0] == kind.truth].astype(np.float64)
        if kind.truth == MET:
            found += [(each[1], float(pt[row, 0])) for each in mine]
            continue
        turn, side = crossings.placement[row]
        for each in mine:
            if abs(each[2]) > kind.max_abs_eta or (kind.truth == JET and not _alone(each, mine)):
                continue
            d_phi = _wrapped(phi[row] - each[3] - turn * 2.0 * np.pi / n_phi)
            near = np.hypot(eta[row] - each[2] * side, d_phi) < kind.max_distance
            found.append((each[1], float(np.max(pt[row] * near, initial=0.0))))
    return np.array(found, np.float64).reshape(-1, 2)


def _wrapped(angle: FloatArray) -> FloatArray:
    wrapped: FloatArray = (angle + np.pi) % (2.0 * np.pi) - np.pi
    return wrapped


def _alone(jet: FloatArray, jets: FloatArray) -> bool:
    others = jets[(jets[:, 1] > _OTHER_JET_GEV) & (jets[:, 1] != jet[1])]
    distance = np.hypot(others[:, 2] - jet[2], _wrapped(others[:, 3] - jet[3]))
    return not (distance < _ALONE).any()


def _level1(
    crossings: Crossings, kind: ObjectKind, scales: HardwareScales
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """PT in GeV (0 where absent), eta and phi of the Level-1 objects of a kind, ``(n, places)``."""
    if kind.truth == MET:
        values = crossings.sums[:, 2, 0:1].astype(np.float64) * scales.field("etm", "pt").lsb
        return values, values, values
    if kind.truth == MUON:
        muons = crossings.muons.astype(np.float64)
        field = scales.field("mu", "pt")
        pt = np.maximum(muons[:, :, 0] - field.offset, 0.0) * field.lsb
        turn = scales.field("mu", "phi_vtx").turn
        eta = muons[:, :, 1] * scales.field("mu", "eta_vtx").lsb
        return pt, eta, muons[:, :, 2] * 2.0 * np.pi / turn
    name, array = {
        JET: ("jet", crossings.jets),
        ELECTRON: ("eg", crossings.egammas),
        TAU: ("tau", crossings.taus),
    }[kind.truth]
    objects = array.astype(np.float64)
    turn = scales.field(name, "phi").turn
    return (
        objects[:, :, 0] * scales.field(name, "pt").lsb,
        objects[:, :, 1] * scales.field(name, "eta").lsb,
        objects[:, :, 2] * 2.0 * np.pi / turn,
    )


def summarise(
    kind: ObjectKind, pairs: FloatArray, edges_gev: Sequence[float] = _PT_EDGES_GEV
) -> Performance:
    """Return response, resolution and turn-on from pairs of generated and Level-1 pT.

    Bins at the end that are empty are left out.

    Examples
    --------
    >>> pairs = np.array([[12.0, 12.0], [13.0, 6.5], [14.0, 0.0]])
    >>> made = summarise(ObjectKind("jet", JET, 5.0, 0.3, (10.0,)), pairs, (10, 15, 20))
    >>> made.n, made.response, made.turn_on["10"]
    ((3,), (0.75,), (0.3333333333333333,))
    """
    place = np.digitize(pairs[:, 0], edges_gev) - 1
    counts = np.bincount(place[(place >= 0) & (place < len(edges_gev) - 1)], minlength=1)
    bins = [pairs[place == i] for i in range(len(counts))]
    widths = [_width(each[each[:, 1] > 0]) for each in bins]
    fractions = {
        f"{threshold:g}": [_fraction(each[:, 1] >= threshold) for each in bins]
        for threshold in kind.thresholds_gev
    }
    return Performance(
        name=kind.name,
        pt_edges_gev=tuple(float(edge) for edge in edges_gev[: len(counts) + 1]),
        n=tuple(len(each) for each in bins),
        found=tuple(_fraction(each[:, 1] > 0).value for each in bins),
        response=tuple(each.response for each in widths),
        resolution=tuple(each.resolution for each in widths),
        response_error=tuple(each.response_error for each in widths),
        resolution_error=tuple(each.resolution_error for each in widths),
        turn_on={name: tuple(each.value for each in curve) for name, curve in fractions.items()},
        turn_on_low={name: tuple(each.low for each in curve) for name, curve in fractions.items()},
        turn_on_high={
            name: tuple(each.high for each in curve) for name, curve in fractions.items()
        },
    )


class _Fraction(NamedTuple):
    value: float
    low: float
    high: float


def _fraction(passed: NDArray[np.bool_]) -> _Fraction:
    """Fraction that passed, with its interval; NaN of nothing."""
    if not len(passed):
        return _Fraction(np.nan, np.nan, np.nan)
    return _Fraction(float(np.mean(passed)), *clopper_pearson(int(passed.sum()), len(passed)))


class _Width(NamedTuple):
    response: float
    resolution: float
    response_error: float
    resolution_error: float


def _width(pairs: FloatArray) -> _Width:
    """Median and width of Level-1 over generated pT, with errors; NaN of nothing."""
    if not len(pairs):
        return _Width(np.nan, np.nan, np.nan, np.nan)
    ratio = pairs[:, 1] / pairs[:, 0]
    rng = np.random.default_rng(_SEED)
    replicas = ratio[rng.integers(0, len(ratio), (_N_REPLICAS, len(ratio)))]
    response, resolution = _median_and_width(ratio[np.newaxis])
    responses, resolutions = _median_and_width(replicas)
    return _Width(
        float(response[0]), float(resolution[0]), float(responses.std()), float(resolutions.std())
    )


def _median_and_width(ratios: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median, and half the central 68 % over it, of each row."""
    low, median, high = np.quantile(ratios, (0.16, 0.5, 0.84), axis=1)
    return median, (high - low) / 2.0 / median
