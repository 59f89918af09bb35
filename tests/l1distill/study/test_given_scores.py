"""A study whose teacher is a column in files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distill.scores import log_grid
from emulator.errors import InputFileError, SettingsError
from l1distill.console import Reporter
from l1distill.score_table import ScoreTable, identity_columns
from l1distill.study.context import Context, RunFolder
from l1distill.study.pipeline import run_until
from l1distill.study.roles import MEASURING, SETTING, TRAINING
from l1distill.study.settings import load_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from l1distill.study.settings import Study

    Write = Callable[[dict[str, Any]], Path]

GIVEN = {
    "column": "theirs",
    **{role: [f"{role}.parquet"] for role in (TRAINING, SETTING, MEASURING)},
    "signals": {"A": ["a.parquet"], "b+c": ["b.parquet"]},
}


@pytest.fixture
def scored(study: Study, tmp_path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Files of scores, shuffled: the sum of all jets, some below zero."""
    files = Context(study, RunFolder(tmp_path), Reporter(), 1).files
    names = {TRAINING: TRAINING, SETTING: SETTING, MEASURING: MEASURING, "A": "a", "b+c": "b"}
    found = {}
    for sample, stem in names.items():
        (events,) = files.chunks(sample, "pt")
        scores = np.asarray(ak.sum(events["jet"]["pt"], axis=1)).astype(float) - 30.0
        columns = {**identity_columns(events), "theirs": scores}
        order = np.random.default_rng(1).permutation(len(scores))
        table = pa.table({name: column[order] for name, column in columns.items()})
        pq.write_table(table, tmp_path / f"{stem}.parquet")
        found[sample] = scores
    return found


def test_students_learn_scores_from_files(
    scored: dict[str, np.ndarray[Any, Any]],
    content: dict[str, Any],
    write_study: Write,
    tmp_path: Path,
) -> None:
    content["distillation"]["teacher"]["given"] = GIVEN
    study = load_study(write_study(content))
    context = run_until(study, tmp_path / "run", "scoring", jobs=1)
    histories = json.loads(context.run.part("training").read_text(encoding="utf-8"))
    assert [one["stage"] for one in histories] == ["float-student", "student"]
    for sample in (MEASURING, "A"):
        table = ScoreTable.read(context.run.scores(sample))
        floor = min(float(scored[TRAINING].min()), 0.0)
        found = table.scores["teacher"]
        # The floor is that of the crossings that were drawn; here all those below are, in 240 draws.
        assert np.array_equal(found, log_grid(scored[sample], 12, floor=floor))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outlier_fraction": 0.1}, "outliers that are made up have no given score"),
        ({"mode": "joint"}, "cannot be trained together with a student"),
    ],
)
def test_what_given_scores_cannot_do(
    change: dict[str, Any], message: str, content: dict[str, Any], write_study: Write
) -> None:
    distillation = content["distillation"]
    distillation["teacher"]["given"] = GIVEN
    if "mode" in change:
        distillation["cotraining"] = change
    else:
        distillation["student"] |= change
    with pytest.raises(SettingsError, match=message):
        load_study(write_study(content))


def test_bad_files_of_scores_are_named(
    scored: dict[str, np.ndarray[Any, Any]],
    content: dict[str, Any],
    write_study: Write,
    tmp_path: Path,
) -> None:
    content["distillation"]["teacher"]["given"] = GIVEN
    study = load_study(write_study(content))
    path = tmp_path / "training.parquet"
    table = pq.read_table(path)

    def refused(message: str) -> None:
        with pytest.raises(InputFileError, match=message):
            run_until(study, tmp_path / "run", "training", jobs=1)

    pq.write_table(table.slice(5), path)
    refused("has no score for 5 crossings of training, first run 7")
    pq.write_table(pa.concat_tables([table, table.slice(0, 2)]), path)
    refused("holds 2 crossings of training twice")
    pq.write_table(table.drop_columns(["theirs"]), path)
    refused("has no column 'theirs'; it has run, lumi")
    values = table["theirs"].to_numpy().copy()
    values[3] = np.nan
    place = table.schema.get_field_index("theirs")
    pq.write_table(table.set_column(place, "theirs", pa.array(values, from_pandas=False)), path)
    refused("'theirs' is nan in entry 3")
    path.write_bytes(b"no parquet")
    refused("cannot be read as Parquet")
    path.unlink()
    refused("there is no such file of scores")
