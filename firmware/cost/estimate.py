"""All costs of one network side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.cost.analytic import analytic_figures
from firmware.cost.figures import CostFigure
from firmware.cost.yosys import synthesise
from firmware.rtl.project import plan_rtl

if TYPE_CHECKING:
    from emulator.graph import Graph
    from firmware.cost.figures import Flow
    from firmware.cost.yosys import Progress
    from firmware.rtl import RtlProject, RtlSettings

DA: Flow = "distributed arithmetic"


def planned_figures(graph: Graph, settings: RtlSettings) -> tuple[CostFigure, ...]:
    """Return what alkaid plans for a graph, in about a second.

    Raises
    ------
    UnsupportedRtlError
        If a node cannot be written exactly.
    MissingToolError
        If alkaid is not installed.
    """
    estimate, clocks = plan_rtl(graph, settings)
    latency = clocks * settings.clock_period_ns
    source = f"{estimate.source}, {settings.clock_period_ns:g} ns clock"
    return (
        CostFigure(
            "luts", estimate.luts, estimate.luts / 2, estimate.luts * 2, DA, "estimate", source
        ),
        CostFigure("ffs", estimate.ffs, estimate.ffs / 2, estimate.ffs * 2, DA, "estimate", source),
        CostFigure.counted("latency_ns", latency, DA, "estimate", f"{source}, {clocks} clocks"),
    )


def synthesised_figures(
    graph: Graph, settings: RtlSettings, *, progress: Progress | None = None
) -> tuple[CostFigure, ...]:
    """Return what Yosys counts, in minutes; see `synthesise`."""
    found = synthesise(graph, settings, progress=progress)
    counts: list[tuple[str, int | None]] = [
        ("luts", found.luts),
        ("ffs", found.ffs),
        ("dsps", found.dsps),
        ("logic_levels", found.logic_levels),
    ]
    return tuple(
        CostFigure.counted(quantity, value, DA, "technology-mapped", found.version)
        for quantity, value in counts
        if value is not None
    )


def simulated_latency(project: RtlProject) -> CostFigure | None:
    """Return the latency that was measured in the simulation of the RTL."""
    if project.timing is None or project.latency_ns is None:
        return None
    interval = project.timing.initiation_interval_clocks
    source = (
        f"{project.timing.latency_clocks} clocks of {project.clock_period_ns:g} ns in Verilator, a new "
        f"crossing every {interval} clock{'s' if interval > 1 else ''}"
    )
    return CostFigure.counted("latency_ns", project.latency_ns, DA, "RTL simulation", source)


def estimate_cost(
    graph: Graph,
    settings: RtlSettings,
    *,
    plan: bool = True,
    synthesis: bool = False,
    progress: Progress | None = None,
) -> tuple[CostFigure, ...]:
    """Return the figures of all flows.

    Parameters
    ----------
    graph
        The network.
    settings
        Clock and part.
    plan
        Whether alkaid is asked, which takes a second.
    synthesis
        Whether Yosys is asked, which takes minutes.
    progress
        Called with steps done, steps in all, and what Yosys does.
    """
    return (
        *analytic_figures(graph),
        *(planned_figures(graph, settings) if plan else ()),
        *(synthesised_figures(graph, settings, progress=progress) if synthesis else ()),
    )
