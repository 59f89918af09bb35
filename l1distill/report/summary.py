"""The results in words, with their numbers: the top of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from l1distill.report.ratios import beside_lines, ratio_line
from l1distill.report.reported import complaints, reported_lines
from l1distill.report.verdicts import cases
from l1distill.report.words import count, khz, listing, number, percent, span, with_error

if TYPE_CHECKING:
    from l1distill.report.run_folder import Plain, RunResults
    from l1distill.report.verdicts import Case, Verdict

Mood = Literal["good", "bad", "open", "plain"]


@dataclass(frozen=True)
class Statement:
    """One point of the summary.

    Parameters
    ----------
    title
        What it is about.
    lines
        Sentences.
    mood
        ``good`` and ``bad`` are proven, ``open`` says that something is not known.
    """

    title: str
    lines: tuple[str, ...]
    mood: Mood = "plain"


#: For pages of what only the engine ran: whoever delivers a network wants more than its word.
NOT_COMPARED = Statement(
    "Is it bit-exact?",
    (
        (
            "All decisions are the integer engine's, which was compared with nothing here: `l1distill "
            "compare MODEL.json FILE --with reference,csim` does, event by event."
        ),
    ),
    "open",
)


def summary(run: RunResults) -> list[Statement]:
    """Return the summary of a run."""
    found = cases(run)
    statements = [
        _exactness(run),
        _rates(run),
        _kept(run),
        _menu(run),
        _anatomy(run),
        _cost(run),
        _baselines(found),
        _distillation(run),
        _beside(run),
        _not_for_ranking(run),
        _caveats(run),
    ]
    return [statement for statement in statements if statement is not None]


def rates_summary(run: RunResults) -> list[Statement]:
    """Return the summary of what was rated and not compared: ``l1distill rates``."""
    statements = [
        _rates(run),
        _kept(run),
        _menu(run),
        _baselines(cases(run)),
        NOT_COMPARED,
        _not_for_ranking(run),
        _caveats(run),
    ]
    return [statement for statement in statements if statement is not None]


def comparison_mood(record: Plain) -> Mood:
    """Return good only if there were events and none differs."""
    if record["n_mismatch"]:
        return "bad"
    return "good" if record["n_events"] > 0 else "open"


def export_record(run: RunResults) -> Plain | None:
    """Return the comparison of the trained network with the integer model, if there is one."""
    export = run.results.get("export")
    if not isinstance(export, dict) or not {"n_events", "n_mismatch"} <= export.keys():
        return None
    return export


def _exactness(run: RunResults) -> Statement:
    title = "Is it the same network in the trigger, bit for bit?"
    records = [
        (f"{_engine(one)} and {_other_name(str(one['with']))}", one)
        for one in run.records("comparisons")
    ]
    lines = [_exact_sentence(what, record) for what, record in records]
    export = export_record(run)
    if export is not None:
        records.append(("the trained quantized student and the engine", export))
        lines.append(_exact_sentence(*records[-1]))
    if not run.records("comparisons"):
        lines.insert(0, "The engine was compared with no other execution of the network.")
    moods = {comparison_mood(record) for _, record in records}
    mood: Mood = "good"
    if "bad" in moods:
        mood = "bad"
        lines.insert(0, "NO. Do not deliver this model before the difference is understood.")
    elif "open" in moods or not run.records("comparisons"):
        mood = "open"
    else:
        lines.insert(0, "Yes, wherever it was tested.")
    return Statement(title, tuple(lines), mood)


def _engine(record: Plain) -> str:
    """Name the engine, and what it runs if that is not the student."""
    model = record.get("model")
    return "the engine" if model is None else f"the engine running {model}"


def _other_name(name: str) -> str:
    return {
        "reference": "the plain-Python reference",
        "csim": "the C-simulation of the hls4ml project",
        "rtl": "the simulated RTL",
    }.get(name, name)


def _exact_sentence(what: str, record: Plain) -> str:
    mood = comparison_mood(record)
    crossings = count(record["n_events"], "crossing")
    if mood == "bad":
        return (
            f"{what[0].upper()}{what[1:]} DIFFER in {record['n_mismatch']:,} of {crossings}; "
            "the first of them are listed below."
        )
    if mood == "open":
        return f"Not tested: {what} were compared on no crossing."
    return f"{what[0].upper()}{what[1:]} agree to the last bit in all {crossings}."


def _rates(run: RunResults) -> Statement | None:
    student = run.student
    lines = []
    for target in run.targets_khz:
        point = run.points.get((student or "", target))
        if point is None:
            continue
        if not point["reached"]:
            lines.append(
                f"{khz(target)}: no threshold stays below this rate, since the highest score alone "
                "exceeds it; more zero-bias crossings are needed."
            )
            continue
        lines.append(
            f"{khz(target)}: at threshold {point['threshold']:,} it fires at "
            f"{with_error(point['rate_khz'], point['error_khz'])} kHz on crossings that did not set "
            f"the threshold (± {number(point['error_setting_khz'], 2)} kHz from setting it)"
            f"{'' if point['for_ranking'] else '; not for ranking'}."
        )
    return Statement(f"How often does the {student} fire?", tuple(lines)) if lines else None


def _kept(run: RunResults) -> Statement | None:
    student = run.student
    lines = []
    for signal in run.signals:
        parts = []
        for target in run.targets_khz:
            found = run.efficiencies.get((signal, student or "", target))
            if found is not None:
                interval = span(found["low_total"], found["high_total"], scale=100)
                parts.append(
                    f"{percent(found['efficiency'])} % ({interval}) at {khz(target)}"
                    f"{'' if run.for_ranking(str(student), target) else ' (not for ranking)'}"
                )
        if parts:
            lines.append(f"{signal}: {listing(parts)}.")
    return Statement(f"What does the {student} keep?", tuple(lines)) if lines else None


def _menu(run: RunResults) -> Statement | None:
    """Say what the network adds to the menu at the highest pure rate."""
    menu, student = run.menu, run.student
    if menu is None or student is None:
        return None
    whole = next((seed for seed in menu["seeds"] if seed["seed"] == "any seed"), None)
    gains = [one for one in menu["pure_efficiencies"] if one["model"] == student]
    if whole is None or not gains:
        return None
    target = max(float(one["target_khz"]) for one in gains)
    kept = {str(one["signal"]): one for one in menu["signals"]}
    parts = [
        f"{one['signal']} {percent(kept[str(one['signal'])]['efficiency'])} % "
        f"+ {percent(one['efficiency'])} %"
        for one in gains
        if float(one["target_khz"]) == target and str(one["signal"]) in kept
    ]
    seeds = count(len(menu["seeds"]) - 1, "seed")
    line = (
        f"The menu of {seeds} accepts {with_error(whole['rate_khz'], whole['error_khz'])} kHz. "
        f"At {khz(target)} on top of it, where nothing else accepts, it adds: {listing(parts)}."
    )
    return Statement("What does it add to a menu?", (line,))


def _anatomy(run: RunResults) -> Statement | None:
    """Say what fires: what is shared with other seeds, and hot places."""
    record = run.anatomy_record
    if record is None or record["target_khz"] is None:
        return None
    target = record["target_khz"]
    shared = {
        str(one["seed"]): one["rate_khz"] / one["of_khz"]
        for one in record["shared"]
        if one["target_khz"] == target and one["of_khz"]
    }
    alone = shared.pop("no other seed", None)
    lines = []
    if shared and alone is not None:
        most = sorted(shared, key=lambda seed: -shared[seed])[:3]
        parts = listing(f"{seed} ({percent(shared[seed])} %)" for seed in most)
        lines.append(
            f"At {khz(target)}, {percent(alone)} % of the rate is its own; most of the rest also fires "
            f"{parts}."
        )
    hot = record["hot_spots"]
    if hot:
        first = hot[0]
        lines.append(
            f"{count(len(hot), 'HOT PLACE')}: the leading {first['collection']} at eta "
            f"{first['eta_low']:.2f}, phi {first['phi_low']:.2f} in {first['entries']:,} crossings "
            f"where {number(first['expected'], 2)} are expected."
        )
    else:
        lines.append("No place in eta and phi is hot.")
    return Statement("What fires?", tuple(lines), "bad" if hot else "plain")


def _cost(run: RunResults) -> Statement | None:
    models = {str(model["name"]): model for model in run.records("models")}
    model = models.get(run.student or "", {})
    if model.get("luts_estimate") is None:
        return None
    flows = [str(model[key]) for key in ("luts_flow", "latency_flow") if model.get(key)]
    latency = f"{number(model['latency_ns_estimate'])} ns"
    luts = f"About {number(model['luts_estimate'])} LUTs"
    said = f"{f' (flows: {listing(flows)})' if flows else ''}, good to a factor of two"
    ends = "the table of costs has the ranges and their sources."
    if model.get("latency_stage") == "RTL simulation":
        line = f"{luts} by estimate{said}; {latency} by {model['latency_source']}; {ends}"
    else:
        line = f"{luts} and {latency} by estimate{said}; {ends}"
    mood: Mood = "bad" if complaints(run) else "plain"
    return Statement("What does it cost?", (line, *reported_lines(run)), mood)


_VERDICTS: tuple[tuple[Verdict, str], ...] = (
    ("behind", "Behind"),
    ("level", "Level within the errors"),
    ("ahead", "Ahead"),
    ("not for ranking", "Not for ranking"),
)


def _baselines(found: list[Case]) -> Statement | None:
    if not found:
        return None
    against = (
        "Against the single object or sum that keeps most of each signal, in "
        f"{count(len(found), 'case')} of a signal at a target rate:"
    )
    lines = [against]
    for verdict, word in _VERDICTS:
        chosen = [case for case in found if case.verdict == verdict]
        if not chosen:
            continue
        if verdict == "not for ranking":
            details = f"in {len(chosen)}, because one of the two rates has more than 20 % error"
        else:
            details = f"in {len(chosen)}: {'; '.join(_case_words(case) for case in chosen)}"
        lines.append(f"{word} {details}.")
    return Statement("Is there a simpler trigger that keeps more?", tuple(lines))


def _case_words(case: Case) -> str:
    return (
        f"{case.signal} at {khz(case.target_khz)} ({percent(case.student['efficiency'])} %, "
        f"{case.baseline['model']} {percent(case.baseline['efficiency'])} %)"
    )


def _distillation(run: RunResults) -> Statement | None:
    line = ratio_line(run, run.student, run.teacher)
    return None if line is None else Statement("What did distillation cost?", (line,))


def _beside(run: RunResults) -> Statement | None:
    lines = beside_lines(run)
    return Statement("How do other networks do beside it?", tuple(lines)) if lines else None


def _not_for_ranking(run: RunResults) -> Statement | None:
    lines = []
    for target in run.targets_khz:
        models = [
            model
            for model in run.models
            if (model, target) in run.points and not run.for_ranking(model, target)
        ]
        if models:
            lines.append(f"At {khz(target)}: {listing(models)}.")
    if not lines:
        return None
    lines.append(
        "Their rate has more than 20 % error, be it from measuring it or from setting the threshold, "
        "or no threshold reaches the target. More crossings from more independent pool events "
        "would make them comparable."
    )
    return Statement("What is not for ranking?", tuple(lines), "open")


def _caveats(run: RunResults) -> Statement | None:
    """Say what the samples' own notes say against how they are used."""
    if not run.caveats:
        return None
    return Statement("What do the samples say?", tuple(f"{one}." for one in run.caveats), "open")
