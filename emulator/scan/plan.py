"""What a scan does: which files are read, by whom they are scored, and how scores are counted.

A plan is plain data. It can be sent to another process or machine, and its hash says whether the results
of an interrupted scan may be used again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.menu import SeedRules
    from emulator.objects.chunks import Source
    from emulator.objects.quantities import Binning
    from emulator.rates import PrescaleColumn, RateScenario

    # By condition and scorer.
    Floors = Mapping[str, Mapping[str, int | None]]

#: Zero bias that sets thresholds, and other zero bias that measures rates.
SETTING: Final = "setting"
MEASURING: Final = "measuring"


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a file is tried, and how long to wait before the second try; then twice as long."""

    tries: int = 3
    wait_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Piece:
    """One unit of work: a file of a sample or a part of one, read once for everything that scores it.

    Attributes
    ----------
    condition, sample
        Where its crossings belong.
    number
        Place of the file in its sample.
    path
        The file.
    part, n_parts
        Which part of the file's entries, of how many that are as long; the whole file by default.
    """

    condition: str
    sample: str
    number: int
    path: str
    part: int = 0
    n_parts: int = 1

    @property
    def stream(self) -> str:
        """Name of its sequence of events; neither the place of the file nor the part enters."""
        return f"{self.condition}/{self.sample}/{self.number}"

    @property
    def file(self) -> tuple[str, str, int]:
        """What the parts of one file have in common."""
        return self.condition, self.sample, self.number

    def entries(self, n: int) -> tuple[int, int]:
        """Return the first entry and the one behind the last, of a file of ``n`` entries.

        Examples
        --------
        >>> [Piece("pu60", "setting", 0, "a.root", part, 3).entries(10) for part in range(3)]
        [(0, 3), (3, 6), (6, 10)]
        """
        return n * self.part // self.n_parts, n * (self.part + 1) // self.n_parts


@dataclass(frozen=True, slots=True)
class Condition:
    """Samples that belong to one rate scenario: a pile-up, a filling, an energy.

    Attributes
    ----------
    name, scenario
        Its name, and what rates are quoted for.
    samples
        Files of each sample; `SETTING` and `MEASURING` are zero bias, the others signals.
    parts
        Into how many parts files are cut, by their paths; those that are not in it are not cut.
    """

    name: str
    scenario: RateScenario
    samples: Mapping[str, tuple[str, ...]]
    parts: Mapping[str, int] = field(default_factory=dict)

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the samples that are no zero bias."""
        return tuple(name for name in self.samples if name not in {SETTING, MEASURING})

    def pieces(self) -> tuple[Piece, ...]:
        """Return the units of work, sample by sample."""
        return tuple(
            Piece(self.name, sample, number, path, part, self.parts.get(path, 1))
            for sample, paths in self.samples.items()
            for number, path in enumerate(paths)
            for part in range(self.parts.get(path, 1))
        )


@dataclass(frozen=True, slots=True)
class ScannedMenu:
    """Seeds of a menu: their prescales, and how each decides."""

    column: PrescaleColumn
    rules: SeedRules


@dataclass(frozen=True, slots=True)
class Counting:
    """What a worker must know besides the file.

    Attributes
    ----------
    models
        Text of each model file, by the model's name.
    objects
        Collection, slot and field of each object or sum that is rated beside them, by its name.
    menu
        Seeds and prescales that are rated, and on top of which all scorers are rated too.
    by, turn_ons
        Quantities in whose bins rates are given, and signals' efficiencies.
    replicas, seed
        The bootstrap.
    source, chunk_events
        How files are read.
    retries
        How patient to be with a file.
    floors, pure_floors
        Lowest score that is resolved, for each condition and scorer, of all crossings and of what the menu
        leaves; None resolves all.
    duplicates
        Whether hashes of all crossings are kept, so that those that come twice are found.
    cache
        Folder of decoded files; none if empty.
    """

    models: Mapping[str, str]
    objects: Mapping[str, tuple[str, int, str]]
    menu: ScannedMenu | None = None
    by: tuple[Binning, ...] = ()
    turn_ons: tuple[Binning, ...] = ()
    replicas: int = 200
    seed: int = 0
    source: Source = "unpacked"
    chunk_events: int = 100_000
    retries: Retries = Retries()
    floors: Floors | None = None
    pure_floors: Floors | None = None
    duplicates: Literal["report", "ignore"] = "report"
    cache: str = ""

    @property
    def scorers(self) -> tuple[str, ...]:
        """Names of all that gives a score, models first."""
        return (*self.models, *self.objects)

    def binnings(self, sample: str) -> tuple[Binning, ...]:
        """Return the quantities that are wanted of a sample."""
        if sample == SETTING:
            return ()
        return self.by if sample == MEASURING else self.turn_ons

    def sha256(self) -> str:
        """Hash of all that a result depends on."""
        plain = asdict(self)
        del plain["cache"], plain["retries"]
        return _hash(plain)


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """All of a scan.

    Attributes
    ----------
    conditions
        What is scanned.
    counting
        How it is scored and counted.
    targets_khz
        Target rates, kHz.
    reference
        Scorer that every other one is compared with, pair by pair; none if empty.
    unreadable
        Whether a file that cannot be read ends the scan (``fail``) or is left out and listed (``skip``).
    resolve
        ``tail`` resolves scores up to ten times the highest target rate, ``all`` every score.
    """

    conditions: tuple[Condition, ...]
    counting: Counting
    targets_khz: tuple[float, ...]
    reference: str = ""
    unreadable: Literal["fail", "skip"] = "fail"
    resolve: Literal["tail", "all"] = "tail"

    def pieces(self) -> tuple[Piece, ...]:
        """Return the units of work of all conditions, in a fixed order."""
        return tuple(piece for condition in self.conditions for piece in condition.pieces())

    def sha256(self) -> str:
        """Hash of all that the results of pieces depend on; floors are found, not asked for."""
        plain = asdict(self)
        del plain["unreadable"], plain["reference"]
        for key in ("cache", "retries", "floors", "pure_floors"):
            del plain["counting"][key]
        return _hash(plain)


def _hash(plain: object) -> str:
    # Prescales and thresholds of seeds are fractions.
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
