"""Hardware scales against the documented relations of the experiment's floats and integers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emulator.errors import MissingNameError, SettingsError
from emulator.objects import REQUIRED_FIELDS, known_fields, load_scales

SCALES = load_scales()


@pytest.mark.parametrize(
    ("collection", "field", "low", "high"),
    [
        ("mu", "pt", 0, 511),
        ("mu", "eta_vtx", -256, 255),
        ("mu", "phi_vtx", 0, 575),
        ("mu", "pt_unconstrained", 0, 255),
        ("mu", "qual", 0, 15),
        ("eg", "pt", 0, 511),
        ("tau", "pt", 0, 511),
        ("jet", "pt", 0, 2047),
        ("jet", "eta", -128, 127),
        ("jet", "phi", 0, 143),
        ("etmhf", "pt", 0, 4095),
        ("etm", "phi", 0, 143),
    ],
)
def test_ranges(collection: str, field: str, low: int, high: int) -> None:
    scale = SCALES.field(collection, field)
    assert (scale.minimum, scale.maximum) == (low, high)


def test_multiplicities() -> None:
    found = {name: SCALES.multiplicity(name) for name in REQUIRED_FIELDS}
    sums = dict.fromkeys(["ett", "htt", "etm", "htm", "etmhf", "htmhf"], 1)
    assert found == {"mu": 8, "eg": 12, "tau": 12, "jet": 12, **sums}


def test_every_field_has_a_scale_that_fits_16_bits() -> None:
    for name in REQUIRED_FIELDS:
        assert set(SCALES.collection(name).fields) == set(known_fields(name))
        for field in known_fields(name):
            scale = SCALES.field(name, field)
            assert -(2**15) <= scale.minimum < scale.maximum < 2**15


@pytest.mark.parametrize("collection", ["eg", "tau", "jet", "etm"])
def test_calorimeter_integers_come_back_from_float32(collection: str) -> None:
    pt, phi = SCALES.field(collection, "pt"), SCALES.field(collection, "phi")
    codes = np.arange(pt.maximum + 1)
    np.testing.assert_array_equal(np.rint(2 * pt.to_float(codes).astype(np.float32)), codes)
    codes = np.arange(144)
    floats = phi.to_float(codes).astype(np.float32)
    assert floats.max() <= math.pi
    assert floats.min() > -math.pi
    np.testing.assert_array_equal(np.rint(floats % (2 * math.pi) / 0.0435), codes)
    assert phi.lsb == 2 * math.pi / 144


def test_muon_integers_come_back_from_float32() -> None:
    pt = SCALES.field("mu", "pt").to_float(np.arange(1, 512))
    np.testing.assert_array_equal(np.rint(2 * pt) + 1, np.arange(1, 512))
    eta = SCALES.field("mu", "eta").to_float(np.arange(-256, 256)).astype(np.float32)
    np.testing.assert_array_equal(np.rint(eta / 0.010875), np.arange(-256, 256))
    phi = SCALES.field("mu", "phi").to_float(np.arange(576)).astype(np.float32)
    np.testing.assert_array_equal(
        np.rint(phi % (2 * math.pi) / (2 * math.pi / 576)) % 576, np.arange(576)
    )


def test_unconstrained_pt_without_measurement_is_zero() -> None:
    assert SCALES.field("mu", "pt_unconstrained").to_float(np.array([0, 1, 11])).tolist() == [
        0,
        0,
        10,
    ]


def test_only_energies_saturate() -> None:
    saturating = {
        field
        for name in REQUIRED_FIELDS
        for field, scale in SCALES.collection(name).fields.items()
        if scale.saturates
    }
    assert saturating == {"pt", "pt_unconstrained", "ettem"}


def test_unknown_names_are_refused() -> None:
    with pytest.raises(
        SettingsError, match="no hardware scales named 'phase9'; there are: cms_run3"
    ):
        load_scales("phase9")
    with pytest.raises(MissingNameError, match="no collection 'jets'; nearest: jet"):
        SCALES.multiplicity("jets")
    with pytest.raises(
        MissingNameError, match="'eg' of scales 'cms_run3': no field 'etta'; nearest: eta"
    ):
        SCALES.field("eg", "etta")
