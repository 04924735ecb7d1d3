"""A small engine, and images whose masks are known: bright from a column on, dark before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np

from runtime.batch.options import BatchOptions, Progress, Report, silent
from runtime.batch.run import segment_path
from runtime.image.label_png import ids_from_png
from runtime.inference.backends.fake import FakeEngine
from runtime.inference.segmenter import Segmenter
from tests.engines import HEIGHT, WIDTH, fake_build, small_manifest

# Of the model's size, so that nothing is resized.
SHAPE = (HEIGHT, WIDTH)
BRIGHT_BGR, DARK_BGR = (0, 255, 255), (64, 0, 0)


def image(bright_from: int) -> np.ndarray:
    pixels = np.full((*SHAPE, 3), DARK_BGR, np.uint8)
    pixels[:, bright_from:] = BRIGHT_BGR
    return pixels


def write_image(path: Path, bright_from: int = 32) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image(bright_from))
    return path


def bright_share(path: Path) -> float:
    """Share of the label map at `path` that is bright."""
    return float(ids_from_png(path.read_bytes()).mean())


def segment(
    source: Path,
    output: Path,
    fail_after: Optional[int] = None,
    progress: Progress = silent,
    **options: Any,
) -> Report:
    """Runs `segment_path` with a fake engine of two slots."""
    manifest = small_manifest()
    with FakeEngine(manifest, slots=2, fail_after=fail_after) as engine:
        segmenters = [Segmenter(manifest, slot) for slot in engine.slots]
        chosen = BatchOptions(**options)
        return segment_path(source, output, segmenters, fake_build(), chosen, progress)
