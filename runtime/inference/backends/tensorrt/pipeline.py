"""A frame's way over the device: kernel into the engine's input, engine, kernel to labels.

The processor only copies the frame in and the labels out. A lane is one set of buffers with one
owner, an input and logits of the engine among them, so three frames can be under way at once: one
is uploaded and prepared, one computed, one labelled and copied back, each on a stream of its own.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Dict, Final, Optional, Tuple

import numpy as np

from runtime.cuda.errors import WrongThread
from runtime.cuda.streams import Window
from runtime.errors import EngineFailed
from runtime.image.frame import Frame
from runtime.image.label_map import Classes
from runtime.inference.backends.tensorrt.buffers import STAMP_BYTES, Buffers, Way
from runtime.inference.backends.tensorrt.gpu_thread import CLOSING_SECONDS, closed
from runtime.inference.engine import Labelled, SegmentOptions
from runtime.inference.letterbox import Placement, place
from runtime.inference.postprocess.cuda import (
    TALLY_BYTES,
    DeviceLabels,
    DeviceOverlay,
    counts_of,
    labels_launch,
    resize_labels_launch,
)
from runtime.inference.preprocess.cuda import DeviceImage, device_frame, preprocess_launch

_POISON: Final = 0xFF


class TensorRtPipeline:
    """Takes one frame at a time over the device; see `backends.DevicePipeline`.

    Args:
        way: what all lanes share.
    """

    def __init__(self, way: Way) -> None:
        self._way = way
        self._classes = way.manifest.classes.to_classes()
        self._buffers: Buffers = way.thread.call(lambda: Buffers(way))
        self._owned = threading.Lock()
        self._closed = False
        self._generation = 0

    def label(self, frame: Frame, wanted: SegmentOptions) -> Labelled:
        """Copies the frame in, has it computed and copies out what is wanted of it.

        Raises:
            EngineFailed: the engine or the device stopped.
            RuntimeFault: this frame failed, the next may not.
        """
        if not self._owned.acquire(blocking=False):
            if self._closed:
                raise closed()
            raise WrongThread(
                "a second thread uses a lane whose frame is not finished", "Give each its own lane"
            )
        try:
            return self._label(frame, wanted)
        finally:
            self._owned.release()

    def close(self) -> None:
        """Takes no more frames, and lets whoever has one copy it out before its memory goes."""
        self._closed = True
        # Never released. Who does not come out of a GPU that hangs will touch no memory either.
        self._owned.acquire(timeout=CLOSING_SECONDS)

    def _label(self, frame: Frame, wanted: SegmentOptions) -> Labelled:
        buffers = self._buffers
        self._generation = self._generation % 0x7FFF_FFFF + 1
        placement = place(frame.height, frame.width, self._way.manifest.input)
        order = Order(frame, placement, wanted, self._classes, self._generation)
        height, width = order.size
        if not buffers.fits(frame.pixels.size, height * width):
            self._way.thread.call(lambda: buffers.grow(frame.pixels.size, height * width))
        held = buffers.frame.array[: frame.pixels.size].reshape(frame.pixels.shape)
        np.copyto(held, frame.pixels)
        # What is not overwritten by this frame's own results cannot pass for them.
        buffers.tally.array[:] = _POISON
        timings = self._way.thread.run(FrameJob(self._way, buffers, order))
        return Labelled(
            labels=buffers.labels.array[: height * width].reshape(height, width).copy(),
            image=_bgr(buffers.image, order.shown) if wanted.image else None,
            overlay=_bgr(buffers.overlay, order.shown) if wanted.overlay is not None else None,
            timings=timings,
        )


def _bgr(window: Window, size: Tuple[int, int]) -> np.ndarray:
    image: np.ndarray = window.array[: 3 * size[0] * size[1]].reshape(*size, 3)
    return image


@dataclass(frozen=True)
class Order:
    """What is to be done for one frame.

    Attributes:
        frame: it lies in the lane's buffer already.
        placement: where the model sees it.
        wanted: what will be looked at.
        classes: whose colours an overlay has.
        generation: number of the lane's frame, above 0.
    """

    frame: Frame
    placement: Placement
    wanted: SegmentOptions
    classes: Classes
    generation: int

    @property
    def shown(self) -> Tuple[int, int]:
        """Height and width of the frame as the model sees it."""
        return self.placement.height, self.placement.width

    @property
    def size(self) -> Tuple[int, int]:
        """Height and width of the labels."""
        return self.shown if self.wanted.size == "model" else (self.frame.height, self.frame.width)


class FrameJob:
    """One frame on the device: `device_thread.Job`."""

    def __init__(self, way: Way, buffers: Buffers, order: Order) -> None:
        self._way = way
        self._buffers = buffers
        self._order = order

    def begin(self) -> None:
        """Queues the frame's whole way; if part of it is refused, waits until the rest is over."""
        try:
            self._prepare()
            self._infer()
            self._label()
            self._answer()
        except Exception:
            if self._way.device.lost is None:
                self._way.settle()
            raise

    def finish(self) -> Dict[str, float]:
        """Waits for the frame and makes sure that what lies in the buffers is its own.

        Raises:
            EngineFailed: it is not, or the device stopped.
        """
        marks = self._buffers.marks
        marks.done.wait()
        words = self._buffers.tally.array.view(np.uint32)
        if words[-1] != self._order.generation:
            raise _stale(f"the results bear the number {words[-1]}, not {self._order.generation}")
        counted = int(counts_of(words[:-1], len(self._order.classes.names)).sum())
        expected = self._order.shown[0] * self._order.shown[1]
        if counted != expected:
            raise _stale(f"{counted} pixels were labelled, not {expected}")
        return marks.timings()

    def _prepare(self) -> None:
        way, buffers, order = self._way, self._buffers, self._order
        stream, spec = way.prepare, way.manifest.input
        buffers.marks.offered.record(stream)
        buffers.frame.to_device(order.frame.pixels.size, stream)
        source = device_frame(order.frame, buffers.frame.address)
        image: Optional[DeviceImage] = None
        if order.wanted.image or order.wanted.overlay is not None:
            image = DeviceImage(buffers.image.address, 3 * order.shown[1])
        launch = preprocess_launch(source, buffers.execution.input, spec, image)
        way.device.launch(launch, stream)
        buffers.marks.prepared.record(stream)

    def _infer(self) -> None:
        marks, stream = self._buffers.marks, self._way.plan.stream
        stream.wait_for(marks.prepared)
        marks.started.record(stream)
        self._buffers.execution.enqueue()
        marks.inferred.record(stream)

    def _label(self) -> None:
        way, buffers, order, spec = self._way, self._buffers, self._order, self._way.manifest.input
        stream, resized = way.answer, order.size != order.shown
        first = buffers.at_model_size if resized else buffers.labels.address
        at_model_size, tally = DeviceLabels(first, order.shown[1]), buffers.tally.address
        stream.wait_for(buffers.marks.inferred)
        way.device.fill(tally, 0, TALLY_BYTES // 4, stream)
        logits, size = buffers.execution.logits, (spec.height, spec.width)
        launch = labels_launch(logits, size, order.placement, at_model_size, tally, self._overlay())
        way.device.launch(launch, stream)
        if resized:
            final = DeviceLabels(buffers.labels.address, order.size[1])
            resize = resize_labels_launch(at_model_size, order.shown, final, order.size)
            way.device.launch(resize, stream)

    def _overlay(self) -> Optional[DeviceOverlay]:
        if self._order.wanted.overlay is None:
            return None
        pitch = 3 * self._order.shown[1]
        return DeviceOverlay(
            image=self._buffers.image.address,
            image_pitch=pitch,
            overlay=self._buffers.overlay.address,
            overlay_pitch=pitch,
            classes=self._order.classes,
            opacity=self._order.wanted.overlay,
        )

    def _answer(self) -> None:
        buffers, order, stream = self._buffers, self._order, self._way.answer
        # Behind everything else on the stream: it arrives only if all before it was done.
        stamp = buffers.tally.address + TALLY_BYTES
        self._way.device.fill(stamp, order.generation, 1, stream)
        shown = 3 * order.shown[0] * order.shown[1]
        buffers.labels.to_host(order.size[0] * order.size[1], stream)
        if order.wanted.image:
            buffers.image.to_host(shown, stream)
        if order.wanted.overlay is not None:
            buffers.overlay.to_host(shown, stream)
        buffers.tally.to_host(TALLY_BYTES + STAMP_BYTES, stream)
        buffers.marks.done.record(stream)


def _stale(problem: str) -> EngineFailed:
    return EngineFailed(
        f"the device gave back what is not this frame's: {problem}",
        "Restart the daemon; if it comes again, report it with `runtime doctor`",
    )
