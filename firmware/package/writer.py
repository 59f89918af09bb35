"""A folder with all that an experiment takes over of a model; it appears only when it is complete."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.engine import Emulator
from emulator.errors import L1Error, SettingsError
from emulator.features import feature_rows
from emulator.model import save_model
from emulator.objects import SeedBits, read_events
from emulator.objects.random_events import random_events
from emulator.objects.ugt import write_words
from emulator.objects.ugt_events import encode_events
from emulator.objects.ugt_words import ORBIT_CROSSINGS
from emulator.results import Record
from firmware.building import check_replaceable, complete_folder
from firmware.errors import CompileError, MissingToolError, UnsupportedNodeError
from firmware.hls.layers import layer_types
from firmware.package.checksums import write_checksums
from firmware.package.emulator import FILES, check_emulator, write_emulator
from firmware.package.menu import conditions
from firmware.package.qonnx_export import qonnx_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.model import Model, NamedThreshold
    from firmware.package.emulator import EmulatorNames
    from firmware.package.menu import Condition

SCHEMA: Final = "l1distill-package/1"
MANIFEST: Final = "manifest.json"
UGT_VECTORS: Final = "vectors/ugt_testvector.txt"
QONNX: Final = "qonnx/model.onnx"


@dataclass(frozen=True, slots=True)
class PackageEvents:
    """Crossings for the vectors of a package.

    Parameters
    ----------
    events
        An events array, objects in the order of the model's layout.
    source
        Where they come from, for people.
    """

    events: ak.Array
    source: str

    @classmethod
    def random(cls, n_events: int, seed: int) -> PackageEvents:
        """Draw crossings of random hardware integers, where no file of objects is at hand."""
        source = (
            f"{n_events} random ones, seed {seed}, of hardware integers over the ranges of the trigger: they "
            "test an implementation and say nothing of rates or efficiencies"
        )
        return cls(random_events(n_events, seed), source)


@dataclass(frozen=True, slots=True)
class Package(Record):
    """What was written.

    Parameters
    ----------
    folder
        The package.
    library
        Name of the library that its Makefile builds.
    n_events
        Crossings in the vectors.
    conditions
        Seeds of the menu.
    left_out
        Parts that this model cannot have, each with the reason.
    """

    folder: str
    library: str
    n_events: int
    conditions: tuple[Condition, ...]
    left_out: dict[str, str]


def write_package(
    model: Model,
    folder: str | Path,
    crossings: PackageEvents,
    *,
    version: str = "v1",
    algorithm: str = "AXO",
    menu: str | None = None,
    first_bit: int = 0,
    check: bool = True,
) -> Package:
    """Write the delivery package of a model.

    Parameters
    ----------
    model
        The model with its thresholds.
    folder
        The package; an earlier one is replaced.
    crossings
        For the vectors; at most one orbit of them becomes a test vector of the Global Trigger.
    version
        Of the model: part of the C++ names and of the menu's conditions.
    algorithm
        The network as the menu calls it.
    menu
        Take the thresholds of this menu; all thresholds if omitted.
    first_bit
        Algorithm bit of the first threshold that has none.
    check
        Whether to build the library and compare it with the vectors before anything is delivered.

    Returns
    -------
    What was written.

    Raises
    ------
    SettingsError
        If a name or a bit is impossible, or the model has no thresholds.
    UnsupportedNodeError, MissingToolError
        If hls4ml cannot express the network, or is not installed.
    CompileError
        If the library does not compile or its scores differ.
    InputFileError
        If the folder holds something else.
    """
    target = Path(folder).resolve()
    check_replaceable(target, MANIFEST)
    seeds = conditions(
        _thresholds(model, menu), algorithm=algorithm, version=version, first_bit=first_bit
    )
    rows = feature_rows(crossings.events, model.layout)
    scores = Emulator(model.graph).run(rows)[model.score][:, 0]
    decisions = scores[:, None] >= np.array([seed.threshold for seed in seeds])
    left_out: dict[str, str] = {}
    with complete_folder(target, lambda: False) as temporary:
        names = write_emulator(model, temporary / "emulator", version)
        _write_vectors(temporary, rows, scores, decisions)
        if check:
            _check(temporary, target)
        save_model(model, temporary / "model.json")
        _write_ugt(temporary, model, crossings.events, rows, seeds, decisions, left_out)
        _write_qonnx(temporary, model, names, left_out)
        _write_plain(temporary, model, seeds, version)
        package = Package(str(target), f"{names.project}.so", len(rows), seeds, left_out)
        _write_readme(temporary, model, package, names, crossings.source, version)
        _write_json(
            temporary / MANIFEST,
            {
                "schema": SCHEMA,
                "name": model.name,
                "version": version,
                "network_sha256": model.network_sha256,
                "algorithm": algorithm,
                **asdict(names),
                "library": package.library,
                "vectors": {"n_events": len(rows), "source": crossings.source},
                "left_out": left_out,
                "versions": {one: version_of(one) for one in ("l1distill", "hls4ml")},
            },
        )
        write_checksums(temporary)
    return package


def _thresholds(model: Model, menu: str | None) -> Sequence[NamedThreshold]:
    found = [one for one in model.thresholds if menu is None or one.menu == menu]
    if not found:
        menus = ", ".join(dict.fromkeys(one.menu for one in model.thresholds if one.menu))
        of_menu = f" of menu {menu!r}; it has those of {menus or 'no menu'}" if menu else ""
        msg = f"model {model.name!r} has no thresholds{of_menu}; `l1distill rates` sets them"
        raise SettingsError(msg)
    return found


def _check(temporary: Path, target: Path) -> None:
    """Build and run the library; the log of a failure outlives the folder."""
    try:
        check_emulator(temporary / "emulator")
    except CompileError as error:
        log = target.with_name(f"{target.name}.log")
        shutil.copyfile(error.log, log)
        raise CompileError(error.first, log) from error


def _write_json(path: Path, plain: Any) -> None:
    path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def _write_vectors(
    folder: Path,
    rows: NDArray[np.integer],
    scores: NDArray[np.int64],
    decisions: NDArray[np.bool_],
) -> None:
    (folder / "vectors").mkdir()
    for name, numbers in (
        ("features", rows),
        ("scores", scores[:, None]),
        ("decisions", decisions.astype(np.int64)),
    ):
        lines = "".join(" ".join(map(str, row)) + "\n" for row in numbers.tolist())
        (folder / "vectors" / f"{name}.dat").write_text(lines, encoding="utf-8")


def _write_ugt(
    folder: Path,
    model: Model,
    events: ak.Array,
    rows: NDArray[np.integer],
    seeds: Sequence[Condition],
    decisions: NDArray[np.bool_],
    left_out: dict[str, str],
) -> None:
    """Write a test vector and prove that whoever reads it gets the same inputs."""
    orbit = slice(0, ORBIT_CROSSINGS)
    bits = SeedBits(tuple(str(seed.bit) for seed in seeds), decisions[orbit])
    path = folder / UGT_VECTORS
    try:
        write_words(path, [encode_events(events[orbit], bits)])
        again = feature_rows(read_events(path, order=model.layout.order), model.layout)
    except L1Error as error:
        left_out[UGT_VECTORS] = str(error).replace(str(folder), "").replace("/vectors", "vectors")
        path.unlink(missing_ok=True)
        return
    different = np.flatnonzero((again != rows[orbit]).any(axis=1))
    if len(different):
        left_out[UGT_VECTORS] = (
            f"read back, crossing {different[0]} has other inputs: the objects do not fit its words"
        )
        path.unlink()


def _write_qonnx(
    folder: Path, model: Model, names: EmulatorNames, left_out: dict[str, str]
) -> None:
    try:
        made = qonnx_model(model.graph.with_outputs((model.score,)), name=names.project)
    except (UnsupportedNodeError, MissingToolError) as error:
        left_out[QONNX] = str(error)
        return
    (folder / QONNX).parent.mkdir()
    (folder / QONNX).write_bytes(made.SerializeToString())


def _write_plain(folder: Path, model: Model, seeds: Sequence[Condition], version: str) -> None:
    layout = model.layout
    _write_json(
        folder / "layout.json",
        {
            **layout.as_dict(),
            "order": layout.order,
            "inputs": [
                {"input": place, **feature}
                for place, feature in enumerate(layout.as_dict()["features"])
            ],
        },
    )
    tensors = model.graph.tensors
    _write_json(
        folder / "types.json",
        {
            "input": {"size": model.graph.input.size, "type": str(model.graph.input.format)},
            "score": {"node": model.score, "type": str(tensors[model.score].format)},
            "nodes": [
                {
                    "node": node.name,
                    "operation": type(node).__name__,
                    "size": tensors[node.name].size,
                    **{
                        kind: str(part)
                        for kind, part in layer_types(
                            node, [tensors[name] for name in node.inputs]
                        ).items()
                    },
                }
                for node in model.graph.nodes
            ],
        },
    )
    _write_json(
        folder / "thresholds.json",
        {
            "fires_if": "stored integer of the score >= threshold",
            "count_value": 2.0 ** -tensors[model.score].format.fraction,
            "version": version,
            "seeds": [seed.as_dict() for seed in seeds],
        },
    )
    _write_json(
        folder / "menu.json", {str(seed.bit): [seed.seed, seed.expression] for seed in seeds}
    )


def _write_readme(
    folder: Path,
    model: Model,
    package: Package,
    names: EmulatorNames,
    source: str,
    version: str,
) -> None:
    era, score = model.layout.era, model.graph.tensors[model.score].format

    def part(place: str) -> str:
        reason = package.left_out.get(place)
        return f"`{place}`" if reason is None else f"left out: {reason}"

    words = {
        "name": model.name,
        "version": version,
        "l1distill": version_of("l1distill"),
        "hls4ml": version_of("hls4ml"),
        "sha256": model.network_sha256,
        "library": package.library,
        "stem": names.project,
        "namespace": names.namespace,
        "n_events": package.n_events,
        "ugt": part(UGT_VECTORS),
        "n_ugt": min(package.n_events, ORBIT_CROSSINGS),
        "qonnx": part(QONNX),
        "count": f"{2.0**-score.fraction:g}",
        "seeds": "\n".join(
            f"| {seed.seed} | {seed.bit} | `{seed.expression}` | {seed.threshold} |"
            for seed in package.conditions
        ),
        "vectors": source,
        "layout": model.layout.name,
        "n_inputs": model.graph.input.size,
        "input_type": str(model.graph.input.format),
        "score_type": str(score),
        "pt": era.pt,
        "muon": f"{era.muon_position}, eta {era.muon_eta}",
        "order": model.layout.order,
    }
    text = Template((FILES / "README.md.in").read_text(encoding="utf-8")).substitute(words)
    (folder / "README.md").write_text(text, encoding="utf-8")
