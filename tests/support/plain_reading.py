"""What a file says, read a second time with nothing of the project: plain uproot, pyarrow, h5py and text.

Each reader returns the events of the triggered crossing as lists of plain numbers, and the decisions. It takes
every byte as it stands: no check sum, no range, no rule against damage. What the project's readers make of a
damaged file that they accept must be exactly this.
"""

from __future__ import annotations

import gzip
import lzma
import math
from typing import TYPE_CHECKING, Any

import h5py
import pyarrow.parquet as pq
import uproot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

Event = dict[str, Any]
Reading = tuple[list[Event], list[list[bool]]]

#: Slots of the trigger for each kind of object; a sum has one.
SLOTS = {"mu": 8, "eg": 12, "tau": 12, "jet": 12}

#: Type code of each sum, and which further types are fields of its word: code, shift, bits.
SUM_CODES = {"ett": 0, "htt": 1, "etm": 2, "htm": 3, "etmhf": 8, "htmhf": 20}
SUM_PARTS = {
    "ett": {"ettem": (16, 0, 16), "min_bias": (11, 0, 16)},
    "htt": {"towers": (21, 0, 16), "min_bias": (12, 0, 16)},
    "etm": {"asymmetry": (23, 0, 16), "min_bias": (13, 0, 16)},
    "htm": {"asymmetry": (24, 0, 16), "min_bias": (14, 0, 16)},
    "etmhf": {"asymmetry": (25, 0, 16), "centrality": (22, 0, 4)},
    "htmhf": {"asymmetry": (26, 0, 16), "centrality": (22, 4, 4)},
}
WITH_PHI = ("etm", "htm", "etmhf", "htmhf")


def chosen(objects: Iterable[dict[str, int]], slots: int) -> list[dict[str, int]]:
    """Objects with a pT, in falling pT, equal ones in the order of the file, as many as there are slots."""
    return sorted((o for o in objects if o["pt"] > 0), key=lambda o: -o["pt"])[:slots]


# ---- test vectors ------------------------------------------------------------------------------

#: Lowest bit, number of bits and sign of each field of a word.
_CALO = {"pt": (0, 9, False), "eta": (9, 8, True), "phi": (17, 8, False), "iso": (25, 2, False)}
_ET, _TOP = {"pt": (0, 12, False)}, {"min_bias": (28, 4, False)}
_ANGLE = {**_ET, "phi": (12, 8, False), "asymmetry": (20, 8, False)}
_CENTRALITY = {"centrality": (28, 4, False)}
WORDS: dict[str, dict[str, tuple[int, int, bool]]] = {
    "mu": {
        "phi_vtx": (0, 10, False),
        "pt": (10, 9, False),
        "qual": (19, 4, False),
        "eta_vtx": (23, 9, True),
        "iso": (32, 2, False),
        "charge": (34, 1, False),
        "charge_valid": (35, 1, False),
        "index": (36, 7, False),
        "phi": (43, 10, False),
        "pt_unconstrained": (53, 8, False),
        "dxy": (62, 2, False),
    },
    "eg": _CALO,
    "tau": _CALO,
    "jet": {
        "pt": (0, 11, False),
        "eta": (11, 8, True),
        "phi": (19, 8, False),
        "displaced": (27, 1, False),
    },
    "ett": {**_ET, **_TOP, "ettem": (12, 12, False)},
    "htt": {**_ET, **_TOP, "towers": (12, 13, False)},
    "etm": {**_ANGLE, **_TOP},
    "htm": {**_ANGLE, **_TOP},
    "etmhf": {**_ANGLE, **_CENTRALITY},
    "htmhf": {**_ANGLE, **_CENTRALITY},
}


def _bits(word: int, low: int, width: int, signed: bool) -> int:
    code = word >> low & ((1 << width) - 1)
    return code - (1 << width) if signed and code >> (width - 1) else code


