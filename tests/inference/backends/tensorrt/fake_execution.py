"""TensorRT's execution as it is documented, on the host's stand-in for a GPU.

Its one network compares colours as `backends.fake` does, but on the normalised planar input and
with planar logits, so masks through it can be worked out by the references.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Dict, Optional, Tuple
from weakref import WeakSet

import numpy as np

from runtime.repository.manifest import EngineManifest
from tests.cuda.fake_cuda import FakeDriver
from tests.inference.backends.tensorrt.fake_network import Named
from tests.inference.backends.tensorrt.fake_tensorrt import FakeTensorRT

PLAN = b"a plan"
DLA_LOADABLES = 16
TYPES = {"FLOAT": np.float32, "HALF": np.float16, "INT8": np.int8}


def logits_of(planar: np.ndarray, manifest: EngineManifest) -> np.ndarray:
    """(3, height, width) normalised input to (classes, grid height, grid width) float32."""
    spec, grid = manifest.input, manifest.output
    rows, columns = (
        (2 * np.arange(cells) + 1) * pixels // (2 * cells)
        for cells, pixels in ((grid.height, spec.height), (grid.width, spec.width))
    )
    seen = planar.astype(np.float32)[:, rows][:, :, columns].transpose(1, 2, 0)
    colours = seen * np.array(spec.std, np.float32) + np.array(spec.mean, np.float32)
    palette = np.array(manifest.classes.palette, np.float32)
    distance: np.ndarray = ((colours[:, :, None] - palette) / 255) ** 2
    logits: np.ndarray = -distance.sum(axis=-1).transpose(2, 0, 1)
    return logits


@dataclass
class Behaviour:
    """What the plan and TensorRT do.

    Attributes:
        types: of input and output.
        layout: of the output; HWC8 pads its classes to 8.
        batch: the input's, -1 for open.
        shapes: replaces what a tensor's shape is, by name.
        extra: further tensors, by name their mode.
        scratch: bytes that an execution context needs.
        dla_cores: how many the machine has.
        loadables: of the plan on a DLA, of which a core holds 16 at a time.
        loads: whether the plan can be deserialised; else `says` is logged.
        prepares: whether it gets an execution context.
        runs: whether it is enqueued.
        says: logged where something does not go well.
        poison: fills the logits with this.
    """

    types: Tuple[str, str] = ("FLOAT", "FLOAT")
    layout: str = "LINEAR"
    batch: int = 1
    shapes: Dict[str, Tuple[int, ...]] = field(default_factory=dict)
    extra: Dict[str, str] = field(default_factory=dict)
    scratch: int = 1 << 20
    dla_cores: int = 0
    loadables: int = 0
    loads: bool = True
    prepares: bool = True
    runs: bool = True
    says: str = ""
    poison: Optional[float] = None


class FakeExecution(FakeTensorRT):
    """The module, of a machine whose GPU is a `FakeDriver`'s."""

    def __init__(
        self,
        driver: FakeDriver,
        manifest: EngineManifest,
        release: str = "10.3",
        behaviour: Optional[Behaviour] = None,
    ) -> None:
        super().__init__(release)
        self.driver, self.manifest = driver, manifest
        self.does = behaviour or Behaviour()
        self.contexts = self.deserialised = 0
        self.dla_core: Optional[int] = None
        self.IProfiler = type("IProfiler", (), {})
        if "ExecutionContextAllocationStrategy" in self.api:
            kind = "ExecutionContextAllocationStrategy"
            self.ExecutionContextAllocationStrategy = self.enumeration(kind)
        self.Runtime = self._execution_runtime

    def _execution_runtime(self, _: Any) -> Any:
        self.logger = _
        return self.show("Runtime", ExecutionRuntime(self))


class ExecutionRuntime:
    def __init__(self, trt: FakeExecution) -> None:
        self.trt = trt
        self.num_DLA_cores = trt.does.dla_cores

    @property
    def DLA_core(self) -> Optional[int]:  # noqa: N802 - TensorRT's own name
        return self.trt.dla_core

    @DLA_core.setter
    def DLA_core(self, core: int) -> None:  # noqa: N802
        self.trt.dla_core = core

    def deserialize_cuda_engine(self, serialized: bytes) -> Any:
        self.trt.driver.check("deserialize")
        self.trt.deserialised += 1
        if serialized != PLAN or not self.trt.does.loads:
            self.trt.say("ERROR", self.trt.does.says or "Magic tag does not match")
            return None
        return self.trt.show("ICudaEngine", PlanEngine(self.trt))


