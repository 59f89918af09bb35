"""All reports of a folder: a project, or copies of what its tools wrote."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emulator.errors import InputFileError
from emulator.results import Record
from firmware.cost import CostFigure
from firmware.hls.project import SUMMARY
from firmware.reports.parsers import parse_report

if TYPE_CHECKING:
    from firmware.cost.figures import Flow
    from firmware.reports.parsers import Report

#: hls4ml's strategies, in the words of the cost figures.
_FLOWS: Final[dict[str, Flow]] = {
    "Latency": "latency",
    "Resource": "resource",
    "distributed_arithmetic": "distributed arithmetic",
}
#: What is taken from the project's summary.
_SUMMARY: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("name", "network_sha256", "project_name", "strategy", "part"), (str,)),
    "clock_period_ns": (float, int),
}
_ORDER: Final = ("HLS report", "co-simulation", "synthesised", "placed", "routed")


@dataclass(frozen=True, slots=True)
class ReportSet(Record):
    """The reports of one project.

    Parameters
    ----------
    network, network_sha256
        Name and identity of the network; empty if the folder does not say.
    flow
        How the network became hardware; ``unknown`` if the folder does not say.
    part
        The FPGA that was asked for, or that a report names; empty if none does.
    clock_period_ns
        Clock that was asked for; None if neither folder nor reports say.
    reports
        Path, relative to the folder, and what it says; by stage.
    """

    network: str
    network_sha256: str
    flow: Flow
    part: str
    clock_period_ns: float | None
    reports: tuple[tuple[str, Report], ...]

    @property
    def complaints(self) -> tuple[str, ...]:
        """What the tools themselves are not content with, in words, with the file."""
        said = {"co-simulation": "co-simulation failed", "timing": "timing is not met"}
        return tuple(
            f"{said[one.kind]}: {path}" for path, one in self.reports if one.passed is False
        )

    def figures(self) -> tuple[CostFigure, ...]:
        """Return each number with its flow, stage and source.

        A latency in clocks comes in ns too, at the clock that was asked for.
        """
        found = []
        for path, report in self.reports:
            for quantity, value in report.figures.items():
                found.append(self._figure(quantity, value, report, path))
            clocks = report.figures.get("latency_clocks_max", report.figures.get("latency_clocks"))
            if clocks is not None and self.clock_period_ns is not None:
                nanoseconds = clocks * self.clock_period_ns
                found.append(self._figure("latency_ns", nanoseconds, report, path))
        return tuple(found)

    def _figure(self, quantity: str, value: float, report: Report, path: str) -> CostFigure:
        source = ", ".join(part for part in (report.tool, report.part, path) if part)
        return CostFigure.counted(quantity, value, self.flow, report.stage, source)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with the figures."""
        return {
            **{name: value for name, value in asdict(self).items() if name != "reports"},
            "reports": [{"file": path, **report.as_dict()} for path, report in self.reports],
            "figures": [figure.as_dict() for figure in self.figures()],
            "complaints": list(self.complaints),
        }


def read_reports(folder: str | Path) -> ReportSet:
    """Read all reports of a folder and the folders in it.

    Parameters
    ----------
    folder
        A project that ``l1distill firmware build`` wrote, after synthesis; or copies of its reports,
        best with its ``l1distill.json``.

    Raises
    ------
    InputFileError
        If there is no report, or one of them is cut short or damaged.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputFileError(root, "there is no such folder")
    summary = _summary(root)
    found = []
    for path in _chosen(root, summary):
        report = parse_report(path)
        if report is not None:
            found.append((path.relative_to(root).as_posix(), report))
    if not found:
        problem = (
            "has no report: neither csynth.xml nor cosim, utilisation or timing .rpt; run `make "
            "synthesis` in the project first"
        )
        raise InputFileError(root, problem)
    found.sort(key=lambda pair: _ORDER.index(pair[1].stage))
    targets = [pair[1].figures.get("clock_target_ns") for pair in found]
    clock = summary.get("clock_period_ns") or next((one for one in targets if one), None)
    part = summary.get("part") or next((one.part for _, one in found if one.part), "")
    return ReportSet(
        network=summary.get("name", ""),
        network_sha256=summary.get("network_sha256", ""),
        flow=_FLOWS.get(summary.get("strategy", ""), "unknown"),
        part=part,
        clock_period_ns=clock,
        reports=tuple(found),
    )


def _summary(root: Path) -> dict[str, Any]:
    """Return what the project says of itself; nothing if the reports were copied without it."""
    path = root / SUMMARY
    if not path.is_file():
        return {}
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputFileError(path, f"cannot be read as JSON ({error})") from error
    if not isinstance(plain, dict):
        raise InputFileError(path, "is not what `firmware build` writes")
    for name, kinds in _SUMMARY.items():
        if name in plain and not isinstance(plain[name], kinds):
            problem = f"is not what `firmware build` writes: its {name} is {plain[name]!r:.40}"
            raise InputFileError(path, problem)
    return plain


def _chosen(root: Path, summary: dict[str, Any]) -> list[Path]:
    """Return the files that may be reports of the whole design: HLS writes one for each function too."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    of_hls = [path for path in files if re.search(r"csynth\.xml$", path.name)]
    others = [path for path in files if path not in of_hls]
    top = f"{summary.get('project_name', '')}_csynth.xml"
    # The one without a function's name repeats that of the top.
    for name in (top, "csynth.xml"):
        named = [path for path in of_hls if path.name == name]
        if named:
            return [*named[:1], *others]
    if len(of_hls) > 1:
        names = ", ".join(path.name for path in of_hls[:3])
        problem = f"has HLS reports of several functions ({names}) and no {SUMMARY} to name the top"
        raise InputFileError(root, problem)
    return [*of_hls, *others]