def read_vector(path: Path) -> Reading:
    """A test vector, line by line."""
    content = path.read_bytes()
    if content.startswith(b"\xfd7zXZ"):
        content = lzma.decompress(content)
    elif content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    events, decisions = [], []
    for line in content.decode("ascii").splitlines():
        columns = line.split(" ")
        event: Event = {"run": 0, "lumi": 0, "orbit": 0, "crossing": 0, "event": int(columns[0])}
        place = 1
        for name, fields in WORDS.items():
            words = [int(text, 16) for text in columns[place : place + SLOTS.get(name, 1)]]
            place += len(words)
            found = [{key: _bits(word, *bits) for key, bits in fields.items()} for word in words]
            event[name] = chosen(found, len(words)) if name in SLOTS else found
            if name == "mu":
                flags = {"mus0": words[0], "mus1": words[2], "mus2": words[3]}
                event |= {flag: word >> 61 & 1 for flag, word in flags.items()}
        events.append(event)
        algorithms = int(columns[58], 16)
        decisions.append([bool(algorithms >> bit & 1) for bit in range(512)])
    return events, decisions


# ---- trees -------------------------------------------------------------------------------------

_L1NTUPLE = {
    "mu": (
        "muon",
        {
            "pt": "IEt",
            "eta": "IEta",
            "phi": "IPhi",
            "eta_vtx": "IEtaAtVtx",
            "phi_vtx": "IPhiAtVtx",
            "qual": "Qual",
            "charge": "Chg",
            "index": "TfMuonIdx",
            "iso": "Iso",
            "pt_unconstrained": "IEtUnconstrained",
            "dxy": "Dxy",
        },
    ),
    "eg": ("eg", {"pt": "IEt", "eta": "IEta", "phi": "IPhi", "iso": "Iso"}),
    "tau": ("tau", {"pt": "IEt", "eta": "IEta", "phi": "IPhi", "iso": "Iso"}),
    "jet": ("jet", {"pt": "IEt", "eta": "IEta", "phi": "IPhi", "qual": "HwQual"}),
}
_NANO = {
    "mu": (
        "L1Mu_",
        {
            "pt": "hwPt",
            "eta": "hwEta",
            "phi": "hwPhi",
            "eta_vtx": "hwEtaAtVtx",
            "phi_vtx": "hwPhiAtVtx",
            "qual": "hwQual",
            "charge": "hwCharge",
            "charge_valid": "hwChargeValid",
            "index": "tfMuonIndex",
            "iso": "hwIso",
            "pt_unconstrained": "hwPtUnconstrained",
            "dxy": "hwDXY",
        },
    ),
    "eg": ("L1EG_", {"pt": "hwPt", "eta": "hwEta", "phi": "hwPhi", "iso": "hwIso"}),
    "tau": ("L1Tau_", {"pt": "hwPt", "eta": "hwEta", "phi": "hwPhi", "iso": "hwIso"}),
    "jet": ("L1Jet_", {"pt": "hwPt", "eta": "hwEta", "phi": "hwPhi", "qual": "hwQual"}),
}


def _lists(tree: Any, branch: str) -> list[Any]:
    found: list[Any] = tree[branch].array().tolist()
    return found


def _objects(
    tree: Any, prefix: str, crossing: str, fields: dict[str, str]
) -> list[list[dict[str, int]]]:
    """Objects of crossing 0 of each entry, all that there are."""
    there = {key: branch for key, branch in fields.items() if f"{prefix}{branch}" in tree}
    values = {key: _lists(tree, f"{prefix}{branch}") for key, branch in there.items()}
    return [
        [
            {key: int(values[key][entry][place]) for key in values}
            for place, bx in enumerate(crossings)
            if bx == 0
        ]
        for entry, crossings in enumerate(_lists(tree, f"{prefix}{crossing}"))
    ]


def _sums(all_of_them: list[list[dict[str, int]]]) -> dict[str, list[list[dict[str, int]]]]:
    """Each sum of each entry, with those parts of its word that every entry with the sum has."""
    by_code = [
        {o["kind"]: o for o in sorted(entry, key=lambda o: o["pt"])} for entry in all_of_them
    ]
    found: dict[str, list[list[dict[str, int]]]] = {}
    for name, code in SUM_CODES.items():
        parts = {
            key: part
            for key, part in SUM_PARTS[name].items()
            if any(part[0] in entry for entry in by_code)
            and all(part[0] in entry for entry in by_code if code in entry)
        }
        found[name] = []
        for entry in by_code:
            one = entry.get(code)
            word = {} if one is None else {"pt": one["pt"]}
            if one is not None and name in WITH_PHI:
                word["phi"] = one["phi"]
            for key, (kind, shift, bits) in parts.items() if one is not None else ():
                word[key] = entry[kind]["pt"] >> shift & ((1 << bits) - 1)
            found[name].append([word] if word else [])
    return found


