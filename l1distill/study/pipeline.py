"""The stages in their order, what each depends on, and when one is skipped."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from emulator.errors import InputFileError, SettingsError
from emulator.features import load_layout
from emulator.files import replace_file
from emulator.objects import expand_paths
from emulator.objects.file_access import is_remote
from emulator.objects.formats import split_dataset
from emulator.objects.lumi_mask import load_lumi_mask
from l1distill.console import Reporter
from l1distill.menu_file import load_rated_menu
from l1distill.study.context import Context, RunFolder
from l1distill.study.manifest import (
    Manifest,
    content_sha256,
    file_sha256,
    key_of,
    sources_sha256,
    versions,
)
from l1distill.study.other_models import other_models
from l1distill.study.stages import anatomy, comparison, rating, report, samples, scoring, training

if TYPE_CHECKING:
    from collections.abc import Callable

    from l1distill.study.settings import Study


@dataclass(frozen=True)
class Stage:
    """One stage: what it does, and on which sections of the study and earlier stages it depends."""

    name: str
    run: Callable[[Context], list[Path]]
    sections: tuple[str, ...]
    needs: tuple[str, ...]


STAGES = (
    Stage("samples", samples.run, ("samples", "scenario", "seed"), ()),
    Stage("training", training.run, ("layout", "distillation", "seed", "name"), ("samples",)),
    Stage("scoring", scoring.run, ("rates", "models"), ("samples", "training")),
    # Rating writes the thresholds into the model file, so it depends on the network too.
    Stage(
        "rating",
        rating.run,
        ("rates", "scenario", "seed", "models"),
        ("samples", "training", "scoring"),
    ),
    Stage(
        "anatomy", anatomy.run, ("rates", "scenario"), ("samples", "training", "scoring", "rating")
    ),
    Stage("comparison", comparison.run, ("comparison", "models"), ("samples", "training")),
    Stage(
        "report",
        report.run,
        ("name", "scenario", "rates", "models"),
        ("samples", "training", "scoring", "rating", "anatomy", "comparison"),
    ),
)


@dataclass(frozen=True)
class StudyOutcome:
    """How a study ended."""

    folder: Path
    n_compared: int
    n_mismatch: int

    @property
    def equal(self) -> bool:
        """Whether all executions agreed on every crossing."""
        return self.n_mismatch == 0


def run_study(
    study: Study,
    folder: Path,
    *,
    jobs: int = 2,
    resume: bool = False,
    tensorboard: bool = False,
    reporter: Reporter | None = None,
) -> StudyOutcome:
    """Run a study, or what of it is not up to date.

    Parameters
    ----------
    study
        What to do.
    folder
        The run folder; made if it is absent.
    jobs
        Processes and threads.
    resume
        Go on from the checkpoints of an interrupted training instead of starting it again. Pythia
        pools that are finished are kept in any case.
    tensorboard
        Write learning curves for TensorBoard too.
    reporter
        Where progress is shown.

    Raises
    ------
    L1Error
        If something that the user gave is wrong; what is finished stays for the next run.
    """
    context = run_until(
        study,
        folder,
        STAGES[-1].name,
        jobs=jobs,
        resume=resume,
        tensorboard=tensorboard,
        reporter=reporter,
    )
    comparisons = json.loads(context.run.part("comparisons").read_text(encoding="utf-8"))
    export = json.loads(context.run.part("export").read_text(encoding="utf-8"))
    return StudyOutcome(
        folder,
        n_compared=min(record["n_events"] for record in [*comparisons, export]),
        n_mismatch=sum(record["n_mismatch"] for record in [*comparisons, export]),
    )


def run_until(
    study: Study,
    folder: Path,
    last: str,
    *,
    jobs: int = 2,
    resume: bool = False,
    tensorboard: bool = False,
    reporter: Reporter | None = None,
) -> Context:
    """Run the stages of a study up to one, or what of them is not up to date; see `run_study`."""
    context = Context(study, RunFolder(folder), reporter or Reporter(), jobs, resume, tensorboard)
    _require_given_files(study)
    other_models(study)
    manifest = _manifest_of(study, folder)
    _write_study(study, folder)
    sources = sources_sha256()
    for stage in STAGES:
        key = _key(stage, study, manifest, sources)
        if manifest.is_current(stage.name, key):
            context.reporter.say(f"{stage.name}: up to date")
            if stage.name == last:
                break
            continue
        context.reporter.say(f"{stage.name}:")
        start = time.perf_counter()
        outputs = stage.run(context)
        manifest.finish(stage.name, key, outputs, time.perf_counter() - start)
        seconds = manifest.stages[stage.name].seconds
        context.reporter.say(f"{stage.name}: done in {seconds:.0f} s")
        if stage.name == last:
            break
    return context


def planned(study: Study, folder: Path) -> dict[str, str]:
    """Return for each stage whether it would run, without touching anything.

    Raises
    ------
    L1Error
        As `run_study` does before its first stage.
    """
    _require_given_files(study)
    other_models(study)
    manifest = _manifest_of(study, folder)
    sources = sources_sha256()
    states: dict[str, str] = {}
    for stage in STAGES:
        waits = [name for name in stage.needs if states[name] != "up to date"]
        if waits:
            states[stage.name] = f"would run (after {', '.join(waits)})"
        elif manifest.is_current(stage.name, _key(stage, study, manifest, sources)):
            states[stage.name] = "up to date"
        else:
            states[stage.name] = "would run"
    return states


def _manifest_of(study: Study, folder: Path) -> Manifest:
    """Read the manifest of a run folder; refuse the folder of another study."""
    if folder.exists() and not folder.is_dir():
        raise InputFileError(folder, "is a file; a study needs a run folder")
    manifest = Manifest.load(folder)
    if manifest.study not in {"", study.name}:
        msg = f"{folder}: holds study {manifest.study!r}, not {study.name!r}; give another folder"
        raise SettingsError(msg)
    manifest.study = study.name
    return manifest


def _write_study(study: Study, folder: Path) -> None:
    """Make the run folder and store the study as used."""
    text = yaml.safe_dump(study.plain(), sort_keys=False, allow_unicode=True)
    with replace_file(folder / "study.yaml") as temporary:
        temporary.write_text(text, encoding="utf-8")


def _key(stage: Stage, study: Study, manifest: Manifest, sources: str) -> str:
    depends: dict[str, Any] = {
        "stage": stage.name,
        "study": study.plain(*stage.sections),
        "sources": sources,
        "versions": versions(),
        "needs": {
            name: dict(manifest.stages[name].outputs)
            for name in stage.needs
            if name in manifest.stages
        },
    }
    if stage.name == "samples":
        depends["files"] = {str(path): content_sha256(path) for path in _given_files(study)}
        given = study.samples.files
        if given is not None and given.lumi_mask is not None:
            depends["lumi_mask"] = file_sha256(given.lumi_mask)
    given_scores = study.distillation.teacher.given
    if stage.name in {"training", "scoring"} and given_scores is not None:
        paths = [path for each in given_scores.files().values() for path in each]
        depends["given scores"] = {path: content_sha256(path) for path in paths}
    if stage.name == "scoring":
        # So may the menu.
        depends["menu"] = repr(load_rated_menu(study.rates.menu))
    if "models" in stage.sections:
        depends["models"] = {name: file_sha256(path) for name, path in study.models.items()}
    if "layout" in stage.sections:
        # The layout may be a file, which can change under its name.
        depends["layout"] = load_layout(study.layout).as_dict()
    return key_of(depends)


def _given_files(study: Study) -> list[str]:
    """Return the sample files that the study names."""
    given = study.samples.files
    if given is None:
        return []
    groups = [given.training, given.setting, given.measuring, *given.signals.values()]
    return [path for group in groups for path in group]


def _require_given_files(study: Study) -> None:
    scores = study.distillation.teacher.given
    for path in [] if scores is None else [one for each in scores.files().values() for one in each]:
        if not Path(path).is_file():
            raise InputFileError(path, "there is no such file of scores")
    for path in _given_files(study):
        local = [each for each in expand_paths(path) if not is_remote(each)]
        if not all(Path(split_dataset(each)[0]).exists() for each in local):
            raise InputFileError(
                path, "no such sample file; the study names it under samples.files"
            )
    given = study.samples.files
    if given is not None and given.lumi_mask is not None:
        load_lumi_mask(given.lumi_mask)
