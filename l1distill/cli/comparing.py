"""``l1distill compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emulator.errors import SettingsError
from l1distill.cli.options import (
    PROCESSORS,
    AsJson,
    Crossings,
    Files,
    Jobs,
    ModelFile,
    Source,
    SourceName,
    parse_integers,
    print_caveats,
    print_json,
)
from l1distill.console import print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.model import Model
    from firmware.compare import Comparison
    from l1distill.bit_comparison import BitsComparison
    from l1distill.blame import Blame

#: Not an execution of the network, but what the experiment published.
BITS = "bits"
_SHOWN_RAWS = 8


def compare(
    model: ModelFile,
    files: Files,
    *,
    against: Annotated[
        str,
        typer.Option(
            "--with",
            help="Executions, comma-separated: reference, csim, rtl; or bits: the decisions that "
            "files hold.",
        ),
    ] = "reference,csim",
    algorithms: Annotated[
        Path | None,
        typer.Option(
            help='For bits: the menu, as JSON {"bit": [seed, expression]}.', metavar="ALGOS.json"
        ),
    ] = None,
    menu: Annotated[
        str | None, typer.Option(help="For bits: the menu, by its name in the model file.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for mismatches.json.")
    ] = Path(),
    source: Source = SourceName.unpacked,
    crossings: Crossings = "0",
    jobs: Jobs = PROCESSORS,
    as_json: AsJson = False,
) -> int:
    """Compare the engine event by event with other executions; exit 1 on any difference.

    With bits, each threshold that belongs to a menu is compared with the decisions that the experiment
    published (test vectors of the Global Trigger hold them), and a failure is traced to the inputs'
    era, order, source and ties of pT, or to the network.

    Example:

        l1distill compare student.json zerobias.root --with reference,csim,rtl

        l1distill compare axol1tl.json vector.txt.xz --with bits --algorithms algos_MENU.json
    """
    from emulator.model import load_model
    from firmware.compare import write_mismatches
    from l1distill.caveats import file_caveats

    loaded = load_model(model)
    names = [name.strip() for name in against.split(",") if name.strip()]
    if not names:
        msg = "--with names no execution; give for example --with reference,csim"
        raise SettingsError(msg)
    wanted = parse_integers(crossings, "--crossings")
    results: list[Comparison | BitsComparison] = []
    if BITS in names:
        if wanted != (0,):
            msg = "--with bits compares crossing 0, of which files hold the decisions"
            raise SettingsError(msg)
        results.append(_with_bits(loaded, files, algorithms, menu, source, jobs))
    elif algorithms is not None or menu is not None:
        msg = "--algorithms and --menu are for --with bits"
        raise SettingsError(msg)
    executions = [name for name in names if name != BITS]
    if executions:
        results.extend(_with_executions(loaded, files, executions, source, wanted, jobs))
    caveats = file_caveats(files, source=source.value)
    failed = any(result.n_mismatch for result in results)
    # One of an earlier comparison would contradict this one.
    (output / "mismatches.json").unlink(missing_ok=True)
    if failed:
        write_mismatches(output / "mismatches.json", results)
    if as_json:
        print_json([{**result.as_dict(), "caveats": list(caveats)} for result in results])
        return int(failed)
    print_caveats(caveats)
    for result in results:
        _print(result)
    if failed:
        typer.echo(f"the first mismatches are in {output / 'mismatches.json'}")
    return int(failed)


def _with_executions(
    model: Model,
    files: list[str],
    names: list[str],
    source: SourceName,
    crossings: tuple[int, ...],
    jobs: int,
) -> tuple[Comparison, ...]:
    from emulator.features import feature_rows
    from emulator.objects import read_events
    from firmware.compare import compare as compare_graph

    events = read_events(files, source=source.value, crossings=crossings, order=model.layout.order)
    return compare_graph(
        model.graph,
        feature_rows(events, model.layout),
        against=names,  # type: ignore[arg-type] # compare_graph refuses unknown names
        jobs=jobs,
    )


def _with_bits(
    model: Model,
    files: list[str],
    algorithms: Path | None,
    menu: str | None,
    source: SourceName,
    jobs: int,
) -> BitsComparison:
    from emulator.menu import load_menu
    from l1distill.bit_comparison import compare_with_bits
    from l1distill.published_bits import thresholds_of_menu

    loaded = load_menu(algorithms) if algorithms is not None else None
    thresholds = thresholds_of_menu(model, menu=loaded, name=menu)
    return compare_with_bits(model, files, thresholds, source=source.value, threads=jobs)


def _print(result: Any) -> None:
    from l1distill.bit_comparison import BitsComparison

    if isinstance(result, BitsComparison):
        _print_bits(result)
        return
    typer.echo(
        f"engine and {result.against}: {result.n_mismatch} mismatches in {result.n_events} "
        f"crossings ({result.events_per_second:.0f}/s{_compiled(result)})"
    )
    if result.latency is not None:
        typer.echo(f"latency {result.latency.value:g} ns: {result.latency.source}")
    for mismatch in result.mismatches:
        first = mismatch.first_node
        if first is None:
            typer.echo(f"  crossing {mismatch.event} differs only as a whole")
            continue
        given = ", ".join(f"{value.node} = {_short(value.engine)}" for value in mismatch.inputs)
        typer.echo(
            f"  crossing {mismatch.event} first differs at node {first.node}: "
            f"{_short(first.engine)} and {_short(first.other)}, given {given}"
        )
    if result.cause is not None:
        typer.echo(f"likely cause, {result.cause}")
    elif result.mismatches:
        typer.echo("likely cause: none of those known (rounding, overflow, types, table, weight)")


def _short(raws: Sequence[int]) -> str:
    """Show the first raws of a node; all of them are in mismatches.json."""
    more = ", …" if len(raws) > _SHOWN_RAWS else ""
    return f"[{', '.join(map(str, raws[:_SHOWN_RAWS]))}{more}]"


def _compiled(result: Comparison) -> str:
    """Say what compiling took; nothing if nothing is compiled."""
    cost = result.build
    if cost is None:
        return ""
    return f"; compiled in {cost.seconds:.1f} s with at most {cost.peak_mib:.0f} MiB"


def _print_bits(result: BitsComparison) -> None:
    typer.echo(
        f"{result.model} and the bits of {result.menu}: {result.n_mismatch} mismatches in "
        f"{result.n_events} crossings"
    )
    print_table(
        ["threshold", "bit", "score >=", "fires", "ours", "extra", "missing", "verdict"],
        [
            [
                each.seed,
                "-" if each.bit is None else str(each.bit),
                str(each.threshold),
                str(each.fires),
                str(each.ours),
                str(each.extra),
                str(each.missing),
                each.verdict,
            ]
            for each in result.thresholds
        ],
    )
    inputs = ", ".join(
        f"{each.collection} {each.n_crossings}" for each in result.inputs if each.n_crossings
    )
    typer.echo(f"inputs exercised (crossings with non-zero features): {inputs or 'none'}")
    idle = ", ".join(each.collection for each in result.inputs if not each.n_crossings)
    if idle:
        typer.echo(f"inputs not exercised, 0 in all crossings: {idle}")
    for mismatch in result.mismatches:
        typer.echo(
            f"  {mismatch.file} entry {mismatch.entry}, score {mismatch.score}: published "
            f"{', '.join(mismatch.published) or 'none'}; ours {', '.join(mismatch.ours) or 'none'}"
        )
    if result.n_mismatch and not any(each.fires for each in result.thresholds):
        typer.echo(
            f"note: none of these bits ever fires in the files: are they of the menu {result.menu}? In "
            "another one the same bits are other seeds, or none"
        )
    if result.blame is not None:
        _print_blame(result.blame, result.n_mismatch)


def _print_blame(blame: Blame, n_mismatch: int) -> None:
    typer.echo("the same comparison with other inputs:")
    print_table(
        ["instead", "mismatches", "go away", "new"],
        [
            [each.description, str(each.n_mismatch), str(each.n_resolved), str(each.n_new)]
            for each in blame.alternatives
        ],
    )
    for sentence in blame.not_tried:
        typer.echo(f"not tried: {sentence}")
    typer.echo(f"in crossings with equal pT among the objects read: {blame.n_ties} of {n_mismatch}")
    typer.echo(f"not explained by inputs, so the network's: {blame.n_remaining} of {n_mismatch}")
