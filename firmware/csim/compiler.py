"""The C++ compiler: found, identified, run, and its errors made short."""

from __future__ import annotations

import shutil
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
# source has, although the bit that it complains about is not used.
FLAGS = (
    "-std=c++17",
    "-O3",
    "-DNDEBUG",
    "-fPIC",
    "-shared",
    "-fopenmp",
    "-fvisibility=hidden",
    "-fno-gnu-unique",
    "-w",
)


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C++ compiler.

    Parameters
    ----------
    path
        The program.
    version
        First line of what ``--version`` prints.
    """

    path: str
    version: str

    @classmethod
    def find(cls, program: str = "g++") -> Compiler:
        """Look for the compiler.

        Raises
        ------
        MissingToolError
            If it is not there.
        """
        path = shutil.which(program)
        if path is None:
            msg = f"C-simulation needs the compiler {program}, which is not on the PATH"
            raise MissingToolError(msg)
        printed = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
        return cls(path, printed.stdout.partition("\n")[0])

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
        command = [self.path, *FLAGS, f"-I{folder}", f"-I{folder / 'firmware' / 'ap_types'}"]
        command += [str(source), "-o", str(library)]
        done = run_tool(command, log)
        if done.code != 0:
            raise CompileError(first_error(log), log)
        return done.build
