"""Scaling of inputs: by integers for the student (as in the FPGA), by floats for the teacher."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from distill.errors import TrainingDataError
from distill.quantizers import EXACT_WIDTH, fake_quantize
from emulator.errors import SettingsError
from emulator.fixed import FixedFormat
from emulator.graph import OffsetShift

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from distill.data import TrainingData
    from emulator.features import FeatureLayout

#: Type of the hardware integers that a layout yields.
ROW_FORMAT = FixedFormat(16, 16)
#: Holds ``x - offset`` of any two 16-bit integers, and 7 bits that a right shift pushes out.
INNER_FORMAT = FixedFormat(24, 17)
#: Steps of 1/8 of about one standard deviation, up to ±64 of them. Measured at pile-up 50 with three
#: seeds, steps of 1/8: the accept sets of float and quantized student that keep 3.5e-5 of all
#: crossings overlap to 0.25-0.55 (intersection over union) with a range of ±16, 0.71-0.84 with ±32,
#: 0.89-0.90 with ±64.
DEFAULT_INPUT_FORMAT = FixedFormat(10, 7, rounding="RND_CONV", overflow="SAT")

# A pT that hardly varies (the third muon) must not blow up every GeV: spread is at least 1 GeV.
_MIN_PT_SPREAD = 2.0
# For what no crossing of the training fills, when no earlier slot tells: a typical calorimeter
# object (|eta| up to 57 counts, phi up to 143).
_USUAL_SPREAD = {"pt": 8.0, "eta": 32.0, "phi": 64.0}


@dataclass(frozen=True, slots=True)
class InputScaling:
    """``(x - offset) >> shift`` for each feature, cast to the type of the network's inputs.

    Only wires and one subtractor for each feature, as AXOL1TL scales its inputs. The same numbers
    become an `OffsetShift` node; `values` computes exactly what that node does.

    Parameters
    ----------
    offsets
        Integers in hardware counts, one for each feature.
    shifts
        Right shifts, 0 to 23.
    format
        Type of the scaled inputs.

    Raises
    ------
    SettingsError
        If the lists differ in length, or a number is out of range.
    """

    offsets: tuple[int, ...]
    shifts: tuple[int, ...]
    format: FixedFormat = DEFAULT_INPUT_FORMAT

    def __post_init__(self) -> None:
        if len(self.offsets) != len(self.shifts) or not self.offsets:
            msg = f"scaling has {len(self.offsets)} offsets and {len(self.shifts)} shifts"
            raise SettingsError(msg)
        if not all(ROW_FORMAT.raw_min <= offset <= ROW_FORMAT.raw_max for offset in self.offsets):
            msg = f"scaling has an offset beyond 16 bits: {self.offsets}"
            raise SettingsError(msg)
        if not all(0 <= shift < INNER_FORMAT.width for shift in self.shifts):
            msg = f"shifts must lie between 0 and {INNER_FORMAT.width - 1}, got {self.shifts}"
            raise SettingsError(msg)
        if self.format.width > EXACT_WIDTH[torch.float32]:
            msg = f"the input type {self.format} is wider than {EXACT_WIDTH[torch.float32]} bits"
            raise SettingsError(msg)

    def __len__(self) -> int:
        return len(self.offsets)

    @classmethod
    def fit(
        cls, data: TrainingData, input_format: FixedFormat = DEFAULT_INPUT_FORMAT
    ) -> InputScaling:
        """Choose offsets and shifts on natural background.

        pT: offset is the mean, absent objects counted as 0; the shift brings the standard deviation
        (at least 1 GeV) to between 0.7 and 1.4. Angles: offset is the mean as well, so that a
        mostly absent object keeps an offset near 0; the shift comes from the crossings where the
        object is there. A feature that is constant, or never present, takes the shift of the same
        field in the slot before, since it may come alive on other crossings. Eta is symmetric:
        its offset is 0.

        Parameters
        ----------
        data
            Naturally distributed background, see `distill.sampling.natural_sample`.
        input_format
            Type of the scaled inputs.

        Raises
        ------
        TrainingDataError
            If all features are constant.
        """
        means, spreads = _fit_background(data)
        features = data.layout.features
        offsets = tuple(
            0 if feature.field == "eta" else round(float(mean))
            for feature, mean in zip(features, means, strict=True)
        )
        shifts = tuple(min(max(round(math.log2(spread)), 0), 15) for spread in spreads)
        return cls(offsets, shifts, input_format)

    def node(self, name: str, source: str) -> OffsetShift:
        """Return the scaling as a node of a graph that reads the node ``source``."""
        return OffsetShift(
            name,
            (source,),
            self.format,
            offset=self.offsets,
            offset_format=ROW_FORMAT,
            shift=self.shifts,
            inner=INNER_FORMAT,
        )

    def values(self, rows: Tensor) -> Tensor:
        """Return scaled inputs as the hardware has them.

        Parameters
        ----------
        rows
            Hardware integers as float32 or float64 (crossings, features); both give the same
            numbers, since nothing in between is wider than 24 bits.

        Returns
        -------
        Values of ``format``, same shape and float type.

        Examples
        --------
        >>> scaling = InputScaling(offsets=(18, 0), shifts=(3, 5), format=FixedFormat(8, 6))
        >>> scaling.values(torch.tensor([[21.0, -57.0]]))
        tensor([[ 0.2500, -2.0000]])
        """
        step = 2.0**-INNER_FORMAT.fraction
        shifted = torch.floor(self.float_values(rows) / step) * step
        return fake_quantize(shifted, self.format)

    def float_values(self, rows: Tensor) -> Tensor:
        """Return ``(x - offset) / 2**shift`` without rounding or limits, for the float student."""
        offsets = torch.tensor(self.offsets, dtype=rows.dtype, device=rows.device)
        # Powers of two of Python are exact, whatever a device makes of exp2.
        steps = [2.0**-shift for shift in self.shifts]
        factors = torch.tensor(steps, dtype=rows.dtype, device=rows.device)
        return (rows - offsets) * factors

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON or a checkpoint."""
        return {
            "offsets": list(self.offsets),
            "shifts": list(self.shifts),
            "format": str(self.format),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> InputScaling:
        """Build the scaling that `as_dict` wrote."""
        return cls(
            tuple(int(offset) for offset in plain["offsets"]),
            tuple(int(shift) for shift in plain["shifts"]),
            FixedFormat.parse(plain["format"]),
        )


def _fit_background(data: TrainingData) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean over all crossings and spread of each feature, in hardware counts.

    The spread of pT is over all crossings, that of angles where the object is there. A feature that
    is constant has the spread of the slot before, or one that is usual for the field.
    """
    if (data.rows == data.rows[0]).all():
        msg = f"none of the {data.rows.shape[1]} features varies over {len(data)} crossings"
        raise TrainingDataError(msg)
    present = presence(data.rows, data.layout)
    known: dict[tuple[str, int, str], float] = {}
    spreads: list[float] = []
    for column, feature in enumerate(data.layout.features):
        x = data.rows[:, column].astype(np.float64)
        if feature.field == "pt":
            spread = max(float(x.std()), _MIN_PT_SPREAD) if x.any() else 0.0
        else:
            seen = x[present[:, column]]
            spread = float(seen.std()) if seen.size else 0.0
        before = known.get((feature.object, feature.slot - 1, feature.field))
        usual = before or _USUAL_SPREAD.get(feature.field, 1.0)
        spreads.append(spread or usual)
        known[feature.object, feature.slot, feature.field] = spreads[-1]
    return data.rows.mean(axis=0, dtype=np.float64), np.array(spreads)


def presence(rows: NDArray[np.int16], layout: FeatureLayout) -> NDArray[np.bool_]:
    """Return which features belong to an object that is there, (crossings, features).

    An object is there if its ``pt`` is not 0. Without a ``pt`` feature of the same object and slot,
    a feature counts as present where it is not 0. ``zero`` features are never present.

    Parameters
    ----------
    rows
        Hardware integers, int16 (crossings, features).
    layout
        What the columns are.
    """
    columns = presence_columns(layout)
    result = np.asarray(rows[:, columns] != 0, dtype=np.bool_)
    result[:, [feature.field == "zero" for feature in layout.features]] = False
    return result


def presence_columns(layout: FeatureLayout) -> list[int]:
    """Return for each feature the column that tells whether its object is there."""
    pt_columns = {
        (feature.object, feature.slot): column
        for column, feature in enumerate(layout.features)
        if feature.field == "pt"
    }
    return [
        pt_columns.get((feature.object, feature.slot), column)
        for column, feature in enumerate(layout.features)
    ]


class FloatScaling(nn.Module):
    """Scaling of the teacher's inputs to about unit spread, and the mask of present objects.

    Its numbers are buffers: they are stored in the state of the network that owns the scaling.

    Parameters
    ----------
    n_features
        Number of inputs; `fit` fills in the numbers.
    """

    mean: Tensor
    scale: Tensor
    weight: Tensor
    presence_column: Tensor
    shown_absent: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))
        self.register_buffer("weight", torch.ones(n_features))
        self.register_buffer("presence_column", torch.arange(n_features))
        self.register_buffer("shown_absent", torch.zeros(n_features, dtype=torch.bool))

    def fit(self, data: TrainingData, field_weights: Mapping[str, float]) -> None:
        """Choose means and spreads on natural background.

        Parameters
        ----------
        data
            Naturally distributed background.
        field_weights
            Weight of each field in the reconstruction error, 1 if not named; ``zero`` has none.

        Raises
        ------
        TrainingDataError
            If all features are constant.
        """
        means, spreads = _fit_background(data)
        present = presence(data.rows, data.layout)
        for column, feature in enumerate(data.layout.features):
            angles = data.rows[present[:, column], column]
            is_pt = feature.field == "pt"
            centre = means[column] if is_pt or not angles.size else angles.mean(dtype=np.float64)
            self.mean[column] = float(centre)
            self.scale[column] = float(spreads[column])
            self.shown_absent[column] = is_pt
            known = field_weights.get(feature.field, 1.0)
            self.weight[column] = 0.0 if feature.field == "zero" else known
        self.presence_column.copy_(torch.tensor(presence_columns(data.layout)))

    def shown(self, rows: Tensor) -> Tensor:
        """Return which features a network sees as they are, boolean (crossings, features)."""
        return (rows[:, self.presence_column] != 0) | self.shown_absent

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return scaled features and their weights in the reconstruction error.

        Parameters
        ----------
        rows
            Hardware integers as floats, (crossings, features).

        Returns
        -------
        Both (crossings, features): scaled features, where the angles of an absent object are 0 and
        its pT is that of 0 GeV; and ``weight`` where the object is present, else 0.
        """
        present = rows[:, self.presence_column] != 0
        scaled = (rows - self.mean) / self.scale
        shown = scaled * (present | self.shown_absent)
        return shown, self.weight * present
