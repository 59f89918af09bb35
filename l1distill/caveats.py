"""What samples say of themselves, held against how a study uses them.

Files that the project writes carry a note of their pile-up and of the Pythia pools behind them. Files
without such a note say nothing, so nothing is concluded from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.objects import open_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from emulator.objects.reader import Reader
    from emulator.rates import RateScenario

#: What identifies the Pythia events behind a zero-bias file.
_POOL_KEYS = ("maker", "generator_sha256", "seed", "role", "process")


def sample_caveats(
    files: Mapping[str, Sequence[Path]], scenario: RateScenario, *, background: Iterable[str]
) -> tuple[str, ...]:
    """Return what a reader of the rates must know, one sentence each.

    Parameters
    ----------
    files
        Files by the name of the sample or of its role.
    scenario
        What the rates are quoted for.
    background
        The keys of ``files`` that must be independent of each other.

    Returns
    -------
    A sentence for each file whose noted pile-up is not the scenario's, and for each two samples of
    ``background`` that were made from the same Pythia events. Empty if all is well, or if the
    files do not say.
    """
    readers = {name: [(path, open_file(path)) for path in paths] for name, paths in files.items()}
    notes = {
        name: [(path, reader.provenance()) for path, reader in named]
        for name, named in readers.items()
    }
    found = [
        sentence
        for named in notes.values()
        for path, note in named
        for sentence in _other_pileup(path, note, scenario)
    ]
    found += _from_floats(pair for named in readers.values() for pair in named)
    return (*found, *_shared_pools({name: notes[name] for name in background}))


def float_caveats(paths: Iterable[str | Path]) -> tuple[str, ...]:
    """Return a sentence for each file whose integers are mapped from floats.

    Parameters
    ----------
    paths
        Files as `emulator.objects.open_file` takes them.
    """
    return _from_floats((path, open_file(path)) for path in paths)


def _from_floats(readers: Iterable[tuple[str | Path, Reader]]) -> tuple[str, ...]:
    return tuple(
        f"{path}: its integers are mapped from floats of a simulation; no hardware ever saw them"
        for path, reader in readers
        if reader.float_valued
    )


def _other_pileup(path: Path, note: Mapping[str, Any], scenario: RateScenario) -> list[str]:
    pileup = note.get("pileup")
    if not isinstance(pileup, int | float) or pileup == scenario.pileup:
        return []
    return [
        (
            f"{path.name} was made at pile-up {pileup:g}, scenario {scenario.name!r} has "
            f"{scenario.pileup:g}: what is called its rate is the rate at pile-up {pileup:g}"
        )
    ]


def _shared_pools(notes: Mapping[str, Sequence[tuple[Path, Mapping[str, Any]]]]) -> list[str]:
    owners: dict[tuple[str, ...], tuple[str, Path]] = {}
    found = []
    for name, named in notes.items():
        for path, note in named:
            if not all(key in note for key in _POOL_KEYS):
                continue
            pools = tuple(str(note[key]) for key in _POOL_KEYS)
            owner, first = owners.setdefault(pools, (name, path))
            if owner != name:
                found.append(
                    f"{first.name} ({owner}) and {path.name} ({name}) come from the same Pythia "
                    f"events: a rate on one is no independent check of a threshold set on the other"
                )
    return found
