"""What stands on a front of cost and gain."""

from __future__ import annotations

import numpy as np

from l1distill.report.scan_front import pareto_front


def test_whatever_is_off_the_front_is_beaten_by_something_on_it() -> None:
    for seed in range(50):
        drawn = np.random.default_rng(seed).integers(0, 6, (12, 2)).tolist()
        points = [(cost, gain) for cost, gain in drawn]
        on_front = pareto_front(points)
        front = sorted({point for point, is_on in zip(points, on_front, strict=True) if is_on})
        costs, gains = zip(*front, strict=True)
        assert list(gains) == sorted(gains), "what costs more on the front gains more"
        assert len(set(costs)) == len(set(gains)) == len(front)
        for (cost, gain), is_on in zip(points, on_front, strict=True):
            best = max(gains[place] for place in range(len(front)) if costs[place] <= cost)
            assert is_on == ((cost, gain) in front)
            assert is_on or best >= gain
