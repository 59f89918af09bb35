"""What is taken from baskets by hand is what uproot reads, and the rest is left to uproot."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import InputFileError
from emulator.objects import baskets
from emulator.objects.baskets import BranchBaskets, UnexpectedLayoutError, decompressed
from emulator.objects.root_file import open_root

if TYPE_CHECKING:
    from pathlib import Path

N = 1_000
STEP = 150
TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32")
COMPRESSIONS = {
    "zlib": uproot.ZLIB(1),
    "zstd": uproot.ZSTD(3),
    "lz4": uproot.LZ4(1),
    "none": None,
}
RANGES = [(0, N), (0, 1), (149, 151), (150, 300), (299, 750), (900, N), (N - 1, N)]


def write_tree(path: Path, compression: Any) -> None:
    """Write numbers and lists of each type, with an empty basket's worth of lists among them."""
    rng = np.random.default_rng(1)
    with uproot.recreate(path, compression=compression) as file:
        types = {f"one_{name}": name for name in TYPES}
        types |= {f"many_{name}": f"var * {name}" for name in TYPES}
        file.mktree("t", types)
        for start in range(0, N, STEP):
            n = min(STEP, N - start)
            counts = rng.integers(0, 5, n) * (start != 2 * STEP)
            columns: dict[str, Any] = {}
            for name in TYPES:
                values = rng.integers(0, 256, n + counts.sum()) - 128 * (not name.startswith("u"))
                one, many = np.split(values.astype(name), [n])
                columns |= {f"one_{name}": one, f"many_{name}": ak.unflatten(many, counts)}
            file["t"].extend(columns)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_branches_are_those_of_uproot(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "a.root"
    write_tree(path, COMPRESSIONS[compression])
    with uproot.open({path: None}, handler=uproot.MemmapSource) as file:
        for start, stop in RANGES:
            for name in TYPES:
                one = file["t"][f"one_{name}"]
                found = BranchBaskets(one).numbers(start, stop)
                assert found.dtype == name
                np.testing.assert_array_equal(found, one.array(library="np")[start:stop])
                many = file["t"][f"many_{name}"]
                offsets, contents = BranchBaskets(many).jagged(start, stop)
                assert contents.dtype == name
                expected = many.array()[start:stop]
                counts = ak.num(expected)
                assert offsets.tolist() == [0, *np.cumsum(counts)]
                np.testing.assert_array_equal(contents, ak.to_numpy(ak.flatten(expected)))


def test_wide_baskets_have_several_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    values = (np.arange(5_000_000) // 100).astype(np.int32)
    with uproot.recreate(path, compression=uproot.LZ4(1)) as file:
        file.mktree("t", {"x": "int32"})
        file["t"].extend({"x": values})
    with uproot.open({path: None}, handler=uproot.MemmapSource) as file:
        assert file["t"]["x"].num_baskets == 1
        assert len(file["t"]["x"].basket(0).block_compression_info) > 1
        np.testing.assert_array_equal(BranchBaskets(file["t"]["x"]).numbers(0, len(values)), values)


@given(
    st.lists(st.lists(st.integers(0, 255), max_size=5), min_size=1, max_size=8),
    st.integers(0, 12),
)
def test_headers_of_lists_are_left_out(lists: list[list[int]], header: int) -> None:
    content = np.array([x for each in lists for x in (*[9] * header, *each)], dtype=np.uint8)
    stops = np.cumsum([0, *(header + len(each) for each in lists)])
    kept = baskets._without_headers(content, stops, header)
    assert kept.tolist() == [x for each in lists for x in each]


def test_the_experiments_branches(reference_data: Path) -> None:
    """Vectors as ROOT writes them have a header each; nothing of the experiment is left to uproot."""
    path = min(reference_data.glob("l1ntuple/*.root"))
    with uproot.open({path: None}, handler=uproot.MemmapSource) as file:
        tree = file["l1UpgradeTree/L1UpgradeTree"]
        lists = [
            branch
            for branch in tree.itervalues(recursive=True)
            if str(branch.interpretation).startswith("AsJagged(AsDtype")
        ]
        assert len(lists) > 50
        for branch in lists:
            offsets, contents = BranchBaskets(branch).jagged(0, tree.num_entries)
            assert ak.unflatten(contents, np.diff(offsets)).tolist() == branch.array().tolist()


def test_other_sources_and_types_are_left_to_uproot(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file.mktree("t", {"x": "int32", "flag": "bool", "pair": np.dtype(("int32", (2,)))})
        pair = np.zeros((2, 2), np.int32)
        file["t"].extend({"x": [1, 2], "flag": np.array([True, False]), "pair": pair})
        file.mkrntuple("n", {"x": np.array([1, 2])})
    with uproot.open({path: None}, handler=uproot.MemmapSource) as file:
        for branch in (file["t"]["flag"], file["t"]["pair"], file["n"]["x"]):
            with pytest.raises(UnexpectedLayoutError):
                BranchBaskets(branch)
    with uproot.open({path: None}) as file, pytest.raises(UnexpectedLayoutError):
        BranchBaskets(file["t"]["x"])  # another source than a mapped file


BLOCK = (
    b"ZL\x08"
    + len(zlib.compress(b"abcd")).to_bytes(3, "little")
    + b"\4\0\0"
    + zlib.compress(b"abcd")
)


@pytest.mark.parametrize(
    ("stored", "length"),
    [
        (BLOCK, 5),  # not all is there
        (BLOCK + BLOCK, 7),  # more than there should be
        (b"XX" + BLOCK[2:], 4),
        (BLOCK[:-1], 4),
        (BLOCK + b"ZL", 8),
        (b"L4\1\x0a\0\0\4\0\0" + bytes(10), 4),  # a wrong check sum
    ],
)
def test_blocks_that_make_no_sense(stored: bytes, length: int) -> None:
    assert decompressed(np.frombuffer(BLOCK, np.uint8), 4).tobytes() == b"abcd"
    two = decompressed(np.frombuffer(BLOCK + BLOCK, np.uint8), 8)
    assert two.tobytes() == b"abcdabcd"
    with pytest.raises(UnexpectedLayoutError):
        decompressed(np.frombuffer(stored, np.uint8), length)


def test_damaged_baskets_are_an_error_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    write_tree(path, COMPRESSIONS["zlib"])
    with uproot.open(path) as file:
        branch = file["t"]["many_int16"]
        seek, length = int(branch.member("fBasketSeek")[1]), int(branch.member("fBasketBytes")[1])
    content = bytearray(path.read_bytes())
    for place in (seek + length - 20, seek + length - 40):
        damaged = content.copy()
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        with open_root(str(path)) as file:
            tree = file.tree("t")
            assert len(tree.jagged("many_int16", 0, STEP).offsets) == STEP + 1
            with pytest.raises(InputFileError, match="t/many_int16, entries 0 to 1000"):
                tree.jagged("many_int16", 0, N)
