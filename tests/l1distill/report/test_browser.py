"""The page in a real browser: no errors, no pictures missing, nothing wider than a telephone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from browser import look_at, run_chromium

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_and_complains_about_nothing(
    reported: Any, tmp_path: Path, width: int
) -> None:
    seen = look_at(reported.folder / "report.html", tmp_path, width=width)
    assert seen.console == []
    assert seen.values["scroll_width"] <= seen.values["client_width"] <= width
    assert seen.values["too_wide"] == []
    assert seen.values["images"] == 17
    assert seen.values["broken_images"] == 0
    assert seen.values["links"] == 0, "links of the contents that lead nowhere"
    assert seen.values["small_text"] == 0
    assert seen.values["background"] == "rgb(255, 255, 255)"


def test_the_browser_would_see_faults(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><nav><a href='#none'>x</a></nav><p style='font-size:9px'>x</p>"
        "<div style='width:700px'>wide</div><img src='none.png'>"
        "<script>console.error('a fault'); undefined_name()</script>"
    )
    seen = look_at(page, tmp_path, width=390)
    assert any("a fault" in line for line in seen.console)
    assert any("undefined_name is not defined" in line for line in seen.console)
    assert seen.values["scroll_width"] > 390
    assert "700px" in seen.values["too_wide"][0]
    assert [seen.values[name] for name in ("broken_images", "links", "small_text")] == [1, 1, 1]


def test_the_page_prints(reported: Any, tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    page = (reported.folder / "report.html").resolve().as_uri()
    run_chromium(tmp_path, f"--print-to-pdf={paper}", "--no-pdf-header-footer", page)
    content = paper.read_bytes()
    assert content.startswith(b"%PDF-")
    assert 3 <= content.count(b"/Type /Page\n") + content.count(b"/Type/Page\n") <= 30
