"""A plan in a GPU's memory, ready to run: one path by tensor names for TensorRT 8.5 to 11 and RTX.

TensorRT answers failures with None and False; here they become faults that quote its log. All of it
belongs to the thread that owns the device.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Optional, Tuple, Type

from runtime.cuda.device import CudaDevice
from runtime.cuda.streams import Stream
from runtime.errors import EngineRefused
from runtime.inference.backends.tensorrt.api import ICudaEngine, IExecutionContext, TensorRT
from runtime.inference.backends.tensorrt.bindings import REBUILD, interface_of
from runtime.inference.backends.tensorrt.capabilities import capabilities_of
from runtime.inference.backends.tensorrt.contexts import context_maker, give_scratch, scratch_bytes
from runtime.inference.backends.tensorrt.errors import engine_failed, engine_refused
from runtime.inference.backends.tensorrt.log import listening
from runtime.inference.backends.tensorrt.memory_check import require_room
from runtime.inference.postprocess.cuda import DeviceLogits
from runtime.inference.preprocess.cuda import DeviceInput
from runtime.repository.manifest import EngineManifest

# CUDA gives no memory of no bytes, and TensorRT wants what it gets aligned to this.
_LEAST_SCRATCH: Final = 256


@dataclass(frozen=True)
class Use:
    """How a plan is going to be used.

    Attributes:
        executions: frames that will be under way at once.
        reserve: bytes of the device that others will need beside it.
        dla_core: the deep learning accelerator that it was built for; None for the GPU alone.
        cuda_graphs: whether its passes are captured and replayed.
    """

    executions: int = 1
    reserve: int = 0
    dla_core: Optional[int] = None
    cuda_graphs: bool = False


class LoadedPlan:
    """A plan and the scratch memory that all its executions share, on one stream.

    Args:
        trt: the module that built it.
        device: entered by this thread.
        content: the plan; its hash was checked by the caller.
        manifest: what it must take and give.
        use: what it is loaded for.

    Attributes:
        device: where it lies.
        manifest: of the engine.
        interface: its only input and output.
        stream: all executions run on it, one after another.
    """

    def __init__(
        self,
        trt: TensorRT,
        device: CudaDevice,
        content: bytes,
        manifest: EngineManifest,
        use: Use = Use(),
    ) -> None:
        self.device = device
        self.manifest = manifest
        self._trt = trt
        self._content = content
        self._use = use
        self._resources = ExitStack()
        self._only_context: Optional[IExecutionContext] = None

    def __enter__(self) -> LoadedPlan:
        """Deserialises the plan and takes its scratch memory.

        Raises:
            EngineRefused: TensorRT cannot load it, it is not what the manifest says, or the memory
                does not suffice.
        """
        with ExitStack() as resources:
            logger, self._tail = resources.enter_context(listening(self._trt))
            self._capabilities = capabilities_of(self._trt)
            self._engine = self._deserialised(logger)
            # Last out, after all contexts, as TensorRT wants it.
            resources.callback(delattr, self, "_engine")
            self.interface = interface_of(self._engine, self.manifest)
            self._scratch_bytes = max(
                scratch_bytes(self._engine, self._capabilities), _LEAST_SCRATCH
            )
            self._require_memory()
            self._scratch = self.device.memory(self._scratch_bytes)
            self._make_context = context_maker(
                self._trt, self._capabilities, self._engine, self._use.cuda_graphs
            )
            resources.callback(delattr, self, "_make_context")
            self.stream: Stream = self.device.stream()
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._resources.close()

    def execution(self) -> Execution:
        """A new execution of the plan, with buffers of its own; it ends with the plan.

        Raises:
            EngineRefused: TensorRT cannot make it, or does not take its buffers.
        """
        execution = Execution(self, self._only_context or self._new_context())
        self._resources.callback(execution.release)
        return execution

    @property
    def one_context(self) -> bool:
        """Whether all executions take turns with a single context.

        Before TensorRT 10 a range of sizes belongs to one context as long as that lives, and a plan
        with an open batch has one range. A DLA holds 16 loadables, and a plan that falls back to
        the GPU again and again has many of them.
        """
        range_is_taken = self.interface.open_batch and not self._capabilities.shared_profiles
        return self._use.dla_core is not None or range_is_taken

    @property
    def problems(self) -> Tuple[str, ...]:
        """What TensorRT complained of lately."""
        return tuple(self._tail.problems)

    def _new_context(self) -> IExecutionContext:
        context = self._make_context()
        if context is None:
            raise engine_refused(
                f"{self._capabilities.product} cannot make the engine ready to run",
                self._tail.problems,
                "Stop other programs that use the GPU, or build with a smaller workspace",
            )
        give_scratch(context, self._capabilities, self._scratch, self._scratch_bytes)
        # What TensorRT copies on the default stream may still be under way when it returns, and
        # streams that do not block would not wait for it.
        self.device.require_answer("make the engine ready to run")
        if self.one_context:
            self._only_context = context
            self._resources.callback(setattr, self, "_only_context", None)
        return context

    def _deserialised(self, logger: object) -> ICudaEngine:
        runtime = self._trt.Runtime(logger)
        core = self._use.dla_core
        if core is not None:
            if core >= runtime.num_DLA_cores:
                raise EngineRefused(
                    f"the plan is for DLA core {core}, this machine has {runtime.num_DLA_cores}",
                    "Build one for the GPU with `runtime build-engine --tensorrt`",
                )
            runtime.DLA_core = core
        try:
            engine = runtime.deserialize_cuda_engine(self._content)
        except TypeError:
            # What Python's binding makes of a null pointer from the library.
            engine = None
        if engine is None:
            product = self._capabilities.product
            raise engine_refused(f"{product} cannot load the plan", self._tail.problems, REBUILD)
        return engine

    def _require_memory(self) -> None:
        interface, manifest = self.interface, self.manifest
        of_an_execution = interface.input_bytes(manifest) + interface.logits_bytes(manifest)
        needed = self._scratch_bytes + self._use.executions * of_an_execution + self._use.reserve
        require_room(needed, self.device.free_memory, self.device.integrated)


class Execution:
    """Takes one frame at a time through a plan: input and logits whose addresses never change.

    Attributes:
        input: where the plan reads.
        logits: where it writes.
        logits_bytes: size of the latter, padding included.
    """

    def __init__(self, plan: LoadedPlan, context: IExecutionContext) -> None:
        self._plan = plan
        self._context = context
        interface, device, manifest = plan.interface, plan.device, plan.manifest
        self.logits_bytes = interface.logits_bytes(manifest)
        self.input = DeviceInput(
            device.memory(interface.input_bytes(manifest)), interface.input_element
        )
        self.logits = DeviceLogits(
            address=device.memory(self.logits_bytes),
            element=interface.output_element,
            layout="HWC" if interface.padded_classes else "CHW",
            classes=len(manifest.classes.names),
            height=manifest.output.height,
            width=manifest.output.width,
            padded_classes=interface.padded_classes,
        )
        shape = (1, 3, manifest.input.height, manifest.input.width)
        if interface.open_batch and not context.set_input_shape(interface.input_name, shape):
            raise self._not_bound()
        self._bind()

    def enqueue(self) -> None:
        """Queues one pass from `input` to `logits` on the plan's stream.

        Raises:
            EngineFailed: TensorRT refused; a lost device says so.
        """
        if self._plan.one_context:
            self._bind()
        if self._context.execute_async_v3(self._plan.stream.number):
            return
        self._plan.device.require_answer("run the engine")
        raise engine_failed("TensorRT could not run the engine", self._plan.problems)

    def use_profiler(self, profiler: object) -> None:
        """Lets TensorRT report every layer's time from now on; enqueueing then waits."""
        self._context.profiler = profiler

    def release(self) -> None:
        """Gives its context back; it cannot be used any more."""
        del self._context

    def _bind(self) -> None:
        interface, context = self._plan.interface, self._context
        if not (
            context.set_tensor_address(interface.input_name, self.input.address)
            and context.set_tensor_address(interface.output_name, self.logits.address)
        ):
            raise self._not_bound()

    def _not_bound(self) -> EngineRefused:
        return engine_refused(
            "TensorRT does not take the engine's buffers", self._plan.problems, REBUILD
        )
