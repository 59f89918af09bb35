"""Damages files of every format, reads them in processes with limits, and says how each case ended.

Run as a program, so that no test process has to fork: ``damage.py FOLDER CASES SEED`` writes the files
into the folder and prints one JSON object a case; ``damage.py FOLDER CASES SEED FILE`` damages copies of a file
that somebody else wrote. How a case may end: ``error`` (one sentence of an
`L1Error` that names the file), ``equal`` (the data of the undamaged file), ``shorter`` (whole lines at the
end of a text are gone, the others are equal), ``as stored`` (other values, exactly those that the damaged file
holds: a second reader that shares nothing with the project finds the same, see `plain_reading`), ``wrong`` (other
values than the file holds, or such as only we find in it), ``traceback``, ``killed``.
"""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot
from plain_reading import Reading, read_plainly
from public_data_set import tables, write_hugging_face

from emulator.errors import L1Error
from emulator.objects import (
    OPTIONAL_FIELDS,
    REQUIRED_FIELDS,
    SCALARS,
    Columns,
    SeedBits,
    build_events,
    load_scales,
    open_file,
    read_events_and_bits,
    write_nano,
    write_parquet,
    write_ugt,
)
from emulator.objects.chunks import Chunk
from emulator.objects.l1ntuple import _OBJECTS
from emulator.objects.reader import read_events
from emulator.objects.sha256_files import remove_sha256, write_sha256
from emulator.objects.sum_types import SUM_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROWS = 60
SECONDS = 30
EXTRA_BYTES = 2 << 30

#: Kinds of damage done to the bytes of a file.
BYTE_DAMAGE = ("truncated", "flipped", "block")


@dataclass(frozen=True)
class Case:
    """One damaged file and how reading it ended."""

    format: str
    damage: str
    seed: int
    ended: str
    message: str
    seconds: float


