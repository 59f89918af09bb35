"""Between the formats that are read and those that are written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import awkward as ak

from emulator.errors import InputFileError, SettingsError
from emulator.objects import (
    REQUIRED_FIELDS,
    SHOWERS,
    SeedBits,
    expand_paths,
    open_file,
    write_nano,
    write_parquet,
    write_ugt,
)
from emulator.objects.nano import FIELDS as NANO_FIELDS
from emulator.objects.parquet_layout import COLUMNS as PARQUET_COLUMNS
from emulator.objects.sum_types import SUM_PARTS
from emulator.objects.tree_decisions import SEED_PREFIXES
from emulator.objects.ugt_events import filled_fields
from emulator.objects.ugt_words import BIT_FIELDS
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from emulator.menu import Menu
    from emulator.objects import Chunk, Reader
    from emulator.objects.chunks import Source
    from emulator.objects.paths import Paths

_UGT: Final = (".txt", ".txt.xz", ".txt.gz")

_DECISIONS_BY_INDEX: Final = "decisions by index"
_DECISIONS_BY_NAME: Final = "decisions by name"

#: Columns of a test vector that no other format has.
_EXTERNAL: Final = "external conditions"
_CICADA: Final = "CICADA"


@dataclass(frozen=True, slots=True)
class Conversion(Record):
    """What `convert_files` did.

    Attributes
    ----------
    output, format_name
        The file written, and its format.
    n_crossings
        Rows written.
    left_out
        What the files have and the output's format cannot hold.
    filled
        What the output's format holds and some file does not tell: it is written as 0.
    float_valued
        Whether the integers were mapped from floats.
    """

    output: str
    format_name: str
    n_crossings: int
    left_out: tuple[str, ...]
    filled: tuple[str, ...]
    float_valued: bool


@dataclass(slots=True)
class _Seen:
    """What passed by on the way from the readers to the writer."""

    fields: set[str]
    lacking: set[str]
    float_valued: bool = False


def convert_files(
    paths: Paths,
    output: str | Path,
    *,
    source: Source = "unpacked",
    crossings: Sequence[int] = (0,),
    most: int | None = None,
    menu: Menu | None = None,
) -> Conversion:
    """Write the events of files in another format; objects keep the order of the file.

    Decisions go along where the output's format can hold them: a test vector numbers them, L1 NanoAOD names
    them, and a menu says which is which. A test vector that becomes a test vector keeps every bit.

    Parameters
    ----------
    paths
        Files of any format that is read; see `expand_paths`.
    output
        ``.root``: Level-1 NanoAOD. ``.parquet``: the columns of the public data set. ``.txt``,
        ``.txt.xz``, ``.txt.gz``: a uGT test vector.
    source, crossings
        As for `read_events`. Decisions are of crossing 0 and go along only if it is the only one.
    most
        Stop after so many entries.
    menu
        Names of the algorithm bits. Decisions of seeds that it does not have are left out.

    Raises
    ------
    L1Error
        If a file cannot be read, the output's format is not known, or cannot hold the events.
    """
    target = Path(output)
    name, write = _writer(target)
    files = expand_paths(paths)
    if target.resolve() in {Path(path).resolve() for path in files}:
        msg = f"{output}: is read from and would be replaced; give the output another name"
        raise SettingsError(msg)
    readers = [open_file(path, source=source, order="readout") for path in files]
    if name == "ugt" and any(reader.float_valued for reader in readers):
        msg = (
            f"{output}: a test vector cannot say that its integers are mapped from floats, which no "
            "hardware ever saw; convert to .root or .parquet"
        )
        raise SettingsError(msg)
    with_bits = tuple(crossings) == (0,) and all(reader.decisions for reader in readers)
    note = _provenance(readers, source)
    seen = _Seen(set(), set(), any(reader.float_valued for reader in readers))
    chunks = (
        _with_decisions(chunk, name, menu)
        for chunk in _chunks(readers, crossings, with_bits, most, seen)
    )
    try:
        written = write(target, chunks, note)
    except ValueError as error:
        raise InputFileError(output, f"cannot hold these files together: {error}") from error
    told = {_DECISIONS_BY_INDEX, _DECISIONS_BY_NAME} if menu is not None else set()
    left_out = sorted(field for field in seen.fields - told if not _holds(name, field))
    filled = tuple(sorted(seen.lacking)) if name == "ugt" else ()
    return Conversion(str(output), name, written, tuple(left_out), filled, seen.float_valued)


def _with_decisions(chunk: Chunk, format_name: str, menu: Menu | None) -> Chunk:
    """Return a chunk with its decisions as a format and a menu call them."""
    if chunk.bits is None or (chunk.words is not None and format_name == "ugt"):
        return chunk
    names = chunk.bits.names
    if menu is not None:
        calls = {seed.name: str(seed.bit) for seed in menu.seeds}
        if format_name != "ugt":
            calls = {bit: name for name, bit in calls.items()}
        kept = [name for name in names if name in calls or name in calls.values()]
        called = tuple(calls.get(name, name) for name in kept)
    elif format_name == "ugt":
        kept = [name for name in names if name.isdecimal()]
        called = tuple(kept)
    else:
        return chunk
    bits = SeedBits(called, chunk.bits.columns(kept)) if kept else None
    return replace(chunk, bits=bits)


def _writer(target: Path) -> tuple[str, Callable[[Path, Iterator[Chunk], dict[str, Any]], int]]:
    name = target.name.lower()
    if name.endswith(".root"):
        return "l1nano", lambda path, chunks, note: write_nano(path, chunks, provenance=note)
    if name.endswith(".parquet"):
        return "parquet", lambda path, chunks, note: write_parquet(path, chunks, provenance=note)
    if name.endswith(_UGT):
        return "ugt", lambda path, chunks, _: write_ugt(path, chunks)
    msg = f"{target}: the name must end in .root, .parquet, {', '.join(_UGT)}"
    raise SettingsError(msg)


def _provenance(readers: Sequence[Reader], source: Source) -> dict[str, Any]:
    """Return what all files say of themselves alike, and what was done to them."""
    notes = [reader.provenance() for reader in readers]
    common = {
        key: value
        for key, value in notes[0].items()
        if all(key in note and note[key] == value for note in notes)
    }
    done: dict[str, Any] = {
        "converted_from": [Path(reader.path).name for reader in readers],
        "source": source,
    }
    if any(reader.float_valued for reader in readers):
        done["float_valued"] = True
    return {**common, **done}


def _chunks(
    readers: Sequence[Reader],
    crossings: Sequence[int],
    with_bits: bool,
    most: int | None,
    seen: _Seen,
) -> Iterator[Chunk]:
    left = most
    for reader in readers:
        size = 100_000 if left is None else min(left, 100_000)
        if size == 0:
            return
        for chunk in reader.chunks(crossings=crossings, chunk_events=size, bits=with_bits):
            if left is not None and chunk.entry_stop - chunk.entry_start > left:
                return
            _note_fields(chunk, seen.fields)
            if chunk.words is None:
                seen.lacking |= {_EXTERNAL, *filled_fields(chunk.events)}
            yield chunk
            if left is not None:
                left -= chunk.entry_stop - chunk.entry_start
                if left == 0:
                    return


def _note_fields(chunk: Chunk, fields: set[str]) -> None:
    if chunk.words is not None:
        fields |= {
            what
            for what, values in (
                (_EXTERNAL, chunk.words.external),
                (_CICADA, chunk.words.cicada),
            )
            if values.any()
        }
    # A test vector has no numbers of events that could be left out.
    unset = {"run", "lumi", "orbit", "event"} if chunk.words is not None else set()
    names = set(chunk.events.fields) - unset
    fields |= {name for name in names if name not in REQUIRED_FIELDS}
    had = {f"{name}.{field}" for name in REQUIRED_FIELDS for field in chunk.events[name].fields}
    if "jet.qual" in had and not ak.any(chunk.events.jet.qual > 1):
        # Nothing but the flag of displaced jets, which every format holds.
        had.remove("jet.qual")
    fields |= had
    if chunk.bits is not None:
        named = all(name.startswith(SEED_PREFIXES) for name in chunk.bits.names)
        fields.add(_DECISIONS_BY_NAME if named else _DECISIONS_BY_INDEX)


_SCALARS: Final = {"run", "lumi", "event", "orbit", "weight", "stratum", "pool_id"}


def _holds(format_name: str, field: str) -> bool:
    """Tell whether a format holds a field, a scalar or decisions."""
    name, _, part = field.partition(".")
    if field == "jet.displaced":
        # The others keep it in the quality of jets.
        return True
    if format_name == "ugt":
        # The crossing's number in the orbit is all that a line has.
        held = {_DECISIONS_BY_INDEX, "crossing", _EXTERNAL, _CICADA, *SHOWERS}
        return field in held or part in BIT_FIELDS.get(name, {})
    if format_name == "parquet":
        held = {_DECISIONS_BY_INDEX, _DECISIONS_BY_NAME, "crossing", *_SCALARS}
        return field in held or part in PARQUET_COLUMNS.get(name, ("", {}))[1]
    held = {_DECISIONS_BY_NAME, "crossing", *_SCALARS, *SHOWERS}
    nano = {*NANO_FIELDS.get(name, {}), *SUM_PARTS.get(name, {}), *_sum_fields(name)}
    return field in held or part in nano


def _sum_fields(name: str) -> tuple[str, ...]:
    return REQUIRED_FIELDS[name] if name in SUM_PARTS else ()
