"""Events of Pythia 8 as flat arrays of final particles.

pythia8mc is under the GPL and optional: it is imported when events are made, never before.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from emulator.errors import L1Error, SettingsError
from emulator.samples._optional import require
from emulator.samples.deposit import Particles, classify
from emulator.samples.spray import spray
from emulator.samples.truth import Truth, generated_objects, no_truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from emulator.samples.settings import GeneratorSettings, MuonFilter, Process

#: Largest seed that Pythia takes.
MAX_SEED = 900_000_000

# Particles along the beam line have no usable eta, and what lies beyond reaches no tower.
_MIN_PT_GEV = 1e-4
_MAX_ABS_ETA = 5.3


@dataclass(frozen=True, slots=True)
class Batch:
    """Some consecutive events.

    Attributes
    ----------
    particles
        Final particles.
    pthat_gev
        Scale of the hard process, float32.
    tried
        Events made for it, before cuts.
    truth
        What was generated in the first events.
    """

    particles: Particles
    pthat_gev: NDArray[np.float32]
    tried: int
    truth: Truth


class Generator:
    """One initialised Pythia.

    Parameters
    ----------
    settings, process
        What to generate.
    seed
        1 to `MAX_SEED`.
    init_file
        File with the initialisation of multiparton interactions, see `make_init_file`.

    Raises
    ------
    L1Error
        If pythia8mc is not installed, or Pythia refuses to start.
    SettingsError
        If Pythia does not know a setting.
    """

    def __init__(
        self,
        settings: GeneratorSettings,
        process: Process,
        seed: int,
        init_file: Path | None = None,
    ) -> None:
        self._process = process
        self._batch_events = settings.batch_events
        lines = [
            *settings.common,
            f"Beams:eCM={1000.0 * settings.sqrt_s_tev}",
            "Random:setSeed=on",
            f"Random:seed={seed}",
            *settings.tune,
            *process.settings,
        ]
        if init_file is not None:
            if any(letter.isspace() for letter in str(init_file)):
                msg = f"{init_file}: Pythia cannot use a path with a blank; use another folder"
                raise SettingsError(msg)
            lines += [
                "MultipartonInteractions:reuseInit=3",
                f"MultipartonInteractions:initFile={init_file}",
            ]
        self._pythia = _start(lines, process.name)
        self._rng = np.random.default_rng(seed)

    @property
    def sigma_mb(self) -> float:
        """Cross-section as Pythia knows it after the events made so far."""
        return float(self._pythia.infoPython().sigmaGen())

    def batches(self, n_events: int, n_truth: int = 0) -> Iterator[Batch]:
        """Yield batches of events until ``n_events`` are kept (after cuts on pT-hat and muons, if any).

        The generated objects are noted for the first ``n_truth`` events.
        """
        kept = 0
        while kept < n_events:
            tried = min(self._batch_events, n_events - kept)
            events = self._pythia.nextBatch(tried)
            if len(events) != tried:
                msg = f"Pythia gave up in process {self._process.name} after {kept} events"
                raise L1Error(msg)
            pthat = hardest_scattering_gev(events)
            keep = np.ones(tried, np.bool_)
            if self._process.max_pthat_gev is not None:
                keep &= pthat < self._process.max_pthat_gev
                keep &= ~outruns_its_partons(events, self._process.max_pthat_gev)
            if self._process.muon_filter is not None:
                keep &= passes_muon_filter(events, self._process.muon_filter)
            if not keep.all():
                events, pthat = events[keep], pthat[keep]
            particles = final_particles(events)
            if self._process.spray is None:
                truth = generated_objects(events, max(n_truth - kept, 0))
            else:
                # Generated jets and MET would lack the spray, so they are left unknown.
                truth = no_truth(len(events))
                particles = _with_spray(particles, *spray(events, self._process.spray, self._rng))
            kept += len(pthat)
            yield Batch(particles, pthat.astype(np.float32), tried, truth)


# Status of partons that come out of the hardest scattering, and of further ones.
_OUTGOING = (23, 33)

# First and last status of partons, from the hardest scattering to the beam remnants, and of hadrons that strings made.
_PARTONS, _PRIMARY_HADRONS = (21, 79), (81, 89)

# A hadron takes its transverse momentum from its string, which spans partons: below the largest of theirs, but for some
# hundred MeV. Of hadrons above 10 GeV no other came beyond 0.95 of it.
_MOST_OVER_PARTONS = 2.0


def hardest_scattering_gev(events: ak.Array) -> NDArray[np.float64]:
    """Return the pT of the hardest parton scattering of each event, float64, ``(n,)``.

    Pythia's own figure is that of the first scattering. In diffractive events this is the exchange of
    momentum between the protons, and knows nothing of hard scatterings inside the diffractive system.
    """
    first = np.sqrt(np.maximum(ak.to_numpy(events.info.pT2Hat), 0.0))
    particles = events.prt
    status = np.abs(particles.status)
    outgoing = particles[(status == _OUTGOING[0]) | (status == _OUTGOING[1])].p
    pt = np.hypot(outgoing.px, outgoing.py)
    hardest: NDArray[np.float64] = np.maximum(
        first, ak.to_numpy(ak.fill_none(ak.max(pt, axis=1), 0.0))
    )
    return hardest


def outruns_its_partons(events: ak.Array, above_gev: float) -> NDArray[np.bool_]:
    """Return which events have a hadron harder than all their partons can explain, bool, ``(n,)``.

    In one of 100,000 soft events a long string falls apart sideways into hadrons of 50 and 70 GeV, back to back, though
    no parton has more than 4 GeV: momentum is conserved, but the fragmentation failed. Laid under hundreds
    of crossings, one such event makes a step in a spectrum.

    Parameters
    ----------
    above_gev
        Hadrons below are left alone, where primordial motion counts.
    """
    particles = events.prt
    status = np.abs(particles.status)
    pt = np.hypot(particles.p.px, particles.p.py)

    def hardest(first: int, last: int) -> NDArray[np.float64]:
        here = (status >= first) & (status <= last)
        found: NDArray[np.float64] = ak.to_numpy(ak.fill_none(ak.max(pt[here], axis=1), 0.0))
        return found

    hadron = hardest(*_PRIMARY_HADRONS)
    failed: NDArray[np.bool_] = (hadron > above_gev) & (
        hadron > _MOST_OVER_PARTONS * hardest(*_PARTONS)
    )
    return failed


def passes_muon_filter(events: ak.Array, muon_filter: MuonFilter) -> NDArray[np.bool_]:
    """Return which events a filter on generated muons keeps, bool, ``(n,)``.

    Pions and kaons are final in Pythia, so all its muons come from heavier particles.
    """
    particles = events.prt
    muons = particles[(np.abs(particles.id) == 13) & (particles.status > 0)].p
    pt = np.hypot(muons.px, muons.py)
    slope = np.sinh(muon_filter.max_abs_eta)
    good = (pt >= muon_filter.min_pt_gev) & (np.abs(muons.pz) < slope * pt)
    found: NDArray[np.bool_] = ak.to_numpy(ak.any(good, axis=1))
    return found if muon_filter.keep == "with" else ~found


def final_particles(events: ak.Array) -> Particles:
    """Return the final particles inside the calorimeters from a batch of Pythia's events."""
    particles = events.prt
    status = ak.to_numpy(ak.flatten(particles.status))
    final = status > 0
    owner = np.repeat(np.arange(len(events)), ak.to_numpy(ak.num(particles)))[final]
    px, py, pz = (
        ak.to_numpy(ak.flatten(particles.p[component]))[final] for component in ("px", "py", "pz")
    )
    pdg_id = ak.to_numpy(ak.flatten(particles.id))[final]
    pt = np.hypot(px, py)
    eta = np.arcsinh(pz / np.maximum(pt, _MIN_PT_GEV))
    use = (pt > _MIN_PT_GEV) & (np.abs(eta) < _MAX_ABS_ETA)
    kind, charge = classify(pdg_id[use])
    counts = np.bincount(owner[use], minlength=len(events))
    return Particles(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        pt_gev=pt[use],
        eta=eta[use],
        phi=np.arctan2(py[use], px[use]),
        kind=kind,
        charge=charge,
    )


