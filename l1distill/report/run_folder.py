"""What a run folder holds, read and checked once for all plots and tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import yaml

from emulator.errors import InputFileError
from l1distill.baselines import BASELINES
from l1distill.score_table import ScoreTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Plain = Mapping[str, Any]

SCHEMA = "l1distill-results/1"

_AGAIN = "run the study again (`l1distill study STUDY.yaml -o RUN`)"

#: Lists in ``results.json`` that a report cannot do without, and the keys of each record.
_REQUIRED = {
    "models": ("name", "kind"),
    "working_points": (
        *("model", "target_khz", "threshold", "rate_khz", "error_naive_khz", "error_khz"),
        *("error_setting_khz", "low_khz", "high_khz", "entries_passing", "n_effective"),
        *("setting_rate_khz", "reached", "for_ranking"),
    ),
    "efficiencies": (
        *("signal", "model", "target_khz", "efficiency", "low", "high", "low_total"),
        *("high_total", "n_accepted", "n_total", "denominator"),
    ),
}
_OPTIONAL = {
    "paired": ("signal", "model", "reference", "target_khz", "ratio", "ratio_low", "ratio_high"),
    "comparisons": ("with", "n_events", "n_mismatch"),
    "training": ("stage", "epochs", "best_epoch", "stopped_early"),
    "samples": ("name",),
    "reports": ("flow", "clock_period_ns", "figures", "complaints"),
    "rates_in_groups": ("quantity", "model", "target_khz", "n_total", "rate_khz", "low_khz"),
    "turn_ons": ("signal", "quantity", "model", "target_khz", "n_total", "efficiency", "low"),
}
_PARTS = {
    "menu": ("seeds", "overlap_khz", "signals", "pure_working_points", "pure_efficiencies"),
    "anatomy": ("target_khz", "threshold", "hot_spots", "shared"),
}
_SCENARIO = ("name", "sqrt_s_tev", "n_bunches", "pileup", "inelastic_mb", "crossing_rate_khz")
_RATE_COLUMNS = ("model", "threshold", "rate_khz", "error_khz")
_EFFICIENCY_COLUMNS = (
    *("signal", "model", "rate_khz", "efficiency", "low", "high", "low_total", "high_total"),
)


@dataclass(frozen=True)
class RunResults:
    """Results of a run.

    Parameters
    ----------
    folder
        The run folder.
    results
        Content of ``results.json``, checked.
    rate_curves, efficiency_curves
        Tables of the curves.
    measuring
        Scores on the crossings that rates are measured on, or None if the file is not there.
    study_text
        ``study.yaml`` as it stands, or None.
    manifest
        ``manifest.json``, or None.
    anatomy, anatomy_maps
        Histograms and maps of what fires, or None.
    """

    folder: Path
    results: Plain
    rate_curves: pd.DataFrame
    efficiency_curves: pd.DataFrame
    measuring: ScoreTable | None
    study_text: str | None
    manifest: Plain | None
    anatomy: pd.DataFrame | None = None
    anatomy_maps: pd.DataFrame | None = None

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a run folder.

        Raises
        ------
        InputFileError
            If a file that a report needs is missing or damaged; the message says what to do.
        """
        root = Path(folder)
        if not root.is_dir():
            raise InputFileError(root, "is no run folder; give the folder that a study wrote")
        return cls(
            folder=root,
            results=read_results(root / "results.json"),
            rate_curves=_curves(root / "tables" / "rate_curves.csv", _RATE_COLUMNS),
            efficiency_curves=_curves(
                root / "tables" / "efficiency_curves.csv", _EFFICIENCY_COLUMNS
            ),
            measuring=_scores(root / "scores" / "measuring.parquet"),
            study_text=_text(root / "study.yaml"),
            manifest=_manifest(root / "manifest.json"),
            anatomy=_frame(root / "tables" / "anatomy.parquet"),
            anatomy_maps=_frame(root / "tables" / "anatomy_maps.parquet"),
        )

    @property
    def study(self) -> str:
        """Name of the study."""
        return str(self.results["study"])

    @property
    def scenario(self) -> Plain:
        """The rate scenario and ``crossing_rate_khz``."""
        scenario: Plain = self.results["scenario"]
        return scenario

    @property
    def caveats(self) -> list[str]:
        """What the samples' own notes say against how they are used."""
        caveats: list[str] = self.results.get("caveats", [])
        return caveats

    @property
    def menu(self) -> Plain | None:
        """Rates of the menu and what is gained on top of it, if there is one."""
        menu: Plain | None = self.results.get("menu")
        return menu

    @property
    def anatomy_record(self) -> Plain | None:
        """Where the anatomy was taken, hot places, and what is shared with the menu."""
        record: Plain | None = self.results.get("anatomy")
        return record

    def records(self, name: str) -> list[Plain]:
        """Return a list of records of ``results.json``, empty if it is not there."""
        return list(self.results.get(name) or ())

    @property
    def is_simulation(self) -> bool:
        """Whether the study generated its samples; given files may be data."""
        try:
            study = yaml.safe_load(self.study_text or "")
        except yaml.YAMLError:
            return False
        samples = study.get("samples") if isinstance(study, dict) else None
        return isinstance(samples, dict) and samples.get("generate") is not None

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Kind of each model, in the order of ``results.json``."""
        kinds = {str(model["name"]): str(model["kind"]) for model in self.records("models")}
        for point in (*self.records("working_points"), *self.records("efficiencies")):
            name = str(point["model"])
            kinds.setdefault(name, "baseline" if name in BASELINES else "network")
        return kinds

    @cached_property
    def models(self) -> list[str]:
        """Models with working points or efficiencies: networks first, then baselines."""
        rated = {str(record["model"]) for record in self.records("working_points")}
        rated |= {str(record["model"]) for record in self.records("efficiencies")}
        return [name for name in self.networks + self.baselines if name in rated]

    @property
    def networks(self) -> list[str]:
        """Names of all models that are no baselines."""
        return [name for name, kind in self.kinds.items() if kind != "baseline"]

    @property
    def baselines(self) -> list[str]:
        """Names of the baselines."""
        return [name for name, kind in self.kinds.items() if kind == "baseline"]

    def of_kind(self, *kinds: str) -> str | None:
        """Return the first model of the first kind that there is."""
        for wanted in kinds:
            for name, kind in self.kinds.items():
                if kind == wanted:
                    return name
        return None

    @property
    def student(self) -> str | None:
        """The network that would fire: the emulated one, or what comes nearest to it."""
        return self.of_kind("emulator", "quantized student", "float student", "network")

    @property
    def teacher(self) -> str | None:
        """The network that the student learned from."""
        return self.of_kind("teacher")

    @cached_property
    def targets_khz(self) -> list[float]:
        """Target rates, rising."""
        records = (*self.records("working_points"), *self.records("efficiencies"))
        return sorted({float(record["target_khz"]) for record in records})

    @cached_property
    def signals(self) -> list[str]:
        """Signals in the order of ``results.json``."""
        return list(dict.fromkeys(str(one["signal"]) for one in self.records("efficiencies")))

    @cached_property
    def points(self) -> dict[tuple[str, float], Plain]:
        """Working points by model and target rate."""
        return {
            (str(one["model"]), float(one["target_khz"])): one
            for one in self.records("working_points")
        }

    @cached_property
    def efficiencies(self) -> dict[tuple[str, str, float], Plain]:
        """Efficiencies by signal, model and target rate."""
        return {
            (str(one["signal"]), str(one["model"]), float(one["target_khz"])): one
            for one in self.records("efficiencies")
        }

    def for_ranking(self, model: str, target_khz: float) -> bool:
        """Whether a working point is known well enough to rank models by it."""
        point = self.points.get((model, target_khz))
        return point is not None and bool(point["for_ranking"])

    def fraction_bits(self, model: str) -> int | None:
        """Return the fraction bits of a model's integer scores; None if they are plain integers."""
        bits = (self.results.get("score_fraction") or {}).get(model)
        return None if bits is None else int(bits)

    def score_values(self, model: str, raws: NDArray[Any]) -> NDArray[np.float64]:
        """Return the values that a model's integer scores or thresholds stand for."""
        step = 2.0 ** -(self.fraction_bits(model) or 0)
        return np.asarray(raws, dtype=np.float64) * step


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(path, f"cannot be read as text: {error}") from error


