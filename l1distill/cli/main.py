"""The program ``l1distill``: its commands, and what it says and returns when something is wrong.

Exit codes: 0 success, 1 a comparison failed, 2 a user's error (one sentence on standard error).
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

import typer

from emulator.errors import L1Error
from l1distill.cli import (
    benching,
    checking,
    comparing,
    files,
    firmware,
    hls_projects,
    menus,
    models,
    packages,
    rating,
    samples,
    scanning,
    studies,
    training,
)

#: Exit code of an error that is the program's own (``EX_SOFTWARE`` of sysexits.h).
INTERNAL_ERROR = 70

app = typer.Typer(
    name="l1distill",
    help="Emulate distilled networks for the Level-1 trigger bit for bit, rate them, and check them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
samples_app = typer.Typer(help="Generate, plan, describe and check samples.", no_args_is_help=True)
menu_app = typer.Typer(help="Check seeds of a menu.", no_args_is_help=True)
bench_app = typer.Typer(help="Look at benchmark records.", no_args_is_help=True)
model_app = typer.Typer(help="Look at model files, make them of other forms.", no_args_is_help=True)

app.command("study")(studies.study)
app.command("report")(studies.report)
train_app = typer.Typer(help="Train one stage alone, or search for students.", no_args_is_help=True)
train_app.command("teacher")(training.teacher)
train_app.command("student")(training.student)
train_app.command("cotrain")(training.cotrain)
train_app.command("search")(training.search)
train_app.command("lesson")(training.lesson)
train_app.command("orders")(training.orders)
app.add_typer(train_app, name="train")
app.command("inspect")(files.inspect)
app.command("convert")(files.convert)
app.command("emulate")(files.emulate)
app.command("compare")(comparing.compare)
app.command("check")(checking.check)
app.command("rates")(rating.rates)
app.command("scan")(scanning.scan)
samples_app.command("generate")(samples.generate)
samples_app.command("describe")(samples.describe)
samples_app.command("plan")(samples.plan)
samples_app.command("closure")(samples.closure)
model_app.command("show")(models.show)
model_app.command("check")(models.check)
model_app.command("import")(models.import_network)
menu_app.command("check")(menus.check)
firmware_app = typer.Typer(
    help="Build, simulate and cost firmware of a model.", no_args_is_help=True
)
firmware_app.command("build")(hls_projects.build)
firmware_app.command("package")(packages.package)
firmware_app.command("verify")(packages.verify)
firmware_app.command("reports")(packages.reports)
firmware_app.command("csim")(firmware.csim)
firmware_app.command("rtl")(firmware.rtl)
firmware_app.command("estimate")(firmware.estimate)
app.add_typer(firmware_app, name="firmware")
app.add_typer(samples_app, name="samples")
app.add_typer(menu_app, name="menu")
bench_app.command("compare")(benching.compare)
app.add_typer(model_app, name="model")
app.add_typer(bench_app, name="bench")


@app.callback()
def _options(
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; works anywhere.")
    ] = False,
) -> None:
    pass


def run(arguments: list[str] | None = None) -> None:
    """Run the program and leave with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and not {"-h", "--help"} & set(words):
        # All commands compile, or load what was compiled, but no help does.
        from emulator.jit import without_extensions

        without_extensions()
        if arguments is None:
            # What was imported stays: to look for garbage in it takes a fifth of a second while kernels are loaded.
            gc.freeze()
    debug = "--debug" in words or bool(os.environ.get("L1DISTILL_DEBUG"))
    words = [word for word in words if word != "--debug"]
    sys.exit(_run(words, debug=debug))


def _run(words: list[str], *, debug: bool) -> int:
    try:
        code = app(args=words, prog_name="l1distill", standalone_mode=False)
    except L1Error as error:
        return _say(str(error), 2, debug=debug)
    except typer.TyperException as error:
        sentence = _usage(error)
        # Without a command, its help is shown already and there is nothing to add.
        return _say(sentence, 2, debug=debug) if sentence else 2
    except (typer.Abort, KeyboardInterrupt):
        return _say("interrupted", 130, debug=False)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{error.strerror or error}", 2, debug=debug)
    except Exception as error:  # noqa: BLE001 - the last place that can say it in one sentence
        text = f"internal error, please report it: {type(error).__name__}: {error} (--debug shows more)"
        return _say(text, INTERNAL_ERROR, debug=debug)
    return code if isinstance(code, int) else 0


def _usage(error: typer.TyperException) -> str:
    """Say what is wrong with the words of the command, and where help is; empty if nothing is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "l1distill"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if not message.strip():
        return ""
    message = message.replace("Value error, ", "")  # pydantic's words
    return f"{message.rstrip('.')}; see '{command} --help'"


def _say(sentence: str, code: int, *, debug: bool) -> int:
    if debug:
        raise  # noqa: PLE0704 - called from an except clause
    one_line = " ".join(sentence.split())
    typer.echo(f"l1distill: {one_line}", err=True)
    return code