def some_events(
    rng: np.random.Generator, rows: int = ROWS, *, mean_pt: float | None = None
) -> ak.Array:
    """Return events with every field of NanoAOD, in falling pt so that orders do not matter.

    All codes are as frequent; with ``mean_pt`` (counts), those of pt fall instead, in a few runs.
    """
    scales = load_scales()
    parts = {}
    for name, required in REQUIRED_FIELDS.items():
        most = scales.multiplicity(name)
        counts = np.ones(rows, int) if most == 1 else rng.integers(0, most + 1, rows)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        extra = () if most == 1 else OPTIONAL_FIELDS[name]
        fields = {}
        for each in (*required, *(f for f in extra if f != "displaced")):
            scale = scales.field(name, each)
            fields[each] = rng.integers(scale.minimum, scale.maximum + 1, counts.sum())
            if each == "pt" and mean_pt is not None:
                falling = rng.exponential(mean_pt * (1 if most > 1 else 6), counts.sum())
                fields[each] = np.minimum(falling.astype(np.int64), scale.maximum)
        row = np.repeat(np.arange(rows), counts)
        order = np.lexsort((-fields["pt"], row))
        fields = {each: values[order] for each, values in fields.items()}
        fields["pt"] = np.maximum(fields["pt"], int(most > 1))
        parts[name] = Columns(offsets, fields)
    numbers = {name: rng.integers(1, 2**31, rows) for name in SCALARS}
    if mean_pt is not None:
        numbers |= {"run": 390_000 + np.arange(rows) // (rows // 2), "lumi": np.arange(rows) // 100}
    return build_events({**numbers, "crossing": np.zeros(rows, int)}, parts)


def write_l1ntuple(
    path: Path,
    events: ak.Array,
    *,
    event: Mapping[str, np.ndarray] | None = None,
    generator: Mapping[str, np.ndarray] | None = None,
    step: int = 1 << 40,
) -> None:
    """Write events as an L1Ntuple of the older layout, branches compressed with zlib.

    ``event`` are more branches of the event tree, ``generator`` those of a generator tree. The objects
    have one basket for each ``step`` events.
    """
    content: dict[str, Any] = {}
    for name, branches in _OBJECTS.items():
        for field, branch in branches.fields.items():
            content[branch] = events[name][field]
        if name == "mu":
            content["muonChg"] = 1 - 2 * events.mu.charge
        content[branches.crossing] = ak.values_astype(ak.zeros_like(events[name].pt), np.int16)
    sums = [events[name] for name in SUM_TYPES]
    content["sumIEt"] = ak.concatenate([each.pt for each in sums], axis=1)
    content["sumIPhi"] = ak.concatenate(
        [each.phi if "phi" in each.fields else ak.zeros_like(each.pt) for each in sums], axis=1
    )
    kinds = np.tile(np.array(list(SUM_TYPES.values()), np.int16), (len(events), 1))
    content["sumType"] = ak.from_regular(ak.Array(kinds))
    content["sumBx"] = ak.values_astype(ak.zeros_like(content["sumIEt"]), np.float32)
    scalars = {name: ak.to_numpy(events[name]) for name in ("run", "lumi", "event", "orbit")}
    scalars |= event or {}
    with uproot.recreate(path, compression=uproot.ZLIB(1)) as file:
        tree = "l1UpgradeTree/L1UpgradeTree"
        file.mktree(tree, {name: ak.type(values).content for name, values in content.items()})
        for start in range(0, len(events), step):
            file[tree].extend({k: ak.Array(v)[start : start + step] for k, v in content.items()})
        tree = "l1EventTree/L1EventTree"
        file.mktree(tree, {name: values.dtype for name, values in scalars.items()})
        file[tree].extend(scalars)
        if generator:
            tree = "l1GeneratorTree/L1GenTree"
            file.mktree(tree, {name: values.dtype for name, values in generator.items()})
            file[tree].extend(dict(generator))


def _rntuple(path: Path, tree: Path) -> None:
    with uproot.open(tree) as file:
        keys = [key for key in file["Events"].keys() if not key.startswith("nL1")]  # noqa: SIM118
        arrays = {key: file["Events"][key].array() for key in keys}
    with uproot.recreate(path) as file:
        ntuple = file.mkrntuple("Events", {k: ak.type(v).content for k, v in arrays.items()})
        ntuple.extend(arrays)


def write_originals(folder: Path, seed: int) -> dict[str, Path]:
    """Write one good file of each format."""
    rng = np.random.default_rng(seed)
    events = some_events(rng)
    bits = SeedBits(("L1_A", "L1_B"), rng.random((ROWS, 2)) < 0.4)
    chunk = Chunk("", "", 0, ROWS, events, bits=bits)
    index = Chunk("", "", 0, ROWS, events, bits=SeedBits(("5", "438"), bits.values))
    names = {
        "l1nano": "nano.root",
        "l1ntuple": "l1ntuple.root",
        "rntuple": "rntuple.root",
        "ugt": "vector.txt",
        "ugt of others": "theirs.txt",
        "ugt.xz": "vector.txt.xz",
        "ugt.gz": "vector.txt.gz",
        "parquet": "ours.parquet",
        "parquet alone": "alone.parquet",
        "parquet of others": "theirs/theirs.parquet",
        "parquet of others and sha256": "theirs/summed.parquet",
        "hdf5": "particles.h5",
        "hdf5 with check sums": "checked.h5",
    }
    found = {name: folder / file for name, file in names.items()}
    write_nano(found["l1nano"], [chunk], provenance={})
    write_l1ntuple(found["l1ntuple"], events)
    _rntuple(found["rntuple"], found["l1nano"])
    for name in ("ugt", "ugt.xz", "ugt.gz"):
        write_ugt(found[name], [index])
    found["ugt of others"].write_bytes(found["ugt"].read_bytes())
    for name in ("parquet", "parquet alone"):
        write_parquet(found[name], [chunk], provenance={})
    remove_sha256(found["parquet alone"])
    found["parquet of others"].parent.mkdir()
    for name in ("parquet of others", "parquet of others and sha256"):
        write_hugging_face(found[name], tables(ROWS, seed=seed))
    write_sha256(found["parquet of others and sha256"])
    values = np.abs(rng.normal(30, 20, (ROWS, 19, 4)))
    values[..., 1] = rng.uniform(-2, 2, values.shape[:2])
    values[..., 2] = rng.uniform(-3, 3, values.shape[:2])
    values[..., 3] = np.repeat([1, 2, 3, 4], [1, 4, 4, 10])
    with h5py.File(found["hdf5"], "w") as file:
        file.create_dataset("Particles", data=values)
    # Metadata of this version of HDF5 have check sums, chunks of data where the writer asks for them.
    with h5py.File(found["hdf5 with check sums"], "w", libver="latest") as file:
        file.create_dataset("Particles", data=values, fletcher32=True)
    return found


def damaged(content: bytes, damage: str, rng: np.random.Generator) -> bytes:
    """Return the bytes of a file, cut short, with flipped bits, or with a block of other bytes."""
    if damage == "truncated":
        return content[: int(rng.integers(0, len(content)))]
    changed = bytearray(content)
    if damage == "flipped":
        for _ in range(int(rng.integers(1, 4))):
            changed[int(rng.integers(0, len(content)))] ^= 1 << int(rng.integers(0, 8))
        return bytes(changed)
    size = min(int(rng.integers(2, 256)), len(content) - 1)
    start = int(rng.integers(0, len(content) - size))
    changed[start : start + size] = rng.bytes(size)
    return bytes(changed)


def _read(path: Path) -> Reading:
    if open_file(path).decisions:
        events, bits = read_events_and_bits(path)
        return events.tolist(), bits.values.tolist()
    return read_events(path).tolist(), []


def _ending(path: Path, original: Reading) -> tuple[str, str]:
    try:
        events, bits = _read(path)
    except L1Error as error:
        text = str(error)
        named = path.name in text and "\n" not in text
        return ("error", text) if named else ("traceback", f"no clear sentence: {text}")
    except BaseException:  # noqa: BLE001 - whatever it is, it is what this looks for
        return "traceback", traceback.format_exc()
    if (events, bits) == original:
        return "equal", ""
    problem = _second_reading(path, (events, bits))
    if problem:
        return "wrong", problem
    rows = len(events)
    if (events, bits) == (original[0][:rows], original[1][:rows]):
        return "shorter", f"{rows} of {len(original[0])} rows"
    different = sum(a != b for a, b in zip(events, original[0], strict=False))
    return "as stored", f"{different} of {len(original[0])} rows differ, {rows} rows"


def _second_reading(path: Path, ours: Reading) -> str:
    """Say how a second reader of the file disagrees with what was read; empty if it does not."""
    try:
        plain = read_plainly(path)
    except Exception:  # noqa: BLE001 - what only we can read is no file
        return f"the second reader cannot read it: {traceback.format_exc()}"
    if plain == ours:
        return ""
    if [len(each) for each in ours] != [len(each) for each in plain]:
        return f"{len(ours[0])} rows, the second reader finds {len(plain[0])}"
    places = (k for k, pair in enumerate(zip(ours[0], plain[0], strict=True)) if pair[0] != pair[1])
    row = next(places, None)
    if row is None:
        return "decisions differ from those that the second reader finds"
    names = [name for name in ours[0][row] if ours[0][row][name] != plain[0][row].get(name)]
    return f"row {row}: {names} differ from what the second reader finds"


def limited(work: Callable[[], tuple[str, str]]) -> tuple[str, str, float]:
    """Do some work in a process of its own, with limits of time and memory."""
    reading, writing = os.pipe()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        memory = pages * resource.getpagesize() + EXTRA_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.write(writing, json.dumps(work()).encode()[:60_000])
        os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], 2 * SECONDS)
    answer = os.read(reading, 65_536) if ready else b""
    os.close(reading)
    if not answer:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    seconds = time.monotonic() - start
    if not answer:
        return "killed", f"no answer within {seconds:.0f} s", seconds
    ended, message = json.loads(answer)
    return ended, message, seconds


