"""A record of figures: which commit, on which machine, with which versions; and two of them side by side."""

from __future__ import annotations

import json
import math
import subprocess
from collections import Counter
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from emulator.errors import InputFileError
from emulator.files import replace_file
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from l1distill.bench.machine import Machine

SCHEMA = "l1distill-bench/1"

Better = Literal["lower", "higher"]
Compared = Literal["better", "worse", "level", "only in one"]


@dataclass(frozen=True, slots=True)
class Figure(Record):
    """One measured number.

    Parameters
    ----------
    name
        What was measured; unique in a record.
    value
        The number, above zero.
    unit
        Its unit.
    better
        Whether lower or higher is better.
    note
        What is to be said of it: why no limit of the machine bounds it.
    """

    name: str
    value: float
    unit: str
    better: Better = "lower"
    note: str = ""


@dataclass(frozen=True, slots=True)
class BenchRecord(Record):
    """Figures of one commit on one machine.

    Parameters
    ----------
    commit
        Hash of the commit, with ``+`` if files had been changed; ``unknown`` outside a repository.
    date
        When, UTC, ISO 8601.
    machine
        `Machine.as_dict`, or what another tool tells; plain values.
    figures
        What was measured.
    """

    commit: str
    date: str
    machine: Mapping[str, Any]
    figures: tuple[Figure, ...]

    @property
    def key(self) -> str:
        """What tells whether two records are of the same kind of machine."""
        return str(self.machine.get("key") or self.machine.get("cpu") or "unknown")


@dataclass(frozen=True, slots=True)
class FigurePair(Record):
    """A figure in two records; a value is None where a record lacks it.

    Parameters
    ----------
    name, unit
        The figure.
    first, second
        Its values.
    ratio
        Second over first.
    verdict
        ``better`` or ``worse`` beyond 10 %, ``level``, or ``only in one``.
    """

    name: str
    unit: str
    first: float | None
    second: float | None
    ratio: float | None
    verdict: Compared


def new_record(machine: Machine, figures: Sequence[Figure]) -> BenchRecord:
    """Return a record of now and of the commit of the current folder."""
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return BenchRecord(current_commit(), date, machine.as_dict(), tuple(figures))


