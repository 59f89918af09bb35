"""Files of the benchmarks: plain readers say what our reader says, and what must be decompressed is noted."""

from __future__ import annotations

import pytest

from benchmarks.files import COPIES, RNTUPLE, TREES, BenchFiles
from emulator.features import load_layout
from emulator.objects import read_events

N_EVENTS = 200


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> BenchFiles:
    return BenchFiles(tmp_path_factory.mktemp("files"), N_EVENTS)


@pytest.mark.parametrize("form", [*TREES, RNTUPLE, "L1Ntuple", "Parquet", "uGT", "uGT.xz"])
def test_plain_readers_and_blocks(files: BenchFiles, form: str) -> None:
    file = files.file(form)
    plain = file.plain_reader()()
    read = read_events(file.path, order="readout")
    assert file.says_the_same(plain, read)
    read["etm", "pt"] = read.etm.pt + 1
    read["ett", "pt"] = read.ett.pt + 1
    assert not file.says_the_same(plain, read)
    measures = file.decompression_limit()
    if form in {"TTree, uncompressed", "uGT"}:
        assert measures == {}
    else:
        assert 1e3 < measures["decompression"]() < 1e9


def test_a_layout_needs_fewer_blocks(files: BenchFiles) -> None:
    layout = load_layout("axol1tl_57")
    for form in ("TTree, zstd", RNTUPLE, "Parquet"):
        file = files.file(form)
        some, every = (
            sum(len(decompress()) for decompress in file.blocks(each)) for each in (layout, None)
        )
        assert 0 < some < every
        # All of the compressed bytes are those of a field or of an offset; none is read twice.
        assert every < 4 * file.events.nbytes


@pytest.mark.parametrize("form", ["TTree, lz4", RNTUPLE])
def test_long_files_hold_the_crossings_over_and_over(files: BenchFiles, form: str) -> None:
    short, file = files.file(form), files.long_file(form)
    assert file.n_events == COPIES * N_EVENTS
    once = read_events(short.path, order="readout").tolist()
    assert read_events(file.path, order="readout").tolist() == COPIES * once


def test_as_many_entries_are_read_by_two_processes(files: BenchFiles) -> None:
    file = files.long_file(RNTUPLE)
    assert file.plain_readers(load_layout("axol1tl_57"), 2)() == file.n_events