def byte_case(original: Path, data: Any, damage: str, seed: int) -> tuple[str, str, float]:
    """Damage a copy of a file and read it."""
    rng = np.random.default_rng(seed)
    copy = original.with_name(f"damaged-{original.name}")
    copy.write_bytes(damaged(original.read_bytes(), damage, rng))
    if original.suffix == ".parquet":
        seeds = original.parent / "seeds"
        (seeds / copy.name).write_bytes((seeds / original.name).read_bytes())
    sums = original.with_name(f"{original.name}.sha256")
    if sums.exists():
        text = sums.read_text(encoding="utf-8").replace(original.name, copy.name)
        copy.with_name(f"{copy.name}.sha256").write_text(text, encoding="utf-8")
    return limited(lambda: _ending(copy, data))


# ---- other types -------------------------------------------------------------------------------


def _retyped_array(values: ak.Array, rng: np.random.Generator) -> ak.Array:
    """Return a branch with another type: some keep the values, some cannot."""
    lists = values.ndim == 2
    counts = np.ones(len(values), int)
    choices: list[Callable[[], ak.Array]] = [
        lambda: ak.values_astype(values, np.float32),
        lambda: ak.values_astype(values, np.float64) + 0.5,
        lambda: ak.values_astype(values, np.int64),
        lambda: ak.values_astype(values, np.float64) * np.nan,
        lambda: ak.num(values) if lists else ak.unflatten(values, counts),
        lambda: ak.values_astype(values, np.int64) - (1 << 40),
    ]
    return choices[int(rng.integers(0, len(choices)))]()


def _branches(tree: Any) -> dict[str, ak.Array]:
    """Return the branches of a tree but for the counters, which are written with their lists."""
    keys: list[str] = tree.keys()
    counters = {
        key
        for key in keys
        if key[0] == "n" and any(k == key[1:] or k.startswith(f"{key[1:]}_") for k in keys)
    }
    return {key: tree[key].array() for key in keys if key not in counters}


def _retype_root(original: Path, copy: Path, rng: np.random.Generator) -> None:
    with uproot.open(original) as source:
        trees = {
            k: source[k] for k, kind in source.classnames(cycle=False).items() if kind == "TTree"
        }
        content = {name: _branches(tree) for name, tree in trees.items()}
    name = next(iter(content)) if len(content) == 1 else sorted(content)[int(rng.integers(0, 2))]
    key = sorted(content[name])[int(rng.integers(0, len(content[name])))]
    content[name][key] = _retyped_array(content[name][key], rng)
    with uproot.recreate(copy) as file:
        for tree, arrays in content.items():
            types = {k: ak.type(ak.Array(v)).content for k, v in arrays.items()}
            file.mktree(tree, types)
            file[tree].extend(arrays)


