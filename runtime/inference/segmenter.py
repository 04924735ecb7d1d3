"""The core: one frame in, one label map and its stage times out.

Where an engine brings pipelines of its own, they do all stages; else the processor resizes the
frame into a slot and labels the slot's logits. `segmenters_of` is how everything that serves,
evaluates or proves an engine gets its segmenters.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import List, Mapping, Optional, Union

import numpy as np

from runtime.errors import RuntimeFault
from runtime.image.frame import Frame
from runtime.image.label_map import LabelMap
from runtime.inference.engine import (
    MASK,
    DevicePipeline,
    Engine,
    HasDevicePipelines,
    Labelled,
    MaskSize,
    SegmentOptions,
    Slot,
)
from runtime.inference.letterbox import Placement, place
from runtime.inference.postprocess.cpu import LabelUpsampler, resize_labels
from runtime.inference.preprocess.cpu import frame_into
from runtime.repository.manifest import EngineManifest


class NotWanted(RuntimeFault):
    """Somebody reads an image that the options did not ask for, so it stayed on the device."""


@dataclass(frozen=True)
class Segmentation:
    """The answer to one frame.

    Attributes:
        labels: the mask, of the frame's size or of the frame's rectangle in the model's input.
        frame: what was segmented.
        wanted: what was asked for.
        labelled: as the pipeline gave it; images in it are valid until it takes its next frame.
    """

    labels: LabelMap
    frame: Frame
    wanted: SegmentOptions
    labelled: Labelled

    @property
    def image(self) -> np.ndarray:
        """(height, width, 3) uint8 BGR, the frame as the model saw it, without padding; a view.

        Raises:
            NotWanted: it was not, and fetching it would have cost something.
        """
        if self.labelled.image is None:
            raise NotWanted(
                f"the image of frame {self.frame.number} of {self.frame.source!r} was not wanted",
                "Segment the frame with SegmentOptions(image=True)",
            )
        return self.labelled.image

    def drawn(self, opacity: float) -> Optional[np.ndarray]:
        """`image` under the mask's colours where the device drew it so, else None; a view.

        A device rounds for itself: it may differ from `codec.blend` by one step of 255.
        """
        return self.labelled.overlay if self.wanted.overlay == opacity else None

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds of each stage: preprocess, infer, postprocess."""
        return self.labelled.timings


class Segmenter:
    """From frames to label maps; used by one thread at a time.

    Args:
        manifest: geometry and classes.
        part: of the engine: a pipeline, or a slot, with the processor doing the other stages.
    """

    def __init__(self, manifest: EngineManifest, part: Union[Slot, DevicePipeline]) -> None:
        self.manifest = manifest
        self._pipeline = part if isinstance(part, DevicePipeline) else SlotPipeline(manifest, part)
        self._classes = manifest.classes.to_classes()

    def segment(self, frame: Frame, wanted: SegmentOptions = MASK) -> Segmentation:
        """Labels every pixel of `frame`.

        Labels are exact at the model's size (bilinear upsampling of the logits, then argmax, ties
        to the lowest class); the frame's size is reached from there by nearest neighbour.

        Args:
            frame: of any size.
            wanted: what will be looked at; the mask of the frame's size unless it says more.

        Raises:
            EngineFailed: the engine did not compute; there is no answer.
        """
        labelled = self._pipeline.label(frame, wanted)
        labels = LabelMap(labelled.labels, self._classes)
        return Segmentation(labels, frame, wanted, labelled)


def segmenters_of(manifest: EngineManifest, engine: Engine) -> List[Segmenter]:
    """The segmenters of an open engine: one per pipeline where it brings pipelines, else per slot.

    Args:
        manifest: of the engine's folder.
        engine: inside its `with` block.
    """
    if isinstance(engine, HasDevicePipelines):
        return [Segmenter(manifest, pipeline) for pipeline in engine.pipelines]
    return [Segmenter(manifest, slot) for slot in engine.slots]


class SlotPipeline:
    """All stages with one slot, the processor doing those around it; see `engine.DevicePipeline`.

    Args:
        manifest: geometry of the input.
        slot: no other thread uses it meanwhile.
    """

    def __init__(self, manifest: EngineManifest, slot: Slot) -> None:
        self._spec = manifest.input
        self._slot = slot
        self._upsampler = LabelUpsampler((self._spec.height, self._spec.width))

    def label(self, frame: Frame, wanted: SegmentOptions) -> Labelled:
        """Resizes the frame into the slot, runs it and labels its logits.

        The image lies in the slot's input anyway. An overlay is left to whoever shows it, for
        drawing it here would cost the same.

        Args:
            frame: BGR or NV12, of any size.
            wanted: of which the size of the labels alone matters here.

        Raises:
            EngineFailed: the slot computed nothing.
        """
        placement = place(frame.height, frame.width, self._spec)
        started = time.perf_counter()
        frame_into(frame, self._slot.input, placement, self._spec)
        prepared = time.perf_counter()
        self._slot.run()
        inferred = time.perf_counter()
        labels = self._labels(frame, placement, wanted.size)
        finished = time.perf_counter()
        return Labelled(
            labels=labels,
            image=self._slot.input[placement.rows, placement.columns],
            overlay=None,
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
