"""Samples: generated Pythia crossings, or a check that the given files are there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from emulator.files import replace_file
from emulator.objects import expand_paths, open_file
from l1distill.caveats import sample_caveats
from l1distill.emulation import chunks_of_events
from l1distill.study.manifest import content_sha256
from l1distill.study.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.objects.chunks import Source
    from l1distill.study.context import Context


def run(context: Context) -> list[Path]:
    """Make or find the samples and write what they are."""
    tier = context.study.samples.generate
    generated = _generate(context, tier) if tier is not None else []
    files = context.files
    caveats = sample_caveats(
        {**files.zero_bias, **files.signals},
        context.study.scenario,
        background=files.zero_bias,
        source=files.source,
    )
    for caveat in caveats:
        context.reporter.say(f"  note: {caveat}")
    parts = {"samples": _describe(context), "caveats": list(caveats)}
    for name, content in parts.items():
        with replace_file(context.run.part(name)) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return [*(context.run.part(name) for name in parts), *generated]


def _generate(context: Context, tier: str) -> list[Path]:
    from emulator.samples import generate

    study = context.study
    with context.reporter.progress("samples") as progress:
        manifest = generate(
            tier,
            context.run.samples,
            scenario_pileup=study.scenario.pileup,
            seed=study.seed,
            jobs=context.jobs,
            progress=progress,
        )
    folder = context.run.samples
    return [folder / "samples.json", *(folder / file.name for file in manifest.files)]


def _describe(context: Context) -> list[dict[str, object]]:
    """Return one record per sample, with the denominators of the signals."""
    files = context.files
    if context.study.samples.generate is not None:
        from emulator.samples import load_manifest

        return [
            {
                "name": record.process if record.role == "signal" else record.name,
                "role": record.role,
                "n_crossings": record.crossings,
                "generated_events": record.generated_events,
                "sha256": record.content_sha256,
                "denominator": "all generated events",
                "provenance": _note(context.run.samples / record.name, files.source),
            }
            for record in load_manifest(context.run.samples).files
        ]
    records: list[dict[str, object]] = []
    samples = {**{role: (role, paths) for role, paths in files.zero_bias.items()}}
    samples |= {name: ("signal", paths) for name, paths in files.signals.items()}
    for name, (role, paths) in samples.items():
        selection = files.selections.get(name, Selection())
        records.extend(
            {
                "name": name,
                "role": role,
                "file": str(path),
                "n_crossings": _n_crossings(path, selection, files.source),
                "sha256": content_sha256(path),
                **selection.as_dict(),
                "denominator": "all crossings in the files",
                "provenance": _note(path, files.source),
            }
            for path in paths
        )
    return records


def _note(path: str | Path, source: Source) -> dict[str, object]:
    """Return what the first file noted of itself, plain values only."""
    first = next(iter(expand_paths(path)))
    note = open_file(first, source=source).provenance()
    return {key: value for key, value in note.items() if isinstance(value, str | int | float)}


def _n_crossings(path: str | Path, selection: Selection, source: Source) -> int:
    if selection == Selection():
        return sum(open_file(each, source=source).entries for each in expand_paths(path))
    return sum(len(selection.of(events)) for events in chunks_of_events([path], source=source))
