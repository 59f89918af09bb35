"""The only place that talks to uproot for reading: files, trees and branches as numpy arrays."""

from __future__ import annotations

import json
import mmap
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import awkward as ak
import numpy as np
import uproot
from uproot.behaviors.RNTuple import HasFields

from emulator.errors import InputFileError, MissingNameError
from emulator.objects.baskets import BranchBaskets, UnexpectedLayoutError
from emulator.objects.checked_file import CheckedSource, has_check_sums
from emulator.objects.file_access import as_input_error, first_bytes, is_remote, whole_numbers
from emulator.objects.rntuple_pages import LastClusters, PageChecker
from emulator.objects.sha256_files import verify_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

#: Key under which `write_nano` keeps the provenance of a file.
PROVENANCE_KEY: Final = "provenance"

_MAGIC: Final = b"root"

#: From this version on (files above 2 GB) the positions in the header have 8 bytes instead of 4.
_LARGE_FILE_VERSION: Final = 1_000_000


def is_root(head: bytes) -> bool:
    """Tell from its first bytes whether a file is a ROOT file."""
    return head.startswith(_MAGIC)


def check_is_root(path: str) -> None:
    """Raise `InputFileError` unless the path is a ROOT file (remote addresses are not looked at)."""
    if is_remote(path):
        return
    header = first_bytes(path)
    if not is_root(header):
        raise InputFileError(path, "not a ROOT file (it does not begin with 'root')")
    verify_sha256(path)
    size, end = Path(path).stat().st_size, _end_of_file(header)
    if size < end:
        raise InputFileError(path, f"the file is cut short: it has {size} bytes of {end}")


def _end_of_file(header: bytes) -> int:
    """Return the length that a ROOT file says it has (``fEND`` of the header, ROOT's TFile)."""
    if len(header) < 20:
        return 20
    large = int.from_bytes(header[4:8], "big") >= _LARGE_FILE_VERSION
    return int.from_bytes(header[12:20] if large else header[12:16], "big")


@dataclass(frozen=True, slots=True)
class Jagged:
    """One jagged branch: offsets int64 (n + 1) that start at 0, and flat contents of any integer."""

    offsets: NDArray[np.int64]
    contents: NDArray[Any]


