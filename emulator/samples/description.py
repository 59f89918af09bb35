"""What a set of samples looks like: the numbers of its sample card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import awkward as ak
import numpy as np

from emulator.constants import WEIGHT_FRACTION_BITS
from emulator.errors import InputFileError
from emulator.objects import load_scales
from emulator.objects.reader import read_events
from emulator.results import Record
from emulator.samples import strata
from emulator.samples.crossings import (
    Crossings,
    integer_weights,
    join_crossings,
    simulate,
    to_events,
)
from emulator.samples.detector import load_response
from emulator.samples.manifest import SampleManifest, load_manifest
from emulator.samples.performance import Performance, measure_performance
from emulator.samples.pools import Pool, load_pool
from emulator.samples.settings import load_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from emulator.samples.detector import ResponseSettings
    from emulator.samples.settings import GeneratorSettings

    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class StandardSeed:
    """A seed that everybody knows: at least so many objects above thresholds, or a sum.

    Attributes
    ----------
    name
        As in menus.
    collection
        Name of the objects or of the sum.
    pt_gev
        Threshold of each object, falling.
    max_abs_eta
        Of the objects.
    min_quality
        Of muons.
    isolated
        Whether the isolation bit must be set.
    """

    name: str
    collection: str
    pt_gev: tuple[float, ...]
    max_abs_eta: float = 9.0
    min_quality: int = 0
    isolated: bool = False


STANDARD_SEEDS: Final = (
    StandardSeed("SingleMu22", "mu", (22.0,), min_quality=12),
    StandardSeed("SingleMu7", "mu", (7.0,), min_quality=12),
    StandardSeed("DoubleMu_15_7", "mu", (15.0, 7.0), min_quality=8),
    StandardSeed("TripleMu_5_3_3", "mu", (5.0, 3.0, 3.0), min_quality=4),
    StandardSeed("SingleEG36er2p5", "eg", (36.0,), 2.5),
    StandardSeed("SingleIsoEG30er2p5", "eg", (30.0,), 2.5, isolated=True),
    StandardSeed("DoubleEG_25_12_er2p5", "eg", (25.0, 12.0), 2.5),
    StandardSeed("SingleTau120er2p1", "tau", (120.0,), 2.1),
    StandardSeed("DoubleIsoTau34er2p1", "tau", (34.0, 34.0), 2.1, isolated=True),
    StandardSeed("SingleJet60", "jet", (60.0,)),
    StandardSeed("SingleJet180er2p5", "jet", (180.0,), 2.5),
    StandardSeed("QuadJet36er2p5", "jet", (36.0,) * 4, 2.5),
    StandardSeed("HTT360er", "htt", (360.0,)),
    StandardSeed("HTT200er", "htt", (200.0,)),
    StandardSeed("ETM80", "etm", (80.0,)),
    StandardSeed("ETMHF100", "etmhf", (100.0,)),
)

#: Thresholds in GeV of the spectra, and what they are of.
SPECTRA: Final = {
    "leading jet": ("jet", 0),
    "fourth jet": ("jet", 3),
    "leading e/gamma": ("eg", 0),
    "leading tau": ("tau", 0),
    "leading muon": ("mu", 0),
    "HTT": ("htt", 0),
    "ETM": ("etm", 0),
    "ETMHF": ("etmhf", 0),
}
SPECTRUM_GEV: Final = tuple(range(5, 400, 5))

#: Objects whose numbers per crossing are shown.
COUNTED: Final = ("mu", "eg", "tau", "jet")
_ROOM: Final = 13


@dataclass(frozen=True, slots=True)
class RateWithError(Record):
    """A rate and its error clustered by pool event, kHz; and how many crossings fire."""

    rate_khz: float
    error_khz: float
    firing: int


@dataclass(frozen=True, slots=True)
class PileupRates(Record):
    """Rates of the standard seeds at one mean pile-up, and mean numbers of jets above 30 GeV."""

    pileup: float
    seeds: dict[str, RateWithError]
    jets_above_30: float


@dataclass(frozen=True, slots=True)
class SampleDescription(Record):
    """The numbers of a sample card.

    Attributes
    ----------
    manifest
        Of the samples.
    total_khz
        Rate of all crossings that rates count.
    spectra
        Rate in kHz above each of `SPECTRUM_GEV`, by name.
    multiplicities
        Fraction of crossings with 0, 1, ... objects, by collection.
    rates
        Of standard seeds, in the files, and again at other mean pile-ups from the same pools.
    performance
        Against generated objects. Empty without pools.
    """

    manifest: SampleManifest
    total_khz: float
    spectra: dict[str, tuple[float, ...]]
    multiplicities: dict[str, tuple[float, ...]]
    rates: tuple[PileupRates, ...]
    performance: tuple[Performance, ...]


def describe(
    folder: str | Path,
    *,
    total_khz: float,
    pileups: Sequence[float] = (30.0, 40.0, 50.0, 60.0),
    crossings_per_stratum: int = 2000,
    seed: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> SampleDescription:
    """Measure what a sample card shows.

    Parameters
    ----------
    folder
        Folder of generated samples. With its pools, rates at other pile-ups and the comparison with
        generated objects are made too.
    total_khz
        Rate of all crossings.
    pileups, crossings_per_stratum, seed
        Mean pile-ups to overlay the pools at, and how.
    progress
        Called with steps done, steps in all, and what was done.

    Raises
    ------
    InputFileError
        If there is no complete set of samples.
    """
    folder = Path(folder)
    manifest = load_manifest(folder)
    pools = _pools(folder, manifest)
    total = 1 + (len(pileups) + 1 if pools else 0)
    say = progress or (lambda *_: None)
    events = read_events([folder / record.name for record in manifest.files_of("eval")])
    view = _View(events)
    rates = [_rates(view, manifest.pileup, total_khz)]
    say(1, total, "rates in the files")
    performance: tuple[Performance, ...] = ()
    if pools:
        generator, response = load_generator(), load_response()
        for done, pileup in enumerate(pileups):
            view_at = _View(
                _overlaid(pools, generator, response, manifest, pileup, crossings_per_stratum, seed)
            )
            rates.append(_rates(view_at, pileup, total_khz))
            say(2 + done, total, f"rates at pile-up {pileup:g}")
        performance = measure_performance(
            pools,
            generator,
            response,
            load_scales(manifest.scales),
            manifest.sigma_mb,
            pileup=manifest.pileup,
            seed=seed,
        )
        say(total, total, "generated objects")
    return SampleDescription(
        manifest=manifest,
        total_khz=total_khz,
        spectra={name: _spectrum(view, *where, total_khz) for name, where in SPECTRA.items()},
        multiplicities={name: _multiplicity(view, name) for name in COUNTED},
        rates=tuple(rates),
        performance=performance,
    )


class _View:
    """Padded columns of an events array, made when first asked for."""

    def __init__(self, events: ak.Array) -> None:
        self._events = events
        self._columns: dict[tuple[str, str], NDArray[np.float64]] = {}
        self._scales = load_scales()
        weight = ak.to_numpy(events.weight) / 2.0**WEIGHT_FRACTION_BITS
        self.share: NDArray[np.float64] = weight / weight.sum()
        self.pool_id: NDArray[np.uint64] = ak.to_numpy(events.pool_id)

    def column(self, collection: str, field: str) -> NDArray[np.float64]:
        """Return a field in physical units, ``(n, places)``; absent objects have -1."""
        key = (collection, field)
        if key not in self._columns:
            codes = self._events[collection][field]
            padded = ak.fill_none(ak.pad_none(codes, _ROOM, clip=True), -999)
            raw = ak.to_numpy(padded).astype(np.float64)
            scale = self._scales.field(collection, field)
            self._columns[key] = np.where(raw == -999, -1.0, (raw - scale.offset) * scale.lsb)
        return self._columns[key]

    def code(self, collection: str, field: str) -> NDArray[np.int64]:
        """Return a field as it is, ``(n, places)``; absent objects have -1."""
        padded = ak.fill_none(ak.pad_none(self._events[collection][field], _ROOM, clip=True), -1)
        codes: NDArray[np.int64] = ak.to_numpy(padded).astype(np.int64)
        return codes

    def count(self, collection: str) -> NDArray[np.int64]:
        """Return the number of objects per crossing."""
        counts: NDArray[np.int64] = ak.to_numpy(ak.num(self._events[collection].pt))
        return counts


def fires(view: Any, seed: StandardSeed) -> BoolArray:
    """Return whether a seed fires in each crossing, bool, ``(n,)``."""
    good = view.column(seed.collection, "pt").copy()
    if seed.max_abs_eta < 9.0:
        good[np.abs(view.column(seed.collection, "eta")) > seed.max_abs_eta] = -1.0
    if seed.min_quality:
        good[view.code("mu", "qual") < seed.min_quality] = -1.0
    if seed.isolated:
        good[view.code(seed.collection, "iso") <= 0] = -1.0
    falling = -np.sort(-good, axis=1)
    return np.asarray((falling[:, : len(seed.pt_gev)] >= np.array(seed.pt_gev)).all(axis=1))


def clustered(
    share: NDArray[np.float64], pool_id: NDArray[np.uint64], fired: BoolArray, total_khz: float
) -> RateWithError:
    """Return a rate with the error that the block bootstrap has in the limit of many replicas."""
    ids, block = np.unique(pool_id[fired], return_inverse=True)
    sums = np.bincount(block, share[fired], len(ids)) * total_khz
    return RateWithError(float(sums.sum()), float((sums**2).sum() ** 0.5), int(fired.sum()))


def _rates(view: _View, pileup: float, total_khz: float) -> PileupRates:
    jets = (view.column("jet", "pt") >= 30.0).sum(axis=1)
    return PileupRates(
        pileup=pileup,
        seeds={
            seed.name: clustered(view.share, view.pool_id, fires(view, seed), total_khz)
            for seed in STANDARD_SEEDS
        },
        jets_above_30=float((view.share * jets).sum()),
    )


def _spectrum(view: _View, collection: str, place: int, total_khz: float) -> tuple[float, ...]:
    pt = -np.sort(-view.column(collection, "pt"), axis=1)[:, place]
    order = np.argsort(pt)
    above = np.concatenate([np.cumsum(view.share[order][::-1])[::-1], [0.0]])
    at = np.searchsorted(pt[order], SPECTRUM_GEV, side="left")
    return tuple(float(rate) for rate in above[at] * total_khz)


def _multiplicity(view: _View, collection: str) -> tuple[float, ...]:
    counts = view.count(collection)
    return tuple(float(x) for x in np.bincount(counts, view.share, _ROOM))


def _pools(folder: Path, manifest: SampleManifest) -> dict[str, Pool]:
    """Pools of evaluation and of signals that are still there; none unless all backgrounds are."""
    generator = load_generator()
    if generator.sha256() != manifest.generator_sha256:
        return {}
    found: dict[str, Pool] = {}
    for process in generator.processes:
        split = "eval" if process.kind == "background" else "signal"
        paths = sorted((folder / "pools").glob(f"{process.name}_{split}_*.npz"))
        if not paths:
            continue
        try:
            found[process.name] = load_pool(paths)
        except InputFileError:
            # Of an older version, which kept no generated objects.
            return {}
    complete = all(name in found for name in generator.strata.processes())
    return found if complete else {}


def _overlaid(
    pools: dict[str, Pool],
    generator: GeneratorSettings,
    response: ResponseSettings,
    manifest: SampleManifest,
    pileup: float,
    n: int,
    seed: int,
) -> ak.Array:
    """Stratified crossings at another mean pile-up, from the same pools."""
    background = {name: pools[name] for name in generator.strata.processes()}
    overlays = strata.build_overlays(background, generator.strata, response.muons)
    means = strata.class_means(generator, overlays.muon_fraction, manifest.sigma_mb, pileup)
    scales = load_scales(manifest.scales)
    parts: list[Crossings] = []
    for number, (name, probability) in enumerate(strata.class_probabilities(means).items()):
        # The softest crossings weigh most.
        size = 5 * n if number < 3 else n
        rng = np.random.default_rng(np.random.SeedSequence((seed, number)))
        draw = strata.draw_stratum(overlays, means, name, size, rng)
        made = simulate(
            overlays, draw, generator.strata.ranks[0], response, scales, rng, stratum=number
        )
        parts.append(made.weighted(probability * 1e4 / size))
    whole = join_crossings(parts)
    return to_events(whole, integer_weights(whole.weight), run=1, first_event=1, scales=scales)
