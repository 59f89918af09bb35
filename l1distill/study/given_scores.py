"""A teacher that is a column in files: its scores are matched to the crossings of the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from distill.foreign_teachers import GivenScores
from emulator.errors import InputFileError, SettingsError
from emulator.features import load_layout
from l1distill.score_table import identity_columns
from l1distill.study.roles import TRAINING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from l1distill.study.context import Context
    from l1distill.study.settings import GivenScores as Given

#: What tells crossings apart.
KEYS = ("run", "lumi", "event", "crossing")


class ScoreFile:
    """The scores of one sample, found by the identity of a crossing.

    Parameters
    ----------
    given
        The column and the files.
    sample
        A role or a signal.

    Raises
    ------
    InputFileError
        If a file cannot be read, lacks a column, or holds a crossing twice or a score that is not finite.
    SettingsError
        If no files are given for the sample.
    """

    def __init__(self, given: Given, sample: str) -> None:
        self.sample = sample
        self.paths = given.files().get(sample)
        if self.paths is None:
            msg = f"distillation.teacher.given.signals: there are no scores for signal {sample!r}"
            raise SettingsError(msg)
        parts = [_read(path, given.column) for path in self.paths]
        keys = _keys({name: np.concatenate([one[name] for one in parts]) for name in KEYS})
        values = np.concatenate([one[given.column] for one in parts])
        self._keys, places = np.unique(keys, return_index=True)
        if len(places) < len(keys):
            raise InputFileError(
                self.paths[0], f"holds {len(keys) - len(places)} crossings of {sample} twice"
            )
        self._values: NDArray[np.float64] = values[places]

    def of(self, identity: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the score of each crossing, float64 (crossings,).

        Raises
        ------
        InputFileError
            If a crossing has none.
        """
        wanted = _keys(identity)
        places = np.searchsorted(self._keys, wanted).clip(max=len(self._keys) - 1)
        lacking = self._keys[places] != wanted
        if lacking.any():
            first = dict(zip(KEYS, wanted[int(np.flatnonzero(lacking)[0])].tolist(), strict=True))
            named = ", ".join(f"{name} {value}" for name, value in first.items())
            problem = f"has no score for {lacking.sum()} crossings of {self.sample}, first {named}"
            raise InputFileError((self.paths or [""])[0], problem)
        found: NDArray[np.float64] = self._values[places]
        return found


def _read(path: str, column: str) -> dict[str, NDArray[Any]]:
    try:
        schema = pq.read_schema(path)
        missing = [name for name in (*KEYS, column) if name not in schema.names]
        if missing:
            problem = f"has no column {missing[0]!r}; it has {', '.join(schema.names)}"
            raise InputFileError(path, problem)
        table = pq.read_table(path, columns=[*KEYS, column])
    except FileNotFoundError as error:
        raise InputFileError(path, "there is no such file of scores") from error
    except (pa.ArrowException, OSError) as error:
        raise InputFileError(path, "cannot be read as Parquet") from error
    found = {name: table[name].to_numpy() for name in (*KEYS, column)}
    values = found[column]
    if values.dtype.kind not in "iuf":
        raise InputFileError(path, f"its column {column!r} holds no numbers")
    found[column] = values.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(found[column]))
    if len(bad):
        problem = f"its column {column!r} is {found[column][bad[0]]} in entry {bad[0]}"
        raise InputFileError(path, problem)
    return found


def _keys(identity: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return one comparable key for each crossing."""
    count = len(identity[KEYS[0]])
    keys = np.zeros(count, dtype=[(name, np.int64) for name in KEYS])
    for name in KEYS:
        keys[name] = identity[name]
    return keys


def training_scores(context: Context, given: Given) -> GivenScores:
    """Return the scores of the training sample, in its order."""
    layout = load_layout(context.study.layout)
    scores = ScoreFile(given, TRAINING)
    parts = [
        scores.of(identity_columns(events))
        for events in context.files.chunks(TRAINING, layout.order)
    ]
    return GivenScores(np.concatenate(parts))