@dataclass(frozen=True, slots=True)
class RootTree:
    """One tree of an open file; branches are known by the last part of their name."""

    path: str
    name: str
    entries: int
    _tree: Any
    _keys: dict[str, str] = field(default_factory=dict)
    _pages: PageChecker | None = None
    _baskets: dict[str, BranchBaskets | None] = field(default_factory=dict)
    _options: dict[str, Any] = field(default_factory=dict)
    _together: dict[tuple[str, int, int], Any] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The place as errors name it: ``file:tree``."""
        return f"{self.path}:{self.name}"

    @property
    def branches(self) -> tuple[str, ...]:
        """Names of all branches, without the names of groups above them."""
        return tuple(self._keys)

    def need(self, branch: str) -> None:
        """Raise `MissingNameError` if a branch does not exist."""
        if branch not in self._keys:
            raise MissingNameError("branch", branch, self.branches, self.where)

    def flat(self, branch: str, start: int, stop: int, *, decisions: bool = False) -> NDArray[Any]:
        """Return a branch with one integer (or decision) an entry, shape (stop - start,)."""
        where = f"{self.where} branch {branch}"
        found = self._taken(branch, start, stop, lists=False)
        if found is not None:
            return whole_numbers(found, where, decisions=decisions)
        array = self._array(branch, start, stop)
        if array.layout.is_numpy and array.layout.purelist_depth == 1:
            return whole_numbers(np.asarray(array.layout.data), where, decisions=decisions)
        raise InputFileError(self.where, f"branch {branch} must hold one integer an entry")

    def jagged(self, branch: str, start: int, stop: int, *, decisions: bool = False) -> Jagged:
        """Return a branch with a list of integers (or decisions) an entry."""
        where = f"{self.where} branch {branch}"
        found = self._taken(branch, start, stop, lists=True)
        if found is not None:
            return Jagged(found[0], whole_numbers(found[1], where, decisions=decisions))
        layout = self._array(branch, start, stop).layout
        if not (layout.is_list and layout.content.is_numpy and layout.purelist_depth == 2):
            raise InputFileError(self.where, f"branch {branch} must hold lists of integers")
        packed = layout.to_ListOffsetArray64(True)
        offsets = np.asarray(packed.offsets.data, dtype=np.int64)
        contents = np.asarray(packed.content.data)[: offsets[-1]]
        return Jagged(offsets, whole_numbers(contents, where, decisions=decisions))

    def block(self, branch: str, start: int, stop: int, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return a branch with numbers of a fixed shape an entry, axes (entry, *shape)."""
        array = self._array(branch, start, stop)
        try:
            values = np.asarray(ak.to_numpy(array))
        except ValueError:
            values = np.zeros(0)
        if values.shape != (stop - start, *shape) or values.dtype.kind not in "iuf":
            wanted = " x ".join(str(each) for each in shape) or "one"
            raise InputFileError(self.where, f"branch {branch} must hold {wanted} numbers an entry")
        return values

    def read_together(self, branches: Iterable[str], start: int, stop: int) -> None:
        """Read branches of an RNTuple that are asked for next in one go; a tree gains nothing by it.

        If one of them is damaged none is kept: who asks for it next is told that it is that one.
        """
        self._together.clear()
        if self._pages is None:
            return
        keys = {branch: self._keys[branch] for branch in branches if branch in self._keys}
        what = f"{self.name}, entries {start} to {stop}"
        with suppress(InputFileError), as_input_error(self.path, what):
            read = self._tree.arrays(
                list(keys.values()), entry_start=start, entry_stop=stop, **self._options
            )
            if len(read) == stop - start:
                for branch, key in keys.items():
                    self._together[branch, start, stop] = read[key]

    def numbers(self, branch: str, start: int, stop: int) -> Any:
        """Return a branch of any numbers or lists of them, as an awkward array."""
        return self._array(branch, start, stop)

    def _taken(self, branch: str, start: int, stop: int, *, lists: bool) -> Any:
        """Return what the baskets of a branch hold, or None if uproot must read them."""
        self.need(branch)
        with as_input_error(self.path, f"{self.name}/{branch}, entries {start} to {stop}"):
            try:
                if branch not in self._baskets:
                    self._baskets[branch] = None
                    self._baskets[branch] = BranchBaskets(self._tree[self._keys[branch]])
                baskets = self._baskets[branch]
                if baskets is None or baskets.lists != lists:
                    return None
                return (baskets.jagged if lists else baskets.numbers)(start, stop)
            except UnexpectedLayoutError:
                return None

    def _array(self, branch: str, start: int, stop: int) -> Any:
        self.need(branch)
        with as_input_error(self.path, f"{self.name}/{branch}, entries {start} to {stop}"):
            if self._pages is not None:
                self._pages.check(self._keys[branch], start, stop)
            known = self._together.pop((branch, start, stop), None)
            if known is not None:
                return known
            array = self._tree[self._keys[branch]].array(
                entry_start=start, entry_stop=stop, library="ak", **self._options
            )
            if len(array) != stop - start:
                msg = f"{len(array)} entries"
                raise ValueError(msg)
        return array