def _retype_parquet(original: Path, copy: Path, rng: np.random.Generator) -> None:
    table = pq.read_table(original)
    place = int(rng.integers(0, table.num_columns))
    column = table.column(place)
    is_list = pa.types.is_list(column.type)
    kind = [pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.binary(), None][
        int(rng.integers(0, 6))
    ]
    rows = column.to_pylist()
    if kind is None:
        new = pa.array([None] * len(rows), column.type)
    else:
        make: Any = {
            pa.string(): str,
            pa.binary(): lambda v: str(v).encode(),
            pa.bool_(): bool,
        }.get(kind, lambda v: v)
        values = [[make(v) for v in row] if is_list else make(row) for row in rows]
        try:
            new = pa.array(values, pa.list_(kind) if is_list else kind)
        except (pa.ArrowException, OverflowError):
            new = pa.array([str(row) for row in rows])
    pq.write_table(table.set_column(place, table.column_names[place], new), copy)
    (copy.parent / "seeds" / copy.name).write_bytes(
        (copy.parent / "seeds" / original.name).read_bytes()
    )


def _retype_hdf5(original: Path, copy: Path, rng: np.random.Generator) -> None:
    with h5py.File(original) as file:
        values = file["Particles"][:]
    choices: list[Any] = [
        values.astype(np.int64),
        values.astype(str).astype("S8"),
        values.astype(np.complex64),
        values[:, :18],
        values.reshape(len(values), -1),
        values[..., ::-1].copy(),
        values > 1,
        np.where(rng.random(values.shape) < 0.01, np.nan, values),
    ]
    with h5py.File(copy, "w") as file:
        file.create_dataset("Particles", data=choices[int(rng.integers(0, len(choices)))])


def _retype_text(original: Path, copy: Path, rng: np.random.Generator) -> None:
    lines = original.read_text(encoding="ascii").splitlines(keepends=True)
    place = int(rng.integers(0, len(lines)))
    words = lines[place].split(" ")
    column = int(rng.integers(0, len(words)))
    word = words[column]
    changes: list[str] = [
        word.replace(word[:1], "g", 1), "0x" + word[2:], word.rjust(len(word)).replace("0", " ", 1),
        f"{word} {word}", "-" + word[1:], word[:-1], "", "é" + word[1:],
    ]  # fmt: skip
    words[column] = changes[int(rng.integers(0, len(changes)))]
    lines[place] = " ".join(words)
    copy.write_text("".join(lines), encoding="utf-8")


RETYPED: dict[str, Callable[[Path, Path, np.random.Generator], None]] = {
    "l1nano": _retype_root,
    "l1ntuple": _retype_root,
    "ugt of others": _retype_text,
    "parquet alone": _retype_parquet,
    "parquet of others": _retype_parquet,
    "hdf5": _retype_hdf5,
}


def retyped_case(name: str, original: Path, data: Any, seed: int) -> tuple[str, str, float]:
    """Give a part of a file another type and read it."""
    copy = original.with_name(f"retyped-{original.name}")
    RETYPED[name](original, copy, np.random.default_rng(seed))
    return limited(lambda: _ending(copy, data))


def run(folder: Path, cases: int, seed: int, given: Path | None = None) -> list[Case]:
    """Run so many cases, spread over formats and kinds of damage; or over those of one given file."""
    if given is None:
        originals = write_originals(folder, seed)
        retyped = tuple(RETYPED)
    else:
        originals, retyped = {"given": Path(shutil.copyfile(given, folder / given.name))}, ()
    data = {name: _read(path) for name, path in originals.items()}
    kinds = [(name, damage) for damage in BYTE_DAMAGE for name in originals]
    kinds += [(name, "retyped") for name in retyped for _ in range(2)]
    found = []
    for number in range(cases):
        name, damage = kinds[number % len(kinds)]
        own = seed * 100_000 + number
        if damage == "retyped":
            ending = retyped_case(name, originals[name], data[name], own)
        else:
            ending = byte_case(originals[name], data[name], damage, own)
        found.append(Case(name, damage, own, *ending))
    return found


if __name__ == "__main__":
    # The only output is JSON; a library may say something about damaged bytes on standard error.
    asked, others = sys.argv[1:4], [Path(other) for other in sys.argv[4:5]]
    for each in run(Path(asked[0]), int(asked[1]), int(asked[2]), *others):
        sys.stdout.write(json.dumps(asdict(each)) + "\n")
