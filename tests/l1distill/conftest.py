"""Small samples and models for the tests of the front door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
from small_samples import draw_events, make_small_model

from emulator.model import save_model
from emulator.objects import write_nano

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import awkward as ak

    from emulator.model import Model


class MakeEvents(Protocol):
    """Draws crossings; the same seed gives the same ones."""

    def __call__(
        self,
        n: int,
        seed: int,
        *,
        boost: float = 1.0,
        weighted: bool = True,
        crossings: Sequence[int] = (0,),
    ) -> ak.Array:
        """Draw ``n`` crossings for each relative crossing."""
        ...


class WriteSample(Protocol):
    """Draws crossings as `MakeEvents` does and writes them."""

    def __call__(
        self,
        name: str,
        n: int,
        seed: int,
        *,
        boost: float = 1.0,
        weighted: bool = True,
        crossings: Sequence[int] = (0,),
    ) -> Path:
        """Write ``name`` and return its path."""
        ...


@pytest.fixture(scope="session")
def make_events() -> MakeEvents:
    """Draws crossings."""
    return draw_events


@pytest.fixture
def write_sample(tmp_path: Path) -> WriteSample:
    """Writes drawn crossings as NanoAOD into the test's folder."""

    def write(
        name: str,
        n: int,
        seed: int,
        *,
        boost: float = 1.0,
        weighted: bool = True,
        crossings: Sequence[int] = (0,),
    ) -> Path:
        events = draw_events(n, seed, boost=boost, weighted=weighted, crossings=crossings)
        path = tmp_path / name
        # In two chunks, as a producer would write them.
        write_nano(path, [events[: n // 2], events[n // 2 :]], provenance={"seed": seed})
        return path

    return write


@pytest.fixture(scope="session")
def small_model() -> Model:
    """A network of one layer on four hardware integers, which saturates and rounds."""
    return make_small_model()


@pytest.fixture
def model_file(tmp_path: Path, small_model: Model) -> Path:
    """The small model as a file."""
    path = tmp_path / "small.json"
    save_model(small_model, path)
    return path
