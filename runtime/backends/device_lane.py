"""A frame's way over the device: kernel into the engine's input, engine, kernel to labels.

The processor only copies the frame in and the labels out. A lane is one set of buffers with one
owner; several lanes take turns on one plan, so one frame is copied while another is computed.
Uploads have a stream of their own, everything else shares a second one, which keeps the engine's
input and output from being overwritten while they are read.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Dict, Final, Optional, Tuple

import numpy as np

from runtime.backends import Labelled, MaskSize
from runtime.backends.device_thread import DeviceThread
from runtime.backends.trt_execution import LoadedPlan
from runtime.cuda import CudaDevice
from runtime.cuda_faults import WrongThread
from runtime.cuda_streams import Event, Stream, Window
from runtime.errors import EngineFailed
from runtime.frame import Frame
from runtime.geometry import Placement, place
from runtime.manifest import EngineManifest
from runtime.postprocess.cuda import (
    TALLY_BYTES,
    DeviceLabels,
    counts_of,
    labels_launch,
    resize_labels_launch,
)
from runtime.preprocess.cuda import DeviceFrame, DevicePicture, preprocess_launch

STAMP_BYTES: Final = 4
_POISON: Final = 0xFF


@dataclass(frozen=True)
class Way:
    """What the lanes of one engine share.

    Attributes:
        thread: owns the device.
        plan: loaded on it.
        manifest: of the engine.
        upload: stream of the frames.
        compute: stream of everything else.
        blocking: whether waiting for the device sleeps; else it spins.
    """

    thread: DeviceThread
    plan: LoadedPlan
    manifest: EngineManifest
    upload: Stream
    compute: Stream
    blocking: bool = True

    @property
    def device(self) -> CudaDevice:
        """The GPU."""
        return self.thread.device


class Marks:
    """The moments of a frame's way, on the device's own clock."""

    def __init__(self, way: Way) -> None:
        def event() -> Event:
            return way.device.event(way.blocking)

        self.offered, self.uploaded = event(), event()
        self.started, self.prepared, self.inferred, self.done = (event() for _ in range(4))

    def timings(self) -> Dict[str, float]:
        """Seconds of each stage; the upload counts as preprocessing, the copy back as post-."""
        upload = self.offered.seconds_till(self.uploaded)
        return {
            "preprocess": upload + self.started.seconds_till(self.prepared),
            "infer": self.prepared.seconds_till(self.inferred),
            "postprocess": self.inferred.seconds_till(self.done),
        }


class Buffers:
    """One frame's memory; made and grown on the device's thread, and never shrunk."""

    def __init__(self, way: Way) -> None:
        spec = way.manifest.input
        pixels = spec.height * spec.width
        self._device = way.device
        self.frame: Window = self._device.window(3 * pixels)
        self.labels: Window = self._device.window(pixels)
        self.picture = self._device.window(3 * pixels)
        self.at_model_size = self._device.memory(pixels)
        self.tally = self._device.window(TALLY_BYTES + STAMP_BYTES, staged=True)
        self.marks = Marks(way)

    def fits(self, frame: int, labels: int) -> bool:
        """Whether a frame and a mask of so many bytes have room."""
        return self.frame.array.size >= frame and self.labels.array.size >= labels

    def grow(self, frame: int, labels: int) -> None:
        """Makes room; the content is lost."""
        self.frame = self._grown(self.frame, frame)
        self.labels = self._grown(self.labels, labels)

    def _grown(self, window: Window, size: int) -> Window:
        if window.array.size >= size:
            return window
        # The new one first: where there is no memory for it the old one stays good.
        larger = self._device.window(size)
        self._device.release(window)
        return larger


class DeviceLane:
    """Takes one frame at a time over the device; see `backends.Lane`.

    Args:
        way: what all lanes share.
    """

    def __init__(self, way: Way) -> None:
        self._way = way
        self._buffers: Buffers = way.thread.call(lambda: Buffers(way))
        self._owned = threading.Lock()
        self._generation = 0

    def label(self, frame: Frame, size: MaskSize) -> Labelled:
        """Copies the frame in, has it computed and copies its labels out.

        Raises:
            EngineFailed: the engine or the device stopped.
            RuntimeFault: this frame failed, the next may not.
        """
        if not self._owned.acquire(blocking=False):
            raise WrongThread(
                "a second thread uses a lane whose frame is not finished", "Give each its own lane"
            )
        try:
            return self._label(frame, size)
        finally:
            self._owned.release()

    def _label(self, frame: Frame, size: MaskSize) -> Labelled:
        buffers, spec = self._buffers, self._way.manifest.input
        placement = place(frame.height, frame.width, spec)
        shown = (placement.height, placement.width)
        wanted = (frame.height, frame.width) if size == "frame" else shown
        pixels = wanted[0] * wanted[1]
        if not buffers.fits(frame.pixels.size, pixels):
            self._way.thread.call(lambda: buffers.grow(frame.pixels.size, pixels))
        held = buffers.frame.array[: frame.pixels.size].reshape(frame.pixels.shape)
        np.copyto(held, frame.pixels)
        self._generation = self._generation % 0x7FFF_FFFF + 1
        # What is not overwritten by this frame's own results cannot pass for them.
        buffers.tally.array[:] = _POISON
        order = Order(frame, placement, None if wanted == shown else wanted, self._generation)
        timings = self._way.thread.run(Passage(self._way, buffers, order))
        picture = buffers.picture.array[: 3 * shown[0] * shown[1]].reshape(*shown, 3)
        labels = buffers.labels.array[:pixels].reshape(wanted).copy()
        return Labelled(labels, picture, timings)


@dataclass(frozen=True)
class Order:
    """What is to be done for one frame.

    Attributes:
        frame: it lies in the lane's buffer already.
        placement: where the model sees it.
        resized: height and width to bring the labels to; None leaves them as the model sees them.
        generation: number of the lane's frame, above 0.
    """

    frame: Frame
    placement: Placement
    resized: Optional[Tuple[int, int]]
    generation: int

    @property
    def shown(self) -> Tuple[int, int]:
        """Height and width of the frame as the model sees it."""
        return self.placement.height, self.placement.width


class Passage:
    """One frame on the device: `device_thread.Job`."""

    def __init__(self, way: Way, buffers: Buffers, order: Order) -> None:
        self._way = way
        self._buffers = buffers
        self._order = order

    def begin(self) -> None:
        """Queues the frame's whole way; if part of it is refused, waits until the rest is over."""
        try:
            self._upload()
            self._prepare()
            self._way.plan.enqueue(self._way.compute)
            self._buffers.marks.inferred.record(self._way.compute)
            self._finish_up()
        except Exception:
            if self._way.device.lost is None:
                self._way.upload.finish()
                self._way.compute.finish()
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
        counted = int(counts_of(words[:-1], len(self._way.manifest.classes.names)).sum())
        expected = self._order.shown[0] * self._order.shown[1]
        if counted != expected:
            raise _stale(f"{counted} pixels were labelled, not {expected}")
        return marks.timings()

    def _upload(self) -> None:
        marks, upload = self._buffers.marks, self._way.upload
        marks.offered.record(upload)
        self._buffers.frame.to_device(self._order.frame.pixels.size, upload)
        marks.uploaded.record(upload)
        self._way.compute.wait_for(marks.uploaded)

    def _prepare(self) -> None:
        marks, way, height, width = (
            self._buffers.marks,
            self._way,
            *self._order.frame.pixels.shape[:2],
        )
        source = DeviceFrame("bgr", height, width, self._buffers.frame.address, 3 * width)
        shown = DevicePicture(self._buffers.picture.address, 3 * self._order.shown[1])
        marks.started.record(way.compute)
        launch = preprocess_launch(source, way.plan.input, way.manifest.input, shown)
        way.device.launch(launch, way.compute)
        marks.prepared.record(way.compute)

    def _finish_up(self) -> None:
        way, buffers, spec = self._way, self._buffers, self._way.manifest.input
        resized, shown = self._order.resized, self._order.shown
        first = buffers.labels.address if resized is None else buffers.at_model_size
        at_model_size, tally = DeviceLabels(first, shown[1]), buffers.tally.address
        way.device.fill(tally, 0, TALLY_BYTES // 4, way.compute)
        size = (spec.height, spec.width)
        way.device.launch(
            labels_launch(way.plan.logits, size, self._order.placement, at_model_size, tally),
            way.compute,
        )
        height, width = resized or shown
        if resized is not None:
            final = DeviceLabels(buffers.labels.address, width)
            resize = resize_labels_launch(at_model_size, shown, final, resized)
            way.device.launch(resize, way.compute)
        # Behind everything else on the stream: it arrives only if all before it was done.
        way.device.fill(tally + TALLY_BYTES, self._order.generation, 1, way.compute)
        buffers.labels.to_host(height * width, way.compute)
        buffers.picture.to_host(3 * shown[0] * shown[1], way.compute)
        buffers.tally.to_host(TALLY_BYTES + STAMP_BYTES, way.compute)
        buffers.marks.done.record(way.compute)


def _stale(problem: str) -> EngineFailed:
    return EngineFailed(
        f"the device gave back what is not this frame's: {problem}",
        "Restart the daemon; if it comes again, report it with `runtime doctor`",
    )
