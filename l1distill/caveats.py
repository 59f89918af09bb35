"""What samples say of themselves, held against how a study uses them.

Files that the project writes carry a note of their pile-up and of the Pythia pools behind them. Files
without such a note say nothing, so nothing is concluded from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import L1Error
from emulator.objects import expand_paths, open_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from emulator.objects.reader import Reader, Source
    from emulator.rates import RateScenario
    from emulator.scan import Condition

#: What identifies the Pythia events behind a zero-bias file.
_POOL_KEYS = ("maker", "generator_sha256", "seed", "role", "process")


def sample_caveats(
    files: Mapping[str, Sequence[str | Path]],
    scenario: RateScenario,
    *,
    background: Iterable[str],
    source: Source = "unpacked",
    skip_unreadable: bool = False,
) -> tuple[str, ...]:
    """Return what a reader of the rates must know, one sentence each.

    Parameters
    ----------
    files
        Files, patterns, folders or lists of files by the name of the sample or of its role.
    scenario
        What the rates are quoted for.
    background
        The keys of ``files`` that must be independent of each other.
    source
        Which objects of the files are read.
    skip_unreadable
        Pass over files that cannot be opened, which are told elsewhere; else they are errors.

    Returns
    -------
    A sentence for each file whose noted pile-up is not the scenario's, and for each two samples of
    ``background`` that were made from the same Pythia events. Empty if all is well, or if the
    files do not say.
    """
    readers = {
        name: list(_opened(paths, source, skip_unreadable=skip_unreadable))
        for name, paths in files.items()
    }
    notes = {
        name: [(Path(path), reader.provenance()) for path, reader in named]
        for name, named in readers.items()
    }
    found = [
        sentence
        for named in notes.values()
        for path, note in named
        for sentence in _other_pileup(path, note, scenario)
    ]
    found += _of_readers([pair for named in readers.values() for pair in named])
    return (*found, *_shared_pools({name: notes[name] for name in background}))


def condition_caveats(conditions: Iterable[Condition]) -> tuple[str, ...]:
    """Return the same for the conditions of a scan; files that cannot be read are told elsewhere."""
    # Who asks has imported it; those who only read files need not wait a second for it.
    from emulator.scan import MEASURING, SETTING

    zero_bias = (SETTING, MEASURING)
    found = [
        sentence
        for each in conditions
        for sentence in sample_caveats(
            each.samples, each.scenario, background=zero_bias, skip_unreadable=True
        )
    ]
    return tuple(dict.fromkeys(found))


def file_caveats(paths: Iterable[str | Path], *, source: Source = "unpacked") -> tuple[str, ...]:
    """Return a sentence if integers of some files are mapped from floats, and for each that looks damaged.

    Every command that reads objects shows them, so that no rate of floats is taken for a trigger's, and no
    decision on a damaged vector for a published one.

    Parameters
    ----------
    paths, source
        Files as `emulator.objects.open_file` takes them.
    """
    files = dict.fromkeys(expand_paths(list(paths)))
    return _of_readers([(path, open_file(path, source=source)) for path in files])


def _opened(
    paths: Iterable[str | Path], source: Source, *, skip_unreadable: bool
) -> Iterator[tuple[str | Path, Reader]]:
    for path in paths:
        try:
            for file in expand_paths(path):
                yield file, open_file(file, source=source)
        except L1Error:
            if not skip_unreadable:
                raise


def _of_readers(readers: Sequence[tuple[str | Path, Reader]]) -> tuple[str, ...]:
    damaged = (f"{path}: {sign}" for path, reader in readers for sign in reader.signs_of_damage())
    return (*_from_floats(readers), *damaged)


def _from_floats(readers: Iterable[tuple[str | Path, Reader]]) -> tuple[str, ...]:
    found = [str(path) for path, reader in readers if reader.float_valued]
    if not found:
        return ()
    others = len(found) - 1
    more = f" and {others} more file{'s' if others > 1 else ''}" if others else ""
    return (f"{found[0]}{more}: the integers are mapped from floats; no hardware ever saw them",)


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
