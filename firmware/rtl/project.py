"""A folder with the pipelined Verilog of a graph, its simulation, and what was measured of it."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import InputFileError
from emulator.results import Record
from firmware.building import Build, complete_folder, first_error, n_outputs, run_tool
from firmware.rtl.design import Design
from firmware.rtl.errors import RtlCompileError, RtlTimingError
from firmware.rtl.library import Verilator, alkaid_rtl_model, require_alkaid
from firmware.rtl.timing import RtlTiming, measure_timing
from firmware.rtl.tracing import trace_graph

if TYPE_CHECKING:
    from emulator.graph import Graph
    from firmware.rtl.settings import RtlSettings

#: Written last; a project without it is not complete.
SUMMARY = "l1distill.json"
LIBRARY_ID = "l1"
# Verilator's lint of unused bits says nothing about the result; every other warning stops the build.
VERILATOR_FLAGS = "-Wall -Wno-UNUSEDSIGNAL -Wno-ALWNEVER"


@dataclass(frozen=True, slots=True)
class RtlEstimate(Record):
    """Size of the pipelined circuit, estimated without synthesis.

    Parameters
    ----------
    luts, ffs
        Look-up tables of six inputs, and flip-flops.
    source
        Who says so.
    """

    luts: int
    ffs: int
    source: str


@dataclass(frozen=True, slots=True)
class RtlProject:
    """A finished project.

    Parameters
    ----------
    folder
        Holds the Verilog in ``src``, constraints, scripts for the vendors' tools, and the simulation.
    top
        Name of the top module.
    clock_period_ns
        Period of the clock that the pipeline is cut for.
    scheduled_clocks
        Latency as alkaid planned it.
    timing
        Latency and initiation interval measured in the simulation; None if no row moves the outputs.
    estimate
        Size of the circuit.
    build
        What compiling the simulation took.
    """

    folder: Path
    top: str
    clock_period_ns: float
    scheduled_clocks: int
    timing: RtlTiming | None
    estimate: RtlEstimate
    build: Build

    @property
    def library(self) -> Path:
        """The compiled simulation."""
        return _library(self.folder, self.top)

    @property
    def latency_ns(self) -> float | None:
        """Measured latency at the target clock."""
        return None if self.timing is None else self.timing.latency_clocks * self.clock_period_ns

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the folder."""
        return {
            "top": self.top,
            "clock_period_ns": self.clock_period_ns,
            "scheduled_clocks": self.scheduled_clocks,
            "timing": None if self.timing is None else self.timing.as_dict(),
            "latency_ns": self.latency_ns,
            "estimate": self.estimate.as_dict(),
            "build": self.build.as_dict(),
        }


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a finished project."""
    return (folder / SUMMARY).exists()


def load_project(folder: Path) -> RtlProject:
    """Read what `build_project` made.

    Raises
    ------
    InputFileError
        If the folder holds no finished project.
    """
    try:
        plain = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputFileError(folder, f"no RTL project, it has no {SUMMARY}") from error
    timing = plain["timing"]
    return RtlProject(
        folder=folder,
        top=plain["top"],
        clock_period_ns=plain["clock_period_ns"],
        scheduled_clocks=plain["scheduled_clocks"],
        timing=None if timing is None else RtlTiming(**timing),
        estimate=RtlEstimate(**plain["estimate"]),
        build=Build(**plain["build"]),
    )


def build_project(
    graph: Graph, folder: Path, settings: RtlSettings, *, jobs: int = 2
) -> RtlProject:
    """Write the Verilog of a graph, compile its simulation and measure its latency.

    Parameters
    ----------
    graph
        The network.
    folder
        The project's folder; what another finished project left there is replaced.
    settings
        Clock and part.
    jobs
        Jobs of the compilation.

    Raises
    ------
    UnsupportedRtlError
        If a node cannot be written exactly.
    MissingToolError
        If alkaid, Verilator, make or g++ is not installed.
    RtlCompileError
        If the Verilog or its C++ does not compile.
    RtlTimingError
        If the simulated latency is not the scheduled one, or not one row is taken at each clock.
    """
    require_alkaid()
    verilator = Verilator.find()
    program = trace_graph(graph)
    with complete_folder(folder, lambda: False) as temporary:
        model = _model(program, temporary, settings)
        model.write()
        log = folder.with_name(f"{folder.name}.log")
        build = _compile(temporary, settings, verilator, jobs, log)
        (output,) = model.fsm.out_signals
        project = RtlProject(
            folder=temporary,
            top=settings.project_name,
            clock_period_ns=settings.clock_period_ns,
            scheduled_clocks=int(output.schedule.bias),
            timing=_timing(graph, temporary, settings, int(output.schedule.bias)),
            estimate=_estimate(model),
            build=build,
        )
        text = json.dumps(project.as_dict(), indent=1) + "\n"
        (temporary / SUMMARY).write_text(text, encoding="utf-8")
    return load_project(folder)


def plan_rtl(graph: Graph, settings: RtlSettings) -> tuple[RtlEstimate, int]:
    """Return size and latency in clocks as alkaid plans them; nothing is written or simulated.

    Raises
    ------
    UnsupportedRtlError
        If a node cannot be written exactly.
    MissingToolError
        If alkaid is not installed.
    """
    model = _model(trace_graph(graph), Path("unused"), settings)
    (output,) = model.fsm.out_signals
    return _estimate(model), int(output.schedule.bias)


def write_verilog(graph: Graph, folder: Path, settings: RtlSettings) -> None:
    """Write the Verilog of a graph into a folder, without compiling its simulation; see `plan_rtl`."""
    _model(trace_graph(graph), folder, settings).write()


def _library(folder: Path, top: str) -> Path:
    return folder / "sim" / f"lib{top}_fsm_{LIBRARY_ID}.so"


def _timing(graph: Graph, folder: Path, settings: RtlSettings, scheduled: int) -> RtlTiming | None:
    design = Design(_library(folder, settings.project_name), n_outputs(graph))
    timing = measure_timing(design, graph)
    if timing is not None and timing != RtlTiming(scheduled, 1):
        what = (
            f"latency {timing.latency_clocks} clocks and interval "
            f"{timing.initiation_interval_clocks}, scheduled are {scheduled} and 1"
        )
        raise RtlTimingError(what)
    return timing


def _model(program: Any, folder: Path, settings: RtlSettings) -> Any:
    """Return alkaid's model of the pipeline."""
    return alkaid_rtl_model()(
        program,
        folder,
        settings.project_name,
        flavor="verilog",
        latency_cutoff=settings.stage_ns,
        part_name=settings.part,
        clock_period=settings.clock_period_ns,
        clock_uncertainty=settings.clock_uncertainty_percent / 100,
    )


