from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.builder.evaluation.plots import write_confusion


def report(classes: int, right: float) -> EvaluationReport:
    """Every class of 100 pixels; `right` of each predicted right, the rest as the next class."""
    hits = round(100 * right)
    counts = np.eye(classes, dtype=int) * hits + np.roll(np.eye(classes, dtype=int), 1, 1) * (
        100 - hits
    )
    return EvaluationReport(
        dataset="scenes",
        splits=("val",),
        images=2,
        miou=right,
        pixel_accuracy=right,
        iou={f"class {k}": None if k == 1 else right for k in range(classes)},
        confusion=tuple(tuple(row) for row in counts.tolist()),
    )


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB")).astype(int)


def dark(path: Path) -> int:
    """Pixels in the deep blue of a share near 1."""
    image = pixels(path)
    return int(((image[..., 2] - image[..., 0] > 60) & (image[..., 0] < 40)).sum())


def test_the_image_shows_whether_predictions_are_right(tmp_path: Path) -> None:
    write_confusion(report(5, right=1.0), tmp_path / "right.png")
    write_confusion(report(5, right=0.5), tmp_path / "half.png")

    assert dark(tmp_path / "right.png") > 10 * max(1, dark(tmp_path / "half.png"))


@pytest.mark.parametrize("classes", [2, 30])
def test_the_image_grows_with_the_classes(tmp_path: Path, classes: int) -> None:
    write_confusion(report(classes, right=0.8), tmp_path / "confusion.png")

    height, width, _ = pixels(tmp_path / "confusion.png").shape
    assert min(height, width) >= 40 * classes
    assert max(height, width) < 4000
