"""The page ``docs/cost.md``: what is predicted beside what was published."""

from __future__ import annotations

from firmware.cost.fit import fits
from firmware.cost.published import published_networks

HEAD = """\
# What a network costs

Written by `python -m firmware.cost docs/cost.md`. `l1distill firmware estimate MODEL.json` prints the
figures of one network, each with its flow, stage, range and source.

- **Flows**: *latency* is hls4ml's Latency strategy; *distributed arithmetic* turns weights into shifts and
  additions (da4ml, alkaid, hls4ml's strategy of that name).
- **Stages**: *estimate* (alkaid's own, nothing is synthesised), *technology-mapped* (Yosys for UltraScale+),
  *HLS report* (what HLS says before the vendor's synthesis), *routed*. For one network they differ by factors
  of 2 to 7, so no figure stands without both words. GELATO needs 1.9 times fewer LUTs routed than reported.
- **Yosys** (`--yosys`, `synth_xilinx -family xcup`) maps each stage of the pipeline alone, which changes nothing
  since registers stand between the stages, and keeps its time to minutes: about 160 s of one core for a dense
  57-32-16-1 with 8-bit weights. LUTs are raw, of any number of inputs; the depth is the longest path of any stage.
  Counts change with its version, which is named; only equal versions may be compared.
- **The quick estimate** takes LUTs as proportional to the *bit products*: bits of input × bits of weight,
  signs included, summed over the weights that are not 0. There is one factor for each flow and stage, the
  geometric mean of the networks below.
- **Error**: leave-one-out, the factor being fitted to the other networks only. With so few networks a factor
  of two is what is promised, however small that error is. AXOL1TL v5 and v6 are nearly one network and do not
  test each other.
- Not in it: input shifts, the score, and networks whose number of non-zero weights is not published.

## Predicted and published
"""


def cost_page() -> str:
    """Return the page as Markdown."""
    lines = [
        HEAD,
        "| network | flow | stage | source | bit products | LUTs published | LUTs predicted, left out | predicted / published |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for fit in fits():
        sources = {
            (network.name, figure.luts): figure.source
            for network in published_networks()
            for figure in network.figures
        }
        for point in fit.points:
            predicted = fit.left_out(point)
            shown = (
                ("–", "not tested")
                if predicted is None
                else (f"{predicted:,.0f}", f"{predicted / point.luts:.2f}")
            )
            source = sources[point.network, point.luts]
            lines.append(
                f"| {point.network} | {fit.flow} | {fit.stage} | {source} | {point.bit_products:,.0f} "
                f"| {point.luts:,} | {shown[0]} | {shown[1]} |"
            )
    lines += [*_unpredicted(), "", "## Factors", ""]
    lines += [
        "| flow | stage | LUTs per bit product | promised within a factor of |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {fit.flow} | {fit.stage} | {fit.luts_per_bit_product:.3f} | {fit.uncertainty_factor:.1f} |"
        for fit in fits()
    ]
    latency, report = (_factor(flow) for flow in ("latency", "distributed arithmetic"))
    saving = f"{latency / report:.1f} times fewer LUTs than the latency flow"
    lines += ["", f"By these factors distributed arithmetic needs {saving}, as HLS reports both."]
    return "\n".join([*lines, ""])


def _factor(flow: str) -> float:
    (found,) = (fit for fit in fits() if (fit.flow, fit.stage) == (flow, "HLS report"))
    return found.luts_per_bit_product


def _unpredicted() -> list[str]:
    return [
        f"| {network.name} | {figure.flow} | {figure.stage} | {figure.source} | not published "
        f"| {figure.luts:,} | – | not predicted |"
        for network in published_networks()
        if network.nonzero is None
        for figure in network.figures
    ]
