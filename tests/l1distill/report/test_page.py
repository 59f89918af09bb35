"""The page: self-contained, with the numbers of the results, and safe from names."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from firmware.cost import CostFigure
from l1distill.report.cost_tables import flow_table
from l1distill.report.page import write_page
from l1distill.report.reported import reported_lines
from l1distill.report.summary import summary
from l1distill.report.words import number, percent, span, with_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from firmware.cost.figures import Flow
    from l1distill.report.run_folder import RunResults


class Page(HTMLParser):
    """Tags with their attributes, and the text, of a page; refuses tags that do not close."""

    VOID = frozenset({"meta", "img", "link", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag, and a cell if it starts one."""
        self.tags.append((tag, dict(attrs)))
        if tag in {"td", "th"}:
            self.cells.append((dict(attrs).get("class") or "", ""))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the innermost tag closes."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Add to the text of a cell."""
        if self._open and self._open[-1] in {"td", "th"}:
            self.cells[-1] = (self.cells[-1][0], self.cells[-1][1] + data)

    def attributes(self, name: str) -> list[str]:
        """Return the values of an attribute on all tags."""
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]


def page_of(run: RunResults, folder: Path) -> str:
    text = write_page(run, {}, folder / "page.html").read_text(encoding="utf-8")
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture(scope="session")
def html(reported: Any) -> str:
    text: str = (reported.folder / "report.html").read_text(encoding="utf-8")
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_page_needs_nothing_else(html: str) -> None:
    page = Page(html)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "video"}
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    assert "@import" not in html
    assert "url(" not in html
    assert all(source.startswith("data:image/png;base64,") for source in page.attributes("src"))
    allowed = re.compile(r"#[a-z-]+|plots/[A-Za-z0-9_-]+\.(png|pdf|json)")
    assert all(allowed.fullmatch(link) for link in page.attributes("href"))


def test_page_is_semantic(html: str) -> None:
    page = Page(html)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("h1") == tags.count("main") == 1
    assert tags.count("table") == tags.count("caption") >= 8
    assert all(attrs.get("alt") for tag, attrs in page.tags if tag == "img")
    assert all(attrs.get("scope") in {"row", "col"} for tag, attrs in page.tags if tag == "th")
    anchors = {link for link in page.attributes("href") if link.startswith("#")}
    assert anchors <= {f"#{name}" for name in page.attributes("id")}
    assert len(page.attributes("id")) == len(set(page.attributes("id")))


def test_numbers_of_the_results_are_there(html: str, reported: Any) -> None:
    results = json.loads((reported.folder / "results.json").read_text(encoding="utf-8"))
    cells = {text for _, text in Page(html).cells}
    for point in results["working_points"]:
        assert f"{point['threshold']:,}" in cells
        assert with_error(point["rate_khz"], point["error_khz"]) in cells
    for one in results["efficiencies"]:
        mark = percent(one["efficiency"])
        lines = (
            span(one["low"], one["high"], scale=100),
            span(one["low_total"], one["high_total"], scale=100),
        )
        # The parser joins a cell with the small lines in it; these lie in a tag of their own.
        assert any(text.removesuffix(" †") == mark for text in cells)
        assert all(f"<small>{line}</small>" in html for line in lines)
    for one in results["paired"]:
        if one["ratio"] is not None:
            assert number(one["ratio"]) in cells
    assert "0123456789abcdef" * 4 in cells
    assert "name: synthetic" in html


def test_menu_gains_and_anatomy_are_there(html: str, reported: Any) -> None:
    results = json.loads((reported.folder / "results.json").read_text(encoding="utf-8"))
    gains = results["menu"]["pure_efficiencies"]
    assert any(one["efficiency"] > 0 for one in gains)
    for one in gains:
        assert percent(one["efficiency"]) in html
    (spot,) = results["anatomy"]["hot_spots"]
    assert f"{spot['eta_low']:.3f} to {spot['eta_high']:.3f}" in html
    assert "1 HOT PLACE: the leading eg at eta" in html
    assert "30.0 % of the rate is its own" in html
    assert "9,876 LUTs and 42.5 ns" in html


