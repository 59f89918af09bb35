"""The vendor's reports of a student, brought into the results of its run.

They are kept as a part of the run folder, from which later runs of the report stage take them too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import InputFileError, SettingsError
from emulator.files import replace_file
from emulator.model import load_model
from firmware.hls.project import SUMMARY
from l1distill.report import write_report
from l1distill.report.run_folder import read_results
from l1distill.study.context import RunFolder
from l1distill.study.costs import comparisons_of, model_costs
from l1distill.study.manifest import Manifest
from l1distill.study.roles import EMULATOR

if TYPE_CHECKING:
    from firmware.reports import ReportSet

    Plain = dict[str, Any]

PART = "reports"
#: Reports of the same network that agree in these are of the same project: the later ones win.
_PROJECT = ("network_sha256", "flow", "part", "clock_period_ns")


def kept_reports(run: RunFolder) -> list[Plain]:
    """Return the records of all reports that were brought into a run folder.

    Raises
    ------
    InputFileError
        If they are damaged.
    """
    path = run.part(PART)
    if not path.exists():
        return []
    try:
        records: list[Plain] = json.loads(path.read_text(encoding="utf-8"))
        whole = all({*_PROJECT, "figures", "complaints"} <= one.keys() for one in records)
    except (OSError, ValueError, AttributeError, TypeError):
        whole = False
    if not whole:
        raise InputFileError(path, "is damaged; remove it and bring the reports again")
    return records


def add_reports(folder: str | Path, found: ReportSet, source: str | Path) -> str:
    """Bring reports into the results and the page of a run.

    Parameters
    ----------
    folder
        The run folder.
    found
        What the reports say.
    source
        Where they come from, for messages.

    Returns
    -------
    Name of the model, as the results call it.

    Raises
    ------
    InputFileError
        If the folder holds no finished run.
    SettingsError
        If the reports are of another network, or do not say of which.
    """
    run = RunFolder(Path(folder))
    results = dict(read_results(run.root / "results.json"))
    name, model_file = _reported_model(run, results, found, source)
    record = found.as_dict()
    kept = [one for one in kept_reports(run) if any(one[key] != record[key] for key in _PROJECT)]
    _write(run.part(PART), [*kept, record])
    known = {one.get("sha256") for one in results["models"]}
    results["reports"] = [one for one in [*kept, record] if one["network_sha256"] in known]
    is_student = name == EMULATOR
    costs = model_costs(
        load_model(run.root / model_file),
        comparisons_of(results.get("comparisons", []), None if is_student else name),
        estimates=_estimates(run) if is_student else (),
        reports=[
            one for one in results["reports"] if one["network_sha256"] == found.network_sha256
        ],
    )
    results["models"] = [
        {**one, **costs} if one["name"] == name else one for one in results["models"]
    ]
    _write(run.root / "results.json", results)
    write_report(run.root)
    _note_outputs(run)
    return name


def _reported_model(
    run: RunFolder, results: Plain, found: ReportSet, source: str | Path
) -> tuple[str, str]:
    """Return name and model file of the model of which the reports are."""
    models = {str(one["sha256"]): one for one in results["models"] if one.get("sha256") is not None}
    model = models.get(found.network_sha256)
    if model is not None and model.get("model_file"):
        return str(model["name"]), str(model["model_file"])
    if not found.network_sha256:
        msg = f"{source}: does not say of which network it reports; copy {SUMMARY} of the project there"
        raise SettingsError(msg)
    known = ", ".join(f"{name[:12]} ({one['name']})" for name, one in models.items()) or "none"
    msg = f"{source}: reports network {found.network_sha256[:12]}, {run.root} has {known}"
    raise SettingsError(msg)


def _estimates(run: RunFolder) -> list[Plain]:
    path = run.part("estimates")
    found: list[Plain] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return found


def _write(path: Path, plain: object) -> None:
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def _note_outputs(run: RunFolder) -> None:
    """Tell the manifest what the files are now, so that the next run does not make them again."""
    manifest = Manifest.load(run.root)
    state = manifest.stages.get("report")
    if state is not None:
        outputs = [run.root / name for name in state.outputs]
        manifest.finish("report", state.key, outputs, state.seconds)
