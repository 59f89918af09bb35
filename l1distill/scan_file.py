"""The scan file: what is scanned, checked before anything is read."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    ValidationError,
)

from emulator.decoded import Store
from emulator.errors import InputFileError, L1Error, SettingsError
from emulator.model import load_model
from emulator.objects.file_access import is_remote
from emulator.objects.paths import expand_paths
from emulator.objects.quantities import Binning
from emulator.scan import (
    MEASURING,
    SETTING,
    Condition,
    Counting,
    Retries,
    ScannedMenu,
    ScanPlan,
)
from l1distill.baselines import BASELINES, parse_object
from l1distill.menu_file import MINI, load_rated_menu
from l1distill.settings_file import Scenario, Section, first_sentence, read_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emulator.model import Model

SCHEMA = "l1distill-scan/1"

Paths = Annotated[list[str], Field(min_length=1)]


def _not_zero_bias(name: str) -> str:
    if name in {SETTING, MEASURING}:
        msg = f"a signal cannot be called {name!r}, which is a role of zero-bias crossings"
        raise ValueError(msg)
    return name


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+ /-]+$")]
SignalName = Annotated[Name, AfterValidator(_not_zero_bias)]


class ConditionSection(Section):
    """Samples of one pile-up, filling or energy, and the scenario that turns them into rates."""

    scenario: Scenario
    setting: Paths
    measuring: Paths
    signals: dict[SignalName, Paths] = Field(default_factory=dict)


class BootstrapSection(Section):
    """Replicas and seed."""

    replicas: Annotated[int, Field(ge=20, le=2000)] = 200
    seed: Annotated[int, Field(ge=0)] = 0


class RetriesSection(Section):
    """How often a file is tried, and the wait before the second try; it doubles each time."""

    tries: Annotated[int, Field(ge=1, le=20)] = 3
    wait_seconds: Annotated[float, Field(ge=0)] = 1.0


class ScanFile(Section):
    """A scan file; see docs/scans.md."""

    schema_: Literal["l1distill-scan/1"] = Field(alias="schema")
    models: Paths
    objects: dict[Name, str] | None = None
    menu: str = ""
    by: list[str] = Field(default_factory=list)
    turn_on: list[str] = Field(default_factory=list)
    conditions: Annotated[dict[Name, ConditionSection], Field(min_length=1)]
    targets_khz: Annotated[list[PositiveFloat], Field(min_length=1)] = Field(
        default_factory=lambda: [1.0, 5.0, 10.0]
    )
    reference: str = ""
    source: Literal["unpacked", "emulated"] = "unpacked"
    unreadable: Literal["fail", "skip"] = "fail"
    duplicates: Literal["report", "ignore"] = "report"
    resolve: Literal["tail", "all"] = "tail"
    piece_mb: PositiveFloat = 1000.0
    chunk_events: Annotated[int, Field(ge=1)] = 100_000
    cache: Path | None = None
    bootstrap: BootstrapSection = BootstrapSection()
    retries: RetriesSection = RetriesSection()


def load_scan(path: str | Path) -> ScanPlan:
    """Read and check a scan file and its models; paths in it are relative to its folder.

    Raises
    ------
    InputFileError
        If the file or a model is missing, or is no YAML.
    SettingsError
        If a key is unknown, missing, or of the wrong type; the message gives its place.
    """
    place = Path(path)
    content = read_mapping(place, "scan file")
    try:
        scan = ScanFile.model_validate(content)
    except ValidationError as error:
        raise SettingsError(first_sentence(place, error, ScanFile, "the scan")) from error
    try:
        return _plan(scan, place.parent)
    except InputFileError:
        raise
    except L1Error as error:
        msg = f"{place}: {error}"
        raise SettingsError(msg) from error


def _plan(scan: ScanFile, folder: Path) -> ScanPlan:
    def absolute(paths: Iterable[str]) -> tuple[str, ...]:
        # Not resolved further: a link to a file is followed when the file is opened.
        return tuple(
            path if is_remote(path) else os.path.abspath(folder / path)  # noqa: PTH100 - keeps links
            for path in paths
        )

    def files(paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(expand_paths(absolute(paths)))

    models = _models(absolute(scan.models))
    counting = Counting(
        models={name: text for name, (_, text) in models.items()},
        objects=_objects(scan.objects),
        menu=_menu(scan.menu, folder, [model for model, _ in models.values()]),
        by=_binnings("by", scan.by),
        turn_ons=_binnings("turn_on", scan.turn_on),
        replicas=scan.bootstrap.replicas,
        seed=scan.bootstrap.seed,
        source=scan.source,
        chunk_events=scan.chunk_events,
        retries=Retries(scan.retries.tries, scan.retries.wait_seconds),
        duplicates=scan.duplicates,
        cache="" if scan.cache is None else str(Store((folder / scan.cache).resolve()).folder),
    )
    if both := set(counting.models) & set(counting.objects):
        msg = f"objects: {min(both)!r} is the name of a model, take another one"
        raise SettingsError(msg)
    if scan.reference and scan.reference not in counting.scorers:
        msg = f"reference: {scan.reference!r} is none of {', '.join(counting.scorers)}"
        raise SettingsError(msg)
    for name, condition in scan.conditions.items():
        highest = condition.scenario.crossing_rate_khz
        if max(scan.targets_khz) > highest:
            msg = f"targets_khz: at most the {highest:.1f} kHz of crossings in {name!r}"
            raise SettingsError(msg)
    conditions = []
    for name, condition in scan.conditions.items():
        samples = {
            SETTING: files(condition.setting),
            MEASURING: files(condition.measuring),
            **{signal: files(paths) for signal, paths in condition.signals.items()},
        }
        conditions.append(
            Condition(name, condition.scenario, samples, _parts(samples.values(), scan.piece_mb))
        )
    return ScanPlan(
        conditions=tuple(conditions),
        counting=counting,
        targets_khz=tuple(scan.targets_khz),
        reference=scan.reference,
        unreadable=scan.unreadable,
        resolve=scan.resolve,
    )


def _parts(samples: Iterable[tuple[str, ...]], piece_mb: float) -> dict[str, int]:
    """Return into how many parts files are cut that are larger than a piece may be."""
    parts = {}
    for path in (path for paths in samples for path in paths if not is_remote(path)):
        try:
            size_mb = Path(path).stat().st_size / 1e6
        except OSError:
            continue  # whoever reads it will say what is wrong
        if size_mb > piece_mb:
            parts[path] = ceil(size_mb / piece_mb)
    return parts


def _models(paths: Iterable[str]) -> dict[str, tuple[Model, str]]:
    found: dict[str, tuple[Model, str]] = {}
    for path in paths:
        model = load_model(path)
        if model.name in found:
            msg = f"models: {path}: another model is called {model.name!r} too"
            raise SettingsError(msg)
        found[model.name] = model, Path(path).read_text(encoding="utf-8")
    return found


def _menu(given: str, folder: Path, models: Sequence[Model]) -> ScannedMenu | None:
    if not given:
        return None
    menu = load_rated_menu(given if given == MINI else folder / given, models)
    return ScannedMenu(menu.column, menu.rules)


def _binnings(key: str, texts: Iterable[str]) -> tuple[Binning, ...]:
    try:
        binnings = tuple(Binning.parse(text) for text in texts)
    except SettingsError as error:
        msg = f"{key}: {error}"
        raise SettingsError(msg) from error
    names = [each.name for each in binnings]
    if twice := {name for name in names if names.count(name) > 1}:
        msg = f"{key}: two quantities are called {min(twice)!r}"
        raise SettingsError(msg)
    return binnings


def _objects(given: dict[str, str] | None) -> dict[str, tuple[str, int, str]]:
    if given is None:
        return {name: (each.object, each.slot, each.field) for name, each in BASELINES.items()}
    objects = {name: parse_object(f"objects.{name}", text) for name, text in given.items()}
    return {name: (each.object, each.slot, each.field) for name, each in objects.items()}