def current_commit() -> str:
    """Return the commit of the current folder's repository, marked if files were changed."""
    try:
        commit = _git("rev-parse", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def save_record(record: BenchRecord, path: str | Path) -> None:
    """Write a record as JSON, complete or not at all."""
    plain = {"schema": SCHEMA, **asdict(record)}
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def load_record(path: str | Path) -> BenchRecord:
    """Read a record, or the JSON that pytest-benchmark writes.

    Raises
    ------
    InputFileError
        If the file is missing or neither of the two.
    """
    place = Path(path)
    try:
        plain = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputFileError(place, "no such benchmark record") from error
    except IsADirectoryError as error:
        raise InputFileError(place, "is a folder, not a benchmark record") from error
    except (ValueError, RecursionError) as error:
        raise InputFileError(place, f"is no benchmark record, no JSON ({error})") from error
    known = isinstance(plain, dict) and (plain.get("schema") == SCHEMA or "machine_info" in plain)
    if not known:
        problem = f"is neither a benchmark record ({SCHEMA}) nor JSON of pytest-benchmark"
        raise InputFileError(place, problem)
    try:
        return _of_pytest(plain) if "machine_info" in plain else _of_plain(plain)
    except KeyError as error:
        raise InputFileError(place, f"damaged benchmark record: it lacks {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise InputFileError(place, f"damaged benchmark record: {error}") from error


def compare_records(first: BenchRecord, second: BenchRecord) -> tuple[FigurePair, ...]:
    """Put the figures of two records side by side, in the order of the first.

    Examples
    --------
    >>> old = BenchRecord("a", "", {}, (Figure("engine", 40.0, "M events/s", "higher"),))
    >>> new = BenchRecord("b", "", {}, (Figure("engine", 60.0, "M events/s", "higher"),))
    >>> [(pair.ratio, pair.verdict) for pair in compare_records(old, new)]
    [(1.5, 'better')]
    """
    before = {figure.name: figure for figure in first.figures}
    after = {figure.name: figure for figure in second.figures}
    return tuple(
        _pair(before.get(name), after.get(name)) for name in dict.fromkeys([*before, *after])
    )


def _pair(first: Figure | None, second: Figure | None) -> FigurePair:
    figure = first or second
    if figure is None:
        msg = "one of the two figures is needed"
        raise ValueError(msg)
    if first is None or second is None or first.unit != second.unit:
        values = (first.value if first else None, second.value if second else None)
        return FigurePair(figure.name, figure.unit, *values, None, "only in one")
    ratio = second.value / first.value
    gain = ratio if first.better == "higher" else 1 / ratio
    verdict: Compared = "level"
    if gain > 1.1:
        verdict = "better"
    elif gain < 1 / 1.1:
        verdict = "worse"
    return FigurePair(figure.name, figure.unit, first.value, second.value, ratio, verdict)


def _of_plain(plain: dict[str, Any]) -> BenchRecord:
    return BenchRecord(
        commit=str(plain["commit"]),
        date=str(plain["date"]),
        machine=dict(plain["machine"]),
        figures=_with_own_names([_checked(_figure(each)) for each in plain["figures"]]),
    )


def _figure(plain: Mapping[str, Any]) -> Figure:
    known = {field.name for field in fields(Figure)}
    if unknown := sorted(plain.keys() - known):
        msg = f"a figure has {', '.join(map(repr, unknown))}, which is none of {', '.join(sorted(known))}"
        raise ValueError(msg)
    needed = (plain["name"], plain["value"], plain["unit"])
    return Figure(*needed, plain.get("better", "lower"), plain.get("note", ""))


def _of_pytest(plain: dict[str, Any]) -> BenchRecord:
    """Take the median time of each benchmark, and the numbers that it told besides."""
    figures: list[Figure] = []
    for each in plain["benchmarks"]:
        group = f"{each['group']}: " if each.get("group") else ""
        name = f"{group}{each['name']}"
        told = each.get("extra_info", {})
        note = str(told.get("no_limit", ""))
        figures.append(Figure(name, float(each["stats"]["median"]), "s", note=note))
        figures += [
            Figure(f"{name}, {key}", float(value), *meaning)
            for key, value in told.items()
            if (meaning := _meaning(key)) and isinstance(value, int | float) and value > 0
        ]
    info, commit = plain["machine_info"], plain["commit_info"]
    cpu = info["cpu"]
    return BenchRecord(
        commit=str(commit.get("id") or "unknown") + ("+" if commit.get("dirty") else ""),
        date=str(plain["datetime"]),
        machine={
            "cpu": str(cpu.get("brand_raw") or info["machine"]),
            "processors": cpu.get("count", 0),
            "system": f"{info['system']} {info['release']}",
            "versions": {"python": str(info["python_version"])},
        },
        figures=tuple(_checked(figure) for figure in figures),
    )


def _meaning(key: str) -> tuple[str, Better] | None:
    """Return unit and better side of a number that a benchmark told; None for what is no figure.

    Examples
    --------
    >>> _meaning("million_events_per_second_and_processor")
    ('M events/s and processor', 'higher')
    >>> _meaning("fraction_of_issue_limit"), _meaning("seconds_to_start"), _meaning("megabytes")
    (('of issue limit', 'higher'), ('s', 'lower'), None)
    """
    what, per_second, rest = key.partition("_per_second")
    if per_second:
        return f"{what}/s{rest}".replace("_", " ").replace("million ", "M "), "higher"
    if key.startswith("fraction_of_"):
        return key.removeprefix("fraction_").replace("_", " "), "higher"
    return ("s", "lower") if key.startswith("seconds_") else None


def _checked(figure: Figure) -> Figure:
    # A file may say anything: text raises TypeError here, which `load_record` tells as damage.
    if not 0 < figure.value < math.inf or figure.better not in get_args(Better):
        msg = f"figure {figure.name!r} has the value {figure.value!r}, better {figure.better!r}"
        raise ValueError(msg)
    return figure


def _with_own_names(figures: Sequence[Figure]) -> tuple[Figure, ...]:
    names = Counter(figure.name for figure in figures)
    if twice := [name for name, times in names.items() if times > 1]:
        msg = f"figure {twice[0]!r} is there twice"
        raise ValueError(msg)
    return tuple(figures)


def _git(*words: str) -> str:
    ran = subprocess.run(["git", *words], capture_output=True, text=True, check=True)
    return ran.stdout.strip()