def _events(
    scalars: dict[str, list[Any]],
    objects: dict[str, list[list[dict[str, int]]]],
    sums: list[list[dict[str, int]]],
) -> list[Event]:
    each_sum = _sums(sums)
    return [
        {
            "crossing": 0,
            **{name: int(values[entry]) for name, values in scalars.items()},
            **{name: chosen(objects[name][entry], SLOTS[name]) for name in SLOTS},
            **{name: each_sum[name][entry] for name in SUM_CODES},
        }
        for entry in range(len(sums))
    ]


#: Flags of muon showers in the newest layout.
_SHOWERS = {
    "mus0": "muonShowerOneNominal",
    "mus1": "muonShowerOneTight",
    "mus2": "muonShowerTwoLooseDiffSectors",
}


def read_l1ntuple(path: Path) -> Reading:
    """An L1Ntuple, unpacked: objects, and the decisions before prescales where they are stored."""
    with uproot.open({str(path): None}) as file:
        tree, event_tree = file["l1UpgradeTree/L1UpgradeTree"], file["l1EventTree/L1EventTree"]
        objects = {
            name: _objects(tree, prefix, "Bx", fields)
            for name, (prefix, fields) in _L1NTUPLE.items()
        }
        for muon in (o for entry in objects["mu"] for o in entry):
            muon["charge"] = int(muon["charge"] < 0)
        sums = _objects(tree, "sum", "Bx", {"kind": "Type", "pt": "IEt", "phi": "IPhi"})
        scalars = {name: _lists(event_tree, name) for name in ("run", "lumi", "event", "orbit")}
        if "muonShowerBx" in tree:
            flags = _objects(tree, "muonShower", "Bx", {k: b[10:] for k, b in _SHOWERS.items()})
            scalars |= {k: [any(o[k] for o in each) for each in flags] for k in _SHOWERS}
        bits: list[list[bool]] = []
        if "l1uGTTree/L1uGTTree" in file:
            stored = _lists(file["l1uGTTree/L1uGTTree"], "m_algoDecisionInitial")
            bits = [[bool(bit) for bit in entry] for entry in stored]
    return _events(scalars, objects, sums), bits


def read_nano(path: Path) -> Reading:
    """L1 NanoAOD, unpacked, as TTree or RNTuple."""
    with uproot.open({str(path): None}) as file:
        tree = file["Events"]
        objects = {
            name: _objects(tree, prefix, "bx", fields) for name, (prefix, fields) in _NANO.items()
        }
        sums = _objects(tree, "L1EtSum_", "bx", {"kind": "etSumType", "pt": "hwPt", "phi": "hwPhi"})
        branches = {"run": "run", "lumi": "luminosityBlock", "event": "event"}
        optional = {"orbit": "orbitNumber", **{f"mus{k}": f"L1D_mus{k}" for k in range(3)}}
        branches |= {name: branch for name, branch in optional.items() if branch in tree}
        scalars = {name: _lists(tree, branch) for name, branch in branches.items()}
        keys: list[str] = tree.keys()
        seeds = [_lists(tree, key) for key in keys if key.startswith(("L1_", "HLT_"))]
    return _events(scalars, objects, sums), [
        [bool(v) for v in row] for row in zip(*seeds, strict=True)
    ]


# ---- Parquet -----------------------------------------------------------------------------------

_PARQUET = {
    "mu": (
        "muons_muon",
        {
            "pt": "IEt",
            "eta": "IEta",
            "phi": "IPhi",
            "eta_vtx": "IEtaAtVtx",
            "phi_vtx": "IPhiAtVtx",
            "qual": "Qual",
            "charge": "Chg",
            "index": "TfMuonIdx",
            "pt_unconstrained": "IEtUnconstrained",
        },
    ),
    "eg": ("egammas_eg", {"pt": "IEt", "eta": "IEta", "phi": "IPhi", "iso": "Iso"}),
    "tau": ("taus_tau", {"pt": "IEt", "eta": "IEta", "phi": "IPhi", "iso": "Iso"}),
    "jet": ("jets_jet", {"pt": "IEt", "eta": "IEta", "phi": "IPhi", "qual": "HwQual"}),
}
_PARQUET_SUMS = {
    "ett": ("ET_", {"pt": "Et"}),
    "htt": ("HT_", {"pt": "Et", "towers": "tower_count"}),
    "etm": ("MET_", {"pt": "Et", "phi": "phi"}),
    "htm": ("MHT_", {"pt": "Et", "phi": "phi"}),
    "etmhf": ("FET_", {"pt": "Et", "phi": "phi"}),
    "htmhf": ("FHT_", {"pt": "Et", "phi": "phi"}),
}


