"""The core: one frame in, one label map and its stage times out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Mapping

import numpy as np
from typing_extensions import Literal

from runtime.backends import Slot
from runtime.frame import Frame
from runtime.geometry import Placement, place
from runtime.labels import LabelMap
from runtime.manifest import EngineManifest
from runtime.postprocess.cpu import LabelUpsampler, resize_labels
from runtime.preprocess.cpu import resize_into

MaskSize = Literal["frame", "model"]


@dataclass(frozen=True)
class Segmentation:
    """The answer to one frame.

    Attributes:
        labels: the mask, of the frame's size or of the frame's rectangle in the model's input.
        picture: (height, width, 3) uint8 BGR, the frame as the model saw it, without padding;
            a view into the engine's input, valid until its slot segments the next frame.
        frame: what was segmented.
        timings: seconds of each stage: preprocess, infer, postprocess.
    """

    labels: LabelMap
    picture: np.ndarray
    frame: Frame
    timings: Mapping[str, float]


class Segmenter:
    """Preprocess, engine and postprocess on one slot; used by one thread at a time."""

    def __init__(self, manifest: EngineManifest, slot: Slot) -> None:
        self.manifest = manifest
        self._slot = slot
        self._classes = manifest.classes.to_classes()
        spec = manifest.input
        self._upsampler = LabelUpsampler((spec.height, spec.width))

    def segment(self, frame: Frame, size: MaskSize = "frame") -> Segmentation:
        """Labels every pixel of `frame`.

        Labels are exact at the model's size (bilinear upsampling of the logits, then argmax, ties
        to the lowest class); `size="frame"` takes them to the frame's size by nearest neighbour.

        Raises:
            EngineFailed: the engine did not compute; there is no answer.
        """
        placement = place(frame.height, frame.width, self.manifest.input)
        started = time.perf_counter()
        resize_into(frame.pixels, self._slot.input, placement, self.manifest.input)
        prepared = time.perf_counter()
        self._slot.run()
        inferred = time.perf_counter()
        labels = self._labels(frame, placement, size)
        finished = time.perf_counter()
        return Segmentation(
            labels=LabelMap(labels, self._classes),
            picture=self._slot.input[placement.rows, placement.columns],
            frame=frame,
            timings={
                "preprocess": prepared - started,
                "infer": inferred - prepared,
                "postprocess": finished - inferred,
            },
        )

    def _labels(self, frame: Frame, placement: Placement, size: MaskSize) -> np.ndarray:
        at_model_size = self._upsampler.labels(self._slot.output)
        shown = at_model_size[placement.rows, placement.columns]
        if size == "model":
            return shown
        return resize_labels(shown, frame.height, frame.width)
