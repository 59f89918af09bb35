"""The HLS C++ of a model as a library that CMSSW's model loader can load: versioned, in a namespace."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from emulator.errors import SettingsError
from emulator.results import Record
from firmware.building import first_error, run_tool
from firmware.compiler import Compiler
from firmware.errors import CompileError, UnsupportedNodeError
from firmware.hls.settings import HlsSettings
from firmware.hls.writer import build_model_graph, write_model_graph

if TYPE_CHECKING:
    from emulator.model import Model

FILES = Path(__file__).parent / "files"
_VERSION = re.compile(r"[A-Za-z0-9_]+")
#: What of an hls4ml project belongs to the network.
_PARTS = ("weights", "nnet_utils", "ap_types")


@dataclass(frozen=True, slots=True)
class EmulatorNames(Record):
    """Names of a packaged model.

    Parameters
    ----------
    project
        Of the top function, of files, and of the library without ``.so``.
    namespace
        What all of the network's C++ lies in.
    class_name
        The model's class.
    """

    project: str
    namespace: str
    class_name: str

    @classmethod
    def of(cls, name: str, version: str) -> EmulatorNames:
        """Make names of a model and its version.

        Raises
        ------
        SettingsError
            If the version cannot be part of a name.

        Examples
        --------
        >>> EmulatorNames.of("my-student", "v2").namespace
        'hls4ml_my_student_v2'
        >>> EmulatorNames.of("AXOL1TL_v3", "v3").project
        'AXOL1TL_v3'
        """
        if not _VERSION.fullmatch(version):
            msg = f"the version becomes part of C++ names: letters, digits and _, got {version!r}"
            raise SettingsError(msg)
        whole = name if name.endswith(f"_{version}") else f"{name}_{version}"
        stem = re.sub(r"\W", "_", whole, flags=re.ASCII)
        project = stem if stem[0].isalpha() else f"m_{stem}"
        return cls(project, f"hls4ml_{project}", f"{project}_emulator")


def write_emulator(model: Model, folder: Path, version: str) -> EmulatorNames:
    """Write the sources of a model's library, with a Makefile of its own.

    Parameters
    ----------
    model
        The model; its score is what the library returns.
    folder
        Where to; must not exist.
    version
        Of the model, part of all names.

    Returns
    -------
    The names.

    Raises
    ------
    UnsupportedNodeError, ReadBackError, MissingToolError
        See `firmware.hls.build_model_graph`.
    SettingsError
        If the version cannot be part of a name.
    """
    names = EmulatorNames.of(model.name, version)
    score = model.graph.tensors[model.score].format
    if score.width + (not score.signed) > 64:
        raise UnsupportedNodeError(model.score, f"its type {score} does not fit 64 bits")
    graph = model.graph.with_outputs((model.score,))
    settings = HlsSettings(project_name=names.project, namespace=names.namespace)
    hls = folder / "hls"
    hls.mkdir(parents=True)
    model_graph = build_model_graph(graph, hls, settings)
    write_model_graph(model_graph)
    network = folder / "NN"
    network.mkdir()
    for part in _PARTS:
        shutil.move(hls / "firmware" / part, network / part)
    for source in (hls / "firmware").iterdir():
        if source.suffix in {".cpp", ".h"}:
            shutil.move(source, network / source.name)
    shutil.rmtree(hls)
    words = _words(model, names, version, model_graph)
    for template, target in (
        ("emulator.cpp.in", f"{names.project}_emulator.cpp"),
        ("Makefile.in", "Makefile"),
    ):
        text = Template((FILES / template).read_text(encoding="utf-8")).substitute(words)
        (folder / target).write_text(text, encoding="utf-8")
    (folder / "include" / "hls4ml").mkdir(parents=True)
    shutil.copyfile(FILES / "emulator.h", folder / "include" / "hls4ml" / "emulator.h")
    shutil.copyfile(FILES / "check_models.cpp", folder / "check_models.cpp")
    return names


def _words(
    model: Model, names: EmulatorNames, version: str, model_graph: Any
) -> dict[str, str | int]:
    (source,) = model_graph.get_input_variables()
    (output,) = model_graph.get_output_variables()
    score, given = model.graph.tensors[model.score].format, model.graph.input
    return {
        "name": model.name,
        "version": version,
        "sha256": model.network_sha256,
        "project": names.project,
        "stem": names.project,
        "library": f"{names.project}.so",
        "namespace": names.namespace,
        "class_name": names.class_name,
        "n_inputs": source.size(),
        "input_high": given.format.width - 1,
        "score_type": output.type.name,
        "score_width": score.width,
        "bits_type": "ap_int" if score.signed else "ap_uint",
        "to_integer": "to_int64()" if score.signed else "to_uint64()",
        "score_variable": "score_",
        "arguments": "score_",
        "declarations": f"    {output.type.name} score_[{output.size()}];",
    }


def check_emulator(folder: Path) -> None:
    """Build the library of a package as its Makefile does, run it on the vectors, and clean up.

    Raises
    ------
    MissingToolError
        If make or the compiler is missing.
    CompileError
        If it does not compile, or a score differs.
    """
    compiler = Compiler.find()
    log = folder.parent / "check.log"
    done = run_tool(["make", f"CXX={compiler.path}", "CXXFLAGS=-O1", "check"], log, folder=folder)
    if done.code != 0:
        raise CompileError(first_error(log), log)
    run_tool(["make", "clean"], log, folder=folder)
    log.unlink()
