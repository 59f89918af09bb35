"""What a run folder was made from: stage states, input and output hashes, versions.

A stage is skipped when its key (the hash of everything it depends on) is the one it was finished with
and its outputs are still the files it wrote.
"""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import distill
import emulator
import firmware
import l1distill
from emulator.errors import InputFileError
from emulator.files import replace_file
from emulator.objects import expand_paths
from emulator.objects.file_access import is_remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCHEMA = "l1distill-manifest/1"

#: Distributions whose versions can change a result.
_DISTRIBUTIONS = (
    "l1distill",
    "numpy",
    "numba",
    "awkward",
    "uproot",
    "torch",
    "hls4ml",
    "pythia8mc",
    "scipy",
)


@dataclass(frozen=True)
class StageState:
    """How a stage ended: its key, its outputs with their hashes, and how long it took."""

    key: str
    outputs: Mapping[str, str]
    seconds: float


@dataclass
class Manifest:
    """The manifest of a run folder."""

    folder: Path
    study: str = ""
    stages: dict[str, StageState] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where it is stored."""
        return self.folder / "manifest.json"

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read the manifest of a folder; an empty one if there is none yet.

        Raises
        ------
        InputFileError
            If the file is damaged or of another version.
        """
        manifest = cls(folder)
        if not manifest.path.exists():
            return manifest
        try:
            plain = json.loads(manifest.path.read_text(encoding="utf-8"))
            if plain["schema"] != SCHEMA:
                raise InputFileError(
                    manifest.path, f"is of schema {plain['schema']!r}; give another run folder"
                )
            manifest.study = plain["study"]
            for name, state in plain["stages"].items():
                manifest.stages[name] = StageState(
                    state["key"], dict(state["outputs"]), float(state["seconds"])
                )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputFileError(
                manifest.path, "is damaged; remove it or give another run folder"
            ) from error
        return manifest

    def save(self) -> None:
        """Write the manifest."""
        plain = {
            "schema": SCHEMA,
            "study": self.study,
            "versions": versions(),
            "stages": {
                name: {
                    "key": state.key,
                    "outputs": dict(state.outputs),
                    "seconds": round(state.seconds, 2),
                }
                for name, state in self.stages.items()
            },
        }
        with replace_file(self.path) as temporary:
            temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")

    def is_current(self, stage: str, key: str) -> bool:
        """Whether a stage was finished with this key and its outputs are as it left them."""
        state = self.stages.get(stage)
        if state is None or state.key != key:
            return False
        paths = {name: self.folder / name for name in state.outputs}
        return all(path.is_file() for path in paths.values()) and all(
            file_sha256(path) == state.outputs[name] for name, path in paths.items()
        )

    def finish(self, stage: str, key: str, outputs: Iterable[Path], seconds: float) -> None:
        """Record that a stage wrote its outputs, and save."""
        hashes = {
            path.relative_to(self.folder).as_posix(): file_sha256(path) for path in sorted(outputs)
        }
        self.stages[stage] = StageState(key, hashes, seconds)
        self.save()


def file_sha256(path: Path) -> str:
    """Return the hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_sha256(path: str | Path) -> str:
    """Return the hash of what a path stands for: a file, or all files of a folder or pattern.

    Of an address only the address itself is hashed: what lies there is taken not to change.
    """
    if is_remote(str(path)):
        return hashlib.sha256(str(path).encode()).hexdigest()
    if Path(path).is_file():
        return file_sha256(Path(path))
    digest = hashlib.sha256()
    for each in expand_paths(path):
        inner = Path(each)
        files = sorted(inner.rglob("*")) if inner.is_dir() else [inner]
        for file in files:
            if file.is_file():
                digest.update(f"{file.name} {file_sha256(file)}\n".encode())
    return digest.hexdigest()


def key_of(values: Mapping[str, Any]) -> str:
    """Return the hash of plain values."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sources_sha256() -> str:
    """Return the hash of all sources of the project: another code may give another result."""
    digest = hashlib.sha256()
    for package in (emulator, firmware, distill, l1distill):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.relative_to(root.parent).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python and of what can change a result."""
    found = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
