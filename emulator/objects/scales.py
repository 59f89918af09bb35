"""What a hardware integer means: widths, steps, saturation, and how many objects a crossing holds.

All numbers are data (``data/*.yaml``), so that another detector or another phase needs no code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from emulator.errors import MissingNameError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FieldScale:
    """Range and meaning of one hardware integer.

    Attributes
    ----------
    bits, signed
        Width of the integer; a signed one is two's complement.
    minimum, maximum
        Smallest and largest code in use.
    lsb, offset, unit
        ``value = lsb * (hardware integer - offset)``; ``lsb`` 0 marks a plain code (quality, bits).
    turn
        Steps of a full turn for an angle, else 0.
    float_lsb
        Step of CMSSW's float branches; differs from ``lsb`` for the calorimeter's phi.
    saturates
        Whether ``maximum`` means "this much or more".
    """

    bits: int
    signed: bool
    minimum: int
    maximum: int
    lsb: float
    offset: int
    unit: str
    turn: int
    float_lsb: float
    saturates: bool

    def to_float(self, hardware: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Return the physical value as CMSSW writes it into float branches.

        Parameters
        ----------
        hardware
            Hardware integers, any shape.

        Returns
        -------
        float64 of the same shape, in ``unit``; angles are wrapped to (-pi, pi].

        Examples
        --------
        >>> scale = load_scales().field("mu", "pt")
        >>> scale.to_float(np.array([0, 1, 23]))
        array([ 0.,  0., 11.])
        """
        steps = np.asarray(hardware, dtype=np.float64) - self.offset
        if self.turn:
            values = self.float_lsb * steps
            return np.where(values > math.pi, values - 2 * math.pi, values)
        # Code 0 of a muon's pt means "not measured", which CMSSW writes as 0, not as -1 step.
        return self.float_lsb * (np.maximum(steps, 0.0) if self.offset else steps)


@dataclass(frozen=True, slots=True)
class CollectionScale:
    """Largest number of objects in a crossing, and the scale of each field."""

    multiplicity: int
    fields: Mapping[str, FieldScale]


@dataclass(frozen=True, slots=True)
class HardwareScales:
    """Scales of all collections.

    Examples
    --------
    >>> scales = load_scales()
    >>> scales.multiplicity("mu"), scales.field("jet", "pt").maximum
    (8, 2047)
    """

    name: str
    collections: Mapping[str, CollectionScale]

    def collection(self, collection: str) -> CollectionScale:
        """Return the scale of a collection; `MissingNameError` if there is none."""
        if collection not in self.collections:
            raise MissingNameError(
                "collection", collection, self.collections, f"scales {self.name!r}"
            )
        return self.collections[collection]

    def multiplicity(self, collection: str) -> int:
        """Return the largest number of objects of a collection in one crossing."""
        return self.collection(collection).multiplicity

    def field(self, collection: str, field: str) -> FieldScale:
        """Return the scale of a field; `MissingNameError` if there is none."""
        fields = self.collection(collection).fields
        if field not in fields:
            raise MissingNameError(
                "field", field, fields, f"collection {collection!r} of scales {self.name!r}"
            )
        return fields[field]


def _field_scale(entry: Mapping[str, Any]) -> FieldScale:
    bits, signed = int(entry["bits"]), bool(entry.get("signed", False))
    turn = int(entry.get("turn", 0))
    lsb = 2 * math.pi / turn if turn else float(entry.get("lsb", 0.0))
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return FieldScale(
        bits=bits,
        signed=signed,
        minimum=int(entry.get("minimum", low)),
        maximum=int(entry.get("maximum", high)),
        lsb=lsb,
        offset=int(entry.get("offset", 0)),
        unit=str(entry.get("unit", "rad" if turn else "")),
        turn=turn,
        float_lsb=float(entry.get("float_lsb", lsb)),
        saturates=bool(entry.get("saturates", False)),
    )


@lru_cache(maxsize=8)
def load_scales(name: str = "cms_run3") -> HardwareScales:
    """Load packaged hardware scales.

    Parameters
    ----------
    name
        Name of a file in ``emulator/objects/data``, without ``.yaml``.

    Returns
    -------
    The scales; the same object for the same name.

    Raises
    ------
    SettingsError
        If there are no scales of that name.

    Examples
    --------
    >>> load_scales("cms_run3").field("eg", "eta").minimum
    -128
    """
    folder = files("emulator.objects") / "data"
    known = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir())
    if name not in known:
        msg = f"no hardware scales named {name!r}; there are: {', '.join(known)}"
        raise SettingsError(msg)
    content = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    collections = {
        collection: CollectionScale(
            multiplicity=int(entry["multiplicity"]),
            fields={field: _field_scale(scale) for field, scale in entry["fields"].items()},
        )
        for collection, entry in content["collections"].items()
    }
    return HardwareScales(str(content["name"]), collections)
