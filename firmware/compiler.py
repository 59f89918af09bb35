"""The C++ compiler: found, identified, run, and its errors made short."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware.building import first_error, run_tool
from firmware.errors import CompileError, MissingToolError

if TYPE_CHECKING:
    from pathlib import Path

    from firmware.building import Build

# Symbols stay inside each library: several networks are loaded into one process. The assertions of
# ap_private.h are off: one of them ends the process where a rounding cast drops more bits than its
# source has, although the bit that it complains about is not used. No multiplication and addition of
# doubles may become one: hls4ml fills its tables with them.
FLAGS = (
    "-std=c++17",
    "-O3",
    "-DNDEBUG",
    "-fPIC",
    "-shared",
    "-fopenmp",
    "-ffp-contract=off",
    "-fvisibility=hidden",
    "-fno-gnu-unique",
    "-w",
)
#: Instructions of this processor, twice as fast; a library is kept for each kind of processor.
NATIVE = "-march=native"


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C++ compiler.

    Parameters
    ----------
    path
        The program.
    version
        First line of what ``--version`` prints.
    target
        What `NATIVE` means to it here, as a hash; empty if it does not know the option.
    """

    path: str
    version: str
    target: str = ""

    @classmethod
    def find(cls, program: str | None = None) -> Compiler:
        """Look for the compiler.

        Parameters
        ----------
        program
            Its name; that of the environment variable ``CXX`` if omitted, or ``g++``.

        Raises
        ------
        MissingToolError
            If it is not there, or does not say what it is.
        """
        program = program or os.environ.get("CXX", "").strip() or "g++"
        path = shutil.which(program)
        if path is None:
            msg = (
                f"C-simulation needs the compiler {program}, which is not on the PATH; install g++, "
                "or name another one in the environment variable CXX"
            )
            raise MissingToolError(msg)
        version = _said_by([path, "--version"])
        if not version:
            msg = f"the compiler {path} does not work: it does not answer to --version"
            raise MissingToolError(msg)
        target = _said_by([path, NATIVE, "-Q", "--help=target"])
        digest = hashlib.sha256(target.encode()).hexdigest()[:16] if target else ""
        return cls(path, version.partition("\n")[0], digest)

    @property
    def flags(self) -> tuple[str, ...]:
        """All flags that the library depends on."""
        return (*FLAGS, NATIVE) if self.target else FLAGS

    def build_library(self, source: Path, library: Path, *, log: Path | None = None) -> Build:
        """Compile one file into a shared library.

        Parameters
        ----------
        source
            The C++ file; its folder is searched for headers.
        library
            The library to make.
        log
            Where the compiler's messages go; beside the source if omitted.

        Returns
        -------
        Time and memory of the compilation.

        Raises
        ------
        CompileError
            If it does not compile.
        """
        log = log or source.with_suffix(".log")
        folder = source.parent
        command = [self.path, *self.flags, f"-I{folder}", f"-I{folder / 'firmware' / 'ap_types'}"]
        command += [str(source), "-o", str(library)]
        done = run_tool(command, log)
        if done.code < 0:
            name = signal.Signals(-done.code).name
            first = f"{self.path} was ended by {name}, after {done.build.peak_mib:.0f} MiB"
            raise CompileError(first, log)
        if done.code != 0:
            raise CompileError(first_error(log), log)
        if not library.is_file():
            first = f"{self.path} reports success and writes no library"
            raise CompileError(first, log)
        return done.build


def _said_by(command: list[str]) -> str:
    """Return what a program prints; empty if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout.strip()
