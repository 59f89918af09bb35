"""Of a model that cannot do what it is asked for, `model check` says so, and data is refused by name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from small_samples import make_small_model

from emulator.engine import evaluate_rows, plan
from emulator.errors import RangeError
from emulator.features import feature_rows
from emulator.fixed import FixedFormat
from emulator.graph import Graph
from emulator.model import NamedThreshold
from l1distill.emulation import emulate_files
from l1distill.model_caveats import model_caveats
from l1distill.overflow_counts import overflow_report

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.model import Model
    from tests.l1distill.conftest import MakeEvents, WriteSample


def with_input(text: str) -> Model:
    model = make_small_model()
    narrow = replace(model.graph.input, format=FixedFormat.parse(text))
    return replace(model, graph=Graph((narrow, *model.graph.nodes[1:]), model.graph.outputs))


def test_a_usual_model_needs_no_word() -> None:
    model = make_small_model()
    assert model_caveats(model, plan(model.graph)) == ()


def test_features_that_the_input_does_not_hold(
    tmp_path: Path, write_sample: WriteSample, make_events: MakeEvents
) -> None:
    path = write_sample("a.root", 60, 1)
    model = with_input("fixed<9,9>")
    (note,) = model_caveats(model, plan(model.graph))
    assert note.startswith(
        "htt[0].pt (0 to 4095) and 3 more can leave the network's input, fixed<9,9>"
    )
    rows = feature_rows(make_events(60, 1), model.layout)
    first = next(int(value) for value in rows[:, 0] if value > 255)
    said = rf"a\.root: htt\[0\]\.pt is {first} in a crossing; .* fixed<9,9>, holds -256 to 255"
    with pytest.raises(RangeError, match=said):
        emulate_files(model, [path], tmp_path / "scores.root", threads=1)
    assert not (tmp_path / "scores.root").exists()
    with pytest.raises(RangeError, match=said):
        overflow_report(model, [path])


def test_only_numbers_that_occur_are_refused(
    tmp_path: Path, write_sample: WriteSample, make_events: MakeEvents
) -> None:
    path = write_sample("a.root", 60, 1)
    largest = int(feature_rows(make_events(60, 1), make_small_model().layout).max())
    model = with_input(f"ufixed<{largest.bit_length()},{largest.bit_length()}>")
    assert model_caveats(model, plan(model.graph))
    result = emulate_files(model, [path], tmp_path / "scores.root", threads=1)
    scores = evaluate_rows(model.graph, feature_rows(make_events(60, 1), model.layout))["score"]
    assert (result.score_min, result.score_max) == (scores.min(), scores.max())
    assert overflow_report(model, [path]).n_crossings == 60


def test_thresholds_that_all_or_no_crossings_reach() -> None:
    model = make_small_model()
    (score,) = (node for node in plan(model.graph).nodes if node.node == "score")
    at = (score.low, score.low + 1, score.high, score.high + 1)
    thresholds = tuple(NamedThreshold(f"t{place}", value) for place, value in enumerate(at))
    changed = replace(model, thresholds=thresholds)
    assert model_caveats(changed, plan(model.graph)) == (
        f"threshold t0: every crossing reaches {at[0]}, the score is proved to be at least {at[0]}",
        f"threshold t3: no crossing reaches {at[3]}, the score is proved to be at most {at[2]}",
    )
