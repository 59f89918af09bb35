"""Plots of a sample card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.samples.description import SPECTRUM_GEV
from l1distill.report.figures import Plot, label_log_axis, new_figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

    from emulator.samples.description import SampleDescription
    from emulator.samples.performance import Performance

# M. A. Petroff, arXiv:2107.02270; the styles say the same a second time.
_LOOKS: Final[tuple[dict[str, Any], ...]] = tuple(
    {"color": color, "linestyle": style}
    for color, style in (
        ("#3f90da", "-"),
        ("#e76300", "--"),
        ("#832db6", "-."),
        ("#bd1f01", ":"),
        ("#717581", "-"),
        ("#a96b59", "--"),
    )
)

_SPECTRA: Final = (
    ("calo_objects", "Jets, e/gamma and taus", ("leading jet", "fourth jet", "leading e/gamma", "leading tau")),
    ("muons_sums", "Muons and sums", ("leading muon", "HTT", "ETM", "ETMHF")),
)  # fmt: skip

#: Seeds of the plot of growth with pile-up.
_GROWING: Final = ("SingleJet60", "SingleJet180er2p5", "HTT360er", "ETM80", "SingleMu22", "SingleEG36er2p5")  # fmt: skip


# A median and a width of fewer objects say nothing, and neither do their errors.
_FEWEST_FOR_WIDTH: Final = 10


def draw_plots(description: SampleDescription) -> Iterator[Plot]:
    """Yield all plots of a card."""
    for name, title, names in _SPECTRA:
        yield _spectra(description, name, title, names)
    yield _multiplicities(description)
    if len(description.rates) > 2:
        yield _growth(description)
    for performance in description.performance:
        yield _turn_on(description, performance)
        yield _resolution(description, performance)


def _axes(description: SampleDescription, height: float = 7.5) -> tuple[Any, Axes]:
    figure = new_figure(height)
    axes = figure.add_subplot()
    above: dict[str, Any] = {"transform": axes.transAxes, "va": "bottom"}
    axes.text(0.0, 1.008, "l1distill", weight="bold", size=24, **above)
    manifest = description.manifest
    text = f"simulation, PU {manifest.pileup:g} ({manifest.sqrt_s_tev:g} TeV)"
    axes.text(1.0, 1.008, text, ha="right", size=20, **above)
    return figure, axes


def _spectra(description: SampleDescription, name: str, title: str, names: Sequence[str]) -> Plot:
    figure, axes = _axes(description)
    for look, each in zip(_LOOKS, names, strict=False):
        rate = np.array(description.spectra[each])
        shown = rate > 0
        axes.plot(np.array(SPECTRUM_GEV)[shown], rate[shown], label=each, **look)
    axes.set(yscale="log", xlabel="threshold [GeV]", ylabel="rate above threshold [kHz]")
    axes.set_ylim(0.01, 1.3 * description.total_khz)
    label_log_axis(axes.yaxis)
    axes.legend()
    return Plot(
        name=f"spectra_{name}",
        title=title,
        alt=f"Rate above a threshold for {', '.join(names)}; all fall steeply.",
        caption="Rate of crossings above a threshold in the evaluation set.",
        figure=figure,
        points={"threshold_gev": SPECTRUM_GEV, **{n: description.spectra[n] for n in names}},
    )


def _multiplicities(description: SampleDescription) -> Plot:
    figure, axes = _axes(description)
    for look, (name, fractions) in zip(_LOOKS, description.multiplicities.items(), strict=False):
        axes.step(range(len(fractions)), fractions, where="mid", label=name, **look)
    axes.set(yscale="log", xlabel="objects in a crossing", ylabel="fraction of crossings")
    axes.set_ylim(1e-6, 2.0)
    axes.legend()
    return Plot(
        name="multiplicities",
        title="Objects per crossing",
        alt="Fraction of crossings with 0 to 12 muons, e/gamma, taus and jets.",
        caption="The trigger sends at most 8 muons and 12 objects of the other kinds.",
        figure=figure,
        points=dict(description.multiplicities),
    )


def _growth(description: SampleDescription) -> Plot:
    figure, axes = _axes(description)
    scans = description.rates[1:]
    pileups = [scan.pileup for scan in scans]
    for look, name in zip(_LOOKS, _GROWING, strict=False):
        rates = [scan.seeds[name].rate_khz for scan in scans]
        errors = [scan.seeds[name].error_khz for scan in scans]
        axes.errorbar(pileups, rates, errors, label=name, capsize=4, marker="o", **look)
    axes.set(yscale="log", xlabel="mean pile-up", ylabel="rate [kHz]")
    label_log_axis(axes.yaxis)
    axes.legend(ncols=2, fontsize=15, loc="upper left")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * 6)
    return Plot(
        name="growth",
        title="Growth with pile-up",
        alt="Rates of six seeds at several mean pile-ups.",
        caption=(
            "The same Pythia events overlaid at several mean pile-ups, so the points of a seed are "
            "correlated. Jets grow about linearly, missing energy steeply."
        ),
        figure=figure,
        points={"pileup": pileups, **{n: [s.seeds[n].rate_khz for s in scans] for n in _GROWING}},
    )


def _middles(performance: Performance) -> np.ndarray:
    edges = np.array(performance.pt_edges_gev)
    return np.asarray(0.5 * (edges[1:] + edges[:-1]))


def _turn_on(description: SampleDescription, performance: Performance) -> Plot:
    figure, axes = _axes(description)
    middle = _middles(performance)
    for look, (threshold, values) in zip(_LOOKS, performance.turn_on.items(), strict=False):
        y = np.array(values)
        below = y - performance.turn_on_low[threshold]
        above = performance.turn_on_high[threshold] - y
        axes.errorbar(
            middle, y, (below, above), label=f"{threshold} GeV", marker="o", capsize=3, **look
        )
    axes.set(xlabel=f"generated {performance.name} $p_T$ [GeV]", ylabel="efficiency")
    axes.set_ylim(0.0, 1.25)
    axes.axhline(1.0, color="#999999", linewidth=1)
    axes.legend(title="Level-1 threshold", ncols=2, loc="upper left", fontsize=16)
    return Plot(
        name=f"turn_on_{performance.name}",
        title=f"Turn-on: {performance.name}",
        alt=f"Efficiency of Level-1 {performance.name} thresholds against the generated pT.",
        caption=_caption(performance),
        figure=figure,
        points=performance.as_dict(),
    )


def _resolution(description: SampleDescription, performance: Performance) -> Plot:
    figure, axes = _axes(description)
    middle = _middles(performance)
    enough = np.array(performance.n) * np.array(performance.found) >= _FEWEST_FOR_WIDTH
    for look, marker, label, values, errors in (
        (_LOOKS[0], "o", "response (median)", performance.response, performance.response_error),
        (_LOOKS[1], "s", "resolution (68 %)", performance.resolution, performance.resolution_error),
    ):
        shown, bars = np.array(values)[enough], np.array(errors)[enough]
        axes.errorbar(middle[enough], shown, bars, marker=marker, capsize=3, label=label, **look)
    axes.set(
        xlabel=f"generated {performance.name} $p_T$ [GeV]", ylabel="Level-1 over generated $p_T$"
    )
    axes.set_ylim(0.0, 1.6)
    axes.axhline(1.0, color="#999999", linewidth=1)
    axes.legend(loc="upper right")
    return Plot(
        name=f"resolution_{performance.name}",
        title=f"Response and resolution: {performance.name}",
        alt=f"Median and width of the ratio of Level-1 and generated pT of {performance.name}.",
        caption=f"{_caption(performance)} Bins of fewer than {_FEWEST_FOR_WIDTH} found are left out.",
        figure=figure,
        points=performance.as_dict(),
    )


def _caption(performance: Performance) -> str:
    if performance.name == "MET":
        return f"{sum(performance.n)} events with neutrinos or other invisible particles; ETM."
    return (
        f"{sum(performance.n)} generated objects, each with the highest Level-1 object near it; "
        f"signal and background events under the pile-up of the samples."
    )
