"""A pipeline with a GPU's manners: nothing that was not wanted, and overlays of its own drawing."""

from __future__ import annotations

from dataclasses import replace
from typing import List

import cv2
import numpy as np

from runtime.image.frame import Frame
from runtime.inference.engine import Labelled, SegmentOptions, Slot
from runtime.inference.segmenter import Segmenter, SlotPipeline
from runtime.repository.manifest import EngineManifest
from tests.engines import BrightnessSlot, small_manifest

# No palette of the tests has it, so such an overlay cannot be mistaken for one drawn elsewhere.
INK_BGR = (255, 0, 255)


class DrawingPipeline:
    """Labels as the processor does, and overwrites what it gave when the next frame comes.

    Attributes:
        asked: what was wanted of each frame.
    """

    def __init__(self, manifest: EngineManifest, slot: Slot) -> None:
        self._labels = SlotPipeline(manifest, slot)
        self._overlay = np.zeros((manifest.input.height, manifest.input.width, 3), np.uint8)
        self.asked: List[SegmentOptions] = []

    def label(self, frame: Frame, wanted: SegmentOptions) -> Labelled:
        self.asked.append(wanted)
        self._overlay[:] = 0
        done = self._labels.label(frame, wanted)
        assert done.image is not None
        height, width = done.image.shape[:2]
        overlay = self._overlay[:height, :width]
        if wanted.overlay is not None:
            overlay[:] = INK_BGR
        return replace(
            done,
            image=done.image if wanted.image else None,
            overlay=None if wanted.overlay is None else overlay,
        )


def drawing_pipeline() -> DrawingPipeline:
    """Dark or bright, on a 32 x 64 input."""
    return DrawingPipeline(small_manifest(), BrightnessSlot())


def drawing_segmenter(pipeline: DrawingPipeline) -> Segmenter:
    """The segmenter of a `drawing_pipeline`."""
    return Segmenter(small_manifest(), pipeline)


def drawn_by_the_pipeline(jpeg: bytes) -> bool:
    """Whether a JPEG shows the pipeline's own drawing."""
    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    # A JPEG of one colour is off by its rounding alone.
    return bool(np.abs(shown.astype(int) - INK_BGR).max() <= 3)
