"""Do stratified crossings say the same as natural ones? A closure test on real pools.

Both samples overlay the same pool events. Given these, crossings are independent, and the two rates have
the same expectation exactly; so their difference is measured in errors of independent crossings. The natural
sample knows nothing of strata: whole events of all processes, no muon forced, all weights 1.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from emulator.objects import load_scales
from emulator.results import Record
from emulator.samples.crossings import (
    Crossings,
    integer_weights,
    join_crossings,
    simulate,
    to_events,
)
from emulator.samples.draws import draw_natural, draw_stratum
from emulator.samples.overlays import build_overlays
from emulator.samples.seeds import StandardSeed, View, fires
from emulator.samples.strata import class_means, class_probabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.samples.detector import ResponseSettings
    from emulator.samples.pileup import PileupProfile
    from emulator.samples.pools import Pool
    from emulator.samples.settings import GeneratorSettings

    Progress = Callable[[int, int, str], None]

#: What is compared: loose enough that natural crossings see it, and of every kind of object. Muon pairs
#: are nearly all of one event, so a method that forces one muon and loses its partner fails the last but two.
OBSERVABLES: Final = (
    StandardSeed("jet 30", "jet", (30.0,)),
    StandardSeed("jet 60", "jet", (60.0,)),
    StandardSeed("jet 90", "jet", (90.0,)),
    StandardSeed("four jets 20", "jet", (20.0,) * 4),
    StandardSeed("e/gamma 10", "eg", (10.0,)),
    StandardSeed("e/gamma 20", "eg", (20.0,)),
    StandardSeed("two e/gamma 8", "eg", (8.0, 8.0)),
    StandardSeed("tau 30", "tau", (30.0,)),
    StandardSeed("two isolated taus 15", "tau", (15.0, 15.0), isolated=True),
    StandardSeed("HTT 100", "htt", (100.0,)),
    StandardSeed("HTT 200", "htt", (200.0,)),
    StandardSeed("ETM 40", "etm", (40.0,)),
    StandardSeed("ETM 60", "etm", (60.0,)),
    StandardSeed("ETMHF 60", "etmhf", (60.0,)),
    StandardSeed("muon 5", "mu", (5.0,)),
    StandardSeed("muon 15", "mu", (15.0,)),
    StandardSeed("two muons 5 and 3", "mu", (5.0, 3.0)),
    StandardSeed("two muons 8 and 5", "mu", (8.0, 5.0)),
    StandardSeed("three muons 3", "mu", (3.0,) * 3),
)

_PIECE: Final = 20_000


@dataclass(frozen=True, slots=True)
class ClosureRow(Record):
    """A rate in both samples, kHz, with errors of independent crossings, and their difference in errors.

    `natural_firing` counts natural crossings; with few of them a pull means little.
    """

    name: str
    stratified_khz: float
    stratified_error_khz: float
    natural_khz: float
    natural_error_khz: float
    natural_firing: int
    pull: float


@dataclass(frozen=True, slots=True)
class Closure(Record):
    """All rates that were compared, and natural crossings made per second of processor time."""

    rows: tuple[ClosureRow, ...]
    crossings_per_second: float


def closure(
    pools: Mapping[str, Pool],
    generator: GeneratorSettings,
    response: ResponseSettings,
    sigma_mb: Mapping[str, float],
    *,
    pileup: float | PileupProfile,
    total_khz: float,
    crossings: int = 200_000,
    scales: str = "cms_run3",
    seed: int = 1,
    progress: Progress | None = None,
) -> Closure:
    """Compare rates in stratified and in natural crossings of the same pools.

    Parameters
    ----------
    pools
        A pool for every background process.
    generator, response, sigma_mb, scales
        As samples are made with.
    pileup
        Mean pile-up, or its profile.
    total_khz
        Rate of all crossings.
    crossings
        Number of crossings of each kind.
    seed
        Of the overlays.
    progress
        Called with pieces done, pieces in all, and what was done.

    Returns
    -------
    One row for each of `OBSERVABLES`, and the speed.
    """
    ranks = generator.strata.ranks
    steps = len(ranks) + -(-crossings // _PIECE)
    done = 0

    def made(what: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, steps, what)

    hardware = load_scales(scales)
    overlays = build_overlays(pools, generator.strata, response.muons)
    means = class_means(generator, overlays.muon_fraction, sigma_mb, pileup)
    parts: list[Crossings] = []
    size = max(crossings // len(ranks), 1)
    for number, (name, probability) in enumerate(class_probabilities(means).items()):
        rng = np.random.default_rng(np.random.SeedSequence((seed, 0, number)))
        draw = draw_stratum(overlays, means, name, size, rng)
        part = simulate(overlays, draw, means, response, hardware, rng, stratum=number)
        # Weights are integers in units of 2**-32: large enough for a rare stratum to keep its digits.
        parts.append(part.weighted(probability * crossings / size))
        made(f"stratum {name}")
    whole = replace(
        generator,
        strata=replace(generator.strata, ranks=generator.strata.processes(), forced_muons=()),
    )
    plain = build_overlays(pools, whole.strata, response.muons)
    plain_means = class_means(whole, {}, sigma_mb, pileup)
    natural: list[Crossings] = []
    spent = time.process_time()
    for number, first in enumerate(range(0, crossings, _PIECE)):
        rng = np.random.default_rng(np.random.SeedSequence((seed, 1, number)))
        draw = draw_natural(plain, plain_means, min(_PIECE, crossings - first), rng)
        natural.append(simulate(plain, draw, plain_means, response, hardware, rng, stratum=0))
        made("natural crossings")
    spent = time.process_time() - spent
    views = [_view(each, scales) for each in (parts, natural)]
    rows = tuple(_row(each, views[0], views[1], crossings, total_khz) for each in OBSERVABLES)
    return Closure(rows, crossings / spent)


def _view(parts: list[Crossings], scales: str) -> View:
    joined = join_crossings(parts)
    weight = integer_weights(joined.weight)
    return View(to_events(joined, weight, run=1, first_event=1, scales=load_scales(scales)))


def _row(
    observable: StandardSeed, stratified: View, natural: View, n: int, total_khz: float
) -> ClosureRow:
    fired = fires(stratified, observable)
    # Divided by what was drawn, not by the sum of the weights, which would correlate the rates.
    khz = stratified.weight[fired] / n * total_khz
    plain = int(fires(natural, observable).sum())
    one, other = float(khz.sum()), plain / n * total_khz
    error, other_error = float((khz**2).sum() ** 0.5), max(plain, 1) ** 0.5 / n * total_khz
    return ClosureRow(
        name=observable.name,
        stratified_khz=one,
        stratified_error_khz=error,
        natural_khz=other,
        natural_error_khz=other_error,
        natural_firing=plain,
        pull=(one - other) / float(np.hypot(error, other_error)),
    )
