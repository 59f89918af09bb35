"""Which crossings a study is made with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from emulator.objects.file_access import is_remote
from l1distill.settings_file import Section
from l1distill.study.settings.values import SignalName

Role = Literal["training", "setting", "measuring"]
Runs = Annotated[list[PositiveInt], Field(min_length=1)]


def _every_role(runs: dict[Role, Runs | None]) -> dict[Role, Runs | None]:
    return {role: runs.get(role) for role in get_args(Role)}


def _share(one: Runs | None, other: Runs | None) -> bool:
    """Whether two selections of the same file may hold the same crossing."""
    return one is None or other is None or bool(set(one) & set(other))


class FileSet(Section):
    """Samples that exist already, in any format that is read.

    Thresholds are set on `setting`, rates measured on `measuring`; the three background sets must
    not share events: neither files, nor runs of the same file. ``runs`` and ``lumi_mask`` choose
    crossings of the background.
    """

    training: Annotated[list[str], Field(min_length=1)]
    setting: Annotated[list[str], Field(min_length=1)]
    measuring: Annotated[list[str], Field(min_length=1)]
    signals: Annotated[
        dict[SignalName, Annotated[list[str], Field(min_length=1)]], Field(min_length=1)
    ]
    source: Literal["unpacked", "emulated"] = "unpacked"
    runs: Annotated[dict[Role, Runs | None], AfterValidator(_every_role)] = Field(
        default_factory=dict, validate_default=True
    )
    lumi_mask: Path | None = None

    @model_validator(mode="after")
    def _each_crossing_once(self) -> FileSet:
        roles: dict[Role, list[str]] = {
            "training": self.training,
            "setting": self.setting,
            "measuring": self.measuring,
        }
        seen: dict[str, list[Runs | None]] = {}
        for role, paths in roles.items():
            for path in paths:
                # Two ways to write one path are one file.
                place = path if is_remote(path) else str(Path(path))
                for runs in seen.get(place, []):
                    if _share(runs, self.runs[role]):
                        msg = f"{place} is given twice; zero-bias sets must not share crossings"
                        raise ValueError(msg)
                seen.setdefault(place, []).append(self.runs[role])
        return self


class Samples(Section):
    """Either a tier of samples to generate, or files."""

    generate: str | None = None
    files: FileSet | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Samples:
        if (self.generate is None) == (self.files is None):
            msg = "give either 'generate' (a tier) or 'files'"
            raise ValueError(msg)
        return self
