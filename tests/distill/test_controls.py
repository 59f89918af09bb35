"""Controls: they learn from background alone, and come out as exact graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from distill.controls import ControlSpec, control_graph, pt_columns, train_control
from distill.sampling import Drawn, split
from distill.training import TrainingSettings
from distill.widths import BitWidths
from emulator.engine import Emulator, evaluate
from emulator.errors import SettingsError
from emulator.fixed import to_float

if TYPE_CHECKING:
    from distill.controls import ControlKind
    from distill.data import TrainingData

TRAINING = TrainingSettings(epochs=3, batch_size=256)


def _spec(kind: ControlKind, widths: tuple[int, ...]) -> ControlSpec:
    bits = BitWidths.uniform(len(widths), weights=6, biases=8, activations=8)
    return ControlSpec(kind, widths, bits, latent=3, seed=2)


@pytest.mark.parametrize(("kind", "widths"), [("autoencoder", (5,)), ("encoder", (8, 4))])
def test_trained_control_equals_its_graph(
    kind: ControlKind, widths: tuple[int, ...], background: TrainingData
) -> None:
    halves = Drawn(*split(background, 0.25, seed=1))
    control, (first, second) = train_control(halves, _spec(kind, widths), TRAINING, TRAINING)
    assert first.epochs[-1].validation_loss < first.epochs[0].validation_loss
    assert second.best_loss < 1.2 * first.best_loss  # rounding costs little
    graph = control_graph(control)
    rows = background.rows
    with torch.no_grad():
        expected = control.double()(torch.from_numpy(rows.astype(np.float64))).numpy()
    raws = Emulator(graph, threads=1).run(rows)["score"][:, 0]
    assert np.array_equal(to_float(raws, graph.tensors["score"].format), expected)
    assert [evaluate(graph, row)["score"][0] for row in rows[:20].tolist()] == raws[:20].tolist()
    # What is hard is anomalous.
    hard = rows[:200].copy()
    hard[:, pt_columns(background.layout)] *= 4
    assert np.median(Emulator(graph, threads=1).run(hard)["score"]) > np.median(raws[:200])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "forest"}, "kind must be one of autoencoder, encoder"),
        ({"latent": 0}, "latent must be at least 1"),
        ({"widths": (4, 4)}, "1 widths of activations for 2 layers"),
    ],
)
def test_refuses_impossible_controls(options: dict[str, object], message: str) -> None:
    usual = {"kind": "encoder", "widths": (4,), "bits": BitWidths((6, 6), (8, 8), (8,))}
    with pytest.raises(SettingsError, match=message):
        ControlSpec(**{**usual, **options})  # type: ignore[arg-type]
