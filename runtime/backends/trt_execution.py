"""A plan in a GPU's memory, ready to run: one path by tensor names for TensorRT 8.5 to 11 and RTX.

TensorRT answers failures with None and False; here they become faults that quote its log. All of it
belongs to the thread that owns the device.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Dict, Final, List, Optional, Tuple, Type

from typing_extensions import Literal

from runtime.backends.device_memory import require_room
from runtime.backends.trt_api import ICudaEngine, IExecutionContext, TensorRT
from runtime.backends.trt_capabilities import Capabilities, capabilities_of
from runtime.backends.trt_faults import engine_failed, engine_refused
from runtime.backends.trt_log import LogTail, listening
from runtime.cuda import CudaDevice
from runtime.cuda_streams import Stream
from runtime.errors import EngineRefused
from runtime.kernels.parameters import ELEMENT_BYTES
from runtime.manifest import EngineManifest
from runtime.postprocess.cuda import DeviceLogits
from runtime.preprocess.cuda import DeviceInput

FloatElement = Literal["float32", "float16"]
_ELEMENTS: Final[Dict[str, FloatElement]] = {"FLOAT": "float32", "HALF": "float16"}
# What one sample's classes are rounded up to, in the formats that keep them side by side.
_CLASSES_LAST: Final[Dict[str, int]] = {"HWC": 1, "HWC8": 8, "HWC16": 16}
_LINEAR: Final = "LINEAR"
_REBUILD: Final = "Build the plan here with `runtime build-engine --tensorrt`"


@dataclass(frozen=True)
class Interface:
    """A plan's only input and output.

    Attributes:
        given: name of the input, (1, 3, height, width).
        given_element: its type.
        taken: name of the output, (1, classes, grid height, grid width).
        taken_element: its type.
        padded_classes: 0 where the output lies plane by plane; else elements between its samples.
        open_batch: whether the input's shape has yet to be set.
    """

    given: str
    given_element: FloatElement
    taken: str
    taken_element: FloatElement
    padded_classes: int
    open_batch: bool


class LoadedPlan:
    """A plan with memory of its own for input and output; their addresses never change.

    Args:
        trt: the module that built it.
        device: entered by this thread.
        content: the plan; its hash was checked by the caller.
        manifest: what it must take and give.
        reserve: bytes that others will need beside it.
    """

    def __init__(
        self,
        trt: TensorRT,
        device: CudaDevice,
        content: bytes,
        manifest: EngineManifest,
        reserve: int = 0,
    ) -> None:
        self._trt = trt
        self._device = device
        self._content = content
        self._manifest = manifest
        self._reserve = reserve
        self._things = ExitStack()

    def __enter__(self) -> LoadedPlan:
        """Deserialises the plan and makes it ready.

        Raises:
            EngineRefused: TensorRT cannot load it, it is not what the manifest says, or the memory
                does not suffice.
        """
        with ExitStack() as things:
            logger, self._tail = things.enter_context(listening(self._trt))
            capabilities = capabilities_of(self._trt)
            log = (logger, self._tail)
            self._engine = _deserialised(self._trt, capabilities, log, self._content)
            # Last out, after the context, as TensorRT wants it.
            things.callback(delattr, self, "_engine")
            self._interface = interface_of(self._engine, self._manifest)
            self._require_memory(capabilities)
            self._context = self._made_context(capabilities)
            things.callback(delattr, self, "_context")
            self.input = DeviceInput(
                self._device.memory(self._input_bytes), self._interface.given_element
            )
            self.logits = self._described_logits()
            self._bind()
            self._things = things.pop_all()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._things.close()

    @property
    def logits_bytes(self) -> int:
        """Of the output."""
        grid, classes = self._manifest.output, len(self._manifest.classes.names)
        samples = grid.height * grid.width * (self._interface.padded_classes or classes)
        return samples * ELEMENT_BYTES[self._interface.taken_element]

    @property
    def _input_bytes(self) -> int:
        spec = self._manifest.input
        return 3 * spec.height * spec.width * ELEMENT_BYTES[self._interface.given_element]

    def enqueue(self, stream: Stream) -> None:
        """Queues one pass from `input` to `logits`.

        Raises:
            EngineFailed: TensorRT refused; a lost device says so.
        """
        if self._context.execute_async_v3(stream.number):
            return
        self._device.require_answer("run the engine")
        raise engine_failed("TensorRT could not run the engine", self._tail.problems)

    def use_profiler(self, profiler: object) -> None:
        """Lets TensorRT report every layer's time from now on; enqueueing then waits."""
        self._context.profiler = profiler

    def _require_memory(self, capabilities: Capabilities) -> None:
        scratch = (
            self._engine.device_memory_size_v2
            if capabilities.memory_size_v2
            else self._engine.device_memory_size
        )
        needed = scratch + self._input_bytes + self.logits_bytes + self._reserve
        require_room(needed, self._device.free_memory, self._device.integrated)

    def _made_context(self, capabilities: Capabilities) -> IExecutionContext:
        context = self._engine.create_execution_context()
        if context is None:
            raise engine_refused(
                f"{capabilities.product} cannot make the engine ready to run",
                self._tail.problems,
                "Stop other programs that use the GPU, or build with a smaller workspace",
            )
        return context

    def _described_logits(self) -> DeviceLogits:
        face, grid = self._interface, self._manifest.output
        return DeviceLogits(
            address=self._device.memory(self.logits_bytes),
            element=face.taken_element,
            layout="HWC" if face.padded_classes else "CHW",
            classes=len(self._manifest.classes.names),
            height=grid.height,
            width=grid.width,
            padded_classes=face.padded_classes,
        )

    def _bind(self) -> None:
        face, spec = self._interface, self._manifest.input
        shape = (1, 3, spec.height, spec.width)
        bound = (
            (not face.open_batch or self._context.set_input_shape(face.given, shape))
            and self._context.set_tensor_address(face.given, self.input.address)
            and self._context.set_tensor_address(face.taken, self.logits.address)
        )
        if not bound:
            raise engine_refused(
                "TensorRT does not take the engine's buffers", self._tail.problems, _REBUILD
            )


