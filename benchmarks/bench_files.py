"""From file to score by format and compression, beside what uproot alone needs for the same branches.

The road is `emulate_files`, with its table of scores, in one process: a first pass that decodes and fills the
cache, and one from the cache. The peer only reads: it knows no crossing, no range and no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot
from damage import some_events

from benchmarks.limits import tell_rate
from benchmarks.students import SCALED, SIZES, make_student
from emulator.decoded import Store
from emulator.features import feature_rows, load_layout
from emulator.model import Model
from emulator.objects import Chunk, concatenate, trim, write_nano, write_parquet
from emulator.objects.nano import COLLECTIONS, FIELDS
from l1distill.emulation import Scorer, emulate_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

N_EVENTS = 100_000

COMPRESSIONS: dict[str, Any] = {
    "zlib": uproot.ZLIB(1),
    "zstd": uproot.ZSTD(3),
    "lz4": uproot.LZ4(1),
    "uncompressed": None,
}
FORMATS = [*(f"TTree, {name}" for name in COMPRESSIONS), "RNTuple, zstd", "Parquet"]


@pytest.fixture(scope="module")
def events() -> ak.Array:
    rng = np.random.default_rng(11)
    return trim(concatenate([some_events(rng, 10_000) for _ in range(N_EVENTS // 10_000)]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, events: ak.Array) -> Path:
    """The same events in each format."""
    folder = tmp_path_factory.mktemp("files")
    write_nano(folder / "nano.root", [events], provenance={})
    write_parquet(folder / "Parquet", [Chunk("", "", 0, len(events), events)], provenance={})
    (folder / "Parquet").rename(folder / "Parquet.parquet")
    with uproot.open(folder / "nano.root") as file:
        names = [name for name in file["Events"].keys() if not name.startswith("nL1")]  # noqa: SIM118
        arrays = {name: file["Events"][name].array() for name in names}
    types = {name: ak.type(values).content for name, values in arrays.items()}
    for name, compression in COMPRESSIONS.items():
        with uproot.recreate(folder / f"TTree, {name}.root", compression=compression) as file:
            file.mktree("Events", types)
            file["Events"].extend(arrays)
    with uproot.recreate(folder / "RNTuple, zstd.root", compression=uproot.ZSTD(3)) as file:
        file.mkrntuple("Events", types).extend(arrays)
    return folder


@pytest.fixture(scope="module")
def model() -> Model:
    return Model("m", load_layout("axol1tl_57"), make_student(SIZES, SCALED), "score")


def plain_reader(path: Path, model: Model) -> Callable[[], Any]:
    """Return what reads the branches that the model needs, and their crossings, and no more."""
    names = [f"L1{COLLECTIONS[name]}_{FIELDS[name][field]}" for name, field in model.layout.inputs
             if name in COLLECTIONS and field in FIELDS[name]]  # fmt: skip
    names += [f"L1{COLLECTIONS[name]}_bx" for name in {name for name, _ in model.layout.inputs}
              if name in COLLECTIONS]  # fmt: skip
    names += [f"L1EtSum_{each}" for each in ("hwPt", "hwPhi", "etSumType", "bx")]
    names += ["run", "luminosityBlock", "event", "orbitNumber", "L1D_crossing"]
    if path.suffix == ".parquet":
        return lambda: pq.read_table(path)

    def read() -> Any:
        with uproot.open(path) as file:
            return file["Events"].arrays(names, library="ak")

    return read


@pytest.mark.parametrize("who", ["first pass", "from cache", "reading alone"])
@pytest.mark.parametrize("name", FORMATS)
def test_file_to_score(
    benchmark: BenchmarkFixture,
    folder: Path,
    tmp_path: Path,
    events: ak.Array,
    model: Model,
    name: str,
    who: str,
) -> None:
    """The first pass fills the cache; scores are equal to those of the events in memory."""
    benchmark.group = f"file to score, {name}, one process"
    path = folder / (f"{name}.parquet" if name == "Parquet" else f"{name}.root")
    output = tmp_path / "scores.parquet"
    stores = (Store(tmp_path / str(number)) for number in range(1_000))
    kept = next(stores)

    def emulate() -> None:
        store = next(stores) if who == "first pass" else kept
        emulate_files(model, [path], output, threads=1, store=store)

    emulate()
    found = pq.read_table(output).column("score").to_numpy()
    expected = Scorer(model, threads=1).scores_of_rows(feature_rows(events, model.layout))
    np.testing.assert_array_equal(found, expected)
    benchmark.pedantic(  # type: ignore[no-untyped-call]
        plain_reader(path, model) if who == "reading alone" else emulate, rounds=7, warmup_rounds=1
    )
    benchmark.extra_info["megabytes"] = path.stat().st_size / 1e6
    tell_rate(benchmark, N_EVENTS)
