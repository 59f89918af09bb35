"""What all plots share: their style, colours, labels and the three files that each becomes."""

from __future__ import annotations

import base64
import io
import json
import math
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import mplhep
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from emulator.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from l1distill.report.run_folder import RunResults

SCHEMA: Final = "l1distill-plot/1"

#: Width of a figure in inches; with text of 22 points it can still be read on a telephone.
WIDTH: Final = 10.0

_DPI: Final = 110

# Colours that the colour-blind tell apart: M. A. Petroff, arXiv:2107.02270. The line styles say the
# same a second time.
_NETWORK_LOOKS: Final = {
    "teacher": ("#3f90da", "-"),
    "float student": ("#e76300", "--"),
    "quantized student": ("#832db6", "-."),
    "emulator": ("#bd1f01", "-"),
}
_BASELINE_LOOKS: Final = (
    ("#717581", (0, (5, 1.5))),
    ("#a96b59", (0, (1, 1))),
    ("#b9ac70", (0, (3, 1, 1, 1))),
    ("#ffa90e", (0, (6, 2))),
    ("#92dadd", "-"),
    ("#94a4a2", (0, (4, 1, 1, 1, 1, 1))),
    ("#222222", (0, (2, 2))),
)
_OTHER_LOOK: Final = ("#5c5c5c", "-")

