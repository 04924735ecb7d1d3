"""What the project uses of TensorRT's Python API, as types that carry TensorRT's own names.

The stub-less binding is `Any` to a type checker; through these protocols every name in use is
written down once. Tests compare them with the API of each supported release, from 8.5 to 11.
What a release may lack stands in `capabilities.SWITCHES` and is used only behind it.
"""

# ruff: noqa: D102 - TensorRT's own manual describes its methods.
from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, Sequence, Union

from typing_extensions import Protocol


class Named(Protocol):
    """A member of one of TensorRT's enumerations; its number differs between releases."""

    name: str

    def __int__(self) -> int: ...


class IHostMemory(Protocol):
    """Bytes that TensorRT owns; `bytes()` copies them."""

    @property
    def nbytes(self) -> int: ...

    def __buffer__(self, flags: int) -> memoryview: ...


class ITensor(Protocol):
    """A tensor of a network; the shape of an input can be set, -1 stands for "any"."""

    def set_dynamic_range(self, smallest: float, largest: float, /) -> bool: ...

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> Named: ...

    shape: Sequence[int]


class ILayer(Protocol):
    """A layer of a network."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> Named: ...
    @property
    def num_outputs(self) -> int: ...
    def get_input(self, index: int) -> ITensor: ...
    def get_output(self, index: int) -> ITensor: ...


class IResizeLayer(ILayer, Protocol):
    """A layer that interpolates; without scales its output has the shape that was set."""

    scales: Sequence[float]


class INetworkDefinition(Protocol):
    """A network that is being defined."""

    @property
    def num_layers(self) -> int: ...
    def get_layer(self, index: int) -> ILayer: ...
    @property
    def num_inputs(self) -> int: ...
    def get_input(self, index: int) -> ITensor: ...
    @property
    def num_outputs(self) -> int: ...
    def get_output(self, index: int) -> ITensor: ...


class ParserError(Protocol):
    """Why the ONNX parser stopped."""

    def desc(self) -> str: ...
    def node(self) -> int: ...
    def node_name(self) -> str: ...
    def node_operator(self) -> str: ...


class OnnxParser(Protocol):
    """Reads ONNX into a network."""

    def parse(self, model: bytes) -> bool: ...
    @property
    def num_errors(self) -> int: ...
    def get_error(self, index: int) -> ParserError: ...


class IOptimizationProfile(Protocol):
    """The sizes that an input with a free dimension may take."""

    def set_shape(
        self, name: str, smallest: Sequence[int], usual: Sequence[int], largest: Sequence[int], /
    ) -> None: ...


class ITimingCache(Protocol):
    """Measured kernel times, which make the next build of a like network faster."""

    def serialize(self) -> IHostMemory: ...


class IBuilderConfig(Protocol):
    """How a network is to be built."""

    profiling_verbosity: Named
    builder_optimization_level: int
    progress_monitor: object
    default_device_type: Named
    DLA_core: int
    num_compute_capabilities: int

    def set_flag(self, flag: Named) -> None: ...
    def get_flag(self, flag: Named) -> bool: ...
    def set_memory_pool_limit(self, pool: Named, pool_size: int) -> None: ...
    def add_optimization_profile(self, profile: IOptimizationProfile) -> int: ...
    def create_timing_cache(self, serialized_timing_cache: bytes) -> Optional[ITimingCache]: ...
    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool: ...
    def get_timing_cache(self) -> Optional[ITimingCache]: ...
    def can_run_on_DLA(self, layer: ILayer) -> bool: ...  # noqa: N802
    def set_compute_capability(self, compute_capability: Named, index: int) -> bool: ...


class Builder(Protocol):
    """Makes networks, configurations and plans; None and False mean that it could not."""

    @property
    def num_DLA_cores(self) -> int: ...  # noqa: N802
    def create_network(self, flags: int) -> INetworkDefinition: ...
    def create_builder_config(self) -> IBuilderConfig: ...
    def create_optimization_profile(self) -> IOptimizationProfile: ...
    def build_serialized_network(
        self, network: INetworkDefinition, config: IBuilderConfig
    ) -> Optional[IHostMemory]: ...


class MemoryPoolType(Protocol):
    """What memory can be limited."""

    WORKSPACE: Named


class ProfilingVerbosity(Protocol):
    """How much a plan tells of its layers."""

    DETAILED: Named


class DeviceType(Protocol):
    """What runs a layer."""

    DLA: Named


class LayerInformationFormat(Protocol):
    """How an inspector tells."""

    JSON: Named


class EngineInspector(Protocol):
    """Tells what a plan is made of; how much depends on the verbosity it was built with."""

    def get_engine_information(self, layer_format: Named, /) -> str: ...


class IExecutionContext(Protocol):
    """An engine's state for one frame at a time; addresses are the device's."""

    profiler: object
    device_memory: int

    def set_device_memory(self, memory: int, size: int) -> None: ...
    def set_input_shape(self, name: str, shape: Sequence[int], /) -> bool: ...
    def set_tensor_address(self, name: str, memory: int, /) -> bool: ...
    def execute_async_v3(self, stream_handle: int) -> bool: ...


class IRuntimeCache(Protocol):
    """What contexts compiled."""


class IRuntimeConfig(Protocol):
    """How contexts are made."""

    cuda_graph_strategy: Named

    def set_execution_context_allocation_strategy(self, strategy: Named, /) -> None: ...
    def create_runtime_cache(self) -> IRuntimeCache: ...
    def set_runtime_cache(self, cache: IRuntimeCache, /) -> bool: ...


class ICudaEngine(Protocol):
    """A plan that was loaded."""

    @property
    def num_io_tensors(self) -> int: ...
    @property
    def device_memory_size(self) -> int: ...
    @property
    def device_memory_size_v2(self) -> int: ...
    def get_tensor_name(self, index: int) -> str: ...
    def get_tensor_mode(self, name: str) -> Named: ...
    def get_tensor_shape(self, name: str) -> Sequence[int]: ...
    def get_tensor_dtype(self, name: str) -> Named: ...
    def get_tensor_format(self, name: str) -> Named: ...
    def create_engine_inspector(self) -> EngineInspector: ...
    def create_runtime_config(self) -> IRuntimeConfig: ...
    def create_execution_context(
        self, how: Union[Named, IRuntimeConfig], /
    ) -> Optional[IExecutionContext]: ...
    def create_execution_context_without_device_memory(self) -> Optional[IExecutionContext]: ...


class IProfiler(Protocol):
    """Is told how long each layer took."""

    def report_layer_time(self, layer_name: str, ms: float) -> None: ...


class Runtime(Protocol):
    """Loads plans; None means that it could not."""

    DLA_core: int

    @property
    def num_DLA_cores(self) -> int: ...  # noqa: N802
    def deserialize_cuda_engine(self, serialized: bytes, /) -> Optional[ICudaEngine]: ...


class Enumeration(Protocol):
    """One of TensorRT's enumerations whose members are asked for by name."""

    __members__: Mapping[str, Named]


class TensorRT(Protocol):
    """The module `tensorrt` or `tensorrt_rtx`."""

    __name__: str
    __version__: str
    ILogger: Any
    IProgressMonitor: Any
    IProfiler: Any
    Builder: Callable[[object], Builder]
    Runtime: Callable[[object], Runtime]
    OnnxParser: Callable[[INetworkDefinition, object], OnnxParser]
    IResizeLayer: Any
    MemoryPoolType: MemoryPoolType
    ProfilingVerbosity: ProfilingVerbosity
    DeviceType: DeviceType
    LayerInformationFormat: LayerInformationFormat
    BuilderFlag: Enumeration
    NetworkDefinitionCreationFlag: Enumeration
    ComputeCapability: Enumeration
    ExecutionContextAllocationStrategy: Enumeration
    CudaGraphStrategy: Enumeration
