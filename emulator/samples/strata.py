r"""Exact stratified sampling of zero-bias crossings.

Interactions fall into classes :math:`1..K` with mean numbers :math:`\\mu_k`, ordered from soft to
hard. The stratum of a crossing is the hardest class present. With Poisson numbers

.. math:: P(\\text{stratum} \\le k) = \\exp(-\\sum_{j>k} \\mu_j),

and in stratum :math:`k` the number of interactions of class :math:`k` is a zero-truncated Poisson
number, harder classes are absent, softer ones stay Poisson. With exactly :math:`N` interactions the
classes share them: each falls into class :math:`k` with probability :math:`q_k = \\mu_k / N`, so that

.. math:: P(\\text{stratum} \\le k) = (1 - \\sum_{j>k} q_j)^N,

the number of class :math:`k` is a zero-truncated binomial number, and softer classes share what is left.
Electroweak and top events come on top of the pile-up and stay Poisson. Where the mean itself is spread,
probabilities are the means over the spread, and each crossing of a stratum draws its mean number from
what the stratum makes of the spread. The probabilities sum to 1 exactly in all cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emulator.samples.pileup import PileupProfile, poisson
from emulator.samples.settings import MUON_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.samples.settings import GeneratorSettings

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ClassMeans(Mapping[str, float]):
    """Mean numbers of interactions of each class in a crossing, from the softest class to the hardest.

    As a mapping it gives the means over all crossings.

    Attributes
    ----------
    profile
        Pile-up.
    parts
        Mean numbers in crossings of each mean pile-up of the profile.
    on_top
        Classes that do not count for the pile-up.
    """

    profile: PileupProfile
    parts: tuple[Mapping[str, float], ...]
    on_top: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> float:
        shares = self.profile.shares
        return sum(share * part[name] for share, part in zip(shares, self.parts, strict=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts[0])

    def __len__(self) -> int:
        return len(self.parts[0])

    @property
    def fixed(self) -> int | None:
        """Number of interactions in every crossing, None if it varies."""
        return int(self.profile.values[0]) if self.profile.kind == "fixed" else None


def class_means(
    generator: GeneratorSettings,
    muon_fraction: Mapping[str, float],
    sigma_mb: Mapping[str, float],
    pileup: float | PileupProfile,
) -> ClassMeans:
    """Return the mean number of interactions of each class in a crossing.

    Inelastic events count for the pile-up; electroweak and top events come on top of it.

    Raises
    ------
    SettingsError
        If the pile-up is not positive.
    """
    profile = pileup if isinstance(pileup, PileupProfile) else poisson(pileup)
    softest, *harder = generator.strata.processes()
    # Hard QCD is a part of the inelastic cross-section, and replaces what was cut from the rest.
    qcd = [name for name in harder if generator.process(name).is_hard_qcd]
    inelastic = {softest, *qcd}
    return ClassMeans(
        profile,
        tuple(
            _means_at(value, generator, muon_fraction, sigma_mb, qcd) for value in profile.values
        ),
        frozenset(
            rank
            for rank in generator.strata.ranks
            if rank.removesuffix(MUON_SUFFIX) not in inelastic
        ),
    )


def _means_at(
    pileup: float,
    generator: GeneratorSettings,
    muon_fraction: Mapping[str, float],
    sigma_mb: Mapping[str, float],
    qcd: Sequence[str],
) -> dict[str, float]:
    strata = generator.strata
    softest, *harder = strata.processes()
    means = {
        name: pileup * sigma_mb[name] * generator.process(name).k_factor / generator.inelastic_mb
        for name in harder
    }
    means = {softest: pileup - sum(means[name] for name in qcd), **means}
    for name in strata.forced_muons:
        total, fraction = means[name], muon_fraction[name]
        means[name] = total * (1.0 - fraction)
        means[name + MUON_SUFFIX] = total * fraction
    return {rank: means[rank] for rank in strata.ranks}


def class_probabilities(means: ClassMeans) -> dict[str, float]:
    """Return the probability of each stratum; the first class stands for "nothing harder".

    Returns
    -------
    Probabilities from the softest class to the hardest, with sum 1.

    Examples
    --------
    >>> from emulator.samples.pileup import poisson
    >>> means = ClassMeans(poisson(50.0), ({"soft": 50.0, "hard": 0.1, "harder": 0.01},))
    >>> p = class_probabilities(means)
    >>> round(p["harder"], 6), round(sum(p.values()), 12)
    (0.00995, 1.0)
    """
    parts = [probabilities_at(means, here) for here in means.parts]
    shares = means.profile.shares
    return {
        name: sum(share * part[name] for share, part in zip(shares, parts, strict=True))
        for name in means
    }


def probabilities_at(means: ClassMeans, here: Mapping[str, float]) -> dict[str, float]:
    """Return the probability of each stratum in crossings of one mean pile-up."""
    softest, *harder = here
    probabilities: dict[str, float] = {}
    # Of "no class harder than this": the logarithm, and the share of interactions in harder ones.
    log_none = taken = 0.0
    for name in reversed(harder):
        if means.fixed is None or name in means.on_top:
            log_absent = -here[name]
        else:
            share = here[name] / means.fixed
            log_absent = means.fixed * float(np.log1p(-share / (1.0 - taken)))
            taken += share
        probabilities[name] = float(np.exp(log_none) * -np.expm1(log_absent))
        log_none += log_absent
    return {softest: float(np.exp(log_none)), **dict(reversed(probabilities.items()))}
