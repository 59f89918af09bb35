"""How each arm spends its budget of event-passes, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from distill.controls import (
    ControlSpec,
    control_graph,
    new_control,
    quantized_control,
    train_control,
)
from distill.cotraining import CoTraining, cotrain
from distill.export import export_graph
from distill.recipe import Quantization, train_student
from distill.search.found import results, spent_passes
from distill.search.storage import open_search
from distill.search.trials import Search
from distill.widths import BitWidths
from emulator.model import load_model
from l1distill.orders.bench import Candidate, best, cost_of
from l1distill.study.settings import Training

if TYPE_CHECKING:
    from distill.controls import ControlKind
    from distill.cotraining import CoMode
    from distill.search.found import Found
    from distill.teachers import Autoencoder
    from distill.training import TrainingSettings
    from l1distill.orders.bench import Bench
    from l1distill.orders.settings import Order

# Calibration reads so many crossings, which count as passes.
_CALIBRATION = 20_000


@dataclass(frozen=True)
class Outcome:
    """What an arm offers, and what it has spent.

    Parameters
    ----------
    candidates
        Networks to choose from.
    passes
        Event-passes: crossings times epochs of all that was trained; the teacher's apart.
    teacher
        What a teacher that was trained with the student keeps, as `Bench.measure` returns it.
    """

    candidates: list[Candidate]
    passes: int
    teacher: list[dict[str, Any]] | None = None


def run_arm(bench: Bench, arm: str, seed: int) -> Outcome:
    """Train an arm of a seed; ``teacher`` is no arm."""
    if arm == "reference":
        return _reference(bench, seed)
    if arm.startswith("student "):
        return _named(bench, arm.removeprefix("student "), seed)
    if arm.startswith("control "):
        return _control(bench, cast("ControlKind", arm.removeprefix("control ")), seed)
    if arm in bench.orders.cotraining.modes:
        return _together(bench, arm, seed)
    return _order(bench, cast("Order", arm), seed)


def _reference(bench: Bench, seed: int) -> Outcome:
    """57-32-16-1 at uniform 8 bits, trained as the study says."""
    _, lesson, judge = bench.taught(seed)
    recipe = bench.recipe(seed).student
    trained = train_student(lesson, recipe, bench.stages())
    passes = sum(len(one.epochs) for one in trained.histories) * len(lesson.rows)
    agreement = judge.agreement(trained.student)
    return Outcome([Candidate("reference", export_graph(trained.student), agreement)], passes)


def _named(bench: Bench, name: str, seed: int) -> Outcome:
    """A student of the file, trained as it says."""
    chosen = bench.orders.students[name].student
    _, _, judge = bench.taught(seed)
    lesson = bench.lesson_for(chosen, seed)
    trained = train_student(lesson, chosen.recipe(bench.layout, seed), bench.stages())
    passes = sum(len(one.epochs) for one in trained.histories) * len(lesson.rows)
    shape = "-".join(str(one) for one in trained.student.sizes)
    found = Candidate(shape, export_graph(trained.student), judge.agreement(trained.student))
    return Outcome([found], passes)


def _together(bench: Bench, mode: str, seed: int) -> Outcome:
    """The same student, its teacher trained before or at the same time; as many epochs each."""
    settings = bench.orders.cotraining
    recipe = bench.recipe(seed)
    common, seen = bench.drawn
    epochs = recipe.teacher_training.epochs - settings.head_start
    student = replace(
        recipe.student,
        training=replace(cast("Any", recipe.student.training), epochs=epochs, patience=epochs),
        quantized_training=replace(
            recipe.student.quantized_training, epochs=settings.quantized_epochs
        ),
    )
    if mode == "offline":
        _, lesson, judge = bench.taught(seed)
        trained = train_student(lesson, student, bench.stages())
        passes = sum(len(one.epochs) for one in trained.histories) * len(lesson.rows)
        found = Candidate(mode, export_graph(trained.student), judge.agreement(trained.student))
        return Outcome([found], passes)
    pair = cotrain(
        common,
        replace(recipe, student=student),
        CoTraining(cast("CoMode", mode), settings.head_start, student_epochs=1),
        for_student=seen,
        stages=bench.stages(),
    )
    # The first history is the teacher's.
    passes = sum(len(one.epochs) for one in pair.histories[1:]) * len(seen.training)
    return Outcome(
        [Candidate(mode, export_graph(pair.student))],
        passes,
        bench.measure(bench.teacher_scores(cast("Autoencoder", pair.teacher))),
    )


def _order(bench: Bench, order: Order, seed: int) -> Outcome:
    search = _search(bench, order, seed)
    orders = bench.orders
    budget = orders.budget
    calibration = min(_CALIBRATION, len(search.lesson.rows))
    if order == "tuned":
        budget = round(budget * (1.0 - orders.tuned_share))
    elif order == "post":
        budget -= calibration * len(orders.weight_bits)
    url = f"sqlite:///{(bench.folder(seed) / f'{order}.db').resolve()}"
    study = open_search(url, order, search.settings, f"{orders.name} {seed} {orders.passes}")
    search.run(study, orders.search.max_trials, tell=bench.tell_trial, max_passes=budget)
    spent, found = spent_passes(study), results(study)
    if order == "aware":
        return Outcome([_trained(bench, search, one) for one in found], spent)
    front = [one for one in found if one.on_front]
    rounded = [
        (one, bits, _post(bench, search, one, bits)) for one in front for bits in orders.weight_bits
    ]
    spent += calibration * len(rounded)
    if order == "post":
        return Outcome([candidate for _, _, candidate in rounded], spent)
    return _tuned(bench, search, rounded, spent)


def _search(bench: Bench, order: Order, seed: int) -> Search:
    _, lesson, judge = bench.taught(seed)
    models = bench.folder(seed) / order
    models.mkdir(parents=True, exist_ok=True)
    return Search(
        bench.orders.search_settings(order, seed),
        bench.orders.trial_recipe(bench.context.study, order, seed),
        lesson,
        judge,
        bench.layout,
        models,
    )


def _trained(bench: Bench, search: Search, one: Found) -> Candidate:
    """Return the student of a trial that was trained with its types."""
    model = load_model(cast("Any", search.models) / f"trial_{one.number:04d}.json")
    return Candidate(f"trial {one.number}", model.graph, one.agreement)


def _widths(bench: Bench, one: Found, weight_bits: int) -> BitWidths:
    return BitWidths.uniform(
        int(one.params["depth"]),
        weights=weight_bits,
        biases=bench.orders.bias_bits,
        activations=bench.orders.activation_bits,
    )


def _post(bench: Bench, search: Search, one: Found, weight_bits: int) -> Candidate:
    """Quantize the float student of a trial without training it again."""
    chosen = Quantization("post", bits=_widths(bench, one, weight_bits))
    student, _ = search.quantize_found(one, chosen)
    agreement = search.judge.agreement(student)
    return Candidate(f"trial {one.number}, {weight_bits} bits", export_graph(student), agreement)


def _tuned(
    bench: Bench, search: Search, rounded: list[tuple[Found, int, Candidate]], spent: int
) -> Outcome:
    """Train the best float student below each limit again, with its types, with what is left to spend."""
    orders = bench.orders
    candidates = [candidate for _, _, candidate in rounded]
    limits = sorted(orders.lut_shares)
    for place, share in enumerate(limits):
        chosen = best(candidates[: len(rounded)], luts=share * bench.reference_luts)
        if chosen is None:
            continue
        one, bits, _ = next(each for each in rounded if each[2] is chosen)
        left = (orders.budget - spent) // (len(limits) - place)
        epochs = left // len(search.lesson.rows)
        if epochs < 1:
            continue
        search.base = replace(
            search.base, quantized_training=_whole(epochs, search.base.seed, learning_rate=1e-3)
        )
        student, histories = search.quantize_found(
            one,
            Quantization("aware", bits=_widths(bench, one, bits)),
            bench.stages(f"luts_{share:g}/"),
        )
        spent += sum(len(each.epochs) for each in histories) * len(search.lesson.rows)
        agreement = search.judge.agreement(student)
        candidates.append(
            Candidate(f"trial {one.number}, {bits} bits, tuned", export_graph(student), agreement)
        )
    return Outcome(candidates, spent)


def _whole(epochs: int, seed: int, **options: float) -> TrainingSettings:
    """Return a training that uses all its epochs, as the budget is meant."""
    return Training.model_validate({"epochs": epochs, "patience": epochs, **options}).settings(seed)


def _control(bench: Bench, kind: ControlKind, seed: int) -> Outcome:
    """The largest control below each limit; the budget is shared among the limits."""
    orders = bench.orders
    common, _ = bench.drawn
    share = orders.budget // len(orders.lut_shares) // len(common.training)
    quantized = max(share * orders.search.quantized_epochs // orders.search.epochs, 1)
    candidates, spent = [], 0
    for limit in orders.lut_shares:
        spec = largest_control(bench, kind, seed, limit * bench.reference_luts)
        if spec is None or share < 2:
            continue
        control, histories = train_control(
            common,
            spec,
            _whole(share - quantized, seed),
            _whole(quantized, seed, learning_rate=1e-3),
            bench.stages(f"luts_{limit:g}/"),
        )
        spent += sum(len(one.epochs) for one in histories) * len(common.training)
        shape = "-".join(str(width) for width in spec.widths)
        candidates.append(Candidate(f"{kind} {shape}", control_graph(control)))
    return Outcome(candidates, spent)


def largest_control(bench: Bench, kind: ControlKind, seed: int, luts: float) -> ControlSpec | None:
    """Return the widest control within a limit, every weight in use; None if there is none."""
    settings = bench.orders.controls
    common, _ = bench.drawn
    for width in sorted(settings.widths, reverse=True):
        widths = (width,) if kind == "autoencoder" else (width, max(width // 2, settings.latent))
        spec = ControlSpec(
            kind,
            widths,
            BitWidths.uniform(
                len(widths),
                weights=settings.weight_bits,
                biases=bench.orders.bias_bits,
                activations=bench.orders.activation_bits,
            ),
            latent=settings.latent,
            beta=settings.beta,
            seed=seed,
        )
        start = quantized_control(
            new_control(spec, common.training), common, common.training.layout
        )
        if cost_of(control_graph(start)).luts <= luts:
            return spec
    return None
