"""Test vectors whose algorithm bits a model itself has decided, as an experiment publishes them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from crowded_crossings import draw_crossings
from network_forms import encoder_form

from emulator.features import feature_rows
from emulator.model import Model, NamedThreshold, import_network_form
from emulator.objects import write_ugt
from emulator.objects.chunks import Chunk
from emulator.objects.decisions import SeedBits
from l1distill.emulation import Scorer

if TYPE_CHECKING:
    from pathlib import Path

    import awkward as ak
    from numpy.typing import NDArray

MENU = "L1Menu_Test_v1"


def deployed_model(folder: Path) -> Model:
    """A model in the era of 2024, whose thresholds half, a tenth and none of the crossings reach."""
    (folder / "form.json").write_text(json.dumps(encoder_form(4)))
    model, _ = import_network_form(folder / "form.json")
    scores = Scorer(model, threads=1).scores(vector_events())
    limits = [int(np.quantile(scores, part)) for part in (0.5, 0.9)]
    names = ("L1_TEST_Loose", "L1_TEST_Tight", "L1_TEST_Never")
    thresholds = [
        NamedThreshold(name, limit, menu=MENU, seed=name, bit=438 + place)
        for place, (name, limit) in enumerate(zip(names, (*limits, 1 << 30), strict=True))
    ]
    return model.with_thresholds(thresholds)


def vector_events(n: int = 500, seed: int = 8) -> ak.Array:
    """Crossings of one vector."""
    return draw_crossings(n, seed)


def published_decisions(model: Model, events: ak.Array) -> NDArray[np.bool_]:
    """What an experiment with this model publishes, bool (crossing, threshold)."""
    scores = Scorer(model, threads=1).scores_of_rows(feature_rows(events, model.layout))
    return scores[:, None] >= np.array([each.threshold for each in model.thresholds])


def write_vector(path: Path, events: ak.Array, model: Model, decisions: NDArray[np.bool_]) -> Path:
    """Write a test vector with decisions at the bits of a model's thresholds."""
    names = tuple(str(each.bit) for each in model.thresholds)
    chunk = Chunk(str(path), "", 0, len(events), events, SeedBits(names, decisions))
    write_ugt(path, [chunk])
    return path


def as_others_fill(model: Model, **era: str) -> Model:
    """The model in another era; its input takes what that era holds."""
    layout = replace(model.layout, era=replace(model.layout.era, **era))  # type: ignore[arg-type]
    source = replace(model.graph.input, format=layout.format)
    graph = type(model.graph)((source, *model.graph.nodes[1:]), model.graph.outputs)
    return replace(model, layout=layout, graph=graph)
