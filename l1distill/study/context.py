"""What every stage of a study is given, and where things stand in a run folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.objects.lumi_mask import load_lumi_mask
from l1distill.study.roles import MEASURING, SETTING, TRAINING
from l1distill.study.selection import Selection, selected_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.objects.chunks import Order, Source
    from emulator.objects.quantities import Binning
    from l1distill.console import Reporter
    from l1distill.study.settings import FileSet, Study


@dataclass(frozen=True)
class RunFolder:
    """Paths in a run folder."""

    root: Path

    @property
    def samples(self) -> Path:
        """Generated samples."""
        return self.root / "samples"

    @property
    def checkpoints(self) -> Path:
        """Training states of the networks."""
        return self.root / "checkpoints"

    @property
    def parts(self) -> Path:
        """Results of single stages, of which ``results.json`` is made."""
        return self.root / "parts"

    @property
    def simulations(self) -> Path:
        """Compiled C-simulations and RTL."""
        return self.root / "simulations"

    def exported(self, student: str) -> Path:
        """The student as it left training, without thresholds."""
        return self.root / "checkpoints" / f"{student}.json"

    def model(self, student: str) -> Path:
        """The student's model file, with thresholds."""
        return self.root / "models" / f"{student}.json"

    def scores(self, sample: str) -> Path:
        """Scores of all models on a sample: `SETTING`, `MEASURING` or a signal."""
        return self.root / "scores" / f"{sample}.parquet"

    def table(self, name: str) -> Path:
        """A result table."""
        return self.root / "tables" / f"{name}.csv"

    def part(self, name: str) -> Path:
        """Result of one stage as JSON."""
        return self.parts / f"{name}.json"


@dataclass(frozen=True)
class SampleFiles:
    """The files of a study by their roles."""

    zero_bias: Mapping[str, tuple[str | Path, ...]]
    signals: Mapping[str, tuple[str | Path, ...]]
    source: Source
    selections: Mapping[str, Selection] = field(default_factory=dict)

    def chunks(self, sample: str, order: Order) -> Iterator[ak.Array]:
        """Yield the crossings of a role or signal, chunk by chunk, those that are selected."""
        return (events for events, _ in self.binned_chunks(sample, order, ()))

    def binned_chunks(
        self, sample: str, order: Order, binnings: Sequence[Binning]
    ) -> Iterator[tuple[ak.Array, dict[str, NDArray[Any]]]]:
        """Yield the same with quantities of the crossings, see `selected_chunks`."""
        paths = {**self.zero_bias, **self.signals}[sample]
        selection = self.selections.get(sample, Selection())
        return selected_chunks(
            sample, paths, selection, source=self.source, order=order, binnings=binnings
        )

    def evaluated(self) -> dict[str, tuple[str | Path, ...]]:
        """Return all samples that are scored, by name."""
        background = {role: self.zero_bias[role] for role in (SETTING, MEASURING)}
        return {**background, **self.signals}


@dataclass(frozen=True)
class Context:
    """A study on its way through the stages."""

    study: Study
    run: RunFolder
    reporter: Reporter
    jobs: int
    resume: bool = False
    tensorboard: bool = False

    @property
    def files(self) -> SampleFiles:
        """The study's samples: the given files, or those that the samples stage generates."""
        given = self.study.samples.files
        if given is not None:
            return SampleFiles(
                {
                    TRAINING: tuple(given.training),
                    SETTING: tuple(given.setting),
                    MEASURING: tuple(given.measuring),
                },
                {name: tuple(paths) for name, paths in given.signals.items()},
                given.source,
                _selections(given),
            )
        # Imported here so that studies on given files never touch the generator.
        from emulator.samples import load_manifest

        folder = self.run.samples
        manifest = load_manifest(folder)
        roles = {"train": TRAINING, "tune": SETTING, "eval": MEASURING}
        signals = dict.fromkeys(f.process for f in manifest.files if f.role == "signal")

        def paths(role: str) -> tuple[Path, ...]:
            return tuple(folder / file.name for file in manifest.files_of(role))

        return SampleFiles(
            {stage: paths(role) for role, stage in roles.items() if manifest.files_of(role)},
            {name: paths(name) for name in signals},
            "unpacked",
        )


def _selections(files: FileSet) -> dict[str, Selection]:
    """Return what of the zero-bias files each role takes; signals are taken whole."""
    mask = load_lumi_mask(files.lumi_mask) if files.lumi_mask is not None else None
    return {
        role: Selection(tuple(runs) if runs is not None else None, mask)
        for role, runs in files.runs.items()
    }
