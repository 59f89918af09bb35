"""Files of crossings, and what is noted about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from emulator.objects import load_scales
from emulator.objects.nano_writer import write_nano
from emulator.samples.content import ContentHash
from emulator.samples.crossings import integer_weights, join_crossings, to_events
from emulator.samples.manifest import SampleFile, SampleManifest, StratumRecord
from emulator.samples.pieces import SIGNAL_PILEUP_SPLIT
from emulator.samples.plan import versions
from emulator.samples.pools import ORDER_DOMAIN, load_cross_section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import awkward as ak

    from emulator.samples.pieces import CrossingsRequest, MadeCrossings
    from emulator.samples.plan import Plan

_CHUNK_CROSSINGS: Final = 20_000


def write_file(
    out: Path,
    name: str,
    requests: Sequence[CrossingsRequest],
    parts: Sequence[MadeCrossings],
    plan: Plan,
) -> SampleFile:
    """Write the crossings of one file in random order, and describe it."""
    first = requests[0]
    crossings = join_crossings([part.crossings for part in parts])
    # Any stretch of the file is a fair sample then, whatever reads only a part of it.
    entropy = (ORDER_DOMAIN, plan.seed, *name.encode())
    order = np.random.default_rng(np.random.SeedSequence(entropy)).permutation(len(crossings))
    weight = integer_weights(crossings.weight)
    content = ContentHash()

    def chunks() -> Iterator[ak.Array]:
        scales = load_scales(plan.scales)
        for start in range(0, len(order), _CHUNK_CROSSINGS):
            rows = order[start : start + _CHUNK_CROSSINGS]
            events = to_events(
                crossings.taken(rows),
                weight[rows],
                run=1,
                first_event=1 + plan.unit * len(order) + start,
                scales=scales,
            )
            content.update(events)
            yield events

    process = first.signal[0] if first.signal else "zerobias"
    provenance = {**plan.provenance(), "role": first.split, "process": process}
    write_nano(out / name, chunks(), provenance=provenance, compact=plan.tier.compact)
    ranks = plan.generator.strata.ranks
    used = (*first.pools, first.signal) if first.signal else first.pools
    generated = {name: load_cross_section(paths)[1] for name, paths in used}
    return SampleFile(
        name=name,
        role=first.split,
        process=process,
        crossings=len(crossings),
        generated_events=generated[process] if first.signal else sum(generated.values()),
        weight_sum=int(weight.sum()),
        content_sha256=content.hexdigest(),
        strata=tuple(
            StratumRecord(ranks[request.stratum], request.stratum, part.probability, request.of)
            for request, part in zip(requests, parts, strict=True)
            if request.first == 0 and not request.signal
        ),
        pools=_pool_events(first, plan),
    )


def _pool_events(request: CrossingsRequest, plan: Plan) -> dict[str, int]:
    """Pool events of each process behind a file, as the tier says."""
    tier = plan.tier
    if request.signal is None:
        return dict(tier.events[request.split])
    pileup = tier.events[SIGNAL_PILEUP_SPLIT]
    return {**pileup, request.signal[0]: tier.signals[request.signal[0]].events}


def make_manifest(
    plan: Plan,
    sigma: Mapping[str, float],
    files: Sequence[SampleFile],
    cpu_seconds: Mapping[str, float],
) -> SampleManifest:
    """Describe the samples of a unit."""
    generator = plan.generator
    return SampleManifest(
        tier=plan.tier.name,
        seed=plan.seed,
        pileup=plan.pileup.mean,
        sqrt_s_tev=generator.sqrt_s_tev,
        inelastic_mb=generator.inelastic_mb,
        scales=plan.scales,
        generator_sha256=generator.sha256(),
        response_sha256=plan.response.sha256,
        identity_sha256=plan.identity_sha256(),
        versions=versions(),
        sigma_mb=dict(sorted(sigma.items())),
        k_factors={name: generator.process(name).k_factor for name in sorted(sigma)},
        files=tuple(files),
        pileup_profile={} if plan.pileup.kind == "poisson" else plan.pileup.record(),
        cpu_seconds={step: round(took, 2) for step, took in cpu_seconds.items()},
    )