def _json(path: Path) -> Any:
    text = _text(path)
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputFileError(path, f"is damaged ({error}); {_AGAIN}") from error


def read_results(path: Path) -> Plain:
    """Read ``results.json``.

    Raises
    ------
    InputFileError
        If it is missing, damaged, of another schema, or lacks what a report needs.
    """
    results = _json(path)
    if results is None:
        raise InputFileError(path, f"no results to report; {_AGAIN}")
    if not isinstance(results, dict) or results.get("schema") != SCHEMA:
        found = results.get("schema") if isinstance(results, dict) else None
        raise InputFileError(path, f"is of schema {found!r}, not {SCHEMA!r}; {_AGAIN}")
    if "study" not in results:
        raise InputFileError(path, f"does not name its study; {_AGAIN}")
    _require_keys(path, "scenario", results.get("scenario"), _SCENARIO)
    for name, keys in (*_REQUIRED.items(), *_OPTIONAL.items()):
        records = results.get(name)
        if records is None and name in _OPTIONAL:
            continue
        if not isinstance(records, list):
            raise InputFileError(path, f"has no list {name!r}; {_AGAIN}")
        for record in records:
            _require_keys(path, name, record, keys)
    for name, keys in _PARTS.items():
        if results.get(name) is not None:
            _require_keys(path, name, results[name], keys)
    _require_caveats(path, results.get("caveats", []))
    return results


