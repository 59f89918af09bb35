"""All settings of one production of samples, and what identifies them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from emulator.samples._yaml import content_sha256
from emulator.samples.pools import sources_sha256

if TYPE_CHECKING:
    from emulator.samples.detector import ResponseSettings
    from emulator.samples.pileup import PileupProfile
    from emulator.samples.settings import GeneratorSettings
    from emulator.samples.tiers import Tier

# What of a tier decides about the events of a unit.
_SIZES: Final = ("piece_events", "piece_crossings", "events", "crossings", "signals")

_PACKAGES: Final = ("l1distill", "pythia8mc", "numpy", "numba", "awkward")


@dataclass(frozen=True, slots=True)
class Plan:
    """All settings of one call of `generate`, as workers need them; of one of its units."""

    tier: Tier
    generator: GeneratorSettings
    response: ResponseSettings
    scales: str
    pileup: PileupProfile
    seed: int
    units: int = 1
    unit: int = 0

    @property
    def single(self) -> bool:
        """Whether the tier is not made to grow: one unit, whose files have no number."""
        return self.tier.units == 1 and self.units == 1

    def file_name(self, stem: str) -> str:
        """Name of a file of this unit."""
        return f"{stem}.root" if self.single else f"{stem}_{self.unit:03d}.root"

    def identity_sha256(self) -> str:
        """Hash of all that decides what crossings the samples hold, apart from the number of units."""
        sizes = {key: value for key, value in asdict(self.tier).items() if key in _SIZES}
        return content_sha256(
            [
                sizes,
                self.seed,
                self.pileup.identity(),
                self.scales,
                self.generator.sha256(),
                self.response.sha256,
                sources_sha256(),
            ]
        )

    def provenance(self) -> dict[str, Any]:
        """Return what is noted in every file."""
        noted: dict[str, Any] = {
            "maker": "emulator.samples",
            "tier": self.tier.name,
            "seed": self.seed,
            "pileup": self.pileup.mean,
            "sqrt_s_tev": self.generator.sqrt_s_tev,
            "inelastic_mb": self.generator.inelastic_mb,
            "generator_sha256": self.generator.sha256(),
            "response_sha256": self.response.sha256,
            "identity_sha256": self.identity_sha256(),
            "unit": self.unit,
            "versions": versions(),
        }
        if self.pileup.kind != "poisson":
            noted["pileup_profile"] = self.pileup.record()
        return noted


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide about events."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
