"""Small networks of other programs, trained here, and the tasks that they learn."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

N_INPUTS = 4


@pytest.fixture(scope="session")
def task() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Hardware-like integers, and a number that grows with some of them."""
    rng = np.random.default_rng(5)
    inputs = np.clip(rng.exponential(12, (1_024, N_INPUTS)), 0, 63).astype(np.int64)
    target = (inputs[:, :1] + inputs[:, 1:2] - inputs[:, 2:3] + 8) / 16
    return inputs.astype(np.float32), target.astype(np.float32)


@pytest.fixture
def _others_may_warn() -> Iterator[None]:
    """Keras, HGQ2 and Brevitas announce changes of their own while they train."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="session")
def keras() -> Any:
    """Keras on torch; a test that asks for it is skipped where it or HGQ2 is missing."""
    os.environ["KERAS_BACKEND"] = "torch"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pytest.importorskip("keras")
        pytest.importorskip("hgq.layers")
    return found


@pytest.fixture(scope="session")
def hgq_model(keras: Any, task: tuple[NDArray[np.float32], NDArray[np.float32]]) -> Any:
    """Two dense layers of HGQ2, trained for a moment, each weight with bits of its own."""
    from hgq.config import QuantizerConfigScope
    from hgq.layers import QDense
    from hgq.utils import trace_minmax

    inputs, target = task
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.utils.set_random_seed(1)
        with QuantizerConfigScope(place="datalane", f0=2, i0=6):
            layers = [
                keras.layers.Input((N_INPUTS,)),
                QDense(5, activation="relu", beta0=1e-6, name="hidden"),
                QDense(1, beta0=1e-6, enable_oq=True, name="score"),
            ]
            model = keras.Sequential(layers)
        model.compile(optimizer="adam", loss="mse")
        model.fit(inputs, target, epochs=3, batch_size=128, verbose=0)
        trace_minmax(model, inputs)
    return model


@pytest.fixture(scope="session")
def keras_file(hgq_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The HGQ2 model as a file."""
    path = tmp_path_factory.mktemp("keras") / "student.keras"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hgq_model.save(path)
    return path
