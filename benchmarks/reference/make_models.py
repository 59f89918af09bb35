"""How the two other reference students are made from the distilled one: ``python -m benchmarks.reference.make_models``.

Both are written once and committed; integers only, nothing is drawn.

- ``narrow_57_32_16_1``: the distilled student with accumulators too narrow for a plain sum, so that the
  rounding and the saturation of every single addition decide.
- ``encoder_57_32_16_8``: its two hidden layers, eight latent outputs and the sum of their squares, the
  shape of AXOL1TL.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.reference import FOLDER, SAMPLES, SCENARIO, TARGETS_KHZ, sample
from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Node, Square, Sum
from emulator.model import Model, NamedThreshold, load_model, save_model
from emulator.rates import ScoreCounts, load_scenario, threshold_at
from emulator.samples.content import events_sha256
from l1distill.emulation import Scorer
from l1distill.score_table import identity_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

DISTILLED = "distilled_57_32_16_1"
N_LATENT = 8

#: Types of the narrow accumulators, by layer: two that saturate and round, one that wraps.
NARROW = {
    "dense_0": "fixed<13,9,RND,SAT>",
    "dense_1": "fixed<12,7,TRN,SAT>",
    "score": "fixed<11,7,RND_CONV,WRAP>",
}


def narrow(model: Model) -> Model:
    """Return the student with accumulators that round and overflow at each step."""
    nodes: list[Node] = []
    for node in model.graph.nodes:
        if isinstance(node, Dense):
            accumulator = FixedFormat.parse(NARROW[node.name])
            result = node.format if node.name == model.score else accumulator
            nodes.append(replace(node, accumulator=accumulator, format=result))
        else:
            nodes.append(node)
    return _derived(model, "narrow_57_32_16_1", nodes)


def encoder(model: Model) -> Model:
    """Return the student's hidden layers with eight latent outputs whose squares are added."""
    hidden = list(model.graph.nodes[:-1])
    last = model.graph.nodes[-1]
    if not isinstance(last, Dense):
        msg = "the student's last node is no Dense"
        raise TypeError(msg)
    # Each latent output keeps the student's weights in another pattern of signs and zeros.
    weights = tuple(
        tuple(row[0] * (1 - ((place * (latent + 3)) % 5) // 2) for latent in range(N_LATENT))
        for place, row in enumerate(last.weights)
    )
    wide = FixedFormat.parse("fixed<19,8>")
    square = FixedFormat.parse("ufixed<20,12>")
    latent = replace(
        last,
        name="latent",
        weights=weights,
        bias=tuple(3 * number - 8 for number in range(N_LATENT)),
        accumulator=wide,
        format=FixedFormat.parse("fixed<10,6,RND_CONV,SAT>"),
    )
    nodes = [
        *hidden,
        latent,
        Square("squares", ("latent",), square),
        Sum("score", ("squares",), FixedFormat.parse("ufixed<18,14,RND,SAT>"), accumulator=square),
    ]
    return _derived(model, "encoder_57_32_16_8", nodes)


def _derived(model: Model, name: str, nodes: Sequence[Node]) -> Model:
    derived = Model(
        name,
        model.layout,
        Graph(tuple(nodes), (model.score,)),
        model.score,
        provenance={"made_by": "benchmarks.reference.make_models", "from": model.network_sha256},
    )
    events = sample("setting")
    identity = identity_columns(events)
    counts = ScoreCounts.from_scores(
        Scorer(derived, threads=1).scores(events),
        weights=identity["weight"],
        stream=SAMPLES["setting"],
    )
    scenario = load_scenario(SCENARIO)
    content = events_sha256(events)
    return derived.with_thresholds(
        [
            NamedThreshold(
                f"{target:g}kHz",
                threshold_at(counts, target, scenario).threshold,
                target,
                SCENARIO,
                content,
            )
            for target in TARGETS_KHZ
        ]
    )


if __name__ == "__main__":
    student = load_model(FOLDER / "models" / f"{DISTILLED}.json")
    for made in (narrow(student), encoder(student)):
        save_model(made, FOLDER / "models" / f"{made.name}.json")