def _deserialised(
    trt: TensorRT, capabilities: Capabilities, log: Tuple[object, LogTail], content: bytes
) -> ICudaEngine:
    logger, tail = log
    try:
        engine = trt.Runtime(logger).deserialize_cuda_engine(content)
    except TypeError:
        # What Python's binding makes of a null pointer from the library.
        engine = None
    if engine is None:
        raise engine_refused(
            f"{capabilities.product} cannot load the plan", tail.problems, _REBUILD
        )
    return engine


def interface_of(engine: ICudaEngine, manifest: EngineManifest) -> Interface:
    """A plan's input and output, which are what the manifest says.

    Raises:
        EngineRefused: they are not; it names both sides.
    """
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    modes = {name: engine.get_tensor_mode(name).name for name in names}
    inputs = [name for name in names if modes[name] == "INPUT"]
    outputs = [name for name in names if modes[name] == "OUTPUT"]
    if len(inputs) != 1 or len(outputs) != 1:
        raise EngineRefused(
            f"the plan takes {inputs} and gives {outputs}, not one of each", _REBUILD
        )
    (given,), (taken,) = inputs, outputs
    spec, grid = manifest.input, manifest.output
    classes = len(manifest.classes.names)
    batch = _required_shape(engine, given, [3, spec.height, spec.width])
    _required_shape(engine, taken, [classes, grid.height, grid.width])
    layout = engine.get_tensor_format(taken).name
    if engine.get_tensor_format(given).name != _LINEAR or layout not in (_LINEAR, *_CLASSES_LAST):
        told = engine.get_tensor_format(given).name
        raise EngineRefused(
            f"the plan takes its input as {told} and gives {layout}, which no kernel here does",
            _REBUILD,
        )
    step = _CLASSES_LAST.get(layout, 0)
    return Interface(
        given=given,
        given_element=_element(engine, given),
        taken=taken,
        taken_element=_element(engine, taken),
        padded_classes=-(-classes // step) * step if step else 0,
        open_batch=batch < 0,
    )


def _required_shape(engine: ICudaEngine, name: str, expected: List[int]) -> int:
    """Checks all but the batch, which it returns: 1, or -1 where it is open."""
    batch, *rest = tuple(engine.get_tensor_shape(name))
    if rest != expected or batch not in (1, -1):
        raise EngineRefused(
            f"the plan's {name} has the shape {[batch, *rest]}, the manifest says {[1, *expected]}",
            _REBUILD,
        )
    return batch


def _element(engine: ICudaEngine, name: str) -> FloatElement:
    told = engine.get_tensor_dtype(name).name
    if told not in _ELEMENTS:
        raise EngineRefused(
            f"the plan's {name} has the type {told}, the kernels here take FLOAT and HALF", _REBUILD
        )
    return _ELEMENTS[told]
