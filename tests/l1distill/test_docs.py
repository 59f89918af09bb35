"""The examples of the documentation's files are files that are read."""

from __future__ import annotations

import re
from pathlib import Path

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
