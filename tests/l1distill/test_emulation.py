"""From files to scores: every crossing, once, by the reference's arithmetic."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
from small_samples import make_byte_model

from emulator.decoded import Store
from emulator.decoded.parts import read_part
from emulator.engine import evaluate_rows, plan
from emulator.errors import (
    InputFileError,
    KernelError,
    MissingNameError,
    RangeError,
    SettingsError,
)
from emulator.features import feature_rows
from emulator.fixed import FixedFormat
from emulator.graph import Graph, Square, Sum
from emulator.objects import concatenate, read_events
from l1distill import emulation
from l1distill.emulation import Scorer, chunks_of_events, emulate_files
from l1distill.model_caveats import model_caveats
from l1distill.score_table import ScoreTable, identity_columns

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.engine import KernelName
    from emulator.model import Model
    from tests.l1distill.conftest import MakeEvents, WriteSample

L1NTUPLE = "l1ntuple/cms_l1ntuple_run3mc_1ev.root"


def reference_scores(model: Model, events: ak.Array) -> NDArray[np.int64]:
    return evaluate_rows(model.graph, feature_rows(events, model.layout))[model.score][:, 0]


def assert_output(path: Path, model: Model, events: ak.Array) -> NDArray[np.int64]:
    """The file holds the identity, scores and decisions of these events, and nothing else."""
    columns = dict(ScoreTable.read(path).identity)
    identity = identity_columns(events)
    expected = reference_scores(model, events)
    decisions = {f"fires_{each.name}": expected >= each.threshold for each in model.thresholds}
    assert list(columns) == [*identity, "score", *decisions]
    for name, column in {**identity, "score": expected, **decisions}.items():
        np.testing.assert_array_equal(columns[name], column, err_msg=name)
    return expected


def test_several_files_equal_the_reference(
    tmp_path: Path, small_model: Model, make_events: MakeEvents, write_sample: WriteSample
) -> None:
    paths = [write_sample("a.root", 120, 1), write_sample("b.root", 80, 2, boost=3)]
    output = tmp_path / "scores.parquet"
    result = emulate_files(small_model, paths, output, threads=1)
    events = concatenate([make_events(120, 1), make_events(80, 2, boost=3)])
    scores = assert_output(output, small_model, events)
    assert len(np.unique(scores)) > 50, "the sample must try the network"
    assert result.n_crossings == 200
    assert (result.score_min, result.score_max) == (scores.min(), scores.max())
    assert result.fires == {
        "loose": int((scores >= 200).sum()),
        "tight": int((scores >= 900).sum()),
    }
    assert 0 < result.fires["tight"] < result.fires["loose"] < 200
    assert result.network_sha256 == small_model.network_sha256


def test_each_crossing_is_scored_on_its_own(
    tmp_path: Path, small_model: Model, make_events: MakeEvents, write_sample: WriteSample
) -> None:
    path = write_sample("a.root", 40, 3, crossings=(-1, 0, 1))
    events = make_events(40, 3, crossings=(-1, 0, 1))
    for wanted in ((0,), (-1, 1)):
        output = tmp_path / "scores.parquet"
        emulate_files(small_model, [path], output, crossings=wanted, threads=1)
        assert_output(output, small_model, events[np.isin(events["crossing"], wanted)])


@pytest.mark.parametrize("source", ["unpacked", "emulated"])
def test_real_l1ntuple(
    tmp_path: Path,
    small_model: Model,
    reference_data: Path,
    source: Literal["unpacked", "emulated"],
) -> None:
    path = reference_data / L1NTUPLE
    output = tmp_path / "scores.parquet"
    result = emulate_files(small_model, [path], output, source=source, threads=1)
    assert result.n_crossings == 1
    assert_output(output, small_model, read_events(path, source=source))


def test_a_crossing_that_is_not_there_leaves_nothing(
    tmp_path: Path, small_model: Model, write_sample: WriteSample
) -> None:
    path = write_sample("a.root", 10, 1)
    output = tmp_path / "out" / "scores.parquet"
    with pytest.raises(InputFileError, match=r"crossing 2 is in no entry; offered: 0"):
        emulate_files(small_model, [path], output, crossings=(2,), threads=1)
    assert not list(tmp_path.glob("out/*"))


def test_the_input_is_never_replaced(
    tmp_path: Path, small_model: Model, write_sample: WriteSample
) -> None:
    path = write_sample("a.root", 10, 1)
    before = path.read_bytes()
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match="is read from and would be replaced"):
        emulate_files(small_model, [path], tmp_path / "folder" / ".." / "a.root", threads=1)
    assert path.read_bytes() == before


def test_weighted_and_unweighted_files_are_not_mixed(
    tmp_path: Path, small_model: Model, write_sample: WriteSample
) -> None:
    with_weights = write_sample("a.root", 10, 1)
    without = write_sample("b.root", 10, 2, weighted=False)
    for paths, which in (((with_weights, without), "no "), ((without, with_weights), "")):
        told = f"{paths[1].name}: its events have {which}pool_id, stratum, weight, unlike"
        with pytest.raises(InputFileError, match=told):
            emulate_files(small_model, paths, tmp_path / "scores.root", threads=1)
    assert not (tmp_path / "scores.root").exists()
    assert sum(len(events) for events in chunks_of_events([without, without])) == 20


def test_the_scorer_gives_the_score_alone(small_model: Model, make_events: MakeEvents) -> None:
    events = make_events(30, 4)
    scores = Scorer(small_model, threads=1).scores(events)
    assert scores.dtype == np.int64
    np.testing.assert_array_equal(scores, reference_scores(small_model, events))


def test_cast_inputs_from_the_store_give_the_same_scores(
    tmp_path: Path, make_events: MakeEvents, write_sample: WriteSample
) -> None:
    """Scores are those of the reference whatever is kept, how often, in which order and by how many."""
    model = make_byte_model()
    assert Scorer(model, threads=1).casts is not None
    paths = [write_sample("a.root", 120, 1), write_sample("b.root", 80, 2, boost=3)]
    parts = [make_events(120, 1), make_events(80, 2, boost=3)]
    output = tmp_path / "scores.parquet"
    store = Store(tmp_path / "store")
    for order in ([0, 1], [1, 0]):
        for kept, threads in ((None, 1), (store, 1), (store, 2)):
            chosen = [paths[k] for k in order]
            emulate_files(model, chosen, output, threads=threads, store=kept)
            scores = assert_output(output, model, concatenate([parts[k] for k in order]))
            assert len(np.unique(scores)) > 30
    kept_parts = [read_part(path) for path in (tmp_path / "store").glob("*/*.arrow")]
    assert [part.rows.dtype for part in kept_parts] == [np.int8, np.int8]


@pytest.mark.parametrize("ending", ["parquet", "arrow", "root"])
@pytest.mark.parametrize("kernel", [None, "tiles64", "python"])
def test_inner_nodes_are_traced(
    tmp_path: Path,
    small_model: Model,
    make_events: MakeEvents,
    write_sample: WriteSample,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
    kernel: KernelName | None,
) -> None:
    """Whatever the kernel, the format, and the pieces in which they are computed."""
    paths = [write_sample("a.root", 60, 1), write_sample("b.root", 40, 2)]
    rows = feature_rows(concatenate([make_events(60, 1), make_events(40, 2)]), small_model.layout)
    names = ("features", "scaled", "score")
    expected = evaluate_rows(small_model.graph.with_outputs(names), rows)
    monkeypatch.setattr(emulation, "_TRACED_BYTES", 8 * 9 * 17)
    path = tmp_path / f"scores.{ending}"
    emulate_files(small_model, paths, path, threads=1, trace=[*names, "scaled"], kernel=kernel)
    found = read_columns(path)
    assert list(found)[-5:] == ["fires_loose", "fires_tight", *(f"trace_{name}" for name in names)]
    np.testing.assert_array_equal(found["score"], expected["score"][:, 0])
    np.testing.assert_array_equal(found["trace_score"], expected["score"][:, 0])
    for name in ("features", "scaled"):
        np.testing.assert_array_equal(found[f"trace_{name}"], expected[name])


def read_columns(path: Path) -> dict[str, NDArray[Any]]:
    if path.suffix == ".root":
        with uproot.open(path) as file:
            return dict(file["scores"].arrays(library="np"))
    table = pq.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_file(path).read_all()
    return {name: np.array(table[name].to_pylist()) for name in table.column_names}


def test_a_node_or_a_kernel_that_the_network_has_not(
    tmp_path: Path, small_model: Model, write_sample: WriteSample
) -> None:
    path, output = write_sample("a.root", 10, 1), tmp_path / "scores.parquet"
    with pytest.raises(MissingNameError, match="network small: no node 'scald'; nearest: scaled"):
        emulate_files(small_model, [path], output, trace=["scald"])
    with pytest.raises(KernelError, match="the kernel 'dot8' cannot run node"):
        emulate_files(small_model, [path], output, kernel="dot8")
    assert not output.exists()


def test_numbers_beyond_64_bits_are_told(
    tmp_path: Path, small_model: Model, write_sample: WriteSample
) -> None:
    wide = FixedFormat(200, 200)
    squares = [
        Square(f"s{k}", (before,), wide) for k, before in enumerate(["features", "s0", "s1"])
    ]
    graph = Graph(
        (small_model.graph.input, *squares, Sum("score", ("s2",), wide, wide)), ("score",)
    )
    model = replace(small_model, graph=graph)
    path, output = write_sample("a.root", 10, 1), tmp_path / "scores.parquet"
    with pytest.raises(RangeError, match=r"node 'score': \d{20,} in an event does not fit the 64"):
        emulate_files(model, [path], output, threads=1)
    assert not output.exists()
    note = model_caveats(model, plan(graph))[0]
    assert "score score (0 to" in note
    assert "can leave 64 bits" in note
