"""The graph decides as the quantized student does, on every row and for any types."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.errors import ExportError
from distill.export import accumulator_format, export_graph, export_model, prove_export
from distill.scaling import InputScaling
from distill.scores import quantized_scores
from distill.students import FloatStudent, QuantStudent, StudentSpec
from distill.training import torch_seed
from emulator.engine import evaluate_rows
from emulator.errors import L1Error
from emulator.fixed import FixedFormat, Interval, to_float
from emulator.fixed.format import OVERFLOWS, ROUNDINGS
from emulator.graph import Dense, Graph
from emulator.model import load_model, save_model

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from distill.data import TrainingData
    from emulator.features import FeatureLayout

parse = FixedFormat.parse

SPECS = {
    "default": StudentSpec.uniform((32, 16)),
    "small": StudentSpec.uniform(
        (5,),
        input_format=parse("fixed<4,3,TRN,SAT>"),
        weight_format=parse("fixed<3,1,RND_CONV,SAT_SYM>"),
        bias_format=parse("fixed<4,1,RND,SAT>"),
        activation_format=parse("ufixed<3,2,TRN,SAT>"),
        score_format=parse("fixed<14,5,RND,SAT>"),
    ),
    "wrapping": StudentSpec.uniform(
        (12, 7, 5),
        input_format=parse("fixed<7,3,RND,WRAP>"),
        weight_format=parse("fixed<6,1,RND_INF,SAT>"),
        bias_format=parse("fixed<6,2,RND_ZERO,SAT>"),
        activation_format=parse("ufixed<6,1,RND_CONV,WRAP>"),
        score_format=parse("fixed<10,3,TRN_ZERO,WRAP>"),
    ),
    "wide": StudentSpec.uniform(
        (16, 8),
        input_format=parse("fixed<16,9,RND_CONV,SAT>"),
        weight_format=parse("fixed<16,3,RND,SAT>"),
        bias_format=parse("fixed<24,4,RND,SAT>"),
        activation_format=parse("ufixed<16,9,RND,SAT>"),
        score_format=parse("ufixed<24,9,RND_MIN_INF,SAT_ZERO>"),
    ),
}

_EACH = [
    parse("fixed<5,1,RND,SAT>"),
    parse("fixed<3,-1,RND,SAT>"),
    None,
    parse("fixed<7,2,RND,SAT>"),
]
_PASSED = [
    parse("ufixed<5,3,RND,SAT>"),
    None,
    parse("ufixed<3,2,RND,SAT>"),
    parse("ufixed<7,6,RND,SAT>"),
]
_SIGNED = [
    parse("fixed<5,1,RND,SAT>"),
    parse("fixed<3,1,RND,SAT>"),
    None,
    parse("fixed<6,1,RND,SAT>"),
]
SPECS["channels"] = replace(
    StudentSpec.uniform((8, 4), inputs=(0, 2, 3, 5, 8, 15, 18, 27, 30, 56)),
    weight_formats=(tuple(_EACH * 2), tuple(_EACH), (parse("fixed<8,2,RND,SAT>"),)),
    activation_formats=(tuple(_PASSED * 2), parse("ufixed<6,4,RND,SAT>")),
)
SPECS["hard_tanh"] = StudentSpec.uniform((12, 6), activation="hard_tanh", inputs=(0, 3, 27))
SPECS["hard_tanh channels"] = replace(
    StudentSpec.uniform((8, 4), activation="hard_tanh"),
    activation_formats=(tuple(_SIGNED * 2), (None,) * 4),
)
#: Of these nothing but a bias is left.
CONSTANT = {"hard_tanh channels"}


def build(
    spec: StudentSpec, scaling: InputScaling, *, seed: int = 5, gain: float = 3.0
) -> QuantStudent:
    """Return a student with parameters larger than at the start of training, so that types saturate."""
    with torch_seed(seed):
        floating = FloatStudent(spec, scaling)
    with torch.no_grad():
        for parameter in floating.parameters():
            parameter.mul_(gain)
    return QuantStudent.from_float(floating)


def extreme_rows(background: TrainingData) -> NDArray[np.int16]:
    """Background, constant extremes, single extreme features, and random 16-bit integers."""
    rng = np.random.default_rng(8)
    n = background.rows.shape[1]
    constant = np.repeat(np.array([[-32768], [-1], [0], [1], [511], [32767]]), n, axis=1)
    single = np.concatenate([np.eye(n) * 32767, np.eye(n) * -32768])
    noise = rng.integers(-32768, 32768, (1_000, n))
    return np.concatenate([background.rows, constant, single, noise]).astype(np.int16)


@pytest.mark.parametrize("name", SPECS)
def test_export_equals_torch_on_every_row(name: str, background: TrainingData) -> None:
    spec = SPECS[name]
    student = build(spec, InputScaling.fit(background, spec.input_format))
    rows = extreme_rows(background)
    proof = prove_export(student, export_graph(student), rows)
    assert proof.n_events == len(rows) > 7_000
    assert proof.n_mismatch == 0, proof.first
    # It is not trivially equal.
    assert (len(np.unique(quantized_scores(student, rows))) > 50) == (name not in CONSTANT)


@pytest.mark.parametrize("name", SPECS)
def test_export_equals_torch_in_the_reference(name: str, background: TrainingData) -> None:
    spec = SPECS[name]
    student = build(spec, InputScaling.fit(background, spec.input_format))
    rows = extreme_rows(background)[-150:]
    graph = export_graph(student)
    raws = evaluate_rows(graph, rows)["score"][:, 0]
    np.testing.assert_array_equal(
        to_float(raws, graph.tensors["score"].format), quantized_scores(student, rows)
    )


formats = st.builds(
    FixedFormat,
    width=st.integers(2, 12),
    integer=st.integers(-1, 8),
    signed=st.booleans(),
    rounding=st.sampled_from(ROUNDINGS),
    overflow=st.sampled_from(OVERFLOWS),
)


@st.composite
def students(draw: st.DrawFn) -> QuantStudent:
    n_features = draw(st.integers(1, 6))
    widths = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    several = st.lists(formats, min_size=len(widths) + 1, max_size=len(widths) + 1).map(tuple)
    spec = StudentSpec(
        widths=widths,
        input_format=draw(formats),
        weight_formats=draw(several),
        bias_formats=draw(several),
        activation_formats=draw(several)[:-1],
        score_format=draw(formats),
    )
    offset, shift = st.integers(-300, 300), st.integers(0, 8)
    scaling = InputScaling(
        tuple(draw(st.lists(offset, min_size=n_features, max_size=n_features))),
        tuple(draw(st.lists(shift, min_size=n_features, max_size=n_features))),
        spec.input_format,
    )
    return build(spec, scaling, seed=draw(st.integers(0, 99)), gain=draw(st.floats(0.5, 20.0)))


@settings(max_examples=60, deadline=None)
@given(student=students(), seed=st.integers(0, 99))
def test_export_equals_torch_for_any_types(student: QuantStudent, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(-700, 700, (40, len(student.scaling))).astype(np.int16)
    graph = export_graph(student)
    raws = evaluate_rows(graph, rows)["score"][:, 0]
    found = to_float(raws, graph.tensors["score"].format)
    np.testing.assert_array_equal(found, quantized_scores(student, rows))


def test_no_narrower_accumulator_would_do() -> None:
    # Largest partial sum: 5 + 3 * 7 = 26 needs 6 bits with the sign; the last term leads back to 5.
    inputs = [Interval(0, 7), Interval(0, 7)]
    weights = np.array([[3], [-3]])
    found = accumulator_format(inputs, weights, 2, np.array([5]), 2, name="d")
    assert (found.width, found.fraction) == (6, 2)
    assert found.signed
    # The product -3 * 7 = -21 alone needs 6 bits, though every sum is above -17.
    found = accumulator_format(inputs, weights[::-1] * 1, 2, np.array([15]), 2, name="d")
    assert (found.width, found.fraction) == (7, 2)  # 15 + 21 = 36
    found = accumulator_format(inputs[:1], weights[1:], 2, np.array([10]), 2, name="d")
    assert (found.width, found.fraction) == (6, 2)  # sums reach from -11 to 10, a product -21
    # Biases with more fraction bits than the products keep them.
    found = accumulator_format(inputs, weights, 2, np.array([5]), 4, name="d")
    assert (found.width, found.fraction) == (8, 4)  # 5 + 4 * 21 = 89


@pytest.mark.parametrize("name", SPECS)
def test_accumulators_never_overflow(name: str, background: TrainingData) -> None:
    spec = SPECS[name]
    student = build(spec, InputScaling.fit(background, spec.input_format))
    graph = export_graph(student)
    wider = Graph(tuple(_widened(node) for node in graph.nodes), graph.outputs)
    rows = extreme_rows(background)[-100:]
    np.testing.assert_array_equal(
        evaluate_rows(graph, rows)["score"], evaluate_rows(wider, rows)["score"]
    )


def _widened(node: object) -> Dense:
    if not isinstance(node, Dense):
        return node  # type: ignore[return-value]
    accumulator = FixedFormat(58, 58 - node.accumulator.fraction)
    hidden = node.format == node.accumulator
    return replace(node, accumulator=accumulator, format=accumulator if hidden else node.format)


def test_a_changed_weight_is_found(background: TrainingData) -> None:
    spec = SPECS["default"]
    student = build(spec, InputScaling.fit(background, spec.input_format), gain=1.0)
    graph = export_graph(student)
    last = graph["score"]
    assert isinstance(last, Dense)
    changed = replace(last, bias=(last.bias[0] + (1 if last.bias[0] < 100 else -1),))
    wrong = Graph((*graph.nodes[:-1], changed), graph.outputs)
    proof = prove_export(student, wrong, background.rows)
    assert proof.n_mismatch > 1_000
    assert len(proof.first) == 5
    shown = proof.first[0]
    assert shown.row == tuple(background.rows[shown.crossing].tolist())
    assert shown.student_score == quantized_scores(student, background.rows)[shown.crossing]
    assert shown.student_score != shown.emulator_score
    assert proof.as_dict()["first"][0]["crossing"] == shown.crossing


def test_model_file_round_trip(
    tmp_path: Path, background: TrainingData, layout: FeatureLayout
) -> None:
    spec = SPECS["default"]
    student = build(spec, InputScaling.fit(background, spec.input_format))
    model = export_model(student, layout, "student", provenance={"seed": 5})
    path = tmp_path / "student.json"
    save_model(model, path)
    loaded = load_model(path)
    assert loaded.network_sha256 == model.network_sha256
    assert loaded.provenance == {"seed": 5}
    assert prove_export(student, loaded.graph, background.rows).n_mismatch == 0


def test_layout_must_fit(background: TrainingData, layout: FeatureLayout) -> None:
    student = build(SPECS["default"], InputScaling((0, 0), (1, 1)))
    with pytest.raises(ExportError, match="has 57 features, the student reads 2"):
        export_model(student, layout, "student")


def test_failed_training_is_not_exported() -> None:
    student = build(SPECS["default"], InputScaling((0, 0), (1, 1)))
    with torch.no_grad():
        student.state_dict()["layers.1.linear.bias"][0] = float("nan")
    with pytest.raises(
        ExportError, match="dense_1: bias: a parameter of the student is not finite"
    ):
        export_graph(student)


def test_sums_beyond_doubles_are_refused() -> None:
    widest = FixedFormat(24, 12, rounding="RND", overflow="SAT")
    spec = StudentSpec.uniform(
        (80, 4),
        input_format=widest,
        weight_format=FixedFormat(24, 1, rounding="RND"),
        activation_format=FixedFormat(24, 16, signed=False, overflow="SAT"),
    )
    student = build(spec, InputScaling((0,) * 57, (0,) * 57, widest))
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.fill_(0.999)
    with pytest.raises(ExportError, match="dense_1: output 0 needs 54 bits, doubles have 53"):
        export_graph(student)
    assert issubclass(ExportError, L1Error)