def _columns(particles: Particles) -> tuple[NDArray[Any], ...]:
    return (
        particles.pt_gev,
        particles.eta,
        particles.phi,
        particles.kind,
        particles.charge,
    )


def _with_spray(
    particles: Particles,
    owner: NDArray[np.int64],
    momenta: NDArray[np.float64],
    pdg_id: NDArray[np.int64],
) -> Particles:
    """Add the pions of a spray behind the other particles of each event."""
    n = len(particles.offsets) - 1
    pt = np.hypot(momenta[:, 1], momenta[:, 2])
    eta = np.arcsinh(momenta[:, 3] / np.maximum(pt, _MIN_PT_GEV))
    use = (pt > _MIN_PT_GEV) & (np.abs(eta) < _MAX_ABS_ETA)
    kind, charge = classify(pdg_id[use])
    phi = np.arctan2(momenta[use, 2], momenta[use, 1])
    event = np.concatenate([np.repeat(np.arange(n), np.diff(particles.offsets)), owner[use]])
    order = np.argsort(event, kind="stable")
    added = (pt[use], eta[use], phi, kind, charge)
    joined = [np.concatenate(pair)[order] for pair in zip(_columns(particles), added, strict=True)]
    counts = np.bincount(event, minlength=n)
    return Particles(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), *joined)


