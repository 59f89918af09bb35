"""Integers and floats of a tree's branches, taken from its baskets straight into arrays.

uproot reads whatever ROOT can write; nearly all that the trigger stores has one of two layouts, numbers and
lists of numbers, and of these it takes twice the time that their decompression takes. What is not exactly as
it is expected here is left to uproot, which also says what is wrong with it.
Source: ROOT, ``TBasket``, ``TKey`` and ``core/zip/src/RZip.cxx``; uproot, ``models/TBasket.py``.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import cramjam
import numpy as np
import uproot
import xxhash
from uproot.interpretation.jagged import AsJagged
from uproot.interpretation.numerical import AsDtype

from emulator.jit import kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

#: Beginning of a key: length with the key, version, length of the content, time, length of the key, cycle.
_KEY: Final = struct.Struct(">ihiIhh")

#: End of a basket's key: version, sizes of buffers, entries, where the content ends, and a flag.
_BASKET: Final = struct.Struct(">HiiiiB")

#: A basket that a range cuts is kept for the next one, up to this size; all branches' together stay small.
_KEPT_BYTES: Final = 4_000_000

#: Before each compressed block: algorithm, method, and both lengths in three bytes, the lowest first.
_BLOCK: Final = struct.Struct("<2sB3s3s")

#: Check sum (xxHash, 64 bits) between header and content of a block of LZ4.
_SUM_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Basket:
    """Some entries of a branch, decompressed.

    Attributes
    ----------
    entries
        Number of entries.
    content
        The numbers as they stand in the file, uint8.
    stops
        Where in ``content`` each entry begins, and behind the last where it ends, int64 (entries + 1); None
        if the file does not say so, since all have the same length.
    """

    entries: int
    content: Bytes
    stops: NDArray[np.int64] | None


class UnexpectedLayoutError(Exception):
    """Something in a branch is not as it is expected here; uproot must read it."""


class BranchBaskets:
    """The baskets of one branch of a mapped file.

    Parameters
    ----------
    branch
        The branch as uproot knows it.

    Raises
    ------
    UnexpectedLayoutError
        Here and when reading, if a branch or a basket is not as expected.
    """

    def __init__(self, branch: Any) -> None:
        _require(isinstance(branch, uproot.TBranch))
        self._source = branch.file.source
        _require(isinstance(self._source, uproot.MemmapSource) and self._source.fallback is None)
        interpretation = branch.interpretation
        self.lists = type(interpretation) is AsJagged
        self._header = interpretation.header_bytes if self.lists else 0
        content = interpretation.content if self.lists else interpretation
        _require(type(content) is AsDtype)
        stored = content.from_dtype
        _require(stored.shape == () and stored.kind in "iuf" and stored.itemsize <= 8)
        self._dtype = stored.newbyteorder("=")
        _require(content.to_dtype == self._dtype)
        _require(stored.itemsize == 1 or stored == stored.newbyteorder(">"))
        _require(len(branch.embedded_baskets) == 0)
        self._firsts = np.asarray(branch.entry_offsets, dtype=np.int64)
        n_baskets = len(self._firsts) - 1
        self._seeks = np.asarray(branch.member("fBasketSeek"))[:n_baskets].tolist()
        self._lengths = np.asarray(branch.member("fBasketBytes"))[:n_baskets].tolist()
        _require(len(self._seeks) == len(self._lengths) == n_baskets)
        self._kept: tuple[int, Basket] | None = None

    def numbers(self, start: int, stop: int) -> NDArray[Any]:
        """Return one number for each entry of a range."""
        _require(not self.lists)
        size = self._dtype.itemsize
        values = np.empty(stop - start, dtype=self._dtype)
        for first, last, to, basket in self._baskets(start, stop):
            _require(len(basket.content) == basket.entries * size)
            part = values[to : to + last - first]
            _copy_swapped(basket.content[first * size : last * size], part)
        return values

    def jagged(self, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return the offsets, int64 (stop - start + 1), from 0, and the contents of the lists of a range."""
        _require(self.lists)
        offsets = np.empty(stop - start + 1, dtype=np.int64)
        offsets[0] = 0
        parts: list[Bytes] = []
        size = self._dtype.itemsize
        for first, last, to, basket in self._baskets(start, stop):
            stops = basket.stops
            _require(stops is not None and len(stops) == basket.entries + 1)
            assert stops is not None  # noqa: S101 - for the type checker
            _require(stops[0] == 0 and stops[-1] == len(basket.content))
            stops = stops[first : last + 1]
            _require(_count(stops, self._header, size, offsets[to : to + last - first + 1]))
            content = basket.content[stops[0] : stops[-1]]
            parts.append(
                _without_headers(content, stops, self._header) if self._header else content
            )
        contents = np.empty(int(offsets[-1]), dtype=self._dtype)
        filled = 0
        for part in parts:
            _copy_swapped(part, contents[filled : filled + len(part) // size])
            filled += len(part) // size
        return offsets, contents

    def _baskets(self, start: int, stop: int) -> Iterator[tuple[int, int, int, Basket]]:
        """Yield baskets, which of their entries are in a range, and the place of these in the range."""
        at = start
        for number in range(
            int(np.searchsorted(self._firsts, start, "right")) - 1, len(self._seeks)
        ):
            begin, end = int(self._firsts[number]), int(self._firsts[number + 1])
            if at >= stop:
                break
            if end > at:
                basket = self._basket(number, end - begin)
                yield at - begin, min(end, stop) - begin, at - start, basket
                at = min(end, stop)
        _require(at == stop)

    def _basket(self, number: int, entries: int) -> Basket:
        """Return a basket, from memory if it is the one that was read last."""
        if self._kept is not None and self._kept[0] == number:
            return self._kept[1]
        basket = self._read(number, entries)
        self._kept = (number, basket) if len(basket.content) <= _KEPT_BYTES else None
        return basket

    def _read(self, number: int, entries: int) -> Basket:
        seek, length = self._seeks[number], self._lengths[number]
        stored = np.asarray(self._source.chunk(seek, seek + length).raw_data)
        _require(len(stored) == length >= _KEY.size + _BASKET.size)
        n_bytes, _, n_content, _, n_key, _ = _KEY.unpack_from(stored.data)
        _require(n_bytes == length and _KEY.size + _BASKET.size <= n_key <= length)
        _, _, _, n_entries, last, _ = _BASKET.unpack_from(stored.data, n_key - _BASKET.size)
        border = last - n_key
        _require(n_entries == entries and 0 <= border <= n_content)
        content = decompressed(stored[n_key:], n_content)
        if border == n_content:
            return Basket(entries, content, None)
        # A count, where each entry begins (counted from the key's beginning), and a place without meaning.
        places = content[border:]
        _require(len(places) == 4 * (entries + 2))
        stops = places.view(">i4")[1:] - np.int64(n_key)
        stops[-1] = border
        return Basket(entries, content[:border], stops)


def _require(holds: bool) -> None:
    if not holds:
        raise UnexpectedLayoutError


def decompressed(stored: Bytes, length: int) -> Bytes:
    """Return the content of a basket, which is compressed if its length is another one.

    Parameters
    ----------
    stored
        Blocks, each with a header.
    length
        Bytes of the content.

    Raises
    ------
    UnexpectedLayoutError
        If an algorithm is unknown, a check sum is wrong, or lengths disagree.
    """
    if len(stored) == length:
        return stored
    blocks = stored.data
    content: Bytes | None = None
    filled = at = 0
    while at < len(blocks):
        _require(at + _BLOCK.size <= len(blocks))
        algorithm, _, packed, unpacked = _BLOCK.unpack_from(blocks, at)
        at += _BLOCK.size
        n_packed, n_unpacked = int.from_bytes(packed, "little"), int.from_bytes(unpacked, "little")
        _require(at + n_packed <= len(blocks) and filled + n_unpacked <= length)
        _require(algorithm in _ALGORITHMS)
        block = np.frombuffer(
            _ALGORITHMS[algorithm](blocks[at : at + n_packed], n_unpacked), np.uint8
        )
        _require(len(block) == n_unpacked)
        at += n_packed
        if n_unpacked == length:
            content = block
        else:
            content = np.empty(length, np.uint8) if content is None else content
            content[filled : filled + n_unpacked] = block
        filled += n_unpacked
    _require(content is not None and filled == length)
    assert content is not None  # noqa: S101 - for the type checker
    return content


def _zlib(packed: memoryview, length: int) -> Any:
    return zlib.decompress(packed, bufsize=length)


def _zstd(packed: memoryview, length: int) -> Any:
    return cramjam.zstd.decompress(packed, output_len=length)


def _lz4(packed: memoryview, length: int) -> Any:
    _require(len(packed) > _SUM_BYTES)
    stated = int.from_bytes(packed[:_SUM_BYTES], "big")
    block = packed[_SUM_BYTES:]
    _require(xxhash.xxh64_intdigest(block) == stated)
    return cramjam.lz4.decompress_block(block, output_len=length)


_ALGORITHMS: Final[dict[bytes, Callable[[memoryview, int], Any]]] = {
    b"ZL": _zlib,
    b"ZS": _zstd,
    b"L4": _lz4,
}


def _copy_swapped(stored: Bytes, values: NDArray[Any]) -> None:
    """Copy numbers, in the file the highest byte first, into an array."""
    whole = values.view(f"u{values.dtype.itemsize}")
    if values.dtype.itemsize == 1:
        whole[:] = stored
    elif values.dtype.itemsize == 2:
        _swap_pairs(stored, whole)
    else:
        whole[:] = stored.view(whole.dtype.newbyteorder(">"))


@kernel
def _swap_pairs(stored: NDArray[np.uint8], values: NDArray[np.uint16]) -> None:
    """Copy two bytes into each value; numpy takes six times as long where they stand at odd places."""
    for place in range(len(values)):
        high, low = np.uint16(stored[2 * place]), np.uint16(stored[2 * place + 1])
        values[place] = (high << np.uint16(8)) | low


@kernel
def _count(stops: NDArray[np.int64], header: int, size: int, offsets: NDArray[np.int64]) -> bool:
    """Write the offsets of lists behind the first, which is there; false if lengths make no sense."""
    wrong = 0
    for row in range(len(stops) - 1):
        length = stops[row + 1] - stops[row] - header
        wrong += (length < 0) | (length % size != 0)
        offsets[row + 1] = offsets[row] + length // size
    return wrong == 0


@kernel
def _without_headers(
    content: NDArray[np.uint8], stops: NDArray[np.int64], header: int
) -> NDArray[np.uint8]:
    """Return the contents of lists without what stands before each of them."""
    first = stops[0]
    kept = np.empty(len(content) - header * (len(stops) - 1), dtype=np.uint8)
    filled = 0
    for row in range(len(stops) - 1):
        for place in range(stops[row] - first + header, stops[row + 1] - first):
            kept[filled] = content[place]
            filled += 1
    return kept
