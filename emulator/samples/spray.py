"""Soft, unclustered energy patterns: a toy of the decay of a scalar into a thermal spray of mesons.

The scalar decays at rest into dark mesons with a Boltzmann spectrum, isotropic, as many as its mass pays
for; each goes to a pair of charged pions. Momenta are balanced, then scaled until energies add up to the
mass exactly. After S. Knapen, S. Pagan Griso, M. Papucci, D. Robinson, JHEP 08 (2017) 076, without a
dark shower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import awkward as ak
import numpy as np

from emulator.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.samples.settings import SprayDecay

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

_PION_GEV: Final = 0.13957


def spray(
    events: ak.Array, decay: SprayDecay, rng: np.random.Generator
) -> tuple[IntArray, FloatArray, IntArray]:
    """Return the pions that the scalar of each event decays into.

    Parameters
    ----------
    events
        Events as ``Pythia.nextBatch`` returns them. The last entry of the scalar in each is taken.
    decay
        Number of the scalar, temperature and mass of the mesons.
    rng
        Source of randomness.

    Returns
    -------
    Number of the event of each pion, int64; energy and momentum in the laboratory, float64 ``(n, 4)``, GeV;
    PDG numbers, int64.

    Raises
    ------
    SettingsError
        If an event has no such scalar, or the mesons are too light for pions.
    """
    if not decay.meson_gev > 2.0 * _PION_GEV or not decay.temperature_gev > 0.0:
        msg = (
            "spray: the mesons must weigh more than two pions, and the temperature be positive, not "
            f"{decay.meson_gev:g} and {decay.temperature_gev:g} GeV"
        )
        raise SettingsError(msg)
    particles = events.prt
    scalars = particles[particles.id == decay.pdg_id]
    if len(events) and int(ak.min(ak.num(scalars))) == 0:
        msg = f"spray: an event has no particle {decay.pdg_id} that could decay"
        raise SettingsError(msg)
    p = scalars[:, -1:].p
    momenta = np.stack(
        [ak.to_numpy(ak.flatten(p[name])) for name in ("e", "px", "py", "pz")], axis=1
    )
    made = [_one(np.asarray(each, np.float64), decay, rng) for each in momenta]
    counts = [len(each) for each in made]
    charges = np.concatenate([np.tile([211, -211], n // 2) for n in counts] or [np.zeros(0)])
    return (
        np.repeat(np.arange(len(made)), counts),
        np.concatenate(made) if made else np.zeros((0, 4)),
        charges.astype(np.int64),
    )


def _one(scalar: FloatArray, decay: SprayDecay, rng: np.random.Generator) -> FloatArray:
    """Pions of one scalar, pairs one after another."""
    mass = float(np.sqrt(scalar[0] ** 2 - (scalar[1:] ** 2).sum()))
    size = _thermal(mass, decay, rng)
    momentum = size[:, None] * _directions(len(size), rng)
    momentum -= momentum.mean(axis=0)
    momentum *= _scale(momentum, decay.meson_gev, mass)
    mesons = np.column_stack(
        [np.hypot(np.linalg.norm(momentum, axis=1), decay.meson_gev), momentum]
    )
    half = decay.meson_gev / 2.0
    away = _directions(len(mesons), rng) * np.sqrt(half**2 - _PION_GEV**2)
    own = np.full(len(mesons), half)
    pair = [
        boosted(np.column_stack([own, sign * away]), mesons, decay.meson_gev) for sign in (1, -1)
    ]
    pions = np.stack(pair, axis=1).reshape(-1, 4)
    return boosted(pions, np.broadcast_to(scalar, pions.shape), mass)


def _thermal(mass: float, decay: SprayDecay, rng: np.random.Generator) -> FloatArray:
    """Momenta of p^2 exp(-E/T), until their energies reach the mass; at least two."""
    kept: FloatArray = np.zeros(0)
    room = int(mass / decay.meson_gev) + 8
    while True:
        # p^2 exp(-p/T) is a gamma distribution; the rest of the exponential is an acceptance.
        p = rng.gamma(3.0, decay.temperature_gev, room)
        energy = np.hypot(p, decay.meson_gev)
        kept = np.concatenate(
            [kept, p[rng.random(room) < np.exp((p - energy) / decay.temperature_gev)]]
        )
        total = np.cumsum(np.hypot(kept, decay.meson_gev))
        if len(kept) > 1 and total[-1] >= mass:
            # One meson less than what exceeds the mass: the scale below is then above 1.
            return kept[: max(int(np.searchsorted(total, mass)), 2)]


def _scale(momentum: FloatArray, meson_gev: float, mass: float) -> float:
    """Factor on all momenta that makes the energies add up to the mass (by bisection)."""
    square = (momentum**2).sum(axis=1)
    low, high = 0.0, 1.0
    while np.sqrt(high**2 * square + meson_gev**2).sum() < mass:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        too_much = np.sqrt(middle**2 * square + meson_gev**2).sum() > mass
        low, high = (low, middle) if too_much else (middle, high)
    return high


def _directions(n: int, rng: np.random.Generator) -> FloatArray:
    cosine, phi = rng.uniform(-1.0, 1.0, n), rng.uniform(0.0, 2.0 * np.pi, n)
    sine = np.sqrt(1.0 - cosine**2)
    return np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=1)


def boosted(inner: FloatArray, frame: FloatArray, mass: float) -> FloatArray:
    """Return momenta given in the frame of a particle as seen where that particle has momentum ``frame``.

    Parameters
    ----------
    inner, frame
        Energy and momentum, float64, ``(n, 4)``.
    mass
        Mass of the particle that is the frame.

    Examples
    --------
    >>> at_rest = np.array([[2.0, 0.0, 0.0, 0.0]])
    >>> boosted(at_rest, np.array([[5.0, 0.0, 0.0, 3.0]]), 4.0)
    array([[2.5, 0. , 0. , 1.5]])
    """
    along = (inner[:, 1:] * frame[:, 1:]).sum(axis=1)
    energy = (inner[:, 0] * frame[:, 0] + along) / mass
    factor = (inner[:, 0] + energy) / (frame[:, 0] + mass)
    return np.column_stack([energy, inner[:, 1:] + factor[:, None] * frame[:, 1:]])
