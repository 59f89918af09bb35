"""Opens a page in a real browser (Debian's chromium, if there is one) and says what it saw."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_CONSOLE = re.compile(r":CONSOLE[:(].*")

_PROBE = """<!DOCTYPE html><meta charset="utf-8"><title>probe</title>
<iframe id="page" src="%(page)s" style="border:0; width:%(width)dpx; height:900px"></iframe>
<pre id="seen"></pre>
<script>
document.getElementById("page").addEventListener("load", event => {
  const page = event.target.contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll("body *")].filter(each => {
    let box = each.parentElement;
    while (box && getComputedStyle(box).overflowX === "visible") box = box.parentElement;
    return (!box || box === root) && each.getBoundingClientRect().right > root.clientWidth + 0.5;
  });
  document.getElementById("seen").textContent = JSON.stringify({
    client_width: root.clientWidth,
    scroll_width: root.scrollWidth,
    too_wide: wide.map(each => each.outerHTML.slice(0, 120)),
    images: page.images.length,
    broken_images: [...page.images].filter(each => !each.complete || !each.naturalWidth).length,
    links: [...page.querySelectorAll("nav a")].filter(
      each => !page.getElementById(each.getAttribute("href").slice(1))).length,
    small_text: [...page.querySelectorAll("p, td, th, figcaption, li")].filter(
      each => parseFloat(getComputedStyle(each).fontSize) < 12).map(each => each.className).length,
    background: getComputedStyle(page.body).backgroundColor,
  });
});
</script>
"""


@dataclass(frozen=True)
class Seen:
    """What a browser saw of a page: measures of it, and what came to the console."""

    values: dict[str, Any]
    console: list[str]


def chromium() -> str:
    """Return the browser, or skip the test."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no browser: chromium is not installed")
    return found


def run_chromium(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the browser without a window and with a profile of its own."""
    command = [
        chromium(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
        "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}",
        *words,
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended


def look_at(page: Path, folder: Path, *, width: int) -> Seen:
    """Open a page in a frame of a width in CSS pixels, and measure it."""
    probe = folder / f"probe_{width}.html"
    probe.write_text(_PROBE % {"page": page.resolve().as_uri(), "width": width}, encoding="utf-8")
    ended = run_chromium(
        folder, "--virtual-time-budget=10000", "--dump-dom", probe.resolve().as_uri()
    )
    found = re.search(r'<pre id="seen">(.*?)</pre>', ended.stdout, re.DOTALL)
    assert found is not None
    assert found[1], "the page was not loaded"
    text = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return Seen(json.loads(text), _CONSOLE.findall(ended.stderr))


def faults_at(page: Path, folder: Path, *, width: int) -> list[str]:
    """Open a page at some width and return what is wrong with it: nothing, if all is well."""
    seen = look_at(page, folder, width=width)
    found = seen.values
    faults = [f"console: {line}" for line in seen.console]
    faults += [f"too wide: {each}" for each in found["too_wide"]]
    if not found["scroll_width"] <= found["client_width"] <= width:
        faults.append(f"scrolls sideways: {found['scroll_width']} in {found['client_width']}")
    faults += [
        f"{found[name]} {name.replace('_', ' ')}"
        for name in ("broken_images", "links", "small_text")
        if found[name]
    ]
    return faults