class PlanEngine:
    def __init__(self, trt: FakeExecution) -> None:
        self.trt = trt
        spec, grid, does = trt.manifest.input, trt.manifest.output, trt.does
        classes = len(trt.manifest.classes.names)
        self.shapes = {
            "image": (does.batch, 3, spec.height, spec.width),
            "logits": (does.batch, classes, grid.height, grid.width),
            **dict.fromkeys(does.extra, (1,)),
            **does.shapes,
        }
        self.modes = {"image": "INPUT", "logits": "OUTPUT", **does.extra}
        self.types = {"image": does.types[0], "logits": does.types[1]}
        self.device_memory_size = self.device_memory_size_v2 = does.scratch

        self.streams: Dict[int, Any] = {}
        self.of_profile: WeakSet[PlanContext] = WeakSet()
        self.living: WeakSet[PlanContext] = WeakSet()

    def takes_profile(self, context: PlanContext) -> bool:
        """Whether a context gets the only profile: 10 shares it, 8 keeps it for the first.

        A plan of fixed sizes needs none (`NvInferRuntime.h`, `setOptimizationProfile`).
        """
        if -1 not in self.shapes["image"] or "ExecutionContextAllocationStrategy" in self.trt.api:
            return True
        if self.of_profile:
            self.trt.say("ERROR", "Profile 0 has been chosen by another IExecutionContext.")
            return False
        self.of_profile.add(context)
        return True

    def require_alone(self, scratch: int, stream: Any) -> None:
        """Contexts that share scratch memory must not compute at the same time."""
        assert self.streams.setdefault(scratch, stream) is stream, "scratch memory on two streams"

    @property
    def num_io_tensors(self) -> int:
        return len(self.shapes)

    def get_tensor_name(self, index: int) -> str:
        return list(self.shapes)[index]

    def get_tensor_mode(self, name: str) -> Named:
        return Named(self.modes[name])

    def get_tensor_shape(self, name: str) -> Tuple[int, ...]:
        return self.shapes[name]

    def get_tensor_dtype(self, name: str) -> Named:
        return Named(self.types[name])

    def get_tensor_format(self, name: str) -> Named:
        return Named(self.trt.does.layout if name == "logits" else "LINEAR")

    def create_execution_context(self, strategy: Any) -> Any:
        assert strategy.name == "USER_MANAGED", "each context would take scratch memory of its own"
        return self.create_execution_context_without_device_memory()

    def create_execution_context_without_device_memory(self) -> Any:
        self.trt.driver.check("create_execution_context")
        self.trt.contexts += 1
        if not self.trt.does.prepares:
            self.trt.say("ERROR", self.trt.does.says)
            return None
        if self.trt.does.loadables * (len(self.living) + 1) > DLA_LOADABLES:
            self.trt.say("ERROR", "DLA Error in deserialize: 7 (Failure to load program.)")
            return None
        context = PlanContext(self.trt, self)
        self.living.add(context)
        return self.trt.show("IExecutionContext", context)


class PlanContext:
    """Runs the network on whatever lies at the addresses when the stream comes to it."""

    def __init__(self, trt: FakeExecution, engine: PlanEngine) -> None:
        self.trt, self.engine = trt, engine
        self.addresses: Dict[str, int] = {}
        self.has_profile = engine.takes_profile(self)
        self.shape_is_set = -1 not in engine.shapes["image"]
        self.profiler: Any = None
        self.device_memory = 0
        # What a context brings along is copied on the default stream, which streams that do not
        # block never wait for; a copy from pageable memory goes on after its call has returned.
        self.own_stream = trt.driver.Stream(1)
        self.is_there = False
        trt.driver.streams[self.own_stream.handle].put(self._arrive)

    def _arrive(self) -> None:
        self.is_there = True

    def set_device_memory(self, memory: int, size: int) -> None:
        assert size >= self.engine.device_memory_size_v2
        self.device_memory = memory

    def set_input_shape(self, name: str, shape: Tuple[int, ...]) -> bool:
        if not self.has_profile:
            self.trt.say("ERROR", "condition: mOptimizationProfile >= 0")
            return False
        self.shape_is_set = name == "image" and tuple(shape[1:]) == self.engine.shapes["image"][1:]
        return self.shape_is_set

    def set_tensor_address(self, name: str, memory: int) -> bool:
        if name not in self.engine.shapes:
            return False
        self.addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        self.trt.driver.check("execute_async_v3")
        complete = self.shape_is_set and set(self.addresses) == set(self.engine.shapes)
        if not complete or not self.trt.does.runs:
            self.trt.say("ERROR", self.trt.does.says or "Neither address or allocator is set")
            return False
        self.trt.driver.inside(self.device_memory, self.engine.device_memory_size)
        stream = self.trt.driver.streams[stream_handle]
        self.engine.require_alone(self.device_memory, stream)
        # Where the addresses lie when it is queued, wherever they lie later.
        stream.put(partial(self._compute, dict(self.addresses)))
        if self.profiler is not None:
            self.profiler.report_layer_time("layer1.conv + relu", 2.0)
            self.profiler.report_layer_time("logits", 0.5)
        return True

    def _compute(self, addresses: Dict[str, int]) -> None:
        manifest, does = self.trt.manifest, self.trt.does
        shape = (3, manifest.input.height, manifest.input.width)
        given = self._tensor(addresses["image"], shape, does.types[0])
        logits = logits_of(given, manifest)
        if not self.is_there:
            logits[...] = np.nan
        if does.poison is not None:
            logits[...] = does.poison
        if does.layout != "LINEAR":
            logits = logits.transpose(1, 2, 0)
            beyond = 8 - logits.shape[-1] if does.layout == "HWC8" else 0
            logits = np.pad(logits, [(0, 0), (0, 0), (0, beyond)], constant_values=6e4)
        self._tensor(addresses["logits"], logits.shape, does.types[1])[...] = logits

    def _tensor(self, address: int, shape: Tuple[int, ...], kind: str) -> np.ndarray:
        size = int(np.prod(shape)) * np.dtype(TYPES[kind]).itemsize
        memory = self.trt.driver.inside(address, size)
        found: np.ndarray = memory.view(TYPES[kind]).reshape(shape)
        return found
