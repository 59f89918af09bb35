"""Small samples and a small network, for tests of several packages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emulator.features import Feature, FeatureLayout
from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Input, OffsetShift
from emulator.model import Model, NamedThreshold
from emulator.objects import Columns, build_events, sort_by_pt, write_nano

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import awkward as ak
    from numpy.random import Generator


def _objects(rng: Generator, n: int, most: int, mean_pt: float, limits: tuple[int, int]) -> Columns:
    counts = rng.integers(0, most, n, endpoint=True)
    total = int(counts.sum())
    largest_pt, largest_phi = limits
    pt = np.clip(np.rint(rng.exponential(mean_pt, total)), 1, largest_pt)
    return Columns(
        np.concatenate([[0], counts.cumsum()]),
        {
            "pt": pt.astype(np.int64),
            "eta": rng.integers(-60, 60, total),
            "phi": rng.integers(0, largest_phi, total, endpoint=True),
        },
    )


def _at_vertex(muons: Columns) -> Columns:
    names = {"pt": "pt", "eta": "eta_vtx", "phi": "phi_vtx"}
    return Columns(muons.offsets, {names[key]: part for key, part in muons.fields.items()})


def _sum(rng: Generator, n: int, mean_pt: float, *, phi: bool) -> Columns:
    pt = np.clip(np.rint(rng.exponential(mean_pt, n)), 0, 4095).astype(np.int64)
    fields = {"pt": pt, "phi": rng.integers(0, 143, n)} if phi else {"pt": pt}
    return Columns(np.arange(n + 1), fields)


def draw_events(
    n: int,
    seed: int,
    *,
    boost: float = 1.0,
    weighted: bool = True,
    crossings: Sequence[int] = (0,),
) -> ak.Array:
    """Crossings with objects of any number and falling spectra."""
    rng = np.random.default_rng(seed)
    rows = n * len(crossings)
    event = np.repeat(np.arange(n) + 1_000_000 * seed, len(crossings))
    scalars = {
        "run": np.full(rows, 7),
        "lumi": np.full(rows, 3),
        "event": event,
        "orbit": event // 5,
        "crossing": np.tile(crossings, n),
    }
    if weighted:
        scalars["weight"] = rng.integers(1, 1 << 33, rows)
        scalars["stratum"] = rng.integers(0, 4, rows)
        scalars["pool_id"] = event // 2
    collections = {
        "mu": _at_vertex(_objects(rng, rows, 4, 12 * boost, (511, 575))),
        "eg": _objects(rng, rows, 6, 20 * boost, (511, 143)),
        "jet": _objects(rng, rows, 12, 40 * boost, (2047, 143)),
        "htt": _sum(rng, rows, 150 * boost, phi=False),
        "etm": _sum(rng, rows, 40 * boost, phi=True),
    }
    return sort_by_pt(build_events(scalars, collections))


def make_small_model(name: str = "small", *, bias: int = 7) -> Model:
    """A network of one layer on four hardware integers, which saturates and rounds."""
    parse = FixedFormat.parse
    features = tuple(Feature(name, 0, "pt") for name in ("htt", "jet", "mu", "etm"))
    nodes = (
        Input("features", (), parse("fixed<16,16>"), size=4),
        OffsetShift(
            "scaled",
            ("features",),
            parse("fixed<10,8,RND_CONV,SAT>"),
            offset=(100, 30, 0, 20),
            offset_format=parse("fixed<10,10>"),
            shift=(2, 1, -1, 1),
            inner=parse("fixed<18,14>"),
        ),
        Dense(
            "score",
            ("scaled",),
            parse("ufixed<12,9,RND,SAT>"),
            weights=((3,), (2,), (5,), (-1,)),
            weight_format=parse("fixed<5,3>"),
            bias=(bias,),
            bias_format=parse("fixed<6,4>"),
            accumulator=parse("fixed<20,14>"),
        ),
    )
    return Model(
        name,
        FeatureLayout("four", features),
        Graph(nodes, ("score",)),
        "score",
        thresholds=(
            NamedThreshold("loose", 200, 10.0, "run3"),
            NamedThreshold("tight", 900),
        ),
    )


def make_byte_model() -> Model:
    """The same network on inputs that a byte holds after their scaling."""
    model = make_small_model("byte")
    scaled = replace(model.graph["scaled"], format=FixedFormat.parse("fixed<8,8,RND_CONV,SAT>"))
    nodes = tuple(scaled if node.name == "scaled" else node for node in model.graph.nodes)
    return replace(model, graph=Graph(nodes, model.graph.outputs))


def write_events(path: Path, events: ak.Array) -> None:
    """Write crossings as NanoAOD, in one chunk, with nothing noted about them."""
    write_nano(path, [events], provenance={})