@dataclass(frozen=True, slots=True)
class RootFile:
    """An open ROOT file."""

    path: str
    _directory: Any
    _trees: dict[str, RootTree] = field(default_factory=dict)

    def close(self) -> None:
        """Close the file; nothing of it can be read any more."""
        self._directory.close()

    def forget_pages(self) -> None:
        """Let the system take back what was read of a mapped file, lest all of it counts as used memory."""
        source = self._directory.file.source
        mapping = source.file.base if isinstance(source, uproot.MemmapSource) else None
        if isinstance(mapping, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)

    def trees(self) -> tuple[str, ...]:
        """Names of all trees, with their folders, without cycle numbers."""
        with as_input_error(self.path, "the list of its trees"):
            classes = self._directory.classnames(cycle=False)
        return tuple(name for name, kind in classes.items() if kind in {"TTree", "ROOT::RNTuple"})

    def tree(self, name: str) -> RootTree:
        """Return a tree; `MissingNameError` with the nearest names if there is none."""
        if name in self._trees:
            return self._trees[name]
        trees = self.trees()
        if name not in trees:
            raise MissingNameError("tree", name, trees, self.path)
        with as_input_error(self.path, f"the tree {name}"):
            tree = self._directory[name]
            entries = int(tree.num_entries)
            keys = {key.rsplit("/", 1)[-1]: key for key in tree.keys()}  # noqa: SIM118 (no dict)
            pages = PageChecker(tree) if isinstance(tree, HasFields) else None
            options = {} if pages is None else {"array_cache": LastClusters()}
        self._trees[name] = RootTree(self.path, name, entries, tree, keys, pages, _options=options)
        return self._trees[name]

    def provenance(self) -> dict[str, Any]:
        """Return the provenance written by `write_nano`, empty for other files."""
        with as_input_error(self.path, "its provenance"):
            if PROVENANCE_KEY not in self._directory.keys(cycle=False, recursive=False):
                return {}
            content = json.loads(str(self._directory[PROVENANCE_KEY]))
        if not isinstance(content, dict):
            raise InputFileError(self.path, "its provenance is no JSON object")
        return content


#: The local file that was opened last, with its path and what tells its state. It stays open: whoever asks
#: for its format reads it next, and to parse its trees takes as long as to read ten thousand entries.
_last: dict[tuple[Any, ...], RootFile] = {}


@contextmanager
def open_root(path: str) -> Iterator[RootFile]:
    """Open a ROOT file for reading; array caches are off, so that memory stays bounded.

    A file that `write_nano` wrote is held to its check sums, byte by byte as it is read.
    """
    check_is_root(path)
    if is_remote(path):
        with _address_error(path):
            directory = uproot.open({path: None}, array_cache=None, object_cache=100)
        with directory:
            yield RootFile(path, directory)
        return
    state = _state(path)
    file = _last.pop(state, None)
    _close_last()
    file = file or _open_local(path)
    try:
        yield file
    except BaseException:
        file.close()
        raise
    _close_last()
    _last[state] = file


def _close_last() -> None:
    # Nobody reads what stands there: it is taken out while it is read.
    while _last:
        _last.popitem()[1].close()


def _state(path: str) -> tuple[Any, ...]:
    found = Path(path).stat()
    return (path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _open_local(path: str) -> RootFile:
    checked = has_check_sums(path)
    with as_input_error(path, "its header"):
        # A mapping, since uproot takes a colon in a plain path as the start of an object's name.
        # Local files are mapped: requests of each basket through an event loop cost a quarter of the time.
        mapped = CheckedSource if checked else uproot.MemmapSource
        directory = uproot.open({path: None}, array_cache=None, object_cache=100, handler=mapped)
    file = RootFile(path, directory)
    if not checked and _goes_on_behind_its_end(path):
        # Only of files of our own is it known that nothing else stands there.
        _require_foreign(file)
    return file


@contextmanager
def _address_error(path: str) -> Iterator[None]:
    """Turn what uproot says of an address into one sentence; the file itself may be good."""
    try:
        yield
    except Exception as error:
        cause = " ".join(str(error).split())
        kind = type(error).__name__
        problem = f"cannot be opened as an address ({kind}: {cause[:300]})"
        raise InputFileError(path, problem) from error


def _goes_on_behind_its_end(path: str) -> bool:
    return Path(path).stat().st_size > _end_of_file(first_bytes(path))


def _require_foreign(file: RootFile) -> None:
    if file.provenance():
        raise InputFileError(file.path, "the check sums at its end are damaged or cut short")
