"""The machine that a figure was measured on, and the key under which speeds compare."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emulator.results import Record
from l1distill.bench.calibration import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

_CPU_INFO: Final = Path("/proc/cpuinfo")
_MEMORY_INFO: Final = Path("/proc/meminfo")

#: Instruction sets by the flag that tells them, the widest first.
_INSTRUCTIONS: Final = ("avx512f", "avx2", "sse4_2", "sve", "asimd", "neon")

PACKAGES: Final = (
    "l1distill",
    "numpy",
    "numba",
    "llvmlite",
    "awkward",
    "uproot",
    "hls4ml",
    "torch",
)


@dataclass(frozen=True, slots=True)
class Machine(Record):
    """A machine and the versions that ran on it.

    Parameters
    ----------
    cpu
        Name of the processor, as it tells it.
    key
        Costs in units of the calibration are compared under one key only: vendor, family and model of
        the processor, widest instruction set, numpy's version (its loops are the calibration) and
        version of the calibration.
    processors
        How many this process may use.
    memory_gib
        Memory, GiB; 0 if unknown.
    system
        Operating system.
    load
        Mean number of running processes in the last minute.
    versions
        Versions of Python and of the packages that decide speed.
    """

    cpu: str
    key: str
    processors: int
    memory_gib: float
    system: str
    load: float
    versions: Mapping[str, str]


def describe_machine() -> Machine:
    """Describe this machine as it is now."""
    facts = read_cpu(_CPU_INFO.read_text() if _CPU_INFO.is_file() else "")
    return Machine(
        cpu=facts.get("model name") or platform.processor() or platform.machine(),
        key=machine_key(facts),
        processors=len(os.sched_getaffinity(0)),
        memory_gib=_memory_gib(),
        system=f"{platform.system()} {platform.release()}",
        load=round(os.getloadavg()[0], 2),
        versions=_versions(),
    )


def read_cpu(text: str) -> dict[str, str]:
    """Return what the first processor of ``/proc/cpuinfo`` says of itself."""
    block = text.strip().split("\n\n", maxsplit=1)[0]
    pairs = (line.partition(":") for line in block.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def machine_key(facts: Mapping[str, str]) -> str:
    """Return the key under which costs compare; see `Machine`.

    Examples
    --------
    >>> facts = {"vendor_id": "GenuineIntel", "cpu family": "6", "model": "85", "flags": "avx2 avx512f"}
    >>> machine_key(facts).split("/")[0]
    'GenuineIntel-6-85-avx512f'
    """
    # ARM tells implementer, architecture and part instead.
    names = (
        ("vendor_id", "cpu family", "model")
        if "vendor_id" in facts
        else ("CPU implementer", "CPU architecture", "CPU part")
    )
    parts = [facts.get(name, "unknown") for name in names]
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    widest = next((name for name in _INSTRUCTIONS if name in flags), platform.machine())
    minor = ".".join(version("numpy").split(".")[:2])
    return f"{'-'.join([*parts, widest])}/numpy {minor}/calibration {VERSION}"


def _memory_gib() -> float:
    text = _MEMORY_INFO.read_text() if _MEMORY_INFO.is_file() else ""
    found = re.search(r"MemTotal:\s*(\d+) kB", text)
    return round(int(found[1]) / 2**20, 1) if found else 0.0


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
