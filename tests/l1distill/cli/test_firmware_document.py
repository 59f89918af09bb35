"""The commands of docs/firmware.md, run as they stand there on a small network."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.l1distill.cli.conftest import Program
    from tests.l1distill.conftest import WriteSample

DOCUMENT = (Path(__file__).parents[3] / "docs" / "firmware.md").read_text(encoding="utf-8")
(COMMANDS,) = re.findall(r"^```console\n(\$ l1distill.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def test_commands_do_what_the_document_says(
    program: Program,
    model_file: Path,
    write_sample: WriteSample,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(model_file, "student.json")
    write_sample("zerobias.root", 300, 5)
    said = []
    for line in COMMANDS.splitlines():
        words = shlex.split(line.removeprefix("$ "))
        assert words.pop(0) == "l1distill"
        if words[:2] == ["firmware", "reports"]:  # as if synthesis had been run
            Path("hls", "l1network_cosim.rpt").write_text(
                "Cosimulation\n|Verilog|Pass|8|8|9|1|1|1|100|\n", encoding="utf-8"
            )
        ended = program(*words)
        assert ended.code == 0, ended.err
        said.append(ended.out)
    build, csim, reports, estimate, package, verify = said
    assert "its test bench passes: 0 of 300 crossings differ" in build
    assert "C-simulation in" in csim
    assert "co-simulation" in reports
    assert "l1network_cosim.rpt" in estimate
    assert "gives our scores on all 300 crossings" in package
    assert "as they were written" in verify
    assert Path("reports.json").is_file()


def test_options_of_the_document_exist(program: Program) -> None:
    known = "".join(
        program("firmware", name, "--help").out
        for name in ("build", "package", "csim", "reports", "estimate")
    )
    options = set(re.findall(r"`(--[a-z-]+)", DOCUMENT)) - {"--benchmark-only"}
    assert len(options) > 8
    for option in options:
        assert option in known
