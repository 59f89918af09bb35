"""One parser for each kind of report; the kind is told by what a file says, not by its name.

Formats: UG1399 (Vitis HLS, ``csynth.xml`` and the co-simulation report) and UG906 (Vivado,
``report_utilization`` and ``report_timing_summary``). hls4ml has readers too; they need the tools'
project files, print, and end with an exception on damaged reports.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite, nan
from typing import TYPE_CHECKING, Final, Literal
from xml.etree import ElementTree as ET

from emulator.errors import InputFileError
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Kind = Literal["HLS", "co-simulation", "utilisation", "timing"]
Stage = Literal["HLS report", "co-simulation", "synthesised", "placed", "routed"]


@dataclass(frozen=True, slots=True)
class Report(Record):
    """What one report says.

    Parameters
    ----------
    kind
        Which report.
    stage
        How far the design had come.
    part
        The FPGA, as the report names it; empty if it does not.
    tool
        Program and version, as the report names them; empty if it does not.
    figures
        The numbers: ``luts``, ``ffs``, ``dsps``, ``brams``, ``urams``, ``latency_clocks`` and
        ``latency_clocks_max``, ``interval_clocks`` and ``interval_clocks_max``, ``clock_target_ns``,
        ``clock_estimated_ns``, ``wns_ns``, ``tns_ns``, ``whs_ns``, ``ths_ns``.
    passed
        Whether the tool itself is content (co-simulation passed, timing met); None if it says nothing.
    """

    kind: Kind
    stage: Stage
    part: str
    tool: str
    figures: Mapping[str, float]
    passed: bool | None = None


def parse_report(path: Path) -> Report | None:
    """Read a report.

    Returns
    -------
    What it says; None if the file is another one.

    Raises
    ------
    InputFileError
        If it is a report, but cut short or damaged; naming what is missing.
    """
    if path.suffix.lower() not in {".xml", ".rpt"}:
        return None
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputFileError(path, f"cannot be read ({error.strerror or error})") from error
    if path.suffix.lower() == ".xml":
        return _csynth(path, text) if _is_csynth(path, text) else None
    if "Cosimulation" in text or path.stem.endswith("_cosim"):
        return _cosimulation(path, text)
    if "Timing Summary" in text or "timing" in path.stem:
        return _timing(path, text)
    if "Utilization Design Information" in text or path.stem in {"vivado_synth", "vivado_impl"}:
        return _utilisation(path, text)
    return None


def _damaged(path: Path, what: str) -> InputFileError:
    return InputFileError(path, f"is cut short or damaged: {what}")


# ------------------------------------------------------------------------------------------ HLS


def _is_csynth(path: Path, text: str) -> bool:
    # One for each function stands beside that of the top.
    return path.stem.endswith("csynth") or "<PerformanceEstimates>" in text


_RESOURCES: Final = {
    "LUT": "luts",
    "FF": "ffs",
    "DSP": "dsps",
    "DSP48E": "dsps",
    "BRAM_18K": "brams",
    "URAM": "urams",
}
_LATENCIES: Final = {
    "Best-caseLatency": "latency_clocks",
    "Worst-caseLatency": "latency_clocks_max",
    "Interval-min": "interval_clocks",
    "Interval-max": "interval_clocks_max",
}


def _csynth(path: Path, text: str) -> Report:
    if "<!ENTITY" in text or "<!DOCTYPE" in text:
        raise _damaged(path, "a report defines no entities")
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities are refused above
    except ET.ParseError as error:
        raise _damaged(path, f"it is no XML ({error})") from error
    figures = {
        "clock_target_ns": _number(path, root, "UserAssignments/TargetClockPeriod"),
        "clock_estimated_ns": _number(
            path, root, "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"
        ),
    }
    for tag, name in _LATENCIES.items():
        place = f"PerformanceEstimates/SummaryOfOverallLatency/{tag}"
        # Loops of unknown length have no latency.
        if (root.findtext(place) or "").strip() not in {"undef", "?"}:
            figures[name] = _number(path, root, place)
    for tag, name in _RESOURCES.items():
        if root.find(f"AreaEstimates/Resources/{tag}") is not None:
            figures[name] = _number(path, root, f"AreaEstimates/Resources/{tag}")
    if "luts" not in figures or "ffs" not in figures:
        raise _damaged(path, "AreaEstimates/Resources has no LUT and FF")
    version = (root.findtext("ReportVersion/Version") or "").strip()
    # DSPs are named otherwise in the older program.
    program = "Vitis HLS" if root.find("AreaEstimates/Resources/DSP48E") is None else "Vivado HLS"
    part = (root.findtext("UserAssignments/Part") or "").strip()
    return Report("HLS", "HLS report", part, f"{program} {version}".strip(), figures)


def _number(path: Path, root: ET.Element, place: str) -> float:
    text = root.findtext(place)
    if text is None:
        raise _damaged(path, f"it has no {place}")
    return _cell(path, text.strip(), place)


def _cell(path: Path, text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = nan
    if not isfinite(number):
        raise _damaged(path, f"{what} is {text[:40]!r}, no number")
    return number


# ------------------------------------------------------------------------------- co-simulation

_COSIM_COLUMNS: Final = 8  # RTL, status, latency min avg max, interval min avg max


def _cosimulation(path: Path, text: str) -> Report:
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] not in {"Verilog", "VHDL"} or len(cells) < 2 or cells[1] == "NA":
            continue
        if len(cells) < _COSIM_COLUMNS:
            raise _damaged(path, f"the row of {cells[0]} has {len(cells)} of 8 columns")
        passed = cells[1].lower() == "pass"
        names = {
            2: "latency_clocks",
            4: "latency_clocks_max",
            5: "interval_clocks",
            7: "interval_clocks_max",
        }
        # A single transaction, and a failure, leave NA.
        figures = {
            name: _cell(path, cells[place], f"column {place + 1} of {cells[0]}")
            for place, name in names.items()
            if cells[place] != "NA"
        }
        return Report("co-simulation", "co-simulation", "", "", figures, passed)
    raise _damaged(path, "it has no row of Verilog or VHDL with a result")


# -------------------------------------------------------------------------------------- Vivado

_STATES: Final[dict[str, Stage]] = {
    "routed": "routed",
    "physopt postroute": "routed",
    "placed": "placed",
    "fully placed": "placed",
    "optimized": "synthesised",
    "synthesized": "synthesised",
}


def _header(path: Path, text: str) -> tuple[Stage, str, str]:
    """Return stage, part and tool of Vivado's header."""

    def entry(name: str) -> str:
        match = re.search(rf"^\|\s*{name}\s*:\s*(.*?)\s*(\||$)", text, re.MULTILINE)
        return match[1] if match else ""

    state = entry("Design State").lower()
    if state:
        stage = _STATES.get(state)
        if stage is None:
            raise _damaged(path, f"its design state is {state!r}")
    else:
        # Timing reports of some versions do not say it; our scripts name the files.
        stage = "routed" if re.search("impl|rout", path.stem) else "synthesised"
    version = re.search(r"v\.(\S+)", entry("Tool Version"))
    return stage, entry("Device"), f"Vivado {version[1]}" if version else ""


