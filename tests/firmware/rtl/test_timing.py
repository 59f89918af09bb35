"""The measurement of latency and interval, on machines whose timing is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.fixed import FixedFormat
from emulator.graph import Graph, Input, OffsetShift, Quantize
from firmware.rtl.errors import RtlTimingError
from firmware.rtl.timing import LONGEST_CLOCKS, RtlTiming, measure_timing

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture
def identity() -> Graph:
    source = Input("x", (), FixedFormat(6, 6), size=2)
    return Graph((source, Quantize("y", ("x",), FixedFormat(6, 6))), ("y",))


class Pipeline:
    """Gives each row after some clocks; holds it, or repeats it later, if asked."""

    def __init__(self, latency: int, *, holds: int = 1, echo: int = 0) -> None:
        self.latency = latency
        self.holds = holds
        self.echo = echo

    def clock(self, rows: NDArray[np.integer], n_clocks: int) -> NDArray[np.int64]:
        """Return the outputs after each clock."""
        outputs = np.zeros((n_clocks, rows.shape[1]), dtype=np.int64)
        if self.latency > n_clocks:
            return outputs
        outputs[self.latency - 1 :] = rows[: n_clocks - self.latency + 1]
        moved = np.flatnonzero((rows != rows[0]).any(axis=1))
        for clock in moved + self.latency - 1:
            outputs[clock : clock + self.holds] = rows[moved[0]]
            if self.echo:
                outputs[clock + self.echo] = rows[moved[0]]
        return outputs


@pytest.mark.parametrize("latency", [1, 2, 11, 200])
def test_latency_of_a_pipeline(identity: Graph, latency: int) -> None:
    assert measure_timing(Pipeline(latency), identity) == RtlTiming(latency, 1)


def test_a_row_that_occupies_the_output_for_longer(identity: Graph) -> None:
    assert measure_timing(Pipeline(4, holds=3), identity) == RtlTiming(4, 3)


def test_a_response_in_pieces_is_an_error(identity: Graph) -> None:
    with pytest.raises(RtlTimingError, match=r"comes in pieces, at clocks \[4, 7\]"):
        measure_timing(Pipeline(4, echo=3), identity)


def test_no_response_is_an_error(identity: Graph) -> None:
    with pytest.raises(RtlTimingError, match=f"no response within {LONGEST_CLOCKS} clocks"):
        measure_timing(Pipeline(2 * LONGEST_CLOCKS + 1), identity)


def test_a_constant_network_has_no_timing() -> None:
    source = Input("x", (), FixedFormat(4, 4), size=1)
    nothing = OffsetShift(
        "y",
        ("x",),
        FixedFormat(4, 4, signed=False, overflow="SAT"),
        offset=(7,),
        offset_format=FixedFormat(4, 4),
        shift=(0,),
        inner=FixedFormat(6, 6),
    )
    assert measure_timing(Pipeline(3), Graph((source, nothing), ("y",))) is None
