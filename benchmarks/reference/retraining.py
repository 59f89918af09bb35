"""The quick study trained anew: what its student keeps, and how far trainings differ in that.

Training differs in its last digits from machine to machine, and so does the network that comes out;
nothing exact can be held. What another seed changes says how much a training may move a figure: the
accepted file holds the figures of several seeds on the same samples, and a tolerance follows from them.
"""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scipy.stats import t as student_t

from benchmarks.reference import FOLDER
from emulator.errors import InputFileError
from l1distill.study.pipeline import run_study
from l1distill.study.settings import Comparison, FileSet, Samples, load_study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from l1distill.study.settings import Study

STUDY = FOLDER.parents[1] / "studies" / "quick.yaml"
ACCEPTED = FOLDER / "retrained.json"
SCHEMA = "l1distill-retrained/1"

#: How often an unchanged study, trained on another machine, may fail in any of its figures.
FALSE_ALARMS = 0.01


@dataclass(frozen=True)
class Tolerance:
    """Where a figure of one more training is expected.

    Parameters
    ----------
    mean
        Geometric mean of the accepted trainings.
    spread
        Standard deviation of their logarithms.
    low, high
        Limits of the prediction interval.
    """

    mean: float
    spread: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a figure is within the limits."""
        return self.low <= value <= self.high


def tolerance(values: Sequence[float], *, figures: int) -> Tolerance:
    """Return the prediction interval of Student's t for one more value, in logarithms.

    Parameters
    ----------
    values
        The figure in each accepted training, at least two, all above zero.
    figures
        Figures that are held at once: all of them together fail with `FALSE_ALARMS`.

    Examples
    --------
    >>> found = tolerance([0.20, 0.21, 0.22, 0.19, 0.20], figures=1)
    >>> found.holds(0.17), found.holds(0.13)
    (True, False)
    """
    n = len(values)
    logarithms = [math.log(value) for value in values]
    mean, spread = statistics.fmean(logarithms), statistics.stdev(logarithms)
    quantile = float(student_t.ppf(1 - FALSE_ALARMS / figures / 2, n - 1))
    reach = quantile * spread * math.sqrt(1 + 1 / n)
    limits = (math.exp(mean - reach), math.exp(mean + reach))
    return Tolerance(math.exp(mean), spread, *limits)


def tolerances(accepted: Mapping[str, Any]) -> dict[str, Tolerance]:
    """Return the tolerance of each accepted figure that is above zero in every training."""
    held = {name: values for name, values in accepted["figures"].items() if min(values) > 0}
    return {name: tolerance(values, figures=len(held)) for name, values in held.items()}


def figures_of(results: Mapping[str, Any]) -> dict[str, float]:
    """Return what is held of the emulated student, by target rate.

    Threshold, measured rate, and efficiencies; and what it keeps of its teacher's efficiencies, the
    geometric mean over the signals of which both keep anything. That differs least between trainings,
    since half of what a seed changes is what the teacher learned.
    """
    figures: dict[str, float] = {}
    kept: dict[float, list[float]] = {}
    teacher = _efficiencies(results, "teacher")
    for point in results["working_points"]:
        if point["model"] == "emulator":
            place = f"{point['target_khz']:g} kHz"
            figures[f"{place} / threshold"] = point["threshold"]
            figures[f"{place} / rate_khz"] = point["rate_khz"]
    for (signal, target), value in _efficiencies(results, "emulator").items():
        figures[f"{target:g} kHz / efficiency {signal}"] = value
        if value and teacher[signal, target]:
            kept.setdefault(target, []).append(value / teacher[signal, target])
    for target, ratios in kept.items():
        figures[f"{target:g} kHz / kept of the teacher's"] = statistics.geometric_mean(ratios)
    return dict(sorted(figures.items()))


def _efficiencies(results: Mapping[str, Any], model: str) -> dict[tuple[str, float], float]:
    return {
        (each["signal"], each["target_khz"]): each["efficiency"]
        for each in results["efficiencies"]
        if each["model"] == model
    }


def sample_hashes(results: Mapping[str, Any]) -> list[str]:
    """Return the content hashes of all samples of a run, sorted."""
    return sorted(each["sha256"] for each in results["samples"])


def load_results(folder: Path) -> dict[str, Any]:
    """Read the results of a run."""
    results: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return results


def load_accepted() -> dict[str, Any]:
    """Return the accepted trainings: seeds, hashes of the samples, figures by seed.

    Raises
    ------
    InputFileError
        If the file is of another version.
    """
    accepted: dict[str, Any] = json.loads(ACCEPTED.read_text(encoding="utf-8"))
    if accepted.get("schema") != SCHEMA:
        raise InputFileError(ACCEPTED, f"holds no accepted trainings of this version ({SCHEMA})")
    return accepted


def summary(accepted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a log tells of trainings: samples, and mean and spread of each figure."""
    if accepted.get("schema") != SCHEMA:
        return {}
    return {
        **{name: accepted[name] for name in ("torch", "samples")},
        "trainings": len(accepted["seeds"]),
        "figures": {
            name: {"mean": float(f"{each.mean:.4g}"), "spread": float(f"{each.spread:.2g}")}
            for name, each in tolerances(accepted).items()
        },
    }


def moved(results: Mapping[str, Any], accepted: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each figure of a run that is out of its tolerance."""
    found = figures_of(results)
    if found.keys() != accepted["figures"].keys():
        return [f"other figures than accepted: {sorted(found.keys() ^ accepted['figures'].keys())}"]
    return [
        f"{name}: {found[name]:.4g}, expected {limits.low:.4g} to {limits.high:.4g} "
        f"(mean {limits.mean:.4g}, spread {100 * limits.spread:.0f} %)"
        for name, limits in tolerances(accepted).items()
        if not limits.holds(found[name])
    ]


def train_seeds(folder: Path, n_seeds: int, *, jobs: int) -> dict[str, Any]:
    """Run the quick study, then train it with other seeds on the same samples.

    Parameters
    ----------
    folder
        Where the runs go; what of them is up to date is not run again.
    n_seeds
        Trainings, the study's own among them.
    jobs
        Processes and threads.
    """
    study = load_study(STUDY)
    run_study(study, folder / "own", jobs=jobs)
    runs = [load_results(folder / "own")]
    files = _files(runs[0], folder / "own" / "samples")
    seeds = [study.seed + step for step in range(n_seeds)]
    for seed in seeds[1:]:
        run_study(_with_seed(study, seed, files), folder / str(seed), jobs=jobs)
        runs.append(load_results(folder / str(seed)))
    names = figures_of(runs[0])
    return {
        "schema": SCHEMA,
        "study": study.name,
        "torch": runs[0]["versions"]["torch"],
        "samples": sample_hashes(runs[0]),
        "seeds": seeds,
        "figures": {name: [figures_of(run)[name] for run in runs] for name in names},
    }


def _files(results: Mapping[str, Any], folder: Path) -> FileSet:
    """Return the generated samples of a run as files."""
    signals = [each["name"] for each in results["samples"] if each["role"] == "signal"]
    return FileSet(
        training=[str(folder / "zerobias_train.root")],
        setting=[str(folder / "zerobias_tune.root")],
        measuring=[str(folder / "zerobias_eval.root")],
        signals={name: [str(folder / f"signal_{name}.root")] for name in signals},
    )


def _with_seed(study: Study, seed: int, files: FileSet) -> Study:
    # What the executions say is held elsewhere, exactly; here it would only take time.
    comparison = Comparison(n_crossings=1, against=["reference"])
    changes = {"seed": seed, "samples": Samples(files=files), "comparison": comparison}
    return study.model_copy(update=changes)
