"""What samples say of themselves, held against how they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.errors import InputFileError
from emulator.objects import Chunk, open_file, write_nano, write_ugt
from emulator.rates import load_scenario
from l1distill.caveats import file_caveats, sample_caveats

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


def test_patterns_and_folders_stand_for_their_files(write_noted: WriteNoted) -> None:
    folder = write_noted("tune.root", pileup=60).parent
    write_noted("tune_2.root", pileup=60)
    sentences = [f"{name} was made at pile-up 60" for name in ("tune.root", "tune_2.root")]
    for path in (folder / "tune*.root", folder):
        found = sample_caveats({"setting": [path]}, load_scenario("run3_pu50"), background=())
        assert [each.partition(",")[0] for each in found] == sentences


def test_only_the_objects_that_are_read_must_be_there(
    tmp_path: Path, make_events: MakeEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("emulator.objects.nano.PREFIXES", {"unpacked": "L1Emul"})
        write_nano(tmp_path / "a.root", [make_events(2, 1)], provenance={})
    assert open_file(tmp_path / "a.root", source="emulated").entries == 2
    files = {"setting": [tmp_path / "a.root"]}
    scenario = load_scenario("run3_pu50")
    assert sample_caveats(files, scenario, background=files, source="emulated") == ()
    assert file_caveats(files["setting"], source="emulated") == ()
    with pytest.raises(InputFileError, match="offers: emulated"):
        sample_caveats(files, scenario, background=files)


def test_what_looks_damaged(tmp_path: Path, make_events: MakeEvents) -> None:
    path = tmp_path / "a.txt"
    write_ugt(path, [Chunk("", "", 0, 4, make_events(4, 1))])
    assert file_caveats([path]) == ()
    (tmp_path / "a.txt.sha256").unlink()
    text = bytearray(path.read_bytes())
    text[-2] ^= 1
    path.write_bytes(text)
    assert file_caveats([tmp_path]) == (
        (
            f"{path}: 1 crossings with a final OR that is not the OR of the algorithm bits: "
            "the file may be damaged"
        ),
    )
