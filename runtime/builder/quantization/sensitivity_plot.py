"""A study of layers as a figure: what each breaks alone, and what keeping it in float mends."""

from __future__ import annotations

from pathlib import Path

from matplotlib.ticker import MaxNLocator

from runtime.builder.figure import new_figure, save
from runtime.builder.quantization.sensitivity import SensitivityReport

WORST = 3
_PLAIN, _MARKED = "#4c78a8", "#d1495b"


def write_sensitivity_plot(report: SensitivityReport, path: Path) -> None:
    """Draws a complete report; layers from the image (top) to the logits (bottom).

    Left the share of the logits' power that is noise when the layer alone is INT8. Right, in dB,
    how much less noise there is when everything but the layer is. The worst are red.

    Args:
        report: with both views.
        path: the PNG; its folder must exist.
    """
    layers = report.layers
    marked = set(report.worst()[:WORST])
    colours = [_MARKED if layer in marked else _PLAIN for layer in layers]
    noise = [100 * 10 ** (-report.alone[layer].sqnr_db / 10) for layer in layers]
    together = report.all_quantized
    whole = 0.0 if together is None else together.sqnr_db
    gains = [report.left_out[layer].sqnr_db - whole for layer in layers]
    figure = new_figure(10, 0.24 * len(layers) + 1.4)
    alone, left_out = figure.subplots(1, 2, sharey=True)
    rows = range(len(layers))
    alone.barh(rows, noise, color=colours)
    alone.set_yticks(rows, layers, fontsize=8)
    alone.set_ylim(len(layers) - 0.4, -0.6)
    alone.set_xlabel("noise in the logits, % of their power")
    alone.set_title("this layer alone in INT8")
    left_out.barh(rows, gains, color=colours)
    left_out.axvline(0, color="black", lw=0.8)
    left_out.set_xlabel(f"dB gained on the {whole:.1f} dB of all layers")
    left_out.set_title("all but this layer in INT8")
    for axes in (alone, left_out):
        axes.grid(axis="x", lw=0.4)
        axes.set_axisbelow(True)
        # Small shares have long labels, which must not run into each other.
        axes.xaxis.set_major_locator(MaxNLocator(4))
    save(figure, path)
