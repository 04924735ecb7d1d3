"""TensorRT and TensorRT-RTX: one device thread, one plan, pipelines that take frames over the GPU.

The one slot keeps to the contract of all engines, with the resized image in and logits out. What is
served goes through the pipelines: see `pipeline`.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Optional, Sequence, Type

import numpy as np

from runtime.cuda import pycuda
from runtime.cuda.device import CudaDevice
from runtime.errors import BuildFailed, EngineRefused
from runtime.inference.backends.tensorrt.api import TensorRT
from runtime.inference.backends.tensorrt.buffers import Buffers, SharedDevice
from runtime.inference.backends.tensorrt.execution import LoadedPlan, Use
from runtime.inference.backends.tensorrt.gpu_thread import DeviceThread, closed
from runtime.inference.backends.tensorrt.library import tensorrt_module
from runtime.inference.backends.tensorrt.pipeline import TensorRtPipeline
from runtime.inference.backends.tensorrt.profiler import LayerTimes, profiler_for
from runtime.inference.engine import (
    AS_USUAL,
    DeviceOptions,
    Mode,
    TensorSpec,
    input_tensor,
    output_tensor,
)
from runtime.inference.preprocess.cuda import DeviceFrame, preprocess_launch
from runtime.repository.manifest import Build, EngineManifest

PIPELINES: Final = {"latency": 1, "throughput": 3}
"""Frames under way at once: one is preprocessed, one inferred, one labelled and encoded."""


class TensorRtEngine:
    """A plan on the first GPU; nothing is loaded before the `with` block.

    Args:
        manifest: geometry, normalisation and classes.
        build: the plan's; its backend says which module runs it.
        artefact: the plan; its hash was checked by the caller.
        mode: "latency" takes one frame at a time, "throughput" three.
        options: how the GPU is run.

    Attributes:
        slots: the engine alone, from image to logits.
        pipelines: all stages on the device, from frame to labels.
    """

    def __init__(
        self,
        manifest: EngineManifest,
        build: Build,
        artefact: Path,
        mode: Mode = "throughput",
        options: DeviceOptions = AS_USUAL,
    ) -> None:
        self.input: TensorSpec = input_tensor(manifest)
        self.output: TensorSpec = output_tensor(manifest)
        self.slots: Sequence[TensorRtSlot] = ()
        self.pipelines: Sequence[TensorRtPipeline] = ()
        self._manifest = manifest
        self._build = build
        self._artefact = artefact
        self._mode: Mode = mode
        self._options = options
        self._resources = ExitStack()
        self._trt: Optional[TensorRT] = None
        self._driver: Optional[pycuda.Driver] = None

    def on(self, trt: TensorRT, driver: pycuda.Driver) -> TensorRtEngine:
        """Lets it use these modules rather than import them; returns the engine itself.

        Args:
            trt: in place of `tensorrt` or `tensorrt_rtx`.
            driver: in place of `pycuda.driver`.
        """
        self._trt, self._driver = trt, driver
        return self

    def __enter__(self) -> TensorRtEngine:
        """Takes the GPU, loads the plan and makes every buffer.

        Raises:
            EngineRefused: a library or the GPU is missing, the plan is foreign or broken, or the
                memory does not suffice.
        """
        trt = self._module()
        self._require_version(trt)
        with ExitStack() as resources:
            thread = resources.enter_context(DeviceThread(CudaDevice(self._driver)))
            self._require_device(thread.device)
            plan = LoadedPlan(
                trt, thread.device, self._artefact.read_bytes(), self._manifest, self._use
            )
            thread.call(plan.__enter__)
            resources.callback(thread.end, lambda: plan.__exit__(None, None, None))
            preprocess, postprocess = (thread.call(thread.device.stream) for _ in range(2))
            shared = SharedDevice(thread, plan, preprocess, postprocess, self._options)
            # A frame that nobody waits for any more may still be under way.
            resources.callback(thread.end, lambda: _drain(shared))
            slot = TensorRtSlot(shared)
            self.pipelines = tuple(TensorRtPipeline(shared) for _ in range(PIPELINES[self._mode]))
            for pipeline in self.pipelines:
                resources.callback(pipeline.close)
            self.slots = (slot,)
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.slots, self.pipelines = (), ()
        self._resources.__exit__(kind, error, trace)

    def layer_times(self, passes: int = 100) -> str:
        """Runs the engine alone and returns the JSON that `trtexec --exportProfile` writes.

        Args:
            passes: how many are timed, after one that is not.

        Raises:
            EngineFailed: the engine is closed, or stopped computing.
        """
        if not self.slots:
            raise closed()
        slot, times = self.slots[0], LayerTimes()
        slot.run()
        slot.report_to(profiler_for(self._module(), times))
        for _ in range(passes):
            slot.run()
        slot.report_to(None)
        return times.as_json()

    @property
    def _use(self) -> Use:
        """What the plan is loaded for; each pipeline and the slot take an execution of it."""
        pipelines = PIPELINES[self._mode]
        image, logits = int(np.prod(self.input.shape)), 4 * int(np.prod(self.output.shape))
        return Use(
            executions=pipelines + 1,
            reserve=pipelines * Buffers.size(self._manifest) + image + logits,
            dla_core=self._build.settings.get("dla_core"),
            cuda_graphs=self._options.cuda_graphs,
        )

    def _module(self) -> TensorRT:
        if self._trt is not None:
            return self._trt
        rtx = self._build.backend == "tensorrt_rtx"
        try:
            self._trt = tensorrt_module("tensorrt_rtx" if rtx else "tensorrt")
        except BuildFailed as fault:
            raise EngineRefused(fault.problem, fault.cure) from fault
        return self._trt

    def _require_version(self, trt: TensorRT) -> None:
        # Before anything is deserialised: TensorRT does not always refuse politely.
        if self._build.backend_version != trt.__version__:
            raise EngineRefused(
                f"{self._artefact.name} is for {self._build.backend} "
                f"{self._build.backend_version}, here is {trt.__version__}",
                "Build it here with `runtime build-engine --tensorrt`",
            )

    def _require_device(self, device: CudaDevice) -> None:
        # The repository compares with what the driver says of the machine; this is the very device.
        here = ".".join(map(str, device.compute_capability))
        if self._build.compute_capability not in (None, here):
            raise EngineRefused(
                f"{self._artefact.name} is for compute capability "
                f"{self._build.compute_capability}, {device.name} has {here}",
                "Build it here with `runtime build-engine --tensorrt`",
            )


def _drain(shared: SharedDevice) -> None:
    if shared.device.lost is None:
        shared.synchronize()


class TensorRtSlot:
    """The engine alone, from image to logits, each run waited for; see `engine.Slot`."""

    def __init__(self, shared: SharedDevice) -> None:
        spec, grid = shared.manifest.input, shared.manifest.output
        classes = len(shared.manifest.classes.names)
        self.input: np.ndarray = np.zeros((spec.height, spec.width, 3), np.uint8)
        self.output: np.ndarray = np.zeros((grid.height, grid.width, classes), np.float32)
        self._shared = shared
        device, call = shared.device, shared.thread.call
        self._execution = call(shared.plan.execution)
        self._image = call(lambda: device.window(self.input.size))
        address, size = self._execution.logits.address, self._execution.logits_bytes
        self._logits = call(lambda: device.mirror(address, size))

    def run(self) -> None:
        """Computes on the device's thread, from the input to the logits."""
        self._shared.thread.call(self._run)
        self.output[...] = self._read()

    def report_to(self, profiler: Optional[object]) -> None:
        """Lets TensorRT report layers' times to a profiler, or to none."""
        self._shared.thread.call(lambda: self._execution.use_profiler(profiler))

    def _run(self) -> None:
        shared, execution, (height, width) = self._shared, self._execution, self.input.shape[:2]
        stream, spec = shared.infer_stream, shared.manifest.input
        source = DeviceFrame("bgr", height, width, self._image.address, 3 * width)
        self._image.array[:] = self.input.reshape(-1)
        self._image.to_device(self._image.array.size, stream)
        shared.device.launch(preprocess_launch(source, execution.input, spec), stream)
        execution.enqueue()
        self._logits.to_host(self._logits.array.size, stream)
        stream.synchronize()

    def _read(self) -> np.ndarray:
        """(grid height, grid width, classes), however the plan laid them out."""
        logits = self._execution.logits
        values = self._logits.array.view(logits.element)
        if logits.layout == "HWC":
            shape = (logits.height, logits.width, -1)
            return np.asarray(values.reshape(shape)[..., : logits.classes])
        planes = values.reshape(logits.classes, logits.height, logits.width)
        return np.asarray(planes.transpose(1, 2, 0))
