"""What is said of a model's cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from small_samples import make_small_model

from firmware.cost import CostFigure
from l1distill.study.costs import model_costs

if TYPE_CHECKING:
    from firmware.cost.figures import Flow

SIMULATED = CostFigure.counted(
    "latency_ns", 15.0, "distributed arithmetic", "RTL simulation", "3 clocks of 5 ns in Verilator"
)


def test_latency_is_an_estimate_where_nothing_was_simulated() -> None:
    found = model_costs(make_small_model(), [{"with": "csim", "latency": None}, {"with": "old"}])
    assert (found["latency_stage"], found["latency_source"]) == (
        *("estimate", "levels of adders, without registers"),
    )
    assert found["latency_ns_estimate"] > 0


def test_simulated_latency_is_taken_with_its_source() -> None:
    comparisons = json.loads(json.dumps([{"with": "rtl", "latency": SIMULATED.as_dict()}]))
    found = model_costs(make_small_model(), comparisons)
    assert found["latency_ns_estimate"] == 15.0
    assert found["latency_stage"] == "RTL simulation"
    assert found["latency_source"] == "3 clocks of 5 ns in Verilator"
    stages = [one["stage"] for one in found["costs"] if one["quantity"] == "latency_ns"]
    assert stages == ["estimate", "RTL simulation"]


def test_estimates_and_reports_stand_beside_the_quick_estimate() -> None:
    flow: Flow = "distributed arithmetic"
    found = model_costs(
        make_small_model(),
        [],
        estimates=[CostFigure("luts", 90.0, 45.0, 180.0, flow, "estimate", "alkaid").as_dict()],
        reports=[{"figures": [CostFigure.counted("luts", 70, flow, "routed", "Vivado").as_dict()]}],
    )
    assert [one["source"] for one in found["costs"]][-2:] == ["alkaid", "Vivado"]
    # The quick estimate stays what it is.
    assert (found["luts_flow"], found["luts_stage"]) == ("latency", "HLS report")
