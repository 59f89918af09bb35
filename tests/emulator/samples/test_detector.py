"""Numbers of the response: packaged file and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from emulator.errors import MissingNameError, SettingsError
from emulator.samples._yaml import read_yaml
from emulator.samples.detector import ResponseSettings, load_response

if TYPE_CHECKING:
    from pathlib import Path


def test_geometry_is_symmetric(response: ResponseSettings) -> None:
    edges = response.geometry.edges
    np.testing.assert_array_equal(edges, -edges[::-1])
    assert (response.geometry.n_eta, response.geometry.n_phi) == (80, 72)


def test_calibration_covers_all_rings(response: ResponseSettings) -> None:
    assert response.jets.slope.shape == (40,)
    assert response.jets.offset_lsb[[0, 15, 27, 39]].tolist() == [28.82, 28.74, 14.17, 8.47]


def _changed(tmp_path: Path, part: str, change: dict[str, Any]) -> ResponseSettings:
    content, _ = read_yaml("response_cms")
    path = tmp_path / "r.yaml"
    numbers = {
        name: {"value": value, "source": "choice"} if not isinstance(value, dict) else value
        for name, value in change.items()
    }
    path.write_text(
        yaml.safe_dump({**content, part: {**content[part], **numbers}}), encoding="utf-8"
    )
    return load_response(path)


def test_hash_of_pools_ignores_the_trigger(tmp_path: Path, response: ResponseSettings) -> None:
    trigger = _changed(tmp_path, "muons", {"efficiency": 0.9})
    assert trigger.sha256 != response.sha256
    assert trigger.pool_sha256 == response.pool_sha256
    detector = _changed(tmp_path, "particles", {"field_t": 3.7})
    assert detector.pool_sha256 != response.pool_sha256


@pytest.mark.parametrize(
    ("part", "change", "error", "message"),
    [
        ("muons", {"efficency": 1.0}, MissingNameError, "no setting 'efficency'"),
        ("jets", {"seed_lsb": 8.5}, SettingsError, "seed_lsb must be of type int"),
        ("geometry", {"eta_edges": [0.0, 2.0, 1.0]}, SettingsError, "must rise from 0"),
        ("geometry", {"n_phi": 71}, SettingsError, "n_phi must be even"),
    ],
)
def test_bad_numbers(
    tmp_path: Path, part: str, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        _changed(tmp_path, part, change)


def test_numbers_without_effect_do_not_change_the_identity(
    tmp_path: Path, response: ResponseSettings
) -> None:
    """Samples made before out-of-time pile-up could be counted are those that count none of it."""
    content, _ = read_yaml("response_cms")
    older = {
        name: number
        for name, number in content["towers"].items()
        if not name.startswith("out_of_time")
    }
    path = tmp_path / "older.yaml"
    path.write_text(yaml.safe_dump({**content, "towers": older}), encoding="utf-8")
    assert len(older) == len(content["towers"]) - 2
    assert load_response(path).sha256 == response.sha256
    on = _changed(tmp_path, "towers", {"out_of_time_had": 0.1})
    assert on.sha256 != response.sha256
    assert on.towers.out_of_time_had == 0.1
    assert on.pool_sha256 == response.pool_sha256
