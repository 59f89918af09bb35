"""The table of all scores of all teachers, and when a score is broken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from distill.teachers import SCORES
from distill.training import Epoch, History
from emulator.rates import load_scenario
from l1distill.cli.main import run
from l1distill.evaluation import Bootstrap, evaluate
from l1distill.score_table import ScoreTable
from l1distill.study.soundness import convergence
from l1distill.study.teacher_scores import broken_score

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray


def _table(scores: NDArray[np.int64], first: int) -> ScoreTable:
    n = len(scores)
    identity = {name: np.full(n, 1) for name in ("run", "lumi", "orbit", "crossing")}
    pools = np.arange(first, first + n, dtype=np.uint64)
    return ScoreTable({**identity, "event": np.arange(n), "pool_id": pools}, {"score": scores})


@pytest.mark.parametrize(
    ("background", "signal", "broken"),
    [
        (lambda rng: rng.geometric(0.01, 20_000), lambda rng: rng.geometric(0.002, 500), ""),
        (
            lambda rng: np.minimum(rng.geometric(0.01, 20_000), 120),
            lambda rng: rng.geometric(0.002, 500),
            "so many crossings share its highest value",
        ),
        (
            lambda rng: rng.geometric(0.01, 20_000),
            lambda rng: np.where(rng.random(500) < 0.3, 100_000, 0),
            "it keeps as much of A at 200 kHz as at 2000 kHz",
        ),
    ],
)
def test_a_score_must_keep_less_at_a_lower_rate(
    background: Callable[..., NDArray[np.int64]],
    signal: Callable[..., NDArray[np.int64]],
    broken: str,
) -> None:
    rng = np.random.default_rng(4)
    setting, measuring = (_table(background(rng), first) for first in (0, 100_000))
    found = evaluate(
        setting,
        measuring,
        {"A": _table(signal(rng), 200_000)},
        scenario=load_scenario("run3"),
        targets_khz=[200.0, 2000.0],
        bootstrap=Bootstrap(20),
        curves=False,
    )
    said = broken_score(found.working_points, found.efficiencies)
    assert said.startswith(broken)
    assert bool(said) == bool(broken)


def _history(*losses: float) -> History:
    epochs = tuple(Epoch(place, loss, loss) for place, loss in enumerate(losses))
    return History("teacher", epochs, int(np.argmin(losses)), stopped_early=False)


def test_teachers_converge_if_losses_settle_and_agree() -> None:
    settled = [_history(1.0, 0.5, 0.4, 0.399), _history(1.0, 0.5, 0.4, 0.398)]
    settled.append(_history(1.0, 0.52, 0.401, 0.4))
    assert not convergence("autoencoder", settled[:2]).converged  # two seeds tell too little
    falling = [_history(1.0, 0.5, 0.41, 0.4)] * 3
    assert not convergence("autoencoder", falling).converged
    assert convergence("autoencoder", falling).still_falling == pytest.approx(0.2)
    flat = [_history(1.0, 0.4, 0.4, loss) for loss in (0.399, 0.398, 0.4)]
    assert convergence("autoencoder", flat).converged
    apart = [_history(1.0, loss, loss, loss) for loss in (0.3, 0.4, 0.5)]
    assert not convergence("autoencoder", apart).converged


def test_command_compares_every_score_of_every_teacher(
    sample_files: None,
    content: dict[str, Any],
    write_study: Callable[[dict[str, Any]], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study, folder = str(write_study(content)), tmp_path / "run"
    with pytest.raises(SystemExit) as caught:
        run(["train", "teacher", study, "-o", str(folder), "--scores", "--seeds", "2"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    for kind, names in SCORES.items():
        for name in names:
            assert out.count(f"{kind} {name} ") == 4  # two signals at two rates
        assert f"{kind}: validation losses" in out
    assert "NOT converged" in out  # one epoch, two seeds
    part = json.loads((folder / "parts" / "teacher_scores.json").read_text(encoding="utf-8"))
    assert len(part["scores"]) == 28
    assert all(one["low"] <= one["efficiency"] <= one["high"] for one in part["scores"])
    lines = (folder / "tables" / "teacher_scores.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 29
