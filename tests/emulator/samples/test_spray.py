"""The toy decay of a scalar into soft pions."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from emulator.errors import SettingsError
from emulator.samples.settings import SprayDecay
from emulator.samples.spray import spray

DECAY = SprayDecay(pdg_id=25, temperature_gev=2.0, meson_gev=2.0)


def _event(px: float, pz: float, pdg_id: int = 25) -> dict[str, object]:
    """A copy of the scalar before recoil, and the last one of 400 GeV."""
    momenta = ((0.0, 0.0, 0), (px, pz, pdg_id), (px, pz, 12))
    return {
        "prt": [
            {
                "id": number or pdg_id,
                "p": {"e": float(np.sqrt(400.0**2 + x * x + z * z)), "px": x, "py": 0.0, "pz": z},
            }
            for x, z, number in momenta
        ]
    }


def test_momentum_and_mass_are_kept() -> None:
    events = ak.Array([_event(30.0, 900.0), _event(0.0, 0.0), _event(120.0, -50.0)])
    owner, momenta, pdg_id = spray(events, DECAY, np.random.default_rng(1))
    for number, (px, pz) in enumerate(((30.0, 900.0), (0.0, 0.0), (120.0, -50.0))):
        mine = momenta[owner == number]
        total = mine.sum(axis=0)
        np.testing.assert_allclose(total[1:], [px, 0.0, pz], atol=1e-9)
        assert np.sqrt(total[0] ** 2 - (total[1:] ** 2).sum()) == pytest.approx(400.0, rel=1e-12)
        np.testing.assert_allclose(
            mine[:, 0] ** 2 - (mine[:, 1:] ** 2).sum(axis=1), 0.13957**2, atol=1e-6
        )
        # About 400 GeV over mesons of 6 GeV, each two pions.
        assert 90 < len(mine) < 170
        assert pdg_id[owner == number].sum() == 0


def test_mesons_are_thermal_and_isotropic() -> None:
    events = ak.Array([_event(0.0, 0.0)] * 60)
    _, momenta, _ = spray(events, DECAY, np.random.default_rng(2))
    mesons = momenta.reshape(-1, 2, 4).sum(axis=1)
    mass = np.sqrt(mesons[:, 0] ** 2 - (mesons[:, 1:] ** 2).sum(axis=1))
    np.testing.assert_allclose(mass, 2.0, rtol=1e-6)
    # Mean energy of p^2 exp(-E/T) at m = T: T (3 + K1(1) / K2(1)) = 2 (3 + 0.3704) GeV.
    assert mesons[:, 0].mean() == pytest.approx(6.74, rel=0.04)
    square = mesons[:, 1:] ** 2
    np.testing.assert_allclose(square.sum(axis=0) / square.sum(), 1 / 3, atol=0.03)


def test_refusals() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(SettingsError, match="no particle 25 that could decay"):
        spray(ak.Array([_event(0.0, 0.0, pdg_id=35)]), DECAY, rng)
    with pytest.raises(SettingsError, match="must weigh more than two pions"):
        spray(ak.Array([_event(0.0, 0.0)]), SprayDecay(25, 2.0, 0.2), rng)
