"""Check sums of RNTuples: what ROOT protects is told, and good files are read as before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pytest
import uproot
import xxhash
from damage import _rntuple, some_events
from uproot.models.RNTuple import Model_ROOT_3a3a_RNTuple
from uproot.writing import _cascadentuple

from emulator.errors import InputFileError
from emulator.objects import open_file, read_events, write_nano

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def with_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An RNTuple whose pages have check sums, as ROOT writes them."""
    write_nano(tmp_path / "tree.root", [some_events(np.random.default_rng(4), 80)], provenance={})
    add_blob = _cascadentuple.NTuple.add_rblob

    def with_sum(self: Any, sink: Any, raw: Any, size: int) -> Any:
        content = bytes(raw)
        return add_blob(self, sink, content + _sum(content), size)

    def marked(self: Any) -> bytes:
        number: bytes = (-self.num_entries).to_bytes(4, "little", signed=True)
        return number + bytes(self.locator.serialize())

    monkeypatch.setattr(_cascadentuple.NTuple, "add_rblob", with_sum)
    monkeypatch.setattr(_cascadentuple.NTuple_PageDescription, "serialize", marked)
    _rntuple(tmp_path / "ntuple.root", tmp_path / "tree.root")
    return tmp_path / "ntuple.root"


def _sum(content: bytes) -> bytes:
    return xxhash.xxh3_64_intdigest(content).to_bytes(8, "little")


def test_every_page_is_held_to_its_check_sum(with_sums: Path, tmp_path: Path) -> None:
    expected = read_events(with_sums).tolist()
    assert expected == read_events(tmp_path / "tree.root").tolist()
    good = with_sums.read_bytes()
    with uproot.open(with_sums) as file:
        ntuple = file["Events"]
        places = {
            column.idx: page.locator
            for column, pages in zip(ntuple.column_records, ntuple.page_link_list[0], strict=True)
            for page in pages.pages
            if page.has_checksum
        }
        names = {
            column.idx: ntuple.field_records[column.field_id].field_name
            for column in ntuple.column_records
        }
    copy = tmp_path / "damaged.root"
    read = [idx for idx, name in names.items() if "hwPt" in name or name in {"run", "event"}]
    assert len(read) >= 7
    for idx in read:
        content = bytearray(good)
        content[places[idx].offset + places[idx].num_bytes // 2] ^= 16
        copy.write_bytes(content)
        with pytest.raises(InputFileError, match="the check sum of a page of"):
            read_events(copy)


def test_lists_of_pages_are_held_to_their_check_sum(with_sums: Path, tmp_path: Path) -> None:
    with uproot.open(with_sums) as file:
        link = file["Events"].footer.cluster_group_records[0].page_list_link
    content = bytearray(with_sums.read_bytes())
    content[link.locator.offset + link.locator.num_bytes // 2] ^= 1
    (tmp_path / "damaged.root").write_bytes(content)
    with pytest.raises(InputFileError, match="the check sum of a list of pages"):
        read_events(tmp_path / "damaged.root")


@pytest.mark.parametrize("chunk_events", [20, 25, 30, 80])
def test_no_page_is_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_events: int
) -> None:
    events = some_events(np.random.default_rng(5), 80)
    write_nano(tmp_path / "tree.root", [events], provenance={})
    with uproot.open(tmp_path / "tree.root") as file:
        tree = file["Events"]
        arrays = {key: tree[key].array() for key in tree.keys() if not key.startswith("nL1")}  # noqa: SIM118
    with uproot.recreate(tmp_path / "ntuple.root") as file:
        ntuple = file.mkrntuple("Events", {k: ak.type(v).content for k, v in arrays.items()})
        for first in range(0, 80, 20):
            ntuple.extend({key: values[first : first + 20] for key, values in arrays.items()})
    read: list[tuple[int, int, int]] = []
    read_page = Model_ROOT_3a3a_RNTuple.read_page

    def noting(self: Any, to: Any, cluster: int, column: int, page: int, *more: Any) -> None:
        read.append((int(cluster), column, page))
        read_page(self, to, cluster, column, page, *more)

    monkeypatch.setattr(Model_ROOT_3a3a_RNTuple, "read_page", noting)

    reader = open_file(tmp_path / "ntuple.root", order="readout")
    found = [chunk.events for chunk in reader.chunks(chunk_events=chunk_events)]

    assert {cluster for cluster, _, _ in read} == {0, 1, 2, 3}
    assert len(read) == len(set(read))
    expected = read_events(tmp_path / "tree.root", order="readout")
    assert ak.concatenate(found).tolist() == expected.tolist()
