"""What a set of samples looks like: the numbers of its sample card."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from emulator.errors import InputFileError
from emulator.objects import load_scales
from emulator.objects.reader import read_events
from emulator.results import Record
from emulator.samples import draws, strata
from emulator.samples.bands import rate_bands
from emulator.samples.crossings import (
    Crossings,
    integer_weights,
    join_crossings,
    simulate,
    to_events,
)
from emulator.samples.detector import packaged_response
from emulator.samples.manifest import SampleManifest, load_manifest
from emulator.samples.overlays import build_overlays
from emulator.samples.performance import Performance, measure_performance
from emulator.samples.pileup import recorded
from emulator.samples.pools import Pool, load_pool
from emulator.samples.seeds import STANDARD_SEEDS, View, fires
from emulator.samples.settings import packaged_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.samples.detector import ResponseSettings
    from emulator.samples.settings import GeneratorSettings

    BoolArray = NDArray[np.bool_]


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
    bands
        Lowest and highest factor on the rate of each seed over `cards` cards drawn inside their bands.
    """

    manifest: SampleManifest
    total_khz: float
    spectra: dict[str, tuple[float, ...]]
    multiplicities: dict[str, tuple[float, ...]]
    rates: tuple[PileupRates, ...]
    performance: tuple[Performance, ...]
    bands: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    cards: int = 0


def describe(
    folder: str | Path,
    *,
    total_khz: float,
    pileups: Sequence[float] = (30.0, 40.0, 50.0, 60.0),
    crossings_per_stratum: int = 2000,
    cards: int = 0,
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
    cards
        Number of response cards to draw at random inside their bands.
    progress
        Called with steps done, steps in all, and what was done.

    Raises
    ------
    InputFileError
        If there is no complete set of samples.
    """
    folder = Path(folder)
    manifest = load_manifest(folder)
    made_with = settings_of(manifest)
    pools = evaluation_pools(folder, made_with[0]) if made_with else {}
    total = 1 + (len(pileups) + 1 + cards if pools else 0)
    say = progress or (lambda *_: None)
    events = read_events([folder / record.name for record in manifest.files_of("eval")])
    view = View(events)
    rates = [_rates(view, manifest.pileup, total_khz)]
    say(1, total, "rates in the files")
    performance: tuple[Performance, ...] = ()
    bands: Mapping[str, tuple[float, float]] = {}
    if pools and made_with:
        generator, response = made_with
        for done, pileup in enumerate(pileups):
            view_at = View(
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
            pileup=recorded(manifest.pileup, manifest.pileup_profile),
            seed=seed,
        )
        say(2 + len(pileups), total, "generated objects")
        if cards:
            bands = rate_bands(
                lambda card: _overlaid(
                    pools,
                    generator,
                    card,
                    manifest,
                    manifest.pileup,
                    crossings_per_stratum // 2,
                    seed,
                ),
                response,
                cards,
                seed,
                lambda done: say(2 + len(pileups) + done, total, "cards inside their bands"),
            )
    return SampleDescription(
        manifest=manifest,
        total_khz=total_khz,
        spectra={name: _spectrum(view, *where, total_khz) for name, where in SPECTRA.items()},
        multiplicities={name: _multiplicity(view, name) for name in COUNTED},
        rates=tuple(rates),
        performance=performance,
        bands=bands,
        cards=cards if bands else 0,
    )


def clustered(
    share: NDArray[np.float64], pool_id: NDArray[np.uint64], fired: BoolArray, total_khz: float
) -> RateWithError:
    """Return a rate with the error that the block bootstrap has in the limit of many replicas."""
    ids, block = np.unique(pool_id[fired], return_inverse=True)
    sums = np.bincount(block, share[fired], len(ids)) * total_khz
    return RateWithError(float(sums.sum()), float((sums**2).sum() ** 0.5), int(fired.sum()))


def _rates(view: View, pileup: float, total_khz: float) -> PileupRates:
    jets = (view.column("jet", "pt") >= 30.0).sum(axis=1)
    return PileupRates(
        pileup=pileup,
        seeds={
            seed.name: clustered(view.share, view.pool_id, fires(view, seed), total_khz)
            for seed in STANDARD_SEEDS
        },
        jets_above_30=float((view.share * jets).sum()),
    )


def _spectrum(view: View, collection: str, place: int, total_khz: float) -> tuple[float, ...]:
    pt = -np.sort(-view.column(collection, "pt"), axis=1)[:, place]
    order = np.argsort(pt)
    above = np.concatenate([np.cumsum(view.share[order][::-1])[::-1], [0.0]])
    at = np.searchsorted(pt[order], SPECTRUM_GEV, side="left")
    return tuple(float(rate) for rate in above[at] * total_khz)


def _multiplicity(view: View, collection: str) -> tuple[float, ...]:
    counts = view.count(collection)
    return tuple(float(x) for x in np.bincount(counts, view.share, _ROOM))


def settings_of(manifest: SampleManifest) -> tuple[GeneratorSettings, ResponseSettings] | None:
    """The packaged settings that samples were made with, None if they were others."""
    generator = packaged_generator(manifest.generator_sha256)
    response = packaged_response(manifest.response_sha256)
    return (generator, response) if generator and response else None


def evaluation_pools(folder: Path, generator: GeneratorSettings) -> dict[str, Pool]:
    """Pools of evaluation and of signals that are still there; none unless all backgrounds are."""
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
    overlays = build_overlays(background, generator.strata, response.muons)
    means = strata.class_means(generator, overlays.muon_fraction, manifest.sigma_mb, pileup)
    scales = load_scales(manifest.scales)
    parts: list[Crossings] = []
    for number, (name, probability) in enumerate(strata.class_probabilities(means).items()):
        # The softest crossings weigh most.
        size = 5 * n if number < 3 else n
        rng = np.random.default_rng(np.random.SeedSequence((seed, number)))
        draw = draws.draw_stratum(overlays, means, name, size, rng)
        made = simulate(overlays, draw, means, response, scales, rng, stratum=number)
        parts.append(made.weighted(probability * 1e4 / size))
    whole = join_crossings(parts)
    return to_events(whole, integer_weights(whole.weight), run=1, first_event=1, scales=scales)
