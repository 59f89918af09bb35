"""What samples say of themselves, held against how they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.objects import write_nano
from emulator.rates import load_scenario
from l1distill.caveats import sample_caveats

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.l1distill.conftest import MakeEvents

    WriteNoted = Callable[..., Path]

NOTE: dict[str, Any] = {
    "maker": "emulator.samples",
    "role": "tune",
    "process": "zerobias",
    "seed": 1,
    "pileup": 50.0,
    "generator_sha256": "a" * 64,
}


@pytest.fixture
def write_noted(tmp_path: Path, make_events: MakeEvents) -> WriteNoted:
    """Write two crossings with a note."""

    def write(name: str, **changes: Any) -> Path:
        note = {key: value for key, value in {**NOTE, **changes}.items() if value is not None}
        write_nano(tmp_path / name, [make_events(2, 1)], provenance=note)
        return tmp_path / name

    return write


def caveats(**files: list[Path]) -> tuple[str, ...]:
    return sample_caveats(files, load_scenario("run3_pu50"), background=("setting", "measuring"))


def test_nothing_to_say(write_noted: WriteNoted) -> None:
    setting = write_noted("tune.root")
    measuring = write_noted("eval.root", role="eval")
    signal = write_noted("a.root", role="signal", process="A4l")
    assert caveats(setting=[setting], measuring=[measuring], A4l=[signal]) == ()


def test_another_pileup(write_noted: WriteNoted) -> None:
    setting = write_noted("tune.root", pileup=60)
    measuring = write_noted("eval.root", role="eval", pileup=50)
    assert caveats(setting=[setting], measuring=[measuring]) == (
        (
            "tune.root was made at pile-up 60, scenario 'run3_pu50' has 50: "
            "what is called its rate is the rate at pile-up 60"
        ),
    )


@pytest.mark.parametrize("change", [{"role": "eval"}, {"seed": 2}, {"generator_sha256": "b" * 64}])
def test_the_same_pythia_events(write_noted: WriteNoted, change: dict[str, Any]) -> None:
    setting, again = write_noted("one.root"), write_noted("two.root")
    (sentence,) = caveats(setting=[setting], measuring=[again])
    assert sentence.startswith("one.root (setting) and two.root (measuring) come from the same")
    other = write_noted("three.root", **change)
    assert caveats(setting=[setting, again], measuring=[other]) == ()


def test_files_that_say_nothing(write_noted: WriteNoted) -> None:
    silent = write_noted("x.root", pileup=None, generator_sha256=None)
    assert caveats(setting=[silent], measuring=[silent]) == ()
