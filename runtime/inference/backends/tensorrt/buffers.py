"""What the pipelines of one engine share, and the memory and events that each has alone."""

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
class SharedDevice:
    """What the pipelines of one engine share: a GPU, a plan, and one stream per stage.

    The frames of all pipelines meet in the same three streams: each stage takes one at a time.

    Attributes:
        thread: owns the device.
        plan: loaded on it, with the stream of the engine's passes.
        preprocess_stream: of what comes before the engine: uploads and preprocessing.
        postprocess_stream: of what comes after it: labels and copies back.
        options: how the device is run.
    """

    thread: DeviceThread
    plan: LoadedPlan
    preprocess_stream: Stream
    postprocess_stream: Stream
    options: DeviceOptions = AS_USUAL

    @property
    def device(self) -> CudaDevice:
        """The GPU."""
        return self.thread.device

    @property
    def infer_stream(self) -> Stream:
        """The stream of the engine's passes."""
        return self.plan.stream

    @property
    def manifest(self) -> EngineManifest:
        """The engine's manifest."""
        return self.plan.manifest

    def synchronize(self) -> None:
        """Waits until no stage of any frame is under way; call it on the device's thread."""
        for stream in (self.preprocess_stream, self.infer_stream, self.postprocess_stream):
            stream.synchronize()


class StageEvents:
    """CUDA events at the beginning and end of a frame's stages, timed by the device's own clock.

    Attributes:
        started: before the upload.
        preprocessed: the engine's input is complete.
        infer_started: the engine's pass begins; another frame's may have kept it waiting.
        inferred: the logits are complete.
        done: everything is copied back.
    """

    def __init__(self, shared: SharedDevice) -> None:
        def event() -> Event:
            return shared.device.event(blocking=not shared.options.busy_wait)

        self.started, self.preprocessed = event(), event()
        self.infer_started, self.inferred, self.done = event(), event(), event()

    def timings(self) -> Dict[str, float]:
        """Seconds of each stage; between preprocessing and engine a frame may wait for another.

        The upload counts as preprocessing, the copies back as postprocessing.
        """
        return {
            "preprocess": self.started.seconds_till(self.preprocessed),
            "infer": self.infer_started.seconds_till(self.inferred),
            "postprocess": self.inferred.seconds_till(self.done),
        }


class Buffers:
    """One frame's memory; made and grown on the device's thread, and never shrunk.

    Attributes:
        execution: an execution of the plan, with input and logits of its own.
        frame: the pixels as they came: BGR or NV12.
        image: the frame as the model sees it, BGR without padding.
        overlay: the image under the classes' colours.
        labels: uint8 class ids of the size that is asked for.
        at_model_size: address of labels that are still to be resized; the device alone reaches it.
        tally: pixels of each class, and the frame's number behind them, uint32.
        events: where its stages begin and end.
    """

    def __init__(self, shared: SharedDevice) -> None:
        spec = shared.manifest.input
        pixels = spec.height * spec.width
        self._device = shared.device
        self.execution: Execution = shared.plan.execution()
        self.frame: Window = self._device.window(3 * pixels)
        self.labels: Window = self._device.window(pixels)
        self.image = self._device.window(3 * pixels)
        self.overlay = self._device.window(3 * pixels)
        self.at_model_size = self._device.memory(pixels)
        self.tally = self._device.window(TALLY_BYTES + STAMP_BYTES, staged=True)
        self.events = StageEvents(shared)

    @staticmethod
    def size(manifest: EngineManifest) -> int:
        """Bytes of all of it but the execution, frames taken to be of the model's size."""
        pixels = manifest.input.height * manifest.input.width
        return (3 + 1 + 3 + 3 + 1) * pixels + TALLY_BYTES + STAMP_BYTES

    def fits(self, frame: int, labels: int) -> bool:
        """Whether a frame and a mask have room.

        Args:
            frame: its size, bytes.
            labels: the mask's size, bytes.
        """
        return self.frame.array.size >= frame and self.labels.array.size >= labels

    def grow(self, frame: int, labels: int) -> None:
        """Makes room; the content is lost.

        Args:
            frame: size of the largest frame to come, bytes.
            labels: size of the largest mask to come, bytes.

        Raises:
            DeviceMemoryFull: there is none; what was there stays as it is.
        """
        self.frame = self._grown(self.frame, frame)
        self.labels = self._grown(self.labels, labels)

    def _grown(self, window: Window, size: int) -> Window:
        if window.array.size >= size:
            return window
        # The new one first: where there is no memory for it the old one stays good.
        larger = self._device.window(size)
        self._device.release(window)
        return larger