def test_a_run_without_hot_places_says_so(
    change: Callable[..., RunResults], run_folder: Path
) -> None:
    record = json.loads((run_folder / "results.json").read_text(encoding="utf-8"))["anatomy"]
    run = change(anatomy=record | {"hot_spots": []})
    texts = [line for one in summary(run) if one.title == "What fires?" for line in one.lines]
    assert texts[-1] == "No place in eta and phi is hot."


def test_all_exact_is_green(html: str) -> None:
    cells = Page(html).cells
    assert cells.count(("good", "identical")) == 3
    # The hot place is red, and nothing else.
    assert [text for look, text in cells if "bad" in look.split()] == [
        text for _, text in cells if re.fullmatch(r"\d\.\de-\d+", text)
    ]
    assert "agree to the last bit in all 6,000 crossings." in html
    assert "Yes, wherever it was tested." in html


def test_mismatches_are_red(change: Callable[..., RunResults], run_folder: Path) -> None:
    node = {"node": "score", "engine": [17], "other": [18]}
    shown = {"event": 41, "outputs": [node], "first_node": {**node, "node": "dense_2"}}
    wrong = {"with": "csim", "n_events": 900, "n_mismatch": 3, "mismatches": [shown]}
    right = {"with": "reference", "n_events": 900, "n_mismatch": 0}
    text = page_of(change(comparisons=[right, wrong]), run_folder)
    cells = Page(text).cells
    assert ("bad", "DIFFERENT") in cells
    assert ("number bad", "3") in cells
    assert ("good", "identical") in cells
    assert '<article class="bad">' in text
    assert "NO. Do not deliver this model" in text
    assert "DIFFER in 3 of 900 crossings" in text
    assert ("", "dense_2: 17 here, 18 there") in cells
    assert "mismatches.json" in text


def test_a_broken_export_is_red(change: Callable[..., RunResults], run_folder: Path) -> None:
    text = page_of(change(export={"n_events": 10, "n_mismatch": 1, "first": []}), run_folder)
    assert ("bad", "DIFFERENT") in Page(text).cells
    assert "Yes, wherever" not in text


def test_zero_events_are_not_tested(change: Callable[..., RunResults], run_folder: Path) -> None:
    empty = {"with": "csim", "n_events": 0, "n_mismatch": 0, "events_per_second": 0.0}
    text = page_of(change(comparisons=[empty], export=None), run_folder)
    cells = Page(text).cells
    assert ("open", "not tested") in cells
    assert "identical" not in {cell for _, cell in cells}
    assert "Not tested: the engine and the C-simulation of the hls4ml project" in text
    assert "Yes, wherever" not in text
    assert '<article class="open">' in text


def test_no_comparison_is_said(change: Callable[..., RunResults], run_folder: Path) -> None:
    text = page_of(change(comparisons=None), run_folder)
    assert "The engine was compared with no other execution of the network." in text
    assert "Yes, wherever" not in text
    nothing = page_of(change(comparisons=[], export=None), run_folder)
    assert "whether it is bit-exact is not known." in nothing


def test_hostile_names_are_text(change: Callable[..., RunResults], run_folder: Path) -> None:
    hostile = "<script>alert(1)</script>"
    samples = [{"name": '"><img src=x onerror=1>', "role": "signal", "denominator": "{{ 7*7 }}"}]
    (run_folder / "study.yaml").write_text("name: </pre><script>", encoding="utf-8")
    text = page_of(change(study=hostile, samples=samples), run_folder)
    assert not {tag for tag, _ in Page(text).tags} & {"script", "img"}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{ 7*7 }}" in text


