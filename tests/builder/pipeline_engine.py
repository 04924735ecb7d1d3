"""An engine that brings a way of its own from frames to labels, as one on a GPU does."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from runtime.image.frame import Frame
from runtime.inference.backends.fake import FakeEngine
from runtime.inference.engine import Labelled, SegmentOptions
from runtime.repository.manifest import EngineManifest


class ConstantPipeline:
    """Labels every pixel with the first class.

    Attributes:
        frames: how many it has labelled.
    """

    def __init__(self) -> None:
        self.frames = 0

    def label(self, frame: Frame, wanted: SegmentOptions) -> Labelled:
        self.frames += 1
        labels = np.zeros((frame.height, frame.width), np.uint8)
        return Labelled(labels, image=None, overlay=None, timings={})


class PipelineEngine(FakeEngine):
    """Its slots say the nearest colour's class, its pipeline the first class: who asks which?"""

    def __init__(self, manifest: EngineManifest) -> None:
        super().__init__(manifest, slots=1)
        self.pipeline = ConstantPipeline()

    @property
    def pipelines(self) -> Sequence[ConstantPipeline]:
        return (self.pipeline,)
