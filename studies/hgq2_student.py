"""A student each of whose weights learns its own bits: HGQ2 on Keras' torch back end.

Trained on the lesson of a study; docs/hgq2.md says how it comes there and goes back. Needs the extra ``foreign``.

    python studies/hgq2_student.py runs/quick/lesson.npz hgq2_student.keras
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

os.environ["KERAS_BACKEND"] = "torch"  # before Keras is imported


def build(n_inputs: int, widths: list[int], ebops_penalty: float) -> Any:
    """Return the network: dense layers whose weights, biases and activations have learned bits."""
    import keras
    from hgq.config import QuantizerConfig, QuantizerConfigScope
    from hgq.layers import QDense

    # HGQ2 wraps by itself what training has not seen, which is just what an anomaly trigger looks for.
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT", i0=6, f0=4):
        layers = [QDense(units, activation="relu", beta0=ebops_penalty) for units in widths]
        # Thresholds stand on the score: its steps are not for learning, and fine.
        grid = QuantizerConfig("kif", "datalane", overflow_mode="SAT", i0=4, f0=12, trainable=False)
        score = QDense(1, beta0=ebops_penalty, enable_oq=True, oq_conf=grid, name="score")
        return keras.Sequential([keras.layers.Input((n_inputs,)), *layers, score])


def train(lesson: Path, widths: list[int], epochs: int, ebops_penalty: float, seed: int) -> Any:
    """Train on the lesson's targets, anomalous crossings weighted as a student of a study has them."""
    import keras
    from hgq.utils import trace_minmax

    with np.load(lesson, allow_pickle=False) as arrays:
        inputs, targets = arrays["inputs"], arrays["targets"]
        checks = arrays["check_inputs"], arrays["check_targets"]
    keras.utils.set_random_seed(seed)
    model = build(inputs.shape[1], widths, ebops_penalty)
    schedule = keras.optimizers.schedules.CosineDecay(4e-3, epochs * -(-len(inputs) // 1024))
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss="mse")
    anomalous = 1.0 + np.maximum(targets - np.log(2.0), 0.0)
    model.fit(
        *(inputs, targets),
        sample_weight=anomalous,
        validation_data=checks,
        epochs=epochs,
        batch_size=1024,
        verbose=2,
    )
    # Integer bits are those that the training crossings need.
    trace_minmax(model, inputs)
    return model


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, train and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", type=Path, help="lesson.npz of `l1distill train lesson`")
    parser.add_argument("output", type=Path, help="the Keras file, .keras")
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 16])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--ebops-penalty", type=float, default=1e-6)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    model = train(given.lesson, given.widths, given.epochs, given.ebops_penalty, given.seed)
    model.save(given.output)


if __name__ == "__main__":
    main()