def _estimate(model: Any) -> RtlEstimate:
    luts = sum(logic.cost for logic in model.fsm.logic.values())
    source = f"alkaid {require_alkaid()}, no synthesis"
    return RtlEstimate(luts=round(luts), ffs=int(model.reg_bits), source=source)


#: How a make that runs this program would reach into the one that is started here.
_OF_AN_OUTER_MAKE = frozenset({"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"})


def _compile(
    folder: Path, settings: RtlSettings, verilator: Verilator, jobs: int, log: Path
) -> Build:
    simulation, programs = folder / "sim", folder / "bin"
    verilator.link(programs)
    # By the environment, which Verilator's own makefile overrides, since it uses the same names.
    environment = {
        **{name: value for name, value in os.environ.items() if name not in _OF_AN_OUTER_MAKE},
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
        "VERILATOR_ROOT": str(verilator.root),
        "VM_PREFIX": settings.project_name,
        "TOP_MODULE": f"{settings.project_name}_wrapper",
        "SOURCE_TYPE": "verilog",
        "STAMP": LIBRARY_ID,
        "VERILATOR_FLAGS": VERILATOR_FLAGS,
        "N_JOBS": str(max(jobs, 1)),
    }
    command = ["make", "--no-print-directory", "-f", "build_fsm_binder.mk"]
    command += [f"{name}={value}" for name, value in verilator.make_variables.items()]
    done = run_tool(command, log, folder=simulation, environment=environment)
    if done.code != 0:
        raise RtlCompileError(first_error(log), log)
    shutil.rmtree(simulation / "obj_dir")
    shutil.rmtree(programs)
    return done.build
