"""Reading a study file."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from emulator.errors import L1Error, SettingsError
from emulator.objects.file_access import is_remote
from emulator.samples import load_tier
from l1distill.menu_file import MINI, load_rated_menu
from l1distill.settings_file import first_sentence, read_mapping
from l1distill.study.roles import MEASURING, SETTING, TRAINING
from l1distill.study.settings.study import Study


def load_study(path: str | Path) -> Study:
    """Read and check a study file; paths of files in it are relative to its folder.

    Raises
    ------
    InputFileError
        If the file is missing or is no YAML.
    SettingsError
        If a key is unknown, missing, or of the wrong type; the message gives its place.
    """
    place = Path(path)
    content = read_mapping(place, "study file")
    try:
        study = Study.model_validate(content)
        if study.samples.generate is not None:
            load_tier(study.samples.generate)
        study = _with_absolute_files(study, place.parent)
        study.recipe()
        load_rated_menu(study.rates.menu)
    except ValidationError as error:
        raise SettingsError(first_sentence(place, error, Study, "the study")) from error
    except L1Error as error:
        msg = f"{place}: {error}"
        raise SettingsError(msg) from error
    return study


def _with_absolute_files(study: Study, folder: Path) -> Study:
    if study.layout.endswith((".yaml", ".yml")):
        study = study.model_copy(update={"layout": str((folder / study.layout).resolve())})
    if study.rates.menu != MINI:
        menu = str((folder / study.rates.menu).resolve())
        rates = study.rates.model_copy(update={"menu": menu})
        study = study.model_copy(update={"rates": rates})
    models = {name: (folder / path).resolve() for name, path in study.models.items()}
    study = study.model_copy(update={"models": models})
    given = study.distillation.teacher.given
    if given is not None:
        named = {
            name: [str((folder / path).resolve()) for path in paths]
            for name, paths in given.files().items()
        }
        roles = {role: named.pop(role) for role in (TRAINING, SETTING, MEASURING)}
        scores = given.model_copy(update={**roles, "signals": named})
        teacher = study.distillation.teacher.model_copy(update={"given": scores})
        distillation = study.distillation.model_copy(update={"teacher": teacher})
        study = study.model_copy(update={"distillation": distillation})
    files = study.samples.files
    if files is None:
        return study

    def absolute(paths: list[str]) -> list[str]:
        # An address is no path: it is handed to uproot letter by letter.
        return [path if is_remote(path) else str((folder / path).resolve()) for path in paths]

    resolved = files.model_copy(
        update={
            "training": absolute(files.training),
            "setting": absolute(files.setting),
            "measuring": absolute(files.measuring),
            "signals": {name: absolute(paths) for name, paths in files.signals.items()},
            "lumi_mask": None if files.lumi_mask is None else (folder / files.lumi_mask).resolve(),
        }
    )
    samples = study.samples.model_copy(update={"files": resolved})
    return study.model_copy(update={"samples": samples})
