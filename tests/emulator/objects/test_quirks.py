"""Quirks of the experiment's files, one test each: what is odd there, and the rule by which it is read.

Every file here holds the oddity beside the same file without it. Where crossings, ties, missing slots and
ranges are tested in all their forms stands in the tests of the formats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pytest
import uproot
from damage import some_events, write_l1ntuple

from emulator.errors import InputFileError, RangeError
from emulator.objects import load_scales, open_file, read_events
from emulator.objects.quantities import read_quantity
from emulator.objects.sum_types import SUM_TYPES

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 6
TREE = "l1UpgradeTree/L1UpgradeTree"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A file without oddities."""
    write_l1ntuple(tmp_path / "plain.root", some_events(np.random.default_rng(11), ROWS))
    return tmp_path / "plain.root"


@pytest.fixture
def events(plain: Path) -> ak.Array:
    """What the file without oddities holds."""
    return read_events(plain)


def changed(path: Path, output: Path, **branches: Any) -> Path:
    """Write an L1Ntuple again with other branches."""
    with uproot.open(path) as file:
        trees = {
            name: {k: file[name][k].array() for k in file[name].keys() if k[0] != "n"}  # noqa: SIM118
            for name in (TREE, "l1EventTree/L1EventTree")
        }
    trees[TREE] |= branches
    with uproot.recreate(output) as file:
        for name, content in trees.items():
            file.mktree(name, {k: ak.type(ak.Array(v)).content for k, v in content.items()})
            file[name].extend(content)
    return output


def test_a_muon_code_is_one_more_than_its_pt_in_half_gev(plain: Path) -> None:
    """Code 0 is no muon, code 1 a muon of 0 GeV: it counts."""
    with uproot.open(plain) as file:
        pts = file[TREE]["muonIEt"].array()
        low = ak.values_astype(ak.local_index(pts) == 0, np.int16)
    path = changed(plain, plain.with_name("a.root"), muonIEt=low)
    muons = read_events(path).mu
    assert ak.num(muons.pt).tolist() == ak.sum(low, axis=1).tolist()
    assert set(ak.flatten(muons.pt).tolist()) == {1}
    scale = load_scales().field("mu", "pt")
    assert scale.to_float(np.array([1, 2, 11])).tolist() == [0.0, 0.5, 5.0]


def test_muons_do_not_stand_in_falling_pt(plain: Path, events: ak.Array) -> None:
    with uproot.open(plain) as file:
        names = [key for key in file[TREE].keys() if key.startswith("muon")]  # noqa: SIM118
        reverse = {name: file[TREE][name].array()[:, ::-1] for name in names}
    path = changed(plain, plain.with_name("a.root"), **reverse)
    assert read_events(path, order="readout").mu.tolist() == events.mu[:, ::-1].tolist()
    assert read_events(path).mu.pt.tolist() == events.mu.pt.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_the_crossing_of_sums_is_a_float(plain: Path, events: ak.Array, dtype: Any) -> None:
    with uproot.open(plain) as file:
        assert ak.flatten(file[TREE]["sumBx"].array()).type.content.primitive == "float32"
        bx = ak.values_astype(file[TREE]["sumBx"].array(), dtype)
    path = changed(plain, plain.with_name("a.root"), sumBx=bx)
    assert read_events(path).tolist() == events.tolist()


def test_a_sum_of_0_is_stored_as_a_millionth(plain: Path) -> None:
    """The float says 1e-6 where the integer says 0; the sum is there, with its angle."""
    with uproot.open(plain) as file:
        zero = ak.zeros_like(file[TREE]["sumIEt"].array())
        phi = file[TREE]["sumIPhi"].array()
    tiny = ak.values_astype(zero, np.float32) + np.float32(1e-6)
    path = changed(plain, plain.with_name("a.root"), sumIEt=zero, sumEt=tiny)
    read = read_events(path)
    place = list(SUM_TYPES).index("etm")
    assert read.etm.tolist() == [[{"pt": 0, "phi": each}] for each in phi[:, place].tolist()]
    assert read.ett.pt.tolist() == [[0]] * ROWS


def test_counts_among_sums_have_no_energy(plain: Path, events: ak.Array) -> None:
    """The float of a counting sum is 0 in unpacked trees and half its code in emulated ones."""
    counting = {}
    with uproot.open(plain) as file:
        for name in ("sumIEt", "sumIPhi", "sumType", "sumBx"):
            values = file[TREE][name].array()
            counting[name] = ak.concatenate([values, ak.zeros_like(values[:, :2])], axis=1)
    codes, more = counting["sumIEt"].to_numpy().copy(), counting["sumType"].to_numpy().copy()
    codes[:, -2:], more[:, -2:] = (9, 700), (11, 21)
    counting |= {"sumIEt": ak.from_regular(codes), "sumType": ak.from_regular(more)}
    for energy in (0.0, 0.5):
        floats = ak.values_astype(counting["sumIEt"], np.float32) * energy
        path = changed(plain, plain.with_name("a.root"), **counting, sumEt=floats)
        read = read_events(path)
        assert read.ett.min_bias.tolist() == [[9]] * ROWS
        assert read.htt.towers.tolist() == [[700]] * ROWS
        assert read.htt.pt.tolist() == events.htt.pt.tolist()


