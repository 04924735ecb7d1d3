"""The core: one frame in, one label map and its stage times out.

Where an engine brings lanes of its own, they do all of it; else the processor resizes the frame
into a slot and labels the slot's logits.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import List, Mapping, Union

import numpy as np

from runtime import backends
from runtime.backends import BringsLanes, Engine, Labelled, Lane, Slot
from runtime.frame import Frame
from runtime.geometry import Placement, place
from runtime.labels import LabelMap
from runtime.manifest import EngineManifest
from runtime.postprocess.cpu import LabelUpsampler, resize_labels
from runtime.preprocess.cpu import resize_into

MaskSize = backends.MaskSize


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
    """From frames to label maps; used by one thread at a time.

    Args:
        manifest: geometry and classes.
        way: the engine's own lane, or a slot of it with the processor doing the rest.
    """

    def __init__(self, manifest: EngineManifest, way: Union[Slot, Lane]) -> None:
        self.manifest = manifest
        self._lane = way if isinstance(way, Lane) else SlotLane(manifest, way)
        self._classes = manifest.classes.to_classes()

    def segment(self, frame: Frame, size: MaskSize = "frame") -> Segmentation:
        """Labels every pixel of `frame`.

        Labels are exact at the model's size (bilinear upsampling of the logits, then argmax, ties
        to the lowest class); `size="frame"` takes them to the frame's size by nearest neighbour.

        Raises:
            EngineFailed: the engine did not compute; there is no answer.
        """
        done = self._lane.label(frame, size)
        labels = LabelMap(done.labels, self._classes)
        return Segmentation(labels, done.picture, frame, done.timings)


def segmenters_of(manifest: EngineManifest, engine: Engine) -> List[Segmenter]:
    """One for each lane of an open engine that brings lanes, else one for each slot."""
    if isinstance(engine, BringsLanes):
        return [Segmenter(manifest, lane) for lane in engine.lanes]
    return [Segmenter(manifest, slot) for slot in engine.slots]


class SlotLane:
    """The processor's way through one slot: see `backends.Lane`."""

    def __init__(self, manifest: EngineManifest, slot: Slot) -> None:
        self._spec = manifest.input
        self._slot = slot
        self._upsampler = LabelUpsampler((self._spec.height, self._spec.width))

    def label(self, frame: Frame, size: MaskSize) -> Labelled:
        """Resizes the frame into the slot, runs it and labels its logits."""
        placement = place(frame.height, frame.width, self._spec)
        started = time.perf_counter()
        resize_into(frame.pixels, self._slot.input, placement, self._spec)
        prepared = time.perf_counter()
        self._slot.run()
        inferred = time.perf_counter()
        labels = self._labels(frame, placement, size)
        finished = time.perf_counter()
        return Labelled(
            labels=labels,
            picture=self._slot.input[placement.rows, placement.columns],
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