def _require_caveats(path: Path, caveats: Any) -> None:
    if not isinstance(caveats, list) or not all(isinstance(one, str) for one in caveats):
        raise InputFileError(path, f"holds 'caveats' in a form that is not known here; {_AGAIN}")


def _require_keys(path: Path, name: str, record: Any, keys: Iterable[str]) -> None:
    if not isinstance(record, dict):
        raise InputFileError(path, f"holds {name!r} in a form that is not known here; {_AGAIN}")
    if missing := [key for key in keys if key not in record]:
        raise InputFileError(path, f"{name!r} lacks {', '.join(missing)}; {_AGAIN}")


def _manifest(path: Path) -> Plain | None:
    manifest = _json(path)
    if manifest is not None and not isinstance(manifest, dict):
        raise InputFileError(path, f"is no manifest; {_AGAIN}")
    return manifest


def _curves(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    numeric = [name for name in columns if name not in {"signal", "model"}]
    try:
        # A signal called "NA" stays a name.
        frame = pd.read_csv(
            path, keep_default_na=False, na_values={name: ["", "nan"] for name in numeric}
        )
    except FileNotFoundError as error:
        raise InputFileError(path, f"no such table; {_AGAIN}") from error
    except (OSError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise InputFileError(path, f"cannot be read as a table ({problem}); {_AGAIN}") from error
    if missing := [name for name in columns if name not in frame.columns]:
        raise InputFileError(path, f"lacks the columns {', '.join(missing)}; {_AGAIN}")
    try:
        numbers = {name: pd.to_numeric(frame[name]) for name in numeric}
    except (TypeError, ValueError) as error:
        raise InputFileError(path, f"holds text for a number ({error}); {_AGAIN}") from error
    names = {name: frame[name].astype(str) for name in columns if name not in numbers}
    return frame.assign(**numbers, **names)


def _frame(path: Path) -> pd.DataFrame | None:
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise InputFileError(path, f"cannot be read as a table ({problem}); {_AGAIN}") from error


def _scores(path: Path) -> ScoreTable | None:
    try:
        return ScoreTable.read(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise InputFileError(path, f"cannot be read as scores ({problem}); {_AGAIN}") from error