def test_sums_have_no_fixed_order_or_number(plain: Path, events: ak.Array) -> None:
    rng = np.random.default_rng(5)
    order = ak.from_regular(np.argsort(rng.random((ROWS, len(SUM_TYPES))), axis=1))
    mixed = {}
    with uproot.open(plain) as file:
        for name in ("sumIEt", "sumIPhi", "sumType", "sumBx"):
            values = file[TREE][name].array()[order]
            # Types that nobody asks for stand before them, in every second entry.
            code = {"sumType": 27, "sumBx": 0}.get(name, 3)
            other = ak.full_like(values[:, :3], code)
            counts = np.arange(ROWS) % 2 * 3
            some = ak.unflatten(ak.flatten(other)[: counts.sum()], counts)
            mixed[name] = ak.concatenate([some, values], axis=1)
    path = changed(plain, plain.with_name("a.root"), **mixed)
    assert read_events(path).tolist() == events.tolist()


def test_the_number_of_vertices_may_be_rubbish(events: ak.Array, tmp_path: Path) -> None:
    """RAW-only ntuples do not initialise nPV: it never enters, and is given as it stands if asked for."""
    rubbish = np.array([15913, -1, 40, 2**31 - 1, -(2**31), 0], np.int32)
    path = tmp_path / "a.root"
    written = some_events(np.random.default_rng(11), ROWS)
    write_l1ntuple(path, written, event={"nPV": rubbish, "nPV_True": np.zeros(ROWS, np.int32)})
    assert read_events(path).tolist() == events.tolist()
    asked = read_quantity(str(path), "l1EventTree/L1EventTree/nPV", entries=ROWS)
    assert asked.tolist() == rubbish.tolist()


def test_simulation_has_no_crossing_and_no_orbit(plain: Path, events: ak.Array) -> None:
    """Run 1, crossing 4294967295, orbit 2**64 - 1: kept as they are, and rows are still told apart."""
    path = plain.with_name("a.root")
    bx, orbit = np.full(ROWS, 2**32 - 1, np.uint32), np.full(ROWS, 2**64 - 1, np.uint64)
    written = some_events(np.random.default_rng(11), ROWS)
    write_l1ntuple(path, written, event={"bx": bx, "orbit": orbit, "run": np.ones(ROWS, np.uint32)})
    read = read_events(path)
    assert read.orbit.tolist() == [2**64 - 1] * ROWS
    assert read.crossing.tolist() == [0] * ROWS
    assert read.event.tolist() == events.event.tolist()


def test_the_top_code_means_this_much_or_more(plain: Path) -> None:
    """A saturated value is kept, not removed, and counted; one above it is no code at all."""
    with uproot.open(plain) as file:
        pts = file[TREE]["jetIEt"].array()
    path = changed(plain, plain.with_name("a.root"), jetIEt=ak.full_like(pts, 2047))
    assert set(ak.flatten(read_events(path).jet.pt).tolist()) == {2047}
    jets = next(each for each in open_file(path).describe().collections if each.name == "jet")
    (saturated,) = (field.n_saturated for field in jets.fields if field.name == "pt")
    assert saturated == ak.count(pts)
    path = changed(plain, plain.with_name("b.root"), jetIEt=ak.full_like(pts, 2048))
    with pytest.raises(
        RangeError, match=r"entry \d: jet\.pt is 2048, outside of its range 0 to 2047"
    ):
        read_events(path)


def test_crossings_beside_the_triggered_one_are_never_taken_for_it(
    plain: Path, events: ak.Array
) -> None:
    branches = {}
    with uproot.open(plain) as file:
        for name in ("egBx", "jetBx"):
            branches[name] = file[TREE][name].array() + np.int16(1)
    path = changed(plain, plain.with_name("a.root"), **branches)
    read = read_events(path)
    assert ak.num(read.eg.pt).tolist() == ak.num(read.jet.pt).tolist() == [0] * ROWS
    assert read.tau.tolist() == events.tau.tolist()
    after = read_events(path, crossings=(1,))
    assert after.eg.tolist() == events.eg.tolist()
    assert ak.num(after.tau.pt).tolist() == [0] * ROWS
    with pytest.raises(InputFileError, match="crossing 2 is in no entry; offered: 0, 1"):
        read_events(path, crossings=(2,))
