"""What a folder of samples holds: hashes, seeds, settings, cross-sections and denominators."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emulator.errors import InputFileError
from emulator.files import replace_file
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        Pool events of each process, after cuts.
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
    identity_sha256
        Hash of all that decides about the crossings: sizes, seed, pile-up, all settings, and the code
        that makes pools. Empty in samples of an older version.
    pileup, pileup_profile
        Mean number of interactions; and their distribution, empty where it is Poisson.
    cpu_seconds
        Processor time of ``pools``, ``crossings``, ``files``, and ``compilation`` of kernels, over all
        processes, also of pieces that an interrupted run left. Samples that differ only in it are equal.
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
    identity_sha256: str = ""
    pileup_profile: Mapping[str, Any] = field(default_factory=dict)
    cpu_seconds: Mapping[str, float] = field(default_factory=dict, compare=False)

    def file(self, name: str) -> SampleFile:
        """Return the record of a file, by its name or by ``train``, ``tune``, ``eval`` or a signal.

        Of several files of one role it is the first; see `files_of`.

        Raises
        ------
        KeyError
            If there is none.
        """
        for record in self.files:
            if name in {record.name, record.role if record.role != "signal" else record.process}:
                return record
        raise KeyError(name)

    def files_of(self, role: str) -> tuple[SampleFile, ...]:
        """Return the records of all files of ``train``, ``tune``, ``eval`` or a signal."""
        return tuple(
            record
            for record in self.files
            if role == (record.role if record.role != "signal" else record.process)
        )

    def content_sha256(self) -> dict[str, str]:
        """Return the content hash of each file."""
        return {record.name: record.content_sha256 for record in self.files}


def unit_name(unit: int) -> str:
    """Return the file that says that a unit is complete.

    Examples
    --------
    >>> unit_name(3)
    'unit_003.json'
    """
    return f"unit_{unit:03d}.json"


def join_manifests(manifests: Sequence[SampleManifest]) -> SampleManifest:
    """Join the manifests of units, which differ in files, in time, and by chance in cross-sections."""
    first = manifests[0]
    sigma_mb = {
        name: sum(manifest.sigma_mb[name] for manifest in manifests) / len(manifests)
        for name in first.sigma_mb
    }
    files = tuple(record for manifest in manifests for record in manifest.files)
    cpu_seconds = {
        step: sum(manifest.cpu_seconds.get(step, 0.0) for manifest in manifests)
        for step in first.cpu_seconds
    }
    return replace(first, sigma_mb=sigma_mb, files=files, cpu_seconds=cpu_seconds)


def save_manifest(manifest: SampleManifest, folder: Path, name: str = MANIFEST_NAME) -> Path:
    """Write a manifest into its folder."""
    path = folder / name
    text = json.dumps({"version": _VERSION, **manifest.as_dict()}, indent=1)
    with replace_file(path) as draft:
        draft.write_text(text + "\n", encoding="utf-8")
    return path


def load_manifest(folder: str | Path, name: str = MANIFEST_NAME) -> SampleManifest:
    """Read the manifest of a folder of samples.

    Raises
    ------
    InputFileError
        If it is missing, damaged, of another version, or names files that are not there.
    """
    path = Path(folder) / name
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
