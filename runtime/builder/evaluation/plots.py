"""Measurements for people to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.builder.figure import new_figure, save
from runtime.files.atomic import write_whole

REPORT_NAME = "report.json"
CONFUSION_NAME = "confusion.png"
READABLE_NUMBERS = 24
"""Above so many classes the cells are too small to hold their share."""


def write_report(report: EvaluationReport, folder: Path) -> None:
    """Writes a report as JSON, and its confusion matrix as an image, into an existing folder.

    Args:
        report: what was measured.
        folder: gets report.json and confusion.png.
    """
    write_whole(folder / REPORT_NAME, (report.model_dump_json(indent=2) + "\n").encode())
    write_confusion(report, folder / CONFUSION_NAME)


def write_confusion(report: EvaluationReport, path: Path) -> None:
    """Draws the confusion matrix, each row as shares of its class's labelled pixels.

    Args:
        report: what was measured.
        path: the PNG; its folder must exist.
    """
    counts = np.array(report.confusion, np.float64)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = list(report.iou)
    side = max(6.0, 0.42 * len(names) + 2.5)
    figure = new_figure(side, side)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), [_with_iou(report, name) for name in names])
    axes.set_xlabel("predicted")
    axes.set_ylabel("labelled (intersection over union)")
    splits = ", ".join(report.splits)
    axes.set_title(f"{report.dataset} {splits}: mIoU {report.miou:.1%} on {report.images} images")
    if len(names) <= READABLE_NUMBERS:
        for row, column in zip(*np.nonzero(shares >= 0.005)):
            share = shares[row, column]
            shade = "white" if share > 0.5 else "black"
            axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=shade, size=7)
    save(figure, path)


def _with_iou(report: EvaluationReport, name: str) -> str:
    iou = report.iou[name]
    return f"{name} (absent)" if iou is None else f"{name} ({iou:.1%})"
