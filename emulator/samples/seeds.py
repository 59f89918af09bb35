"""Seeds that everybody knows, and whether they fire in crossings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import awkward as ak
import numpy as np

from emulator.constants import WEIGHT_FRACTION_BITS
from emulator.objects import load_scales

if TYPE_CHECKING:
    from numpy.typing import NDArray

    BoolArray = NDArray[np.bool_]

_ROOM: Final = 13


@dataclass(frozen=True, slots=True)
class StandardSeed:
    """A seed that everybody knows: at least so many objects above thresholds, or a sum.

    Attributes
    ----------
    name
        As in menus.
    collection
        Name of the objects or of the sum.
    pt_gev
        Threshold of each object, falling.
    max_abs_eta
        Of the objects.
    min_quality
        Of muons.
    isolated
        Whether the isolation bit must be set.
    """

    name: str
    collection: str
    pt_gev: tuple[float, ...]
    max_abs_eta: float = 9.0
    min_quality: int = 0
    isolated: bool = False


STANDARD_SEEDS: Final = (
    StandardSeed("SingleMu22", "mu", (22.0,), min_quality=12),
    StandardSeed("SingleMu7", "mu", (7.0,), min_quality=12),
    StandardSeed("DoubleMu_15_7", "mu", (15.0, 7.0), min_quality=8),
    StandardSeed("TripleMu_5_3_3", "mu", (5.0, 3.0, 3.0), min_quality=4),
    StandardSeed("SingleEG36er2p5", "eg", (36.0,), 2.5),
    StandardSeed("SingleIsoEG30er2p5", "eg", (30.0,), 2.5, isolated=True),
    StandardSeed("DoubleEG_25_12_er2p5", "eg", (25.0, 12.0), 2.5),
    StandardSeed("SingleTau120er2p1", "tau", (120.0,), 2.1),
    StandardSeed("DoubleIsoTau34er2p1", "tau", (34.0, 34.0), 2.1, isolated=True),
    StandardSeed("SingleJet60", "jet", (60.0,)),
    StandardSeed("SingleJet180er2p5", "jet", (180.0,), 2.5),
    StandardSeed("QuadJet36er2p5", "jet", (36.0,) * 4, 2.5),
    StandardSeed("HTT360er", "htt", (360.0,)),
    StandardSeed("HTT200er", "htt", (200.0,)),
    StandardSeed("ETM80", "etm", (80.0,)),
    StandardSeed("ETMHF100", "etmhf", (100.0,)),
)


class View:
    """Padded columns of an events array, made when first asked for."""

    def __init__(self, events: ak.Array) -> None:
        self._events = events
        self._columns: dict[tuple[str, str], NDArray[np.float64]] = {}
        self._scales = load_scales()
        self.weight: NDArray[np.float64] = ak.to_numpy(events.weight) / 2.0**WEIGHT_FRACTION_BITS
        self.share: NDArray[np.float64] = self.weight / self.weight.sum()
        self.pool_id: NDArray[np.uint64] = ak.to_numpy(events.pool_id)

    def column(self, collection: str, field: str) -> NDArray[np.float64]:
        """Return a field in physical units, ``(n, places)``; absent objects have -1."""
        key = (collection, field)
        if key not in self._columns:
            codes = self._events[collection][field]
            padded = ak.fill_none(ak.pad_none(codes, _ROOM, clip=True), -999)
            raw = ak.to_numpy(padded).astype(np.float64)
            scale = self._scales.field(collection, field)
            self._columns[key] = np.where(raw == -999, -1.0, (raw - scale.offset) * scale.lsb)
        return self._columns[key]

    def code(self, collection: str, field: str) -> NDArray[np.int64]:
        """Return a field as it is, ``(n, places)``; absent objects have -1."""
        padded = ak.fill_none(ak.pad_none(self._events[collection][field], _ROOM, clip=True), -1)
        codes: NDArray[np.int64] = ak.to_numpy(padded).astype(np.int64)
        return codes

    def count(self, collection: str) -> NDArray[np.int64]:
        """Return the number of objects per crossing."""
        counts: NDArray[np.int64] = ak.to_numpy(ak.num(self._events[collection].pt))
        return counts


def fires(view: View, seed: StandardSeed) -> BoolArray:
    """Return whether a seed fires in each crossing, bool, ``(n,)``."""
    good = view.column(seed.collection, "pt").copy()
    if seed.max_abs_eta < 9.0:
        good[np.abs(view.column(seed.collection, "eta")) > seed.max_abs_eta] = -1.0
    if seed.min_quality:
        good[view.code("mu", "qual") < seed.min_quality] = -1.0
    if seed.isolated:
        good[view.code(seed.collection, "iso") <= 0] = -1.0
    falling = -np.sort(-good, axis=1)
    return np.asarray((falling[:, : len(seed.pt_gev)] >= np.array(seed.pt_gev)).all(axis=1))
