"""TensorRT and TensorRT-RTX: one device thread, one plan, lanes that take frames over the GPU.

The one slot keeps to the contract of all engines, with the resized image in and logits out. The
lanes are the fast way: see `device_lane`.
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
from runtime.inference.backends.tensorrt.buffers import Buffers, Way
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

LANES: Final = {"latency": 1, "throughput": 3}
"""Frames under way at once: one is prepared, one computed, one labelled and encoded."""


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
        lanes: the whole way on the device, from frame to labels.
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
        self.lanes: Sequence[TensorRtPipeline] = ()
        self._manifest = manifest
        self._build = build
        self._artefact = artefact
        self._mode: Mode = mode
        self._options = options
        self._things = ExitStack()
        self._trt: Optional[TensorRT] = None
        self._driver: Optional[pycuda.Driver] = None

    def on(self, trt: TensorRT, driver: pycuda.Driver) -> TensorRtEngine:
        """Lets it use these modules rather than import them."""
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
        with ExitStack() as things:
            thread = things.enter_context(DeviceThread(CudaDevice(self._driver)))
            self._require_device(thread.device)
            plan = LoadedPlan(
                trt, thread.device, self._artefact.read_bytes(), self._manifest, self._use
            )
            thread.call(plan.__enter__)
            things.callback(thread.end, lambda: plan.__exit__(None, None, None))
            prepare, answer = (thread.call(thread.device.stream) for _ in range(2))
            way = Way(thread, plan, prepare, answer, self._options)
            # A frame that nobody waits for any more may still be under way.
            things.callback(thread.end, lambda: _settle(way))
            slot = TensorRtSlot(way)
            self.lanes = tuple(TensorRtPipeline(way) for _ in range(LANES[self._mode]))
            for lane in self.lanes:
                things.callback(lane.close)
            self.slots = (slot,)
            self._things = things.pop_all()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.slots, self.lanes = (), ()
        self._things.__exit__(kind, error, trace)

    def layer_times(self, passes: int = 100) -> str:
        """Runs the engine alone and returns the JSON that `trtexec --exportProfile` writes.

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
        """What the plan is loaded for; each lane and the slot take an execution of it."""
        lanes = LANES[self._mode]
        image, logits = int(np.prod(self.input.shape)), 4 * int(np.prod(self.output.shape))
        return Use(
            executions=lanes + 1,
            reserve=lanes * Buffers.size(self._manifest) + image + logits,
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


def _settle(way: Way) -> None:
    if way.device.lost is None:
        way.settle()


class TensorRtSlot:
    """The engine alone, from image to logits, each run waited for; see `backends.Slot`."""

    def __init__(self, way: Way) -> None:
        spec, grid = way.manifest.input, way.manifest.output
        classes = len(way.manifest.classes.names)
        self.input: np.ndarray = np.zeros((spec.height, spec.width, 3), np.uint8)
        self.output: np.ndarray = np.zeros((grid.height, grid.width, classes), np.float32)
        self._way = way
        device, call = way.device, way.thread.call
        self._execution = call(way.plan.execution)
        self._given = call(lambda: device.window(self.input.size))
        address, size = self._execution.logits.address, self._execution.logits_bytes
        self._taken = call(lambda: device.mirror(address, size))

    def run(self) -> None:
        """Computes on the device's thread, from the input to the logits."""
        self._way.thread.call(self._run)
        self.output[...] = self._read()

    def report_to(self, profiler: Optional[object]) -> None:
        """Lets TensorRT report layers' times to a profiler, or to none."""
        self._way.thread.call(lambda: self._execution.use_profiler(profiler))

    def _run(self) -> None:
        way, execution, height, width = self._way, self._execution, *self.input.shape[:2]
        stream = way.plan.stream
        source = DeviceFrame("bgr", height, width, self._given.address, 3 * width)
        self._given.array[:] = self.input.reshape(-1)
        self._given.to_device(self._given.array.size, stream)
        way.device.launch(preprocess_launch(source, execution.input, way.manifest.input), stream)
        execution.enqueue()
        self._taken.to_host(self._taken.array.size, stream)
        stream.finish()

    def _read(self) -> np.ndarray:
        """(grid height, grid width, classes), however the plan laid them out."""
        logits = self._execution.logits
        values = self._taken.array.view(logits.element)
        if logits.layout == "HWC":
            shape = (logits.height, logits.width, -1)
            return np.asarray(values.reshape(shape)[..., : logits.classes])
        planes = values.reshape(logits.classes, logits.height, logits.width)
        return np.asarray(planes.transpose(1, 2, 0))
