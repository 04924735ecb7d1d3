"""What the lanes of one engine share, and the memory and marks that each has alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Final

from runtime.cuda.device import CudaDevice
from runtime.cuda.streams import Event, Stream, Window
from runtime.inference.backends.tensorrt.execution import Execution, LoadedPlan
from runtime.inference.backends.tensorrt.gpu_thread import DeviceThread
from runtime.inference.engine import AS_USUAL, DeviceOptions
from runtime.inference.postprocess.cuda import TALLY_BYTES
from runtime.repository.manifest import EngineManifest

STAMP_BYTES: Final = 4


@dataclass(frozen=True)
class Way:
    """What the lanes of one engine share: the frames of all lanes meet in three streams.

    Attributes:
        thread: owns the device.
        plan: loaded on it, with the stream of the engine's passes.
        prepare: stream of what comes before the engine: uploads and preprocessing.
        answer: stream of what comes after it: labels and copies back.
        options: how the device is run.
    """

    thread: DeviceThread
    plan: LoadedPlan
    prepare: Stream
    answer: Stream
    options: DeviceOptions = AS_USUAL

    @property
    def device(self) -> CudaDevice:
        """The GPU."""
        return self.thread.device

    @property
    def manifest(self) -> EngineManifest:
        """Of the engine."""
        return self.plan.manifest

    def settle(self) -> None:
        """Waits until nothing is under way; on the device's thread."""
        for stream in (self.prepare, self.plan.stream, self.answer):
            stream.finish()


class Marks:
    """The moments of a frame's way, on the device's own clock."""

    def __init__(self, way: Way) -> None:
        def event() -> Event:
            return way.device.event(blocking=not way.options.busy_wait)

        self.offered, self.prepared, self.started = event(), event(), event()
        self.inferred, self.done = event(), event()

    def timings(self) -> Dict[str, float]:
        """Seconds of each stage; between preprocessing and engine a frame may wait for another.

        The upload counts as preprocessing, the copies back as postprocessing.
        """
        return {
            "preprocess": self.offered.seconds_till(self.prepared),
            "infer": self.started.seconds_till(self.inferred),
            "postprocess": self.inferred.seconds_till(self.done),
        }


class Buffers:
    """One frame's memory; made and grown on the device's thread, and never shrunk.

    Attributes:
        execution: the frame's way through the engine, with input and logits of its own.
        frame: takes the pixels as they came.
        image: the frame as the model sees it.
        overlay: the image under the classes' colours.
        labels: as they are asked for.
        at_model_size: labels that are still to be resized; the device's alone.
        tally: pixels of each class, and the frame's number behind them.
        marks: when it was where.
    """

    def __init__(self, way: Way) -> None:
        spec = way.manifest.input
        pixels = spec.height * spec.width
        self._device = way.device
        self.execution: Execution = way.plan.execution()
        self.frame: Window = self._device.window(3 * pixels)
        self.labels: Window = self._device.window(pixels)
        self.image = self._device.window(3 * pixels)
        self.overlay = self._device.window(3 * pixels)
        self.at_model_size = self._device.memory(pixels)
        self.tally = self._device.window(TALLY_BYTES + STAMP_BYTES, staged=True)
        self.marks = Marks(way)

    @staticmethod
    def size(manifest: EngineManifest) -> int:
        """Bytes of all of it but the execution, frames taken to be of the model's size."""
        pixels = manifest.input.height * manifest.input.width
        return (3 + 1 + 3 + 3 + 1) * pixels + TALLY_BYTES + STAMP_BYTES

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
