"""Every listed mutation of the engine makes a test fail."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mutations
import pytest
from mutation_list import GROUPS, Group

ROOT = Path(__file__).parents[3]


@pytest.mark.deep
def test_no_mutation_survives() -> None:
    command = [sys.executable, str(ROOT / "tests" / "support" / "mutations.py"), "-j", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "**nothing**" not in done.stdout


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.path)
def test_each_mutation_can_be_applied(group: Group) -> None:
    text = (ROOT / group.path).read_text(encoding="utf-8")
    for before, after in group.changes:
        assert text.count(before) == 1, before
        assert after != before


def test_parts_hold_every_mutation_once() -> None:
    listed = mutations.all_mutations()
    parts = [mutations.part_of(listed, f"{number}/3") for number in (1, 2, 3)]
    assert sorted(each.key for part in parts for each in part) == sorted(m.key for m in listed)
    assert len({each.key for each in listed}) == len(listed)


def test_results_are_merged_in_the_order_of_the_list(tmp_path: Path) -> None:
    listed = mutations.all_mutations()[:3]
    known = {
        each.key: mutations.Outcome(
            *each.key, "tests/test_x.py::test_y", 1.0, mutations.source_sha256(each.path)
        )
        for each in reversed(listed)
    }
    stale = replace(known[listed[2].key], source="0" * 64)
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    mutations.write_results(first, [known[listed[1].key], stale])
    mutations.write_results(second, [known[listed[0].key]])

    merged = mutations.read_results([first, second])

    found = mutations.in_order(listed, merged)
    assert [each.key for each in found] == [each.key for each in listed[:2]]
    page = mutations.document(found, len(listed))
    assert "2 mutations: 2 noticed, 0 compute the same, 0 survived. 1 have not been run." in page


def test_what_survived_runs_again(tmp_path: Path) -> None:
    noticed, survivor = mutations.all_mutations()[:2]
    ended = [
        mutations.Outcome(*each.key, test, 1.0, mutations.source_sha256(each.path))
        for each, test in ((noticed, "tests/test_x.py::test_y"), (survivor, None))
    ]
    mutations.write_results(tmp_path / "1.json", ended)
    assert list(mutations.read_results([tmp_path / "1.json"])) == [noticed.key]


def test_kernels_move_with_the_sources(tmp_path: Path) -> None:
    old, new = (mutations.Copy(tmp_path / name) for name in ("old", "new"))
    for copy in (old, new):
        package = copy.sources / "package"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        source = "import numba\n\n@numba.njit(cache=True)\ndef double(x):\n    return 2 * x\n"
        (package / "doubling.py").write_text(source)
        os.utime(package / "doubling.py", (1, 1))
    program = "from package.doubling import double; double(2); print(sum(double.stats.cache_hits.values()))"

    def hits(copy: mutations.Copy) -> int:
        environment = os.environ | {"NUMBA_CACHE_DIR": str(copy.cache), "PYTHONPATH": "."}
        command = [sys.executable, "-c", program]
        return int(subprocess.check_output(command, cwd=copy.sources, env=environment, text=True))

    assert hits(old) == 0
    new.take_kernels(old)
    assert hits(new) == 1
