"""Columns of the public data set ``CERN/anomaly_detection_cmsl1t``, and its two layouts on disk.

Hugging Face: one file holds whole events, ``data/<sample>/<split>-00000-of-00010.parquet``; the seeds
lie beside it in ``seeds/`` under the same name. Zenodo: one folder for each object, its columns
without the prefix. Source: https://doi.org/10.5281/zenodo.21787779 and its converter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Folder (Zenodo) or prefix (Hugging Face) of each collection, and the column of each field.
COLUMNS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "mu": (
        "muons",
        {
            "pt": "muonIEt",
            "eta": "muonIEta",
            "phi": "muonIPhi",
            "eta_vtx": "muonIEtaAtVtx",
            "phi_vtx": "muonIPhiAtVtx",
            "qual": "muonQual",
            "charge": "muonChg",
            "index": "muonTfMuonIdx",
            "pt_unconstrained": "muonIEtUnconstrained",
        },
    ),
    "eg": ("egammas", {"pt": "egIEt", "eta": "egIEta", "phi": "egIPhi", "iso": "egIso"}),
    "tau": ("taus", {"pt": "tauIEt", "eta": "tauIEta", "phi": "tauIPhi", "iso": "tauIso"}),
    "jet": ("jets", {"pt": "jetIEt", "eta": "jetIEta", "phi": "jetIPhi", "qual": "jetHwQual"}),
    # ET_ETTEM is not read: converters filled it from another sum.
    "ett": ("ET", {"pt": "Et"}),
    "htt": ("HT", {"pt": "Et", "towers": "tower_count"}),
    "etm": ("MET", {"pt": "Et", "phi": "phi"}),
    "htm": ("MHT", {"pt": "Et", "phi": "phi"}),
    "etmhf": ("FET", {"pt": "Et", "phi": "phi"}),
    "htmhf": ("FHT", {"pt": "Et", "phi": "phi"}),
}

#: Scalars of the events array that the data set has; its ``bx`` is that of the orbit.
SCALAR_COLUMNS: Final = ("run", "lumi", "event", "orbit")

#: Scalars of weighted samples, as our writer adds them.
WEIGHT_COLUMNS: Final[Mapping[str, str]] = {
    "weight": "L1D_weight",
    "stratum": "L1D_stratum",
    "pool_id": "L1D_poolId",
}

#: Columns of the seeds table that are no seeds.
NO_SEEDS: Final = ("L1bit", "dataset", "event", "order")

EVENT_FOLDER: Final = "event_info"
SEEDS_FOLDER: Final = "seeds"


@dataclass(frozen=True, slots=True)
class TablePlace:
    """Files that hold some columns, row after row, and what stands before their names."""

    files: tuple[Path, ...]
    prefix: str

    def column(self, name: str) -> str:
        """Return the name of a column in the files."""
        return f"{self.prefix}{name}"


@dataclass(frozen=True, slots=True)
class DataSetPlaces:
    """Where each part of a data set lies.

    Attributes
    ----------
    collections
        Place of each collection of the events array.
    scalars, seeds
        Places of the event numbers and of the seeds (None without seeds).
    """

    collections: Mapping[str, TablePlace]
    scalars: TablePlace
    seeds: TablePlace | None


def is_zenodo_folder(folder: Path) -> bool:
    """Tell whether a folder holds one folder for each object."""
    return all((folder / name).is_dir() for name in (EVENT_FOLDER, "muons", "jets"))


def find_places(path: Path) -> DataSetPlaces:
    """Return where the parts of a data set lie, from one file or a Zenodo folder."""
    if path.is_dir():
        places = {name: _folder(path / part) for name, (part, _) in COLUMNS.items()}
        seeds = path / SEEDS_FOLDER
        return DataSetPlaces(
            places, _folder(path / EVENT_FOLDER), _folder(seeds) if seeds.is_dir() else None
        )
    places = {name: TablePlace((path,), f"{part}_") for name, (part, _) in COLUMNS.items()}
    beside = seeds_beside(path)
    return DataSetPlaces(
        places, TablePlace((path,), ""), TablePlace((beside,), "") if beside.is_file() else None
    )


def seeds_beside(path: Path) -> Path:
    """Return where the seeds of a file lie.

    Examples
    --------
    >>> from pathlib import Path
    >>> seeds_beside(Path("data/x/train-00000-of-00001.parquet")).as_posix()
    'data/x/seeds/train-00000-of-00001.parquet'
    """
    return path.parent / SEEDS_FOLDER / path.name


def _folder(folder: Path) -> TablePlace:
    return TablePlace(tuple(sorted(folder.glob("*.parquet"))), "")
