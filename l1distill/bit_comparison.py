"""A model's decisions against the algorithm bits that the experiment published.

The bits are computed by the experiment's emulator of the time, its era included. A threshold that
never fires on the vectors proves nothing and is *not tested*; any difference is a failure, and the
blame is looked for in the inputs first.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emulator.errors import InputFileError
from emulator.features import feature_rows
from emulator.features.layout import ZERO
from emulator.results import Record
from l1distill.blame import Blame, find_blame
from l1distill.emulation import Scorer
from l1distill.published_bits import chunks_with_bits, decisions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emulator.features import FeatureLayout
    from emulator.model import Model, NamedThreshold
    from emulator.objects.chunks import Source
    from l1distill.published_bits import Paths

#: Mismatches that are shown.
SHOWN = 5

Verdict = Literal["equal", "not tested", "differs"]


@dataclass(frozen=True, slots=True)
class ThresholdAgreement(Record):
    """One threshold.

    Attributes
    ----------
    name, seed, bit, threshold
        Of the model file.
    fires, ours
        Crossings on which the published decision fires, and on which ours does.
    extra, missing
        Crossings on which only ours fires, and only theirs.
    verdict
        ``not tested`` if neither ever fires.
    """

    name: str
    seed: str
    bit: int | None
    threshold: int
    fires: int
    ours: int
    extra: int
    missing: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class InputExercise(Record):
    """How many crossings have a non-zero feature of one collection: 0 means it was not tested."""

    collection: str
    n_crossings: int


@dataclass(frozen=True, slots=True)
class BitMismatch(Record):
    """One crossing on which decisions differ.

    Attributes
    ----------
    file, entry
        Where it is.
    row
        Its features.
    score
        The integer score.
    published, ours
        Seeds that fire.
    """

    file: str
    entry: int
    row: tuple[int, ...]
    score: int
    published: tuple[str, ...]
    ours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BitsComparison(Record):
    """How a model compares with published decisions; ``with`` is ``bits`` in JSON.

    Attributes
    ----------
    model, network_sha256, menu
        What was compared with the bits of which menu.
    n_events, n_mismatch
        Crossings compared, and crossings with any difference.
    thresholds, inputs
        Threshold by threshold, and which inputs the vectors exercise.
    blame
        Only if there are mismatches.
    mismatches
        The first five.
    """

    model: str
    network_sha256: str
    menu: str
    n_events: int
    n_mismatch: int
    thresholds: tuple[ThresholdAgreement, ...]
    inputs: tuple[InputExercise, ...]
    blame: Blame | None
    mismatches: tuple[BitMismatch, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, with the key ``with``."""
        return {"with": "bits", **asdict(self)}


@dataclass(frozen=True)
class _Compared:
    """All crossings: decisions are bool (crossing, threshold)."""

    scores: NDArray[np.int64]
    published: NDArray[np.bool_]
    ours: NDArray[np.bool_]
    exercised: dict[str, int]
    mismatches: tuple[BitMismatch, ...]


def compare_with_bits(
    model: Model,
    paths: Paths,
    thresholds: Sequence[NamedThreshold],
    *,
    source: Source = "unpacked",
    threads: int | None = None,
) -> BitsComparison:
    """Compare a model's decisions with published algorithm bits.

    Parameters
    ----------
    model
        The model.
    paths
        Files that hold decisions, as test vectors of the Global Trigger.
    thresholds
        The model's thresholds that belong to the bits; see
        `l1distill.published_bits.thresholds_of_menu`.
    source
        ``unpacked`` or ``emulated`` objects, where a file has both.
    threads
        Threads of the engine.

    Raises
    ------
    L1Error
        If a file cannot be read, holds no decisions, or not those of a threshold.
    """
    compared = _compared(model, paths, thresholds, source, threads)
    differs = (compared.published != compared.ours).any(axis=1)
    blame = None
    if differs.any():
        blame = find_blame(
            model, paths, thresholds, compared.published, differs, source=source, threads=threads
        )
    return BitsComparison(
        model=model.name,
        network_sha256=model.network_sha256,
        menu=thresholds[0].menu,
        n_events=len(differs),
        n_mismatch=int(differs.sum()),
        thresholds=tuple(
            _agreement(threshold, compared.published[:, place], compared.ours[:, place])
            for place, threshold in enumerate(thresholds)
        ),
        inputs=tuple(InputExercise(name, n) for name, n in compared.exercised.items()),
        blame=blame,
        mismatches=compared.mismatches,
    )


def _compared(
    model: Model,
    paths: Paths,
    thresholds: Sequence[NamedThreshold],
    source: Source,
    threads: int | None,
) -> _Compared:
    scorer = Scorer(model, threads=threads)
    limits = np.array([threshold.threshold for threshold in thresholds])
    names = np.array([threshold.seed for threshold in thresholds])
    exercised = dict.fromkeys((name for name, _ in model.layout.inputs), 0)
    scores, published, ours = [], [], []
    shown: list[BitMismatch] = []
    for chunk, bits in chunks_with_bits(paths, source=source, order=model.layout.order):
        rows = feature_rows(chunk.events, model.layout)
        score = scorer.scores_of_rows(rows)
        theirs = np.stack(
            [decisions_of(bits, each.bit, each.seed, chunk.path) for each in thresholds], axis=1
        )
        fires = score[:, None] >= limits
        scores.append(score)
        published.append(theirs)
        ours.append(fires)
        _count_exercised(rows, model.layout, exercised)
        shown.extend(
            BitMismatch(
                chunk.path,
                chunk.entry_start + int(place),
                tuple(rows[place].tolist()),
                int(score[place]),
                tuple(names[theirs[place]].tolist()),
                tuple(names[fires[place]].tolist()),
            )
            for place in np.flatnonzero((theirs != fires).any(axis=1))[: SHOWN - len(shown)]
        )
    if not scores:
        raise InputFileError(str(paths[0]) if paths else "(no file)", "holds no crossing")
    return _Compared(
        np.concatenate(scores),
        np.concatenate(published),
        np.concatenate(ours),
        exercised,
        tuple(shown),
    )


def _count_exercised(
    rows: NDArray[np.int16], layout: FeatureLayout, exercised: dict[str, int]
) -> None:
    for name in exercised:
        places = [
            place
            for place, feature in enumerate(layout.features)
            if feature.object == name and feature.field != ZERO
        ]
        exercised[name] += int((rows[:, places] != 0).any(axis=1).sum())


def _agreement(
    threshold: NamedThreshold, published: NDArray[np.bool_], ours: NDArray[np.bool_]
) -> ThresholdAgreement:
    extra, missing = int((ours & ~published).sum()), int((published & ~ours).sum())
    verdict: Verdict = "differs" if extra or missing else "equal"
    if not extra and not published.any():
        verdict = "not tested"
    return ThresholdAgreement(
        name=threshold.name,
        seed=threshold.seed,
        bit=threshold.bit,
        threshold=threshold.threshold,
        fires=int(published.sum()),
        ours=int(ours.sum()),
        extra=extra,
        missing=missing,
        verdict=verdict,
    )
