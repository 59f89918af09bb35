"""Compilers that are missing, broken or killed, and the cache that they leave alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.fixed import FixedFormat
from emulator.graph import Graph, Input, Square
from firmware.compiler import Compiler
from firmware.csim import CSimulation
from firmware.csim.ap_types import HEADER, speed_up_ap_types
from firmware.csim.simulation import LIBRARY, _key
from firmware.errors import CompileError, MissingToolError
from firmware.hls import HlsSettings, write_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Fake = Callable[[str], Path]

GRAPH = Graph(
    (
        Input("x", (), FixedFormat(8, 8), size=1),
        Square("y", ("x",), FixedFormat(16, 16)),
    ),
    ("y",),
)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Makes a compiler that does, after it has said its version, what a line of shell says."""

    def make(line: str) -> Path:
        program = tmp_path / "fake-g++"
        known = '[ "$1" = --version ] && { echo fake 1.0; exit; }; [ "$2" = -Q ] && exit 1'
        program.write_text(f"#!/bin/sh\n{known}\n{line}\n")
        program.chmod(0o755)
        monkeypatch.setenv("CXX", str(program))
        return program

    return make


def test_a_compiler_is_known_by_version_flags_and_processor() -> None:
    here = Compiler.find()
    assert "(" in here.version
    assert here.flags[-1] == "-march=native"
    others = (
        Compiler(here.path, here.version + "x", here.target),
        Compiler(here.path, here.version, ""),
        Compiler(here.path, here.version, "other"),
    )
    keys = {_key(GRAPH, HlsSettings(), one) for one in (here, *others)}
    assert len(keys) == 4
    moved = Compiler("/elsewhere/g++", here.version, here.target)
    assert _key(GRAPH, HlsSettings(), moved) in keys


def test_headers_are_made_fast_where_they_are_known(tmp_path: Path) -> None:
    project = write_project(GRAPH, tmp_path / "project")
    assert speed_up_ap_types(project) == 2
    (project / HEADER).write_text("another one")
    assert speed_up_ap_types(project) == 0


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "echo 'x.cpp:3:1: error: no such type'; echo more; exit 1",
            "x.cpp:3:1: error: no such type",
        ),
        ("exit 0", "reports success and writes no library"),
        ("kill -9 $$", "was ended by SIGKILL, after"),
        ("exit 7", r"\(it says nothing\)"),
    ],
)
def test_a_compiler_that_fails_is_told_shortly(
    tmp_path: Path, fake: Fake, line: str, sentence: str
) -> None:
    fake(line)
    cache = tmp_path / "cache"
    with pytest.raises(CompileError, match=f"does not compile: .*{sentence}") as caught:
        CSimulation.build(GRAPH, cache)
    assert caught.value.log.exists()
    assert "\n" not in str(caught.value)
    assert [path.suffix for path in cache.iterdir()] == [".log"]


def test_a_compiler_that_does_not_run_is_named(tmp_path: Path, fake: Fake) -> None:
    fake("exit 0").write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(MissingToolError, match="does not answer to --version"):
        CSimulation.build(GRAPH, tmp_path / "cache")
    # Not even a program.
    fake("exit 0").write_bytes(b"\x00\x01")
    with pytest.raises(MissingToolError, match="does not answer to --version"):
        CSimulation.build(GRAPH, tmp_path / "cache")


def test_processes_that_want_the_same_library_compile_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Path] = []
    compile_one = Compiler.build_library

    def count(self: Compiler, source: Path, library: Path, **more: object) -> object:
        runs.append(source)
        return compile_one(self, source, library, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Compiler, "build_library", count)
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: CSimulation.build(GRAPH, tmp_path), range(3)))
    assert len(runs) == 1
    for simulation in made:
        assert simulation.run(np.array([[-3]]))["y"].tolist() == [[9]]


def test_a_killed_build_is_made_again_and_its_rest_removed(tmp_path: Path, fake: Fake) -> None:
    cache = tmp_path / "cache"
    program = fake("sleep 60")
    script = (
        "from emulator.fixed import FixedFormat\n"
        "from emulator.graph import Graph, Input, Square\n"
        "from firmware.csim import CSimulation\n"
        "x = Input('x', (), FixedFormat(8, 8), size=1)\n"
        "y = Square('y', ('x',), FixedFormat(16, 16))\n"
        f"CSimulation.build(Graph((x, y), ('y',)), {str(cache)!r})\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CXX": str(program)}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, process_group=0)
    try:
        while not list(cache.glob(".csim-*/bridge.cpp")):
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    (left,) = cache.glob(".csim-*/")
    # The same compiler, mended: the project has the same name.
    fake('exec g++ "$@"')
    simulation = CSimulation.build(GRAPH, cache)
    assert simulation.run(np.array([[5]]))["y"].tolist() == [[25]]
    assert not left.exists()
    assert left.name.startswith(f".{simulation.project.name}-")


def test_a_torn_library_is_compiled_again(tmp_path: Path) -> None:
    library = CSimulation.build(GRAPH, tmp_path).project / LIBRARY
    whole = library.read_bytes()
    library.unlink()  # it is loaded: another file, or this process would end
    library.write_bytes(whole[: len(whole) // 2])
    again = CSimulation.build(GRAPH, tmp_path)
    assert again.run(np.array([[4]]))["y"].tolist() == [[16]]
    assert library.stat().st_size == len(whole)
