"""HDF5 files of the ADC2021 challenge: floats become hardware integers, and are marked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emulator.errors import InputFileError, RangeError
from emulator.objects import load_scales, open_file, read_events
from emulator.objects.adc2021 import to_hardware

if TYPE_CHECKING:
    from pathlib import Path

h5py = pytest.importorskip("h5py")

CLASSES = np.repeat([1, 2, 3, 4], [1, 4, 4, 10])


def event(**rows: tuple[float, float, float]) -> np.ndarray:
    """Return an event (19, 4) with the rows given, as ``r5=(pt, eta, phi)``."""
    values = np.zeros((19, 4))
    for name, numbers in rows.items():
        row = int(name[1:])
        values[row] = (*numbers, CLASSES[row])
    return values


def write(path: Path, **datasets: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file.create_dataset(name, data=values)
    return path


def test_each_class_on_its_scale(tmp_path: Path) -> None:
    values = event(
        r0=(50.2, 0.0, -math.pi), r1=(30.0, 1.0, 0.0), r2=(24.9, -2.0, math.pi),
        r5=(23.1, 0.5, -0.001), r9=(1500.0, 3.99, 1.0), r10=(20.0, -3.99, -1.0),
    )  # fmt: skip
    events = read_events(write(tmp_path / "a.h5", Particles=np.stack([values, event()])))
    assert events.etm.tolist() == [[{"pt": 100, "phi": 72}], [{"pt": 0, "phi": 0}]]
    assert events.eg.pt.tolist() == [[60, 50], []]
    assert events.eg.eta.tolist() == [[23, -46], []]
    assert events.eg.phi.tolist() == [[0, 72], []]
    assert events.mu.tolist() == [[{"pt": 47, "eta_vtx": 46, "phi_vtx": 0}], []]
    assert events.jet.pt.tolist() == [[2047, 40], []]
    assert events.jet.eta.tolist() == [[92, -92], []]
    assert events.jet.phi.tolist() == [[23, 121], []]
    assert [events[name].pt.tolist() for name in ("tau", "ett", "htt", "etmhf")] == [[[], []]] * 4
    assert events.event.tolist() == [0, 1]


def test_the_integers_mean_the_floats() -> None:
    """Every code of each scale comes back from its float."""
    scales = load_scales()
    for name, row in (("eg", 1), ("mu", 5), ("jet", 9)):
        pt = scales.field(name, "pt")
        codes = np.arange(pt.offset + 1, pt.maximum + 1)
        values = np.zeros((len(codes), 19, 3))
        values[:, row, 0] = pt.to_float(codes)
        assert to_hardware(values)[name].fields["pt"].tolist() == codes.tolist()
        phi = "phi_vtx" if name == "mu" else "phi"
        turn = scales.field(name, phi).turn
        for sign in (1, -1):
            values = np.zeros((turn, 19, 3))
            values[:, row] = np.stack(
                [np.full(turn, 9.0), np.zeros(turn), sign * np.arange(turn) * 2 * math.pi / turn], 1
            )
            found = to_hardware(values)[name].fields[phi]
            assert found.tolist() == (sign * np.arange(turn) % turn).tolist()


def test_it_is_marked_as_made_of_floats(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", Particles=np.stack([event(r1=(30.0, 0.0, 0.0))]))
    assert next(open_file(path).chunks()).float_valued
    summary = open_file(path).describe()
    assert (summary.format_name, summary.float_valued, summary.trees) == (
        "adc2021", True, ("Particles",),
    )  # fmt: skip
    assert any("no trigger decided on them" in note for note in summary.notes)
    assert "mu.phi" in summary.missing


@pytest.mark.parametrize("flat", [False, True])
def test_files_of_the_example_code(tmp_path: Path, flat: bool) -> None:
    values = np.stack([event(r1=(30.0 + k, 0.0, 0.0))[:, :3] for k in range(5)])
    stored = values.reshape(5, 57) if flat else values
    path = write(tmp_path / "a.h5", Data=stored.astype(np.float32))
    chunks = list(open_file(path).chunks(chunk_events=2))
    assert [each.events.eg.pt.tolist() for each in chunks] == [[[60], [62]], [[64], [66]], [[68]]]


def test_several_datasets_are_chosen_from(tmp_path: Path) -> None:
    values = np.stack([event(r1=(30.0, 0.0, 0.0))])
    path = write(tmp_path / "a.h5", X_train=values, X_test=values * 2)
    with pytest.raises(InputFileError, match=r"several datasets .* X_train, X_test"):
        open_file(path)
    with pytest.raises(InputFileError, match="has no dataset Y; there are: X_train, X_test"):
        open_file(f"{path}::Y")
    assert read_events(f"{path}::X_train").eg.pt.tolist() == [[60]]


def test_numbers_of_events_are_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", Particles=np.zeros((3, 19, 4)), EvtId=np.array([7, 9, 8]))
    assert read_events(path).event.tolist() == [7, 9, 8]


def test_what_is_refused(tmp_path: Path) -> None:
    def refused(error: type[Exception], message: str, **datasets: Any) -> None:
        with pytest.raises(error, match=message):
            read_events(write(tmp_path / "a.h5", **datasets))

    bad = event(r1=(30.0, 0.0, 0.0))
    bad[1, 3] = 4
    refused(InputFileError, r"event 1, row 1: \(30, 0, 0, 4\)", Particles=np.stack([event(), bad]))
    for number in (math.nan, math.inf, -1.0):
        values = np.stack([event(r9=(number, 0.0, 0.0))])
        refused(InputFileError, "event 0, row 9", Particles=values)
    refused(InputFileError, "event 0, row 5", Particles=np.stack([event(r5=(14_001.0, 0.0, 0.0))]))
    for phi in (6.3, -6.3):
        refused(InputFileError, "event 0, row 0", Particles=np.stack([event(r0=(9.0, 0.0, phi))]))
    far = np.stack([event(r9=(30.0, 6.0, 0.0))])
    refused(RangeError, r"event 0: jet\.eta is 138, outside of its range", Particles=far)
    refused(InputFileError, r"has shape \(2, 18, 4\) of float64", Particles=np.zeros((2, 18, 4)))
    refused(InputFileError, "of int64, not", Particles=np.zeros((2, 19, 4), int))
    refused(InputFileError, "without events", other=np.zeros(3))
    refused(InputFileError, "has no entries", Particles=np.zeros((0, 19, 4)))