_UTILISATION: Final = {
    r"(?:CLB|Slice) LUTs\*?": "luts",
    r"(?:CLB|Slice) Registers": "ffs",
    r"DSPs": "dsps",
    r"Block RAM Tile": "brams",
    r"URAM": "urams",
}


def _utilisation(path: Path, text: str) -> Report:
    stage, part, tool = _header(path, text)
    figures: dict[str, float] = {}
    for label, name in _UTILISATION.items():
        match = re.search(rf"^\|\s*{label}\s*\|([^|\n]*)\|", text, re.MULTILINE)
        if match:
            figures[name] = _cell(path, match[1].strip(), name)
    missing = [name for name in ("luts", "ffs", "dsps") if name not in figures]
    if missing:
        raise _damaged(path, f"it has no row of {' and '.join(missing)}")
    return Report("utilisation", stage, part, tool, figures)


_SLACKS: Final = {
    "WNS(ns)": "wns_ns",
    "TNS(ns)": "tns_ns",
    "WHS(ns)": "whs_ns",
    "THS(ns)": "ths_ns",
}


def _timing(path: Path, text: str) -> Report:
    stage, part, tool = _header(path, text)
    lines = text.splitlines()
    place = next(
        (n for n, line in enumerate(lines) if "WNS(ns)" in line and "THS(ns)" in line), None
    )
    if place is None:
        raise _damaged(path, "it has no Design Timing Summary")
    names = re.split(r"\s{2,}", lines[place].strip())
    row = next((line for line in lines[place + 1 :] if line.strip(" -")), "")
    cells = row.split()
    if len(cells) < len(names):
        raise _damaged(path, "the row of its Design Timing Summary is not whole")
    # NA stands where a design has no paths of a kind, for example without a clock.
    figures = {
        _SLACKS[name]: _cell(path, cell, name)
        for name, cell in zip(names, cells, strict=False)
        if name in _SLACKS and cell != "NA"
    }
    met = all(figures.get(name, 0.0) >= 0 for name in ("wns_ns", "whs_ns"))
    return Report("timing", stage, part, tool, figures, met)
