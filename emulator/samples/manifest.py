"""What a folder of samples holds: hashes, seeds, settings, cross-sections and denominators."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emulator.errors import InputFileError
from emulator.files import replace_file
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST_NAME: Final = "samples.json"

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class StratumRecord(Record):
    """One stratum of a file: its number in ``stratum``, probability per crossing, and size."""

    name: str
    number: int
    probability: float
    crossings: int


@dataclass(frozen=True, slots=True)
class SampleFile(Record):
    """One file of crossings.

    Attributes
    ----------
    role
        ``train``, ``tune``, ``eval`` or ``signal``.
    process
        Name of the signal, or ``zerobias``.
    generated_events
        Pythia events behind the file. No generator filter is applied: for a signal, each event is
        used equally often, and all crossings of the file are the denominator of an efficiency.
    weight_sum
        Sum of the integer weights, in units of ``2**-32``.
    content_sha256
        Hash of the integers in the file (see `emulator.samples.content`), not of its bytes.
    pools
        Pool events of each process.
    """

    name: str
    role: str
    process: str
    crossings: int
    generated_events: int
    weight_sum: int
    content_sha256: str
    strata: tuple[StratumRecord, ...]
    pools: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SampleManifest(Record):
    """Everything about a set of samples that its files do not say themselves.

    Attributes
    ----------
    sigma_mb
        Cross-section of each process in mb as Pythia gives it; K factors are applied on top.
    """

    tier: str
    seed: int
    pileup: float
    sqrt_s_tev: float
    inelastic_mb: float
    scales: str
    generator_sha256: str
    response_sha256: str
    versions: Mapping[str, str]
    sigma_mb: Mapping[str, float]
    k_factors: Mapping[str, float]
    files: tuple[SampleFile, ...]

    def file(self, name: str) -> SampleFile:
        """Return the record of a file, by its name or by ``train``, ``tune``, ``eval`` or a signal.

        Raises
        ------
        KeyError
            If there is none.
        """
        for record in self.files:
            if name in {record.name, record.role if record.role != "signal" else record.process}:
                return record
        raise KeyError(name)

    def content_sha256(self) -> dict[str, str]:
        """Return the content hash of each file."""
        return {record.name: record.content_sha256 for record in self.files}


def save_manifest(manifest: SampleManifest, folder: Path) -> Path:
    """Write a manifest into its folder."""
    path = folder / MANIFEST_NAME
    text = json.dumps({"version": _VERSION, **manifest.as_dict()}, indent=1)
    with replace_file(path) as draft:
        draft.write_text(text + "\n", encoding="utf-8")
    return path


def load_manifest(folder: str | Path) -> SampleManifest:
    """Read the manifest of a folder of samples.

    Raises
    ------
    InputFileError
        If it is missing, damaged, of another version, or names files that are not there.
    """
    path = Path(folder) / MANIFEST_NAME
    if not path.is_file():
        raise InputFileError(path, "no manifest of samples here: the samples are not finished")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = content.pop("version")
        if version != _VERSION:
            raise InputFileError(path, f"manifest of version {version}, expected {_VERSION}")
        records = [
            {**record, "strata": tuple(StratumRecord(**stratum) for stratum in record["strata"])}
            for record in content.pop("files")
        ]
        manifest = SampleManifest(**content, files=tuple(SampleFile(**r) for r in records))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputFileError(path, f"damaged manifest of samples: {error!r}") from error
    if missing := [r.name for r in manifest.files if not (path.parent / r.name).is_file()]:
        raise InputFileError(path, f"names files that are not there: {', '.join(missing)}")
    return manifest
