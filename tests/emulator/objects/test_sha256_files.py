"""Check sums beside files: damage is told in every format, and stale ones are said to be so."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from crowded_crossings import draw_crossings
from public_data_set import tables, write_hugging_face

from emulator.errors import InputFileError
from emulator.objects import (
    expand_paths,
    open_file,
    read_events,
    write_nano,
    write_parquet,
    write_ugt,
)
from emulator.objects.chunks import Chunk
from emulator.objects.quantities import read_quantity
from emulator.objects.sha256_files import verify_sha256, write_sha256

if TYPE_CHECKING:
    from collections.abc import Callable


def chunks(seed: int = 1) -> list[Chunk]:
    return [Chunk("", "", 0, 20, draw_crossings(20, seed))]


def _hdf5(path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset("Particles", data=np.zeros((5, 19, 4)))


WRITERS: dict[str, Callable[[Path], object]] = {
    "vector.txt": lambda path: write_ugt(path, chunks()),
    "vector.txt.xz": lambda path: write_ugt(path, chunks()),
    "nano.root": lambda path: write_nano(path, chunks(), provenance={}),
    "ours.parquet": lambda path: write_parquet(path, chunks(), provenance={}),
    "theirs.parquet": lambda path: write_hugging_face(path, tables(20, seed=1)),
    "particles.h5": _hdf5,
}


@pytest.mark.parametrize("name", WRITERS)
def test_any_flipped_bit_is_told(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    write_sha256(path)
    read_events(path)
    content = bytearray(path.read_bytes())
    # In the middle of the values, where plain formats hold nothing that could tell.
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=rf"{name}: is not the file of which {name}\.sha256"):
        open_file(path)


def test_a_plain_vector_is_written_with_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_ugt(path, chunks())
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (tmp_path / "a.txt.sha256").read_text() == f"{expected}  a.txt\n"
    write_ugt(tmp_path / "b.txt.xz", chunks())
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "a.txt", "a.txt.sha256", "b.txt.xz",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["vector.txt", "vector.txt.xz", "nano.root", "ours.parquet"])
def test_writers_renew_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("something else")
    write_sha256(path)
    WRITERS[name](path)
    assert len(read_events(path)) == 20


def test_sums_of_a_folder(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        write_ugt(tmp_path / name, chunks())
        (tmp_path / f"{name}.sha256").unlink()
    right = hashlib.sha256((tmp_path / "a.txt").read_bytes()).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{right.upper()} *a.txt\n{'0' * 64}  ./b.txt\n")
    assert len(read_events([tmp_path / "a.txt", tmp_path / "c.txt"])) == 40
    with pytest.raises(InputFileError, match=r"b\.txt: is not the file of which SHA256SUMS holds"):
        open_file(tmp_path / "b.txt")
    names = [Path(each).name for each in expand_paths([tmp_path, tmp_path / "*"])]
    assert names == ["a.txt", "b.txt", "c.txt"] * 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"a\.txt\.sha256: holds no check sum of a\.txt"),
        (f"{'0' * 64}  other.txt\n", r"a\.txt\.sha256: holds no check sum of a\.txt"),
        (f"{'0' * 63}  a.txt\n", r"a\.txt\.sha256: line 1 is no line of sha256sum"),
        (f"{'0' * 64}\n", r"a\.txt: is not the file of which a\.txt\.sha256"),
    ],
)
def test_other_sums_are_refused(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_ugt(path, chunks())
    (tmp_path / "a.txt.sha256").write_text(text)
    with pytest.raises(InputFileError, match=sentence):
        open_file(path)


def test_a_bare_sum_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_ugt(path, chunks())
    sums = tmp_path / "a.txt.sha256"
    sums.write_text(sums.read_text().split()[0] + "\n")
    verify_sha256(path)


def test_quantities_are_held_to_it(tmp_path: Path) -> None:
    path = tmp_path / "theirs.parquet"
    WRITERS["theirs.parquet"](path)
    write_sha256(path)
    assert len(read_quantity(str(path), "lumi")) == 20
    (tmp_path / "theirs.parquet.sha256").write_text(f"{'0' * 64}  theirs.parquet\n")
    with pytest.raises(InputFileError, match="is not the file of which"):
        read_quantity(str(path), "lumi")