_STYLE: Final[dict[str, Any]] = {
    # The second font has the signs that the first lacks.
    "font.family": ["TeX Gyre Heros", "DejaVu Sans"],
    # Outlines of the font as Type 3: TeX Gyre is OpenType with PostScript outlines, which would be
    # embedded under the wrong type otherwise.
    "pdf.fonttype": 3,
    "font.size": 22,
    "legend.fontsize": 18,
    "xtick.labelsize": 20,
    "ytick.labelsize": 20,
    "lines.linewidth": 2.4,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class Plot:
    """A figure, the points that it shows, and what is said about it.

    Parameters
    ----------
    name
        Stem of its files.
    title, alt, caption
        Heading, text for who cannot see it, and what a reader must know.
    figure
        The figure.
    points
        What is plotted, as plain values.
    """

    name: str
    title: str
    alt: str
    caption: str
    figure: Figure
    points: Mapping[str, Any]


@dataclass(frozen=True)
class SavedPlot:
    """A plot on disk, and its picture for the page."""

    name: str
    title: str
    alt: str
    caption: str
    width: int
    height: int
    png_base64: str
    files: tuple[Path, ...]


@contextmanager
def plot_style() -> Iterator[None]:
    """Set the style for figures made and saved inside; nothing stays set."""
    settings: Any = {**mplhep.style.CMS, **_STYLE}
    with mpl.rc_context(settings):
        yield


def new_figure(height: float) -> Figure:
    """Return an empty figure of the common width, which knows no window and no pyplot."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def save_plot(plot: Plot, folder: Path) -> SavedPlot:
    """Write a plot as PNG, PDF and JSON of its points."""
    stem = folder / plot.name
    png, pdf, points = (stem.with_name(f"{plot.name}.{kind}") for kind in ("png", "pdf", "json"))
    picture = io.BytesIO()
    with warnings.catch_warnings():
        # A name may hold a sign that neither font has; an empty box is no reason to stop.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        # Neither file says when it was made, so that the same results give the same files.
        plot.figure.savefig(picture, format="png", dpi=_DPI, metadata={"Software": None})
        # Everything is in its place now; placing it again would take as long as drawing it.
        plot.figure.set_layout_engine("none")
        with replace_file(pdf) as temporary:
            plot.figure.savefig(temporary, format="pdf", metadata={"CreationDate": None})
    with replace_file(png) as temporary:
        temporary.write_bytes(picture.getvalue())
    with replace_file(points) as temporary:
        content = {"schema": SCHEMA, "plot": plot.name, "title": plot.title, **plot.points}
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    width, height = plot.figure.get_size_inches() * _DPI
    return SavedPlot(
        name=plot.name,
        title=plot.title,
        alt=plot.alt,
        caption=plot.caption,
        width=round(width),
        height=round(height),
        png_base64=base64.b64encode(picture.getvalue()).decode(),
        files=(png, pdf, points),
    )


def look(run: RunResults, model: str) -> dict[str, Any]:
    """Return colour and line style of a model, the same in all plots."""
    kind = run.kinds.get(model, "")
    if kind == "baseline":
        looks = _BASELINE_LOOKS
        color, style = looks[run.baselines.index(model) % len(looks)]
        return {"color": color, "linestyle": style}
    color, style = _NETWORK_LOOKS.get(kind, _OTHER_LOOK)
    return {"color": color, "linestyle": style}


def plain(name: str) -> str:
    r"""Return a name as matplotlib draws it: cut if very long, and no dollar sign starts a formula.

    Examples
    --------
    >>> print(plain("$p_T$ miss"), plain(10 * "long"))
    \$p_T\$ miss longlonglonglonglonglonglonglo…
    """
    shown = name if len(name) <= 31 else f"{name[:30]}…"
    return shown.replace("$", r"\$")


def slug(name: str) -> str:
    """Return a name as part of a file name.

    Examples
    --------
    >>> slug("A→4l (50 GeV)"), slug("../etc")
    ('A-4l-50-GeV', 'etc')
    """
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "unnamed"


def unique_slugs(names: Sequence[str]) -> dict[str, str]:
    """Return a file name for each name, no two alike whatever the file system.

    Examples
    --------
    >>> unique_slugs(["A 4l", "a-4L"])
    {'A 4l': 'A-4l', 'a-4L': 'a-4L-2'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        candidate, number = slug(name), 2
        while candidate.casefold() in taken:
            candidate, number = f"{slug(name)}-{number}", number + 1
        taken.add(candidate.casefold())
        found[name] = candidate
    return found


def label_log_axis(axis: Axis, *, scale: float = 1.0) -> None:
    """Label a logarithmic axis with plain numbers; with 2 and 5 too where decades are few."""
    low, high = sorted(axis.get_view_interval())
    decades = math.log10(high / low) if low > 0 else 9.0
    between = {2, 5} if decades > 0.8 else {2, 3, 4, 5, 6, 8}

    def minor(value: float, _position: int | None) -> str:
        leading = round(value / 10 ** math.floor(math.log10(value)))
        return f"{scale * value:g}" if decades < 2.2 and leading in between else ""

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{scale * value:g}"))
    axis.set_minor_formatter(FuncFormatter(minor))
    axis.set_tick_params(which="minor", labelsize=mpl.rcParams["xtick.labelsize"])


def put_labels(axes: Axes, run: RunResults) -> None:
    """Write above the axes what made the plot and for which scenario."""
    above: dict[str, Any] = {"transform": axes.transAxes, "va": "bottom"}
    project = axes.text(0.0, 1.008, "l1distill", weight="bold", size=24, **above)
    if run.is_simulation:
        axes.annotate(
            "simulation", (1.0, 0.0), (7, 0), xycoords=project, textcoords="offset points",
            style="italic", size=20, va="bottom",
        )  # fmt: skip
    scenario = run.scenario
    text = (
        f"PU {scenario['pileup']:g}, $n_b$ = {scenario['n_bunches']} "
        f"({scenario['sqrt_s_tev']:g} TeV)"
    )
    axes.text(1.0, 1.008, text, ha="right", size=20, **above)


def targets_label(run: RunResults) -> str:
    """Return what a legend calls the lines at the target rates."""
    return "targets " + ", ".join(f"{target:g}" for target in run.targets_khz) + " kHz"


def scenario_points(run: RunResults) -> dict[str, Any]:
    """Return what every file of points says about the rates in it."""
    return {"study": run.study, "scenario": dict(run.scenario)}
