"""Archives that would write elsewhere, link, or fill the memory are refused."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from emulator.errors import InputFileError
from firmware.foreign import archives
from firmware.foreign.archives import read_bytes, tar_members, zip_members

if TYPE_CHECKING:
    from collections.abc import Callable

PLACE = Path("net")


def a_zip(name: str, content: bytes = b"x", *, mode: int = 0) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, content)
    return stream.getvalue()


def a_tar(name: str, content: bytes = b"x", *, kind: bytes = tarfile.REGTYPE) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "elsewhere"
        info.size = len(content) if kind == tarfile.REGTYPE else 0
        archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def unpack_zip(content: bytes) -> dict[str, bytes]:
    return zip_members(PLACE, content)


def unpack_tar(content: bytes) -> dict[str, bytes]:
    return tar_members(PLACE, content, lambda name: name != "other")


def test_members_are_returned() -> None:
    assert unpack_zip(a_zip("a/b.txt")) == {"a/b.txt": b"x"}
    assert unpack_tar(a_tar("b.txt")) == {"b.txt": b"x"}


@pytest.mark.parametrize(("make", "unpack"), [(a_zip, unpack_zip), (a_tar, unpack_tar)])
@pytest.mark.parametrize("name", ["../up", "/top", "a/../../b", "c:d", "a\\..\\b"])
def test_paths_that_lead_out_are_refused(
    make: Callable[[str], bytes], unpack: Callable[[bytes], object], name: str
) -> None:
    with pytest.raises(InputFileError, match=r"^net: holds '.*', which leads out of its folder$"):
        unpack(make(name))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_links_and_devices_are_refused(kind: bytes) -> None:
    with pytest.raises(InputFileError, match="'b', which is a link or no plain file"):
        unpack_tar(a_tar("b", kind=kind))


def test_links_in_zips_are_refused() -> None:
    with pytest.raises(InputFileError, match="'b', which is a link or no plain file"):
        unpack_zip(a_zip("b", mode=stat.S_IFLNK | 0o777))


def test_unexpected_names_are_refused() -> None:
    with pytest.raises(InputFileError, match="holds 'other', which such an archive has not"):
        unpack_tar(a_tar("other"))


@pytest.mark.parametrize(("make", "unpack"), [(a_zip, unpack_zip), (a_tar, unpack_tar)])
def test_bombs_are_refused(
    make: Callable[[str, bytes], bytes],
    unpack: Callable[[bytes], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archives, "MAX_BYTES", 1_000)
    with pytest.raises(InputFileError, match="would unpack to 2000 bytes, at most 1000 are read"):
        unpack(make("b", bytes(2_000)))
    monkeypatch.setattr(archives, "MAX_MEMBERS", 0)
    with pytest.raises(InputFileError, match=r"at most 0|more than 0"):
        unpack(make("b", b"x"))


@pytest.mark.parametrize("unpack", [unpack_zip, unpack_tar])
def test_damage_is_told(unpack: Callable[[bytes], object]) -> None:
    with pytest.raises(InputFileError, match="is a damaged archive"):
        unpack(b"nothing of the kind")


def test_files_are_read_once_and_not_if_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net"
    with pytest.raises(InputFileError, match="there is no such file"):
        read_bytes(path)
    with pytest.raises(InputFileError, match="is no file"):
        read_bytes(tmp_path)
    path.write_bytes(b"12345")
    assert read_bytes(path) == b"12345"
    monkeypatch.setattr(archives, "MAX_BYTES", 4)
    with pytest.raises(InputFileError, match="has 5 bytes, a network has at most 4"):
        read_bytes(path)
