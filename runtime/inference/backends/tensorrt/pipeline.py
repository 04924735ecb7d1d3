"""A frame's three stages on the device: kernel into the engine's input, engine, kernel to labels.

The processor only copies the frame in and the labels out. A pipeline is one set of buffers with one
owner, an input and logits of the engine among them, so three frames can be under way at once: one
is uploaded and preprocessed, one inferred, one labelled and copied back, each stage on a stream of
its own.
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
from runtime.inference.backends.tensorrt.buffers import STAMP_BYTES, Buffers, SharedDevice
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
    """Takes one frame at a time through the device's stages; see `engine.DevicePipeline`.

    Args:
        shared: what all pipelines of the engine share.
    """

    def __init__(self, shared: SharedDevice) -> None:
        self._shared = shared
        self._classes = shared.manifest.classes.to_classes()
        self._buffers: Buffers = shared.thread.call(lambda: Buffers(shared))
        self._owned = threading.Lock()
        self._closed = False
        self._generation = 0

    def label(self, frame: Frame, wanted: SegmentOptions) -> Labelled:
        """Copies the frame in, has it computed and copies out what is wanted of it.

        Args:
            frame: BGR or NV12, of any size.
            wanted: what will be looked at; the rest stays on the device.

        Returns:
            The labels are a copy; image and overlay are views of the pipeline's buffers.

        Raises:
            EngineFailed: the engine or the device stopped.
            RuntimeFault: this frame failed, the next may not.
        """
        if not self._owned.acquire(blocking=False):
            if self._closed:
                raise closed()
            raise WrongThread(
                "a second thread uses a pipeline whose frame is not finished",
                "Give each its own pipeline",
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
        placement = place(frame.height, frame.width, self._shared.manifest.input)
        task = FrameTask(frame, placement, wanted, self._classes, self._generation)
        height, width = task.size
        if not buffers.fits(frame.pixels.size, height * width):
            self._shared.thread.call(lambda: buffers.grow(frame.pixels.size, height * width))
        uploaded = buffers.frame.array[: frame.pixels.size].reshape(frame.pixels.shape)
        np.copyto(uploaded, frame.pixels)
        # What is not overwritten by this frame's own results cannot pass for them.
        buffers.tally.array[:] = _POISON
        timings = self._shared.thread.run(FrameJob(self._shared, buffers, task))
        return Labelled(
            labels=buffers.labels.array[: height * width].reshape(height, width).copy(),
            image=_bgr(buffers.image, task.shown) if wanted.image else None,
            overlay=_bgr(buffers.overlay, task.shown) if wanted.overlay is not None else None,
            timings=timings,
        )


def _bgr(window: Window, size: Tuple[int, int]) -> np.ndarray:
    image: np.ndarray = window.array[: 3 * size[0] * size[1]].reshape(*size, 3)
    return image


@dataclass(frozen=True)
class FrameTask:
    """What is to be done with one frame.

    Attributes:
        frame: it lies in the pipeline's buffer already.
        placement: its rectangle in the model's input.
        wanted: what will be looked at.
        classes: whose colours an overlay has.
        generation: number of the pipeline's frame, from 1 on; the device writes it behind all else.
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
    """One frame's work on the device; see `gpu_thread.DeviceJob`.

    Args:
        shared: the device, its plan and its streams.
        buffers: the pipeline's; no other frame has them meanwhile.
        task: what is to be done.
    """

    def __init__(self, shared: SharedDevice, buffers: Buffers, task: FrameTask) -> None:
        self._shared = shared
        self._buffers = buffers
        self._task = task

    def begin(self) -> None:
        """Queues all stages of the frame; where one is refused, waits until the rest is over."""
        try:
            self._preprocess()
            self._infer()
            self._postprocess()
            self._copy_back()
        except Exception:
            if self._shared.device.lost is None:
                self._shared.synchronize()
            raise

    def finish(self) -> Dict[str, float]:
        """Waits for the frame and makes sure that what lies in the buffers is its own.

        Returns:
            Seconds of each stage.

        Raises:
            EngineFailed: it is not, or the device stopped.
        """
        events = self._buffers.events
        events.done.wait()
        words = self._buffers.tally.array.view(np.uint32)
        if words[-1] != self._task.generation:
            raise _stale(f"the results bear the number {words[-1]}, not {self._task.generation}")
        counted = int(counts_of(words[:-1], len(self._task.classes.names)).sum())
        expected = self._task.shown[0] * self._task.shown[1]
        if counted != expected:
            raise _stale(f"{counted} pixels were labelled, not {expected}")
        return events.timings()

    def _preprocess(self) -> None:
        """Queues the upload, and the kernel that fills the engine's input."""
        shared, buffers, task = self._shared, self._buffers, self._task
        stream, spec = shared.preprocess_stream, shared.manifest.input
        buffers.events.started.record(stream)
        buffers.frame.to_device(task.frame.pixels.size, stream)
        source = device_frame(task.frame, buffers.frame.address)
        image: Optional[DeviceImage] = None
        if task.wanted.image or task.wanted.overlay is not None:
            image = DeviceImage(buffers.image.address, 3 * task.shown[1])
        launch = preprocess_launch(source, buffers.execution.input, spec, image)
        shared.device.launch(launch, stream)
        buffers.events.preprocessed.record(stream)

    def _infer(self) -> None:
        """Queues one pass of the engine."""
        events, stream = self._buffers.events, self._shared.infer_stream
        stream.wait_for(events.preprocessed)
        events.infer_started.record(stream)
        self._buffers.execution.enqueue()
        events.inferred.record(stream)

    def _postprocess(self) -> None:
        """Queues the kernels that take the logits to labels, and to an overlay if it is wanted."""
        shared, buffers, task = self._shared, self._buffers, self._task
        stream, spec = shared.postprocess_stream, shared.manifest.input
        resized = task.size != task.shown
        first = buffers.at_model_size if resized else buffers.labels.address
        at_model_size, tally = DeviceLabels(first, task.shown[1]), buffers.tally.address
        stream.wait_for(buffers.events.inferred)
        shared.device.fill(tally, 0, TALLY_BYTES // 4, stream)
        logits, size = buffers.execution.logits, (spec.height, spec.width)
        launch = labels_launch(logits, size, task.placement, at_model_size, tally, self._overlay())
        shared.device.launch(launch, stream)
        if resized:
            final = DeviceLabels(buffers.labels.address, task.size[1])
            resize = resize_labels_launch(at_model_size, task.shown, final, task.size)
            shared.device.launch(resize, stream)

    def _overlay(self) -> Optional[DeviceOverlay]:
        if self._task.wanted.overlay is None:
            return None
        pitch = 3 * self._task.shown[1]
        return DeviceOverlay(
            image=self._buffers.image.address,
            image_pitch=pitch,
            overlay=self._buffers.overlay.address,
            overlay_pitch=pitch,
            classes=self._task.classes,
            opacity=self._task.wanted.overlay,
        )

    def _copy_back(self) -> None:
        """Queues the copies of what is wanted, and the frame's number behind them."""
        buffers, task, stream = self._buffers, self._task, self._shared.postprocess_stream
        # Behind everything else on the stream: it arrives only if all before it was done.
        stamp = buffers.tally.address + TALLY_BYTES
        self._shared.device.fill(stamp, task.generation, 1, stream)
        shown = 3 * task.shown[0] * task.shown[1]
        buffers.labels.to_host(task.size[0] * task.size[1], stream)
        if task.wanted.image:
            buffers.image.to_host(shown, stream)
        if task.wanted.overlay is not None:
            buffers.overlay.to_host(shown, stream)
        buffers.tally.to_host(TALLY_BYTES + STAMP_BYTES, stream)
        buffers.events.done.record(stream)


def _stale(problem: str) -> EngineFailed:
    return EngineFailed(
        f"the device gave back what is not this frame's: {problem}",
        "Restart the daemon; if it comes again, report it with `runtime doctor`",
    )
