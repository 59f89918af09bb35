"""The examples of the documentation's files are files that are read."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from l1distill.menu_file import MenuSection
from l1distill.scan_file import ScanFile

DOCS = Path(__file__).parents[2] / "docs"


def example(page: str) -> object:
    """Return the first YAML example of a page."""
    found = re.search(r"```yaml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return yaml.safe_load(found[1])


def test_the_scan_file_of_the_documentation_names_every_key() -> None:
    scan = ScanFile.model_validate(example("scans.md"))
    assert scan.model_fields_set == set(ScanFile.model_fields)


def test_the_menu_file_of_the_documentation() -> None:
    menu = MenuSection.model_validate(example("menus.md"))
    assert menu.model_fields_set == set(MenuSection.model_fields)
    assert [name for name, seed in menu.seeds.items() if seed.prescale == 0] == ["L1_SingleEG60"]


@pytest.mark.parametrize("kind", ["SLURMCluster", "HTCondorCluster"])
def test_the_cluster_of_the_documentation_gives_a_job_script(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    (code,) = re.findall(
        r"```python\n(# cluster.py.*?)```", (DOCS / "scans.md").read_text("utf-8"), re.DOTALL
    )
    made = code[: code.index("cluster.adapt")]
    assert "minimum_jobs" in code
    if kind == "HTCondorCluster":
        made = made.replace("SLURMCluster", kind).replace('queue="short"', 'disk="10 GB"')
        made = made.replace('walltime="02:00:00", ', "")
    made += "\nprint(cluster.job_script())\ncluster.scheduler_address\n"
    ended = subprocess.run(
        [sys.executable, "-c", made], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    wanted = (
        "#SBATCH --cpus-per-task=8"
        if kind == "SLURMCluster"
        else "RequestCpus = MY.DaskWorkerCores"
    )
    assert wanted in ended.stdout
    assert "--nworkers 8" in ended.stdout
    assert "--nthreads 1 " in ended.stdout
