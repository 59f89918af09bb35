"""Reads the HDF5 files of the ADC2021 / 40 MHz challenge: floats, mapped to hardware integers.

Each event has 19 rows of (pT in GeV, eta, phi[, class]): MET, 4 electrons, 4 muons, 10 jets; a row of
zeros is an empty slot. The numbers are those of a fast detector simulation, not of a trigger: no
hardware ever saw the integers made here, and what is read is marked ``float_valued``.
Source: https://arxiv.org/abs/2107.02157.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.errors import InputFileError, SettingsError
from emulator.objects.crossing_reader import CrossingReader, Part, require_unpacked
from emulator.objects.events import Columns
from emulator.objects.file_access import as_input_error
from emulator.objects.scales import FieldScale, load_scales
from emulator.objects.sha256_files import verify_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from emulator.objects.chunks import Order, Source

FORMAT_NAME: Final = "adc2021"

_MAGIC: Final = b"\x89HDF\r\n\x1a\n"

#: Datasets that hold events: the challenge's own, and those of its example code.
_DATASETS: Final = ("Particles", "X_train", "X_test", "X_val", "Data")

_ROWS: Final = 19

#: No object has more energy than the two beams (GeV), and no angle lies beyond a full turn.
_MOST_PT_GEV: Final = 14_000.0
_MOST_PHI: Final = 2 * math.pi

#: Rows of each collection, its class code, and the fields that eta and phi become.
_SLOTS: Final = {
    "etm": (slice(0, 1), 1, (), ("phi",)),
    "eg": (slice(1, 5), 2, ("eta",), ("phi",)),
    "mu": (slice(5, 9), 3, ("eta_vtx",), ("phi_vtx",)),
    "jet": (slice(9, 19), 4, ("eta",), ("phi",)),
}


def matches(head: bytes) -> bool:
    """Tell from its first bytes whether a file is an HDF5 file."""
    return head.startswith(_MAGIC)


def _open(path: str) -> Any:
    try:
        import h5py
    except ImportError as error:
        msg = f"{path} is an HDF5 file, which needs h5py; install l1distill[hdf5]"
        raise SettingsError(msg) from error
    verify_sha256(path)
    with as_input_error(path, "its header"):
        return h5py.File(path, "r")


class Adc2021Reader(CrossingReader):
    """Reads one dataset of one file; `name::dataset` chooses where a file has several.

    ``run`` and ``lumi`` are 0 and ``event`` is the number of the row, or ``EvtId`` where it is
    stored. There are no taus and no sums but ETM.
    """

    format_name = FORMAT_NAME
    row_name = "event"
    float_valued = True

    def __init__(self, path: str, *, dataset: str | None = None, order: Order = "pt") -> None:
        with _open(path) as file, as_input_error(path, "its datasets"):
            self.dataset = _chosen(path, [name for name in _DATASETS if name in file], dataset)
            shape, kind = file[self.dataset].shape, file[self.dataset].dtype.kind
            if kind != "f" or not shape or shape[1:] not in {(_ROWS, 4), (_ROWS, 3), (_ROWS * 3,)}:
                problem = (
                    f"the dataset {self.dataset} has shape {shape} of {file[self.dataset].dtype}, "
                    f"not (events, 19, 3 or 4) or (events, 57) of floats"
                )
                raise InputFileError(path, problem)
        self.tables = (self.dataset,)
        super().__init__(path, int(shape[0]), order=order)

    def notes(self) -> tuple[str, ...]:
        """Say what the integers are."""
        return (
            "floats of a fast simulation, mapped to hardware integers: no trigger decided on them",
            "a lepton-filtered stream, not zero bias: its rates are no trigger rates",
        )

    def parts(self, ranges: Sequence[tuple[int, int]], *, bits: bool) -> Iterator[Part]:  # noqa: ARG002
        """Return the events of each range; there are no decisions."""
        with _open(self.path) as file:
            for start, stop in ranges:
                with as_input_error(self.path, f"{self.dataset}, events {start} to {stop}"):
                    values = np.asarray(file[self.dataset][start:stop], dtype=np.float64)
                    event = np.arange(start, stop)
                    if "EvtId" in file:
                        event = np.asarray(file["EvtId"][start:stop])
                if values.ndim == 2:
                    values = values.reshape(-1, _ROWS, 3)
                _check(self.path, values, start)
                zeros = np.zeros(stop - start, dtype=np.int64)
                scalars = dict.fromkeys(("run", "lumi", "orbit", "crossing"), zeros)
                yield Part({**scalars, "event": event}, to_hardware(values))


def _chosen(path: str, offered: list[str], asked: str | None) -> str:
    if asked is not None and asked in offered:
        return asked
    if asked is None and len(offered) == 1:
        return offered[0]
    if not offered:
        problem = f"an HDF5 file without events (none of the datasets {', '.join(_DATASETS)})"
    elif asked is None:
        problem = f"has several datasets of events; choose one, as {path}::{offered[0]}: {', '.join(offered)}"
    else:
        problem = f"has no dataset {asked}; there are: {', '.join(offered)}"
    raise InputFileError(path, problem)


def _check(path: str, values: NDArray[np.float64], start: int) -> None:
    """Check that numbers are finite and can be of an object, and classes are those of their rows."""
    pt, phi = values[..., 0], values[..., 2]
    wrong = ~np.isfinite(values).all(axis=2) | (pt < 0) | (pt > _MOST_PT_GEV)
    wrong |= abs(phi) > _MOST_PHI
    if values.shape[2] == 4:
        for rows, code, _, _ in _SLOTS.values():
            classes = values[:, rows, 3]
            wrong[:, rows] |= (classes != code) & (values[:, rows] != 0).any(axis=2)
    if wrong.any():
        event, row = (int(each[0]) for each in np.nonzero(wrong))
        numbers = ", ".join(f"{each:g}" for each in values[event, row])
        raise InputFileError(
            path, f"event {start + event}, row {row}: ({numbers}) is no such object"
        )


def to_hardware(values: NDArray[np.float64]) -> dict[str, Columns]:
    """Map events of floats to columns of hardware integers.

    Parameters
    ----------
    values
        float64, axes (event, row, number): 19 rows of pT in GeV, eta, phi.

    Returns
    -------
    Columns of ``mu``, ``eg``, ``jet`` and ``etm``. Values are rounded to the nearest step (ties to
    even), ET above the scale saturates, phi is taken modulo a full turn. An object whose pT rounds
    to 0 is not there.

    Examples
    --------
    >>> event = np.zeros((1, 19, 3))
    >>> event[0, 5] = 11.0, -1.0, -0.1
    >>> {name: values.tolist() for name, values in to_hardware(event)["mu"].fields.items()}
    {'pt': [23], 'eta_vtx': [-92], 'phi_vtx': [567]}
    """
    scales = load_scales()
    found = {}
    for name, (rows, _, etas, phis) in _SLOTS.items():
        block = values[:, rows]
        pt = _energy(block[..., 0], scales.field(name, "pt"))
        there = pt > 0 if name != "etm" else np.ones(pt.shape, dtype=bool)
        fields = {"pt": pt[there]}
        for field in etas:
            step = scales.field(name, field).lsb
            fields[field] = np.rint(block[..., 1][there] / step).astype(np.int64)
        for field in phis:
            turn = scales.field(name, field).turn
            steps = np.rint(block[..., 2][there] / (2 * math.pi / turn))
            fields[field] = steps.astype(np.int64) % turn
        offsets = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        found[name] = Columns(offsets, fields)
    return found


def _energy(pt: NDArray[np.float64], scale: FieldScale) -> NDArray[np.int64]:
    """Return the hardware pT: 0 for an empty slot, the largest code for what is above the scale."""
    steps = np.rint(np.minimum(pt / scale.lsb, scale.maximum)).astype(np.int64)
    shifted = np.where(steps > 0, steps + scale.offset, 0)
    return np.minimum(shifted, scale.maximum)


def open_adc2021(
    path: str, source: Source, order: Order, *, dataset: str | None = None
) -> Adc2021Reader:
    """Return the reader of an HDF5 file.

    Raises
    ------
    InputFileError
        If it is damaged, or holds no events of this form.
    SettingsError
        If h5py is not installed.
    """
    require_unpacked(path, source, "an HDF5 file of the ADC2021 challenge")
    return Adc2021Reader(path, dataset=dataset, order=order)