def read_parquet(path: Path) -> Reading:
    """Parquet of the public data set, in the layout with one file of events and seeds beside it."""
    with pq.ParquetFile(path) as file:
        rows = file.read().to_pylist()
    events = []
    for row in rows:
        event: Event = {name: int(row[name]) for name in ("run", "lumi", "event", "orbit")}
        event["crossing"] = 0
        for name, (prefix, fields) in {**_PARQUET, **_PARQUET_SUMS}.items():
            there = {key: f"{prefix}{column}" for key, column in fields.items()}
            there = {key: column for key, column in there.items() if column in row}
            count = len(row[there["pt"]])
            found = [
                {key: int(row[column][place]) for key, column in there.items()}
                for place in range(count)
            ]
            for muon in found if name == "mu" else ():
                if "charge" in muon:
                    muon["charge"] = int(muon["charge"] < 0)
            event[name] = chosen(found, SLOTS[name]) if name in SLOTS else found
        events.append(event)
    beside = path.parent / "seeds" / path.name
    if not beside.exists():
        return events, []
    with pq.ParquetFile(beside) as file:
        seeds = file.read()
    names = [
        name
        for name in seeds.column_names
        if name not in {"L1bit", "dataset", "event", "order"} and str(seeds[name].type) == "bool"
    ]
    return events, [[bool(row[name]) for name in names] for row in seeds.to_pylist()]


# ---- HDF5 --------------------------------------------------------------------------------------


def _energy(pt: float, largest: int, offset: int) -> int:
    """Code of an energy in half GeV; what is above the scale has the largest code."""
    if pt / 0.5 >= largest:
        return largest
    steps = round(pt / 0.5)
    return min(steps + offset, largest) if steps > 0 else 0


def read_hdf5(path: Path) -> Reading:
    """HDF5 of the ADC2021 challenge, one dataset of events × 19 × (pT, η, φ, class)."""
    with h5py.File(path, "r") as file:
        (name,) = {"Particles", "X_train", "X_test", "X_val", "Data"} & set(file)
        values = file[name][:].astype(float)
        numbers = file["EvtId"][:].tolist() if "EvtId" in file else range(len(values))
    events = []
    for number, rows in zip(numbers, values.reshape(len(values), 19, -1).tolist(), strict=True):
        event: Event = {"run": 0, "lumi": 0, "orbit": 0, "crossing": 0, "event": int(number)}
        event |= {name: [] for name in (*SLOTS, *SUM_CODES)}
        pt, _, phi = rows[0][:3]
        event["etm"] = [{"pt": _energy(pt, 4095, 0), "phi": round(phi / (math.tau / 144)) % 144}]
        for kind, first, last, largest in (("eg", 1, 5, 511), ("jet", 9, 19, 2047)):
            found = [
                {
                    "pt": _energy(pt, largest, 0),
                    "eta": round(eta / 0.0435),
                    "phi": round(phi / (math.tau / 144)) % 144,
                }
                for pt, eta, phi, *_ in rows[first:last]
            ]
            event[kind] = chosen(found, SLOTS[kind])
        muons = [
            {
                "pt": _energy(pt, 511, 1),
                "eta_vtx": round(eta / 0.010875),
                "phi_vtx": round(phi / (math.tau / 576)) % 576,
            }
            for pt, eta, phi, *_ in rows[5:9]
        ]
        event["mu"] = chosen(muons, SLOTS["mu"])
        events.append(event)
    return events, []


def read_plainly(path: Path) -> Reading:
    """Whatever the file is, by its first bytes."""
    head = path.read_bytes()[:8]
    if head.startswith(b"PAR1"):
        return read_parquet(path)
    if head.startswith(b"\x89HDF"):
        return read_hdf5(path)
    if not head.startswith(b"root"):
        return read_vector(path)
    with uproot.open({str(path): None}) as file:
        nano = "Events" in file
    reader: Callable[[Path], Reading] = read_nano if nano else read_l1ntuple
    return reader(path)