#: Events that a process is tried with before anything is made.
_PROBE_EVENTS = 20


def check_processes(settings: GeneratorSettings, names: Iterable[str]) -> None:
    """Try processes without showers and hadrons, which takes a fraction of a second each.

    Raises
    ------
    SettingsError
        If Pythia does not know a setting of a process, or its cross-section vanishes.
    """
    for name in names:
        process = settings.process(name)
        lines = [
            *settings.common,
            f"Beams:eCM={1000.0 * settings.sqrt_s_tev}",
            "Random:setSeed=on",
            "Random:seed=1",
            *settings.tune,
            *process.settings,
            "PartonLevel:all=off",
            "HadronLevel:all=off",
        ]
        try:
            pythia = _start(lines, name)
        except SettingsError:
            raise
        except L1Error as error:
            msg = (
                f"process {name}: Pythia cannot start it: no hard process is switched on, or its "
                f"cross-section vanishes at {settings.sqrt_s_tev:g} TeV"
            )
            raise SettingsError(msg) from error
        for _ in range(_PROBE_EVENTS):
            pythia.next()
        if not pythia.infoPython().sigmaGen() > 0.0:
            msg = f"process {name}: its cross-section vanishes with these settings"
            raise SettingsError(msg)


def make_init_file(settings: GeneratorSettings, process: Process, path: Path) -> None:
    """Write Pythia's initialisation of multiparton interactions to a file, if it is not there.

    It holds cross-sections and integrals of proton collisions, which do not depend on the hard process but for the
    chance of the integration (below a per cent).

    All pieces read the same file, made with the same seed, so that the events of a piece do not depend on which
    was the first one.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".init-") as folder:
        draft = Path(folder) / "init.dat"
        Generator(settings, process, seed=1, init_file=draft)
        if not draft.is_file():
            msg = f"Pythia wrote no initialisation file to {draft}"
            raise L1Error(msg)
        draft.replace(path)


@lru_cache(maxsize=1)
def _default() -> Any:
    """Pythia with its default settings and particles: to copy them is 30 times faster than to read its files."""
    return require("pythia8mc").Pythia("", False)


def _start(lines: list[str], process: str) -> Any:
    default = _default()
    pythia = require("pythia8mc").Pythia(default.settings, default.particleData, False)
    for line in lines:
        if not pythia.readString(line):
            msg = f"process {process}: Pythia does not know the setting {line!r}"
            raise SettingsError(msg)
    if not pythia.init():
        msg = f"process {process}: Pythia could not be initialised; run it with Print:quiet=off"
        raise L1Error(msg)
    return pythia
