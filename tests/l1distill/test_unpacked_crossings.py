"""Each crossing of an unpacked file, -2 to 2, has its own score: that which was published of it.

The reference L1Ntuple holds crossing 0 only, so consecutive crossings of CMS's test vector are written as the
detector's read-out has them, five to an entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from unpacked_trees import write_five_crossings

from emulator.model import import_network_form
from emulator.objects import read_events_and_bits
from l1distill.bit_comparison import compare_with_bits
from l1distill.emulation import emulate_files
from l1distill.published_bits import thresholds_of_menu
from l1distill.score_table import ScoreTable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.model import Model

MENU = "L1Menu_Collisions2024_v1_1_0"
ENTRIES, ALL = 712, (-2, -1, 0, 1, 2)


@pytest.fixture(scope="module")
def model(reference_data: Path) -> Model:
    return import_network_form(reference_data / "axol1tl_v3.json")[0]


@pytest.fixture(scope="module")
def published(reference_data: Path) -> NDArray[np.int32]:
    """Scores of the crossings, int32 (entry, crossing)."""
    path = reference_data / "ugt" / f"axol1tl_v3_scores_{MENU}_ttBar.npy"
    scores: NDArray[np.int32] = np.load(path, allow_pickle=False)[: ENTRIES * 5].reshape(-1, 5)
    return scores


@pytest.fixture(scope="module")
def unpacked(reference_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    vector = reference_data / "ugt" / f"{MENU}_ttBar.txt.xz"
    events, bits = read_events_and_bits(vector, order="readout")
    path = tmp_path_factory.mktemp("unpacked") / "five.root"
    assert write_five_crossings(path, events, bits.values) == ENTRIES
    return path


@pytest.mark.parametrize("crossings", [ALL, (0,), (2, -1), (1,)])
def test_every_crossing_has_its_published_score(
    model: Model,
    published: NDArray[np.int32],
    unpacked: Path,
    tmp_path: Path,
    crossings: tuple[int, ...],
) -> None:
    output = tmp_path / "scores.parquet"
    emulate_files(model, [unpacked], output, crossings=crossings, threads=1)
    columns = ScoreTable.read(output).identity
    assert columns["crossing"].tolist() == list(crossings) * ENTRIES
    assert columns["event"].tolist() == np.repeat(np.arange(ENTRIES), len(crossings)).tolist()
    expected = published[:, [2 + each for each in crossings]]
    assert columns["score"].tolist() == expected.ravel().tolist()


def test_published_bits_are_of_the_middle_crossing(model: Model, unpacked: Path) -> None:
    result = compare_with_bits(model, [unpacked], thresholds_of_menu(model, name=MENU), threads=1)
    assert (result.n_events, result.n_mismatch) == (ENTRIES, 0)
    assert [each.fires for each in result.thresholds] == [45, 23, 15, 2, 0]
