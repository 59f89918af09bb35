"""The proof of an import: hls4ml's C-simulation of the foreign model against the graph."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emulator.engine import Emulator
from emulator.results import Record
from firmware.compiler import Compiler
from firmware.csim.simulation import CSimulation, compile_model
from firmware.hls import HlsSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.graph import Graph
    from firmware.foreign.conversion import ForeignModel

#: Events that are compared unless asked otherwise.
EVENTS = 20_000


@dataclass(frozen=True, slots=True)
class Proof(Record):
    """How C-simulation of a foreign model compares with what was read from it.

    Parameters
    ----------
    n_events, n_mismatch
        Random events compared, and those with any difference.
    n_values
        Different results among them, of all outputs together: 1 would prove little.
    first_row, expected, found
        Raws of the first event that differs, of C-simulation's outputs and of ours; empty if none.
    """

    n_events: int
    n_mismatch: int
    n_values: int
    first_row: tuple[int, ...] = ()
    expected: tuple[int, ...] = ()
    found: tuple[int, ...] = ()


def prove(model: ForeignModel, *, n_events: int = EVENTS, seed: int = 1, threads: int = 2) -> Proof:
    """Compile hls4ml's C++ of a foreign model and compare it with the graph, event by event.

    Parameters
    ----------
    model
        What was read.
    n_events
        Random events over the whole range of the input's type, its extremes among them.
    seed
        Of the events.
    threads
        Of both sides.

    Raises
    ------
    MissingToolError
        If g++ is not installed.
    CompileError
        If hls4ml's C++ does not compile.
    """
    rows = _rows(model.graph, n_events, seed)
    with tempfile.TemporaryDirectory(prefix="l1distill-") as name:
        results = _simulation(model, Path(name), threads).run(rows)
    ours = Emulator(model.graph, threads=threads).run(rows)
    expected, found = (
        np.concatenate([part[output] for output in model.graph.outputs], axis=1)
        for part in (results, ours)
    )
    wrong = np.flatnonzero((expected != found).any(axis=1))
    proof = Proof(len(rows), len(wrong), len(np.unique(expected, axis=0)))
    if not len(wrong):
        return proof
    first = wrong[0]
    raws = (tuple(part[first].tolist()) for part in (rows, expected, found))
    return Proof(proof.n_events, proof.n_mismatch, proof.n_values, *raws)


def _simulation(model: ForeignModel, folder: Path, threads: int) -> CSimulation:
    model.hls_model.config.config["OutputDir"] = str(folder)
    compile_model(model.hls_model, Compiler.find(), log=folder / "compile.log")
    return CSimulation(model.graph, folder, folder, HlsSettings(), threads)


def _rows(graph: Graph, n_events: int, seed: int) -> NDArray[np.int64]:
    """Draw raws of the input: evenly, at the extremes, and near 0, where few sums overflow."""
    source = graph.input
    low, high = source.format.lowest, source.format.raw_max
    rng = np.random.default_rng(seed)
    rows = rng.integers(low, high, (n_events, source.size), endpoint=True)
    corners = np.where(rng.random(rows.shape) < 0.5, low, high)
    small = rows // rng.choice([4, 16, 64], size=(n_events, 1))
    rows[1::4] = corners[1::4]
    rows[2::4] = small[2::4]
    rows[3::4] = np.where(rng.random(rows.shape) < 0.7, 0, rows)[3::4]
    return rows
