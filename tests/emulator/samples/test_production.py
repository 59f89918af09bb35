"""Whole productions of the smoke tier."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pytest

from emulator.errors import L1Error, MissingNameError, SettingsError, WorkerError
from emulator.objects.reader import open_file, read_events
from emulator.samples import (
    GeneratorSettings,
    SampleManifest,
    SignalSize,
    Tier,
    events_sha256,
    generate,
    load_generator,
    load_manifest,
    load_tier,
    production,
)
from emulator.samples import pieces as sample_pieces
from emulator.samples.pileup import load_pileup
from emulator.samples.pools import make_piece
from emulator.samples.sample_files import write_file

if TYPE_CHECKING:
    from pathlib import Path

SEED = 5


def _settings() -> tuple[Tier, GeneratorSettings]:
    """The smoke tier with three processes: starting Pythia takes longer than a few events."""
    generator, tier = load_generator(), load_tier("smoke")
    ranks = ("minbias", "minbias_mu", "qcd80", "tt")
    strata = replace(generator.strata, ranks=ranks, forced_muons=("minbias",))
    return (
        replace(
            tier,
            events={s: {n: each[n] for n in strata.processes()} for s, each in tier.events.items()},
            crossings={s: {n: each[n] for n in ranks} for s, each in tier.crossings.items()},
        ),
        replace(generator, strata=strata),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SampleManifest]:
    """A small set of samples, made once in this process."""
    pytest.importorskip("pythia8mc")
    folder = tmp_path_factory.mktemp("samples")
    tier, generator = _settings()
    return folder, generate(tier, folder, seed=SEED, jobs=1, generator=generator)


def test_files_say_what_the_manifest_says(made: tuple[Path, SampleManifest]) -> None:
    folder, manifest = made
    assert load_manifest(folder) == manifest
    assert load_manifest(folder).cpu_seconds == manifest.cpu_seconds
    assert list(manifest.cpu_seconds) == ["compilation", "pools", "crossings", "files"]
    # Nothing is compiled where another test has compiled it.
    assert manifest.cpu_seconds["compilation"] >= 0.0
    assert all(manifest.cpu_seconds[part] > 0.0 for part in ("pools", "crossings", "files"))
    roots = sorted(path.name for path in folder.glob("*.root"))
    assert roots == sorted(file.name for file in manifest.files)
    for file in manifest.files:
        events = read_events([folder / file.name])
        assert events_sha256(events) == file.content_sha256
        assert len(events) == file.crossings
        assert int(ak.sum(events.weight)) == file.weight_sum
        assert ak.to_numpy(events.event).tolist() == list(range(1, len(events) + 1))
    provenance = open_file(folder / "zerobias_eval.root").provenance()
    assert (provenance["seed"], provenance["role"]) == (SEED, "eval")


def test_weights_and_strata(made: tuple[Path, SampleManifest]) -> None:
    folder, manifest = made
    for role in ("train", "tune", "eval"):
        file = manifest.file(role)
        assert sum(stratum.probability for stratum in file.strata) == pytest.approx(1, abs=1e-12)
        assert file.weight_sum / 2**32 == pytest.approx(file.crossings, rel=0.2)
        events = read_events([folder / file.name])
        for stratum in file.strata:
            inside = events[events.stratum == stratum.number]
            assert len(inside) == stratum.crossings
            if not stratum.name.endswith("_mu"):
                expected = stratum.probability * file.crossings / stratum.crossings * 2**32
                assert set(ak.to_numpy(inside.weight)) == {round(expected)}
        # Shuffled: the strata are not in one block each.
        assert np.count_nonzero(np.diff(ak.to_numpy(events.stratum))) > len(events) / 4


def test_pool_events_are_disjoint(made: tuple[Path, SampleManifest]) -> None:
    folder, manifest = made
    ids = [set(ak.to_numpy(read_events([folder / f.name]).pool_id)) for f in manifest.files]
    for i, one in enumerate(ids):
        for other in ids[:i]:
            assert not one & other


def test_signal_uses_each_event_equally_often(made: tuple[Path, SampleManifest]) -> None:
    folder, manifest = made
    file = manifest.file("A4l")
    events = read_events([folder / file.name])
    _, counts = np.unique(ak.to_numpy(events.pool_id), return_counts=True)
    assert counts.tolist() == [2] * 20
    assert (file.generated_events, file.crossings) == (20, 40)
    assert set(ak.to_numpy(events.weight)) == {2**32}


def test_any_number_of_jobs_makes_the_same(
    made: tuple[Path, SampleManifest], tmp_path: Path
) -> None:
    """Two processes make their own pools, in another order."""
    _, manifest = made
    steps: list[tuple[int, int]] = []
    tier, generator = _settings()
    again = generate(
        tier,
        tmp_path,
        seed=SEED,
        jobs=2,
        generator=generator,
        progress=lambda done, total, _: steps.append((done, total)),
    )
    assert again == manifest
    assert [done for done, _ in steps] == list(range(1, steps[0][1] + 1))
    assert {total for _, total in steps} == {len(steps)}


def test_pools_are_reused_and_interrupted_runs_are_seen(
    made: tuple[Path, SampleManifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, manifest = made
    tier, generator = _settings()
    pools = {path: path.stat().st_mtime_ns for path in (folder / "pools").iterdir()}

    def make() -> SampleManifest:
        return generate(
            tier, tmp_path, seed=SEED, jobs=1, pool_dir=folder / "pools", generator=generator
        )

    again = make()
    assert again.content_sha256() == manifest.content_sha256()
    assert {path: path.stat().st_mtime_ns for path in (folder / "pools").iterdir()} == pools
    assert not (tmp_path / "pools").exists()
    # An interrupted run leaves nothing that looks like a set of samples.
    monkeypatch.setattr(production, "write_file", lambda *_: pytest.fail("power cut"))
    with pytest.raises(pytest.fail.Exception, match="power cut"):
        make()
    with pytest.raises(L1Error, match="the samples are not finished"):
        load_manifest(tmp_path)


def test_units_are_made_in_parts_go_on_and_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two units in two parts, one of them killed in the middle; then a third unit."""
    pytest.importorskip("pythia8mc")
    small, generator = _two_units()

    def make(part: tuple[int, int], scale: int = 1, folder: Path = tmp_path) -> SampleManifest:
        return generate(
            small, folder, seed=SEED, jobs=1, generator=generator, part=part, scale=scale
        )

    first = make((1, 2))
    assert first.files[0].name == "zerobias_train_000.root"
    with pytest.raises(L1Error, match="the samples are not finished"):
        load_manifest(tmp_path)
    written = write_file
    calls = []

    def killed(out: Path, name: str, *rest: Any) -> Any:
        calls.append(name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return written(out, name, *rest)

    monkeypatch.setattr(production, "write_file", killed)
    with pytest.raises(KeyboardInterrupt):
        make((2, 2))
    monkeypatch.setattr(production, "write_file", written)
    made: list[str] = []

    def counted(request: Any, *rest: Any) -> Path:
        if not request.path(*rest).exists():
            made.append(request.process)
        return make_piece(request, *rest)

    monkeypatch.setattr(sample_pieces, "make_piece", counted)
    left = [float(note.read_text()) for note in tmp_path.glob("pools/*_001_*.seconds")]
    whole = make((2, 2))
    assert made == []
    # The time of what the killed run left counts too.
    unit = load_manifest(tmp_path, "unit_001.json")
    assert unit.cpu_seconds["pools"] == pytest.approx(sum(left), abs=0.01)
    assert whole.cpu_seconds["pools"] == first.cpu_seconds["pools"] + unit.cpu_seconds["pools"]
    assert load_manifest(tmp_path) == whole
    assert len(whole.files_of("eval")) == 2
    assert {path.name for path in tmp_path.glob("pools/*_001_*")} == set()
    ids = [
        set(ak.to_numpy(read_events([tmp_path / file.name]).pool_id))
        for file in whole.files_of("eval")
    ]
    assert not ids[0] & ids[1]
    # Nothing is made again, and a larger scale goes on where the smaller one ended.
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.root")}
    assert make((1, 1)) == whole
    grown = make((3, 4), scale=2)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert grown.files[0].name == "zerobias_train_002.root"
    # In one go elsewhere: the same content.
    elsewhere = make((1, 1), folder=tmp_path / "elsewhere")
    assert elsewhere.content_sha256() == whole.content_sha256()


def _two_units() -> tuple[Tier, GeneratorSettings]:
    """Two units of minimum bias alone: it starts from a file, all else takes seconds per piece."""
    tier, generator = _settings()
    strata = replace(generator.strata, ranks=("minbias", "minbias_mu"), forced_muons=("minbias",))
    generator = replace(generator, strata=strata)
    small = replace(
        tier,
        units=2,
        signals={},
        truth_events=5,
        events={s: dict.fromkeys(strata.processes(), 60) for s in tier.events},
        crossings={s: dict.fromkeys(strata.ranks, 6) for s in tier.crossings},
    )
    return small, generator


# The same two units in a process of its own, which ends without a farewell after some pieces.
_KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from emulator.samples import generate, load_generator, load_tier
generator, tier = load_generator(), load_tier("smoke")
strata = replace(generator.strata, ranks=("minbias", "minbias_mu"), forced_muons=("minbias",))
tier = replace(
    tier,
    units=2,
    signals={},
    truth_events=5,
    events={s: {"minbias": 60} for s in tier.events},
    crossings={s: dict.fromkeys(strata.ranks, 6) for s in tier.crossings},
)
def progress(done, total, text):
    if done == 15:
        os.kill(os.getpid(), signal.SIGKILL)
generate(
    tier, Path(sys.argv[1]), seed=5, jobs=1, progress=progress,
    generator=replace(generator, strata=strata),
)
"""


def test_a_killed_run_goes_on_to_the_same_content(tmp_path: Path) -> None:
    """SIGKILL among the crossings of the second unit: nothing of the first is made again."""
    pytest.importorskip("pythia8mc")
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path / "killed")], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "killed" / "unit_000.json").exists()
    assert not (tmp_path / "killed" / "samples.json").exists()
    tier, generator = _two_units()
    # The same start of Pythia, which takes longer than all events.
    (tmp_path / "whole" / "pools").mkdir(parents=True)
    for path in (tmp_path / "killed" / "pools").glob("mpi_*"):
        shutil.copy(path, tmp_path / "whole" / "pools")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed").glob("*_000.root")}
    resumed, whole = (
        generate(tier, tmp_path / name, seed=SEED, jobs=1, generator=generator)
        for name in ("killed", "whole")
    )
    assert resumed.content_sha256() == whole.content_sha256()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    assert {path.name for path in (tmp_path / "killed").iterdir()} == names


@pytest.mark.parametrize("pileup", ["fixed:30", "pileup_spread"])
def test_profiles_are_noted_and_change_what_identifies_samples(
    made: tuple[Path, SampleManifest], tmp_path: Path, pileup: str
) -> None:
    folder, poisson = made
    tier, generator = _settings()
    profile = load_pileup(pileup)
    other = generate(
        tier,
        tmp_path,
        seed=SEED,
        jobs=1,
        pool_dir=folder / "pools",
        generator=generator,
        scenario_pileup=profile,
    )
    assert load_manifest(tmp_path) == other
    assert other.pileup == profile.mean
    assert other.pileup_profile["kind"] == profile.kind
    assert poisson.pileup_profile == {}
    assert other.identity_sha256 != poisson.identity_sha256
    noted = open_file(tmp_path / "zerobias_eval.root").provenance()
    assert noted["pileup_profile"]["values"] == list(profile.values)
    for file in other.files_of("eval"):
        assert sum(each.probability for each in file.strata) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scale": 0}, SettingsError, "scale must be at least 1 for tier smoke, .* not 0"),
        ({"scale": 0.5}, SettingsError, "scale must be at least 1 for tier smoke"),
        ({"part": (3, 2)}, SettingsError, "part 3/2 does not exist"),
        ({"part": (1, 2)}, SettingsError, "has 1 unit and cannot be cut into 2 parts"),
        ({"tier": "smok"}, MissingNameError, "no tier 'smok'; nearest: smoke"),
        ({"jobs": 0}, SettingsError, "jobs must be at least 1, not 0"),
        ({"scenario_pileup": -1.0}, SettingsError, "pile-up must be between 0 and 1000"),
        ({"seed": 1 << 30}, SettingsError, "seed of a sample must be 0 to"),
        (
            {"tier": replace(load_tier("smoke"), signals={"B4l": SignalSize(1, 1)})},
            MissingNameError,
            "no process 'B4l'",
        ),
    ],
)
def test_refusals(
    tmp_path: Path, arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    pytest.importorskip("pythia8mc")
    given = {"tier": "smoke", **arguments}
    with pytest.raises(error, match=message):
        generate(given.pop("tier"), tmp_path, **given)  # type: ignore[arg-type]
    assert not list(tmp_path.glob("*.root"))


def test_without_pythia_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(L1Error, match=r"pip install 'l1distill\[samples\]'"):
        generate("smoke", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_worker_that_dies_is_told() -> None:
    # As the kernel ends a process for want of memory.
    with (
        pytest.raises(WorkerError, match=r"a process of the production died .* start it again"),
        production._workers(2) as run,
    ):
        list(run(os._exit, [(1,), (1,)]))


def test_importing_the_package_does_not_import_pythia() -> None:
    code = (
        "import sys; import emulator.samples as s; s.load_tier('quick'); s.generate; "
        "sys.exit('pythia8mc' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
