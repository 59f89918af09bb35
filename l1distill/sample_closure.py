"""The closure test of a folder of samples, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import InputFileError
from emulator.rates import load_scenario
from emulator.samples import load_manifest
from emulator.samples.closure import Closure, closure
from emulator.samples.description import evaluation_pools, settings_of
from emulator.samples.pileup import load_pileup, recorded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def closure_of(
    samples: Path,
    *,
    crossings: int,
    pileup: str | None,
    scenario: str,
    seed: int,
    progress: Callable[[int, int, str], None] | None = None,
) -> Closure:
    """Compare stratified with natural crossings from the pools of a folder of samples.

    Raises
    ------
    InputFileError
        If there are no samples, or their pools are not there any more.
    """
    manifest = load_manifest(samples)
    made_with = settings_of(manifest)
    pools = evaluation_pools(samples, made_with[0]) if made_with else {}
    if made_with is None or not pools:
        raise InputFileError(
            samples, "no pools to overlay: they were deleted, or made with settings of one's own"
        )
    profile = load_pileup(pileup) if pileup else recorded(manifest.pileup, manifest.pileup_profile)
    return closure(
        pools,
        *made_with,
        manifest.sigma_mb,
        pileup=profile,
        total_khz=load_scenario(scenario).crossing_rate_khz,
        crossings=crossings,
        scales=manifest.scales,
        seed=seed,
        progress=progress,
    )


def closure_table(found: Closure) -> str:
    """Return the rows as a Markdown table, with the sum of squared pulls and the speed below."""
    lines = ["| rate, kHz | stratified | natural | fired | pull |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.name} | {row.stratified_khz:.2f} ± {row.stratified_error_khz:.2f} "
        f"| {row.natural_khz:.2f} ± {row.natural_error_khz:.2f} | {row.natural_firing} "
        f"| {row.pull:+.1f} |"
        for row in found.rows
    ]
    square = sum(row.pull**2 for row in found.rows)
    lines.append(
        f"\nsum of squared pulls {square:.1f} for {len(found.rows)} observables; "
        f"{found.crossings_per_second:,.0f} natural crossings per second of processor time"
    )
    return "\n".join(lines)
