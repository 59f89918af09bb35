"""What to generate and how many: processes of Pythia, strata, and tiers of sample sizes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from emulator.errors import MissingNameError, SettingsError
from emulator.samples._yaml import (
    content_sha256,
    read_yaml,
    refuse_unknown,
    section,
    take,
    take_texts,
)
from emulator.samples.k_factors import load_k_factors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Kind = Literal["background", "signal"]

#: Settings of processes that come with the package.
PACKAGED_GENERATORS: Final = ("processes", "processes_release")

#: Data sets of zero-bias crossings; each has Pythia events of its own. Never reorder: the place in
#: this tuple is part of seeds and of pool event ids.
SPLITS: Final = ("train", "tune", "eval", "signal")

#: Suffix of the strata whose leading interaction has a realised muon candidate.
MUON_SUFFIX: Final = "_mu"


# Groups of settings of Pythia that decide about multiparton interactions, whatever the hard process is.
_DECIDE_MULTIPARTON: Final = (
    "Beams:",
    "Diffraction:",
    "MultipartonInteractions:",
    "PDF:",
    "PartonLevel:",
    "SigmaDiffractive:",
    "SigmaTotal:",
    "Tune:",
)


@dataclass(frozen=True, slots=True)
class MuonFilter:
    """Only events with (or only those without) a generated muon that is not from a pion or kaon."""

    min_pt_gev: float
    max_abs_eta: float
    keep: Literal["with", "without"]


@dataclass(frozen=True, slots=True)
class SprayDecay:
    """Decay of a scalar into a soft spray of mesons, see `emulator.samples.spray`."""

    pdg_id: int
    temperature_gev: float
    meson_gev: float


@dataclass(frozen=True, slots=True)
class Process:
    """One process as Pythia generates it; `code` identifies it in pool event ids.

    `cpu_seconds` is about what one event takes, `replaces` the process of other settings whose place this
    one takes; plans of samples use them, events do not depend on them.
    """

    name: str
    code: int
    kind: Kind
    description: str
    settings: tuple[str, ...]
    k_factor: float = 1.0
    max_pthat_gev: float | None = None
    cpu_seconds: float = 0.006
    replaces: str = ""
    muon_filter: MuonFilter | None = None
    spray: SprayDecay | None = None

    @property
    def is_hard_qcd(self) -> bool:
        """Whether the process is a part of the inelastic cross-section, cut out of soft QCD."""
        return any(line.startswith("HardQCD:") for line in self.settings)

    @property
    def is_soft(self) -> bool:
        """Whether Pythia picks it from all that happens inside the inelastic cross-section, diffraction too."""
        return any(line.startswith("SoftQCD:") for line in self.settings)


@dataclass(frozen=True, slots=True)
class StrataSettings:
    """Classes of crossings, and which muon candidates are forced (see `emulator.samples.strata`)."""

    ranks: tuple[str, ...]
    forced_muons: tuple[str, ...]
    importance_power: float
    importance_cap_gev: float
    importance_share: float
    tail_equivalent_pt_gev: float

    def processes(self) -> tuple[str, ...]:
        """Background processes in rising order of hardness, without their muon strata."""
        return tuple(rank for rank in self.ranks if not rank.endswith(MUON_SUFFIX))


@dataclass(frozen=True, slots=True)
class GeneratorSettings:
    """Everything that decides which events Pythia makes, apart from numbers and seeds.

    Attributes
    ----------
    reuse_initialisation
        Processes whose initialisation of multiparton interactions is kept in a file, see `initialised_as`.
    crossing_cpu_seconds
        About what one crossing takes; plans of samples use it.
    least_pileup_events
        Events of the softest process that a plan asks for at least: pile-up repeats itself else.
    """

    name: str
    sqrt_s_tev: float
    inelastic_mb: float
    tune: tuple[str, ...]
    common: tuple[str, ...]
    reuse_initialisation: tuple[str, ...]
    batch_events: int
    crossing_cpu_seconds: float
    least_pileup_events: int
    strata: StrataSettings
    processes: tuple[Process, ...]

    def process(self, name: str) -> Process:
        """Return the process of this name.

        Raises
        ------
        MissingNameError
            If there is none; the message shows the nearest names.
        """
        for process in self.processes:
            if process.name == name:
                return process
        names = [process.name for process in self.processes]
        raise MissingNameError("process", name, names, f"generator settings {self.name}")

    def initialised_as(self, process: Process) -> Process | None:
        """Return the process whose initialisation of multiparton interactions this one reads.

        It depends on beams and tune, and on whether there is diffraction, but not on the hard process.

        Returns
        -------
        The first process of `reuse_initialisation` that is soft or hard as this one. None if there is none,
        or if settings of its own decide about multiparton interactions: it starts by itself then.

        Examples
        --------
        >>> settings = load_generator()
        >>> settings.initialised_as(settings.process("tt")).name
        'qcd20'
        """
        if any(line.startswith(_DECIDE_MULTIPARTON) for line in process.settings):
            return None
        kept = [self.process(name) for name in self.reuse_initialisation]
        return next((other for other in kept if other.is_soft == process.is_soft), None)

    def sha256(self) -> str:
        """Hash of all settings that decide about events."""
        content = asdict(self)
        for name in ("crossing_cpu_seconds", "least_pileup_events"):
            del content[name]
        for process in content["processes"]:
            del process["cpu_seconds"], process["replaces"]
            # What a process does not use does not count, so that new settings leave old hashes.
            for name in ("muon_filter", "spray"):
                if process[name] is None:
                    del process[name]
        return content_sha256(content)


def load_generator(name_or_path: str | Path = "processes") -> GeneratorSettings:
    """Load the settings of all processes from a packaged or a user's YAML file.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    SettingsError, MissingNameError
        If a setting is missing, of the wrong type, unknown, or contradicts another.

    Examples
    --------
    >>> load_generator().process("tt").k_factor
    1.6
    """
    content, where = read_yaml(name_or_path)
    refuse_unknown(content, (*GeneratorSettings.__annotations__, "k_factors"), where)
    raw_processes = take(content, "processes", dict, where)
    k_factors = (
        load_k_factors(take(content, "k_factors", str, where)) if "k_factors" in content else {}
    )
    settings = GeneratorSettings(
        name=take(content, "name", str, where),
        sqrt_s_tev=take(content, "sqrt_s_tev", float, where),
        inelastic_mb=take(content, "inelastic_mb", float, where),
        tune=take_texts(content, "tune", where),
        common=take_texts(content, "common", where),
        reuse_initialisation=take_texts(content, "reuse_initialisation", where),
        batch_events=take(content, "batch_events", int, where),
        crossing_cpu_seconds=take(content, "crossing_cpu_seconds", float, where),
        least_pileup_events=take(content, "least_pileup_events", int, where),
        strata=_strata(take(content, "strata", dict, where), f"{where}: strata"),
        processes=tuple(
            _process(name, raw, k_factors.get(name, 1.0), where)
            for name, raw in raw_processes.items()
        ),
    )
    _check(settings, where)
    for name in k_factors:
        if name not in raw_processes:
            raise MissingNameError("process", name, list(raw_processes), f"{where}: k_factors")
    return settings


def packaged_generator(sha256: str) -> GeneratorSettings | None:
    """Return the packaged settings of processes with this hash, None if there are none.

    Examples
    --------
    >>> packaged_generator(load_generator().sha256()).name
    'pp_13p6tev'
    """
    for name in PACKAGED_GENERATORS:
        settings = load_generator(name)
        if settings.sha256() == sha256:
            return settings
    return None


def _process(name: str, raw: Mapping[str, Any], k_factor: float, where: str) -> Process:
    place = f"{where}: process {name}"
    if not isinstance(raw, dict):
        msg = f"{place} must be a mapping of settings"
        raise SettingsError(msg)
    own = [key for key in Process.__annotations__ if key not in {"name", "k_factor"}]
    refuse_unknown(raw, own, place)
    kind = take(raw, "kind", str, place)
    if kind not in {"background", "signal"}:
        msg = f"{place}: kind must be background or signal, not {kind!r}"
        raise SettingsError(msg)
    limited = "max_pthat_gev" in raw
    return Process(
        name=name,
        code=take(raw, "code", int, place),
        kind=cast("Kind", kind),
        description=take(raw, "description", str, place),
        settings=take_texts(raw, "settings", place),
        k_factor=k_factor,
        max_pthat_gev=take(raw, "max_pthat_gev", float, place) if limited else None,
        cpu_seconds=take(raw, "cpu_seconds", float, place, 0.006),
        replaces=take(raw, "replaces", str, place, ""),
        muon_filter=_muon_filter(raw, place),
        spray=section(raw, "spray", SprayDecay, place) if "spray" in raw else None,
    )


def _muon_filter(raw: Mapping[str, Any], where: str) -> MuonFilter | None:
    if "muon_filter" not in raw:
        return None
    own = take(raw, "muon_filter", dict, where)
    place = f"{where}: muon_filter"
    refuse_unknown(own, tuple(MuonFilter.__annotations__), place)
    keep = take(own, "keep", str, place)
    if keep not in {"with", "without"}:
        msg = f"{place}: keep must be with or without, not {keep!r}"
        raise SettingsError(msg)
    return MuonFilter(
        min_pt_gev=take(own, "min_pt_gev", float, place),
        max_abs_eta=take(own, "max_abs_eta", float, place),
        keep=cast("Literal['with', 'without']", keep),
    )


def _strata(raw: Mapping[str, Any], where: str) -> StrataSettings:
    refuse_unknown(raw, tuple(StrataSettings.__annotations__), where)
    return StrataSettings(
        ranks=take_texts(raw, "ranks", where),
        forced_muons=take_texts(raw, "forced_muons", where),
        importance_power=take(raw, "importance_power", float, where),
        importance_cap_gev=take(raw, "importance_cap_gev", float, where),
        importance_share=take(raw, "importance_share", float, where),
        tail_equivalent_pt_gev=take(raw, "tail_equivalent_pt_gev", float, where),
    )


def _check(settings: GeneratorSettings, where: str) -> None:
    codes = [process.code for process in settings.processes]
    if len(set(codes)) != len(codes) or not all(0 < code < 256 for code in codes):
        msg = f"{where}: the codes of the processes must be different numbers from 1 to 255"
        raise SettingsError(msg)
    if not 0 < settings.batch_events <= 2000:
        msg = f"{where}: batch_events must be 1 to 2000 (Pythia keeps 59 kB per event)"
        raise SettingsError(msg)
    for name in settings.reuse_initialisation:
        if any(line.startswith(_DECIDE_MULTIPARTON) for line in settings.process(name).settings):
            msg = (
                f"{where}: reuse_initialisation names {name}, whose own settings decide about multiparton "
                "interactions: others cannot read its initialisation"
            )
            raise SettingsError(msg)
    strata = settings.strata
    # With 1, an entry of small pT would have a weight without bound.
    if not 0 <= strata.importance_share < 1:
        msg = f"{where}: strata.importance_share must be 0 or more and less than 1"
        raise SettingsError(msg)
    for name in strata.processes():
        settings.process(name)
    expected = {*strata.processes(), *(name + MUON_SUFFIX for name in strata.forced_muons)}
    if set(strata.ranks) != expected or len(strata.ranks) != len(expected):
        odd = sorted(set(strata.ranks) ^ expected) or sorted(strata.ranks)
        msg = (
            f"{where}: strata.ranks must hold each process, and each forced muon stratum, once; see "
            f"{', '.join(odd)}"
        )
        raise SettingsError(msg)
    for name in strata.processes():
        if settings.process(name).kind != "background":
            msg = f"{where}: {name} is ranked among the strata but is not a background"
            raise SettingsError(msg)