def test_uncertain_points_are_not_for_ranking(
    change: Callable[..., RunResults], run_folder: Path
) -> None:
    results = json.loads((run_folder / "results.json").read_text(encoding="utf-8"))
    points, menu = results["working_points"], results["menu"]
    for point in (*points, *menu["pure_working_points"]):
        point["for_ranking"] = False
    run = change(working_points=points, menu=menu)
    text = page_of(run, run_folder)
    cells = Page(text).cells
    assert sum(cell.startswith("not for ranking") for _, cell in cells) >= len(points)
    assert not any("best" in look.split() for look, _ in cells)
    assert "Behind" not in text
    assert "Ahead" not in text
    assert "What is not for ranking?" in text


def test_best_of_each_row_is_marked(html: str, reported: Any) -> None:
    results = json.loads((reported.folder / "results.json").read_text(encoding="utf-8"))
    menu = results["menu"]
    expected = 0
    for found, points, among_ranked in (
        (results["efficiencies"], results["working_points"], False),
        (menu["pure_efficiencies"], menu["pure_working_points"], True),
    ):
        ranked = {(p["model"], p["target_khz"]): p["for_ranking"] for p in points}
        marked = 0
        for key in {(one["signal"], one["target_khz"]) for one in found}:
            row = [one for one in found if (one["signal"], one["target_khz"]) == key]
            sure = [one for one in row if ranked[one["model"], one["target_khz"]]]
            top = max((one["efficiency"] for one in (sure if among_ranked else row)), default=0.0)
            marked += sum(one["efficiency"] == top > 0 for one in sure)
        assert marked > 0
        expected += marked
    assert sum("best" in look.split() for look, _ in Page(html).cells) == expected


def test_caveats_of_the_samples_are_said(
    change: Callable[..., RunResults], run_folder: Path
) -> None:
    assert "What do the samples say?" not in page_of(change(caveats=[]), run_folder)
    text = page_of(change(caveats=["x.root was made at pile-up 60"]), run_folder)
    assert "What do the samples say?" in text
    assert "x.root was made at pile-up 60." in text


def test_costs_show_the_flows_side_by_side_and_what_was_reported(
    change: Callable[..., RunResults], run_folder: Path
) -> None:
    flow: Flow = "distributed arithmetic"
    other: Flow = "latency"
    figures = [
        CostFigure("luts", 40_000.0, 20_000.0, 80_000.0, other, "HLS report", "a fit"),
        CostFigure.counted("luts", 32_000, other, "HLS report", "Vitis HLS"),
        CostFigure.counted("luts", 16_000, flow, "HLS report", "Vitis HLS"),
        CostFigure.counted("luts", 14_002, flow, "routed", "Vivado"),
    ]
    plain = [figure.as_dict() for figure in figures]
    models = json.loads((run_folder / "results.json").read_text())["models"]
    next(one for one in models if one["name"] == "emulator")["costs"] = plain
    report = {"flow": flow, "clock_period_ns": 5.0, "figures": plain[2:], "complaints": []}
    run = change(
        models=models, reports=[report, {**report, "complaints": ["timing is not met: t"]}]
    )
    table = flow_table(run)
    assert table is not None
    assert table.columns == (*("Network", "Stage", other, flow), "Distributed arithmetic saves")
    shown = [[(cell.text, *cell.notes) for cell in row] for row in table.rows]
    assert shown == [
        [
            ("emulator",),
            ("HLS report",),
            ("32,000", "counted"),
            ("16,000", "counted"),
            ("50.0 %",),
        ],
        [("emulator",), ("routed",), ("–",), ("14,002", "counted"), ("–",)],
    ]
    line = (
        "Reported by the vendor's tools (distributed arithmetic, 5 ns clock): 14,002 LUTs (routed)"
    )
    assert reported_lines(run) == [f"{line}.", f"{line}; timing is not met: t."]
    (said,) = [one for one in summary(run) if one.title == "What does it cost?"]
    assert said.mood == "bad"
