"""For mypy alone: what `trt_api` declares, called on TensorRT's published types.

`make lint` puts the type stubs of 10.13 where mypy finds them; without them every class below is
Any. The protocols cannot be compared as wholes, as the stubs have types of their own for flags and
shapes; so each member is used here once as the project uses it.
"""

from __future__ import annotations

from typing import Any, List, Optional

import tensorrt as trt


def module(logger: trt.ILogger, network: trt.INetworkDefinition) -> List[Any]:
    level: int = int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    flags = [trt.BuilderFlag.FP16, trt.BuilderFlag.INT8, trt.BuilderFlag.GPU_FALLBACK, level]
    made = [trt.Builder(logger), trt.Runtime(logger), trt.OnnxParser(network, logger)]
    return [*flags, *made, trt.IProgressMonitor, trt.IResizeLayer, trt.ILogger, trt.IProfiler]


def builder(real: trt.Builder) -> List[Any]:
    config: trt.IBuilderConfig = real.create_builder_config()
    network: trt.INetworkDefinition = real.create_network(1)
    plan: Optional[trt.IHostMemory] = real.build_serialized_network(network, config)
    cores: int = real.num_DLA_cores
    return [plan, cores, real.create_optimization_profile()]


def config(
    real: trt.IBuilderConfig, layer: trt.ILayer, profile: trt.IOptimizationProfile
) -> List[Any]:
    real.set_flag(trt.BuilderFlag.FP16)
    known: bool = real.get_flag(trt.BuilderFlag.FP16)
    real.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 30)
    real.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    real.default_device_type = trt.DeviceType.DLA
    real.DLA_core = 0
    real.builder_optimization_level = 3
    real.progress_monitor = trt.IProgressMonitor()
    on_dla: bool = real.can_run_on_DLA(layer)
    number: int = real.add_optimization_profile(profile)
    cache: trt.ITimingCache = real.create_timing_cache(b"")
    assert real.set_timing_cache(cache, False)
    content: trt.IHostMemory = real.get_timing_cache().serialize()
    return [known, on_dla, number, bytes(content), content.nbytes]


def profile(real: trt.IOptimizationProfile, shape: trt.Dims) -> None:
    real.set_shape("image", shape, shape, shape)


def network(real: trt.INetworkDefinition) -> List[trt.ITensor]:
    layers: List[trt.ILayer] = [real.get_layer(index) for index in range(real.num_layers)]
    inputs = [real.get_input(index) for index in range(real.num_inputs)]
    outputs = [real.get_output(index) for index in range(real.num_outputs)]
    inner = [layer.get_output(index) for layer in layers for index in range(layer.num_outputs)]
    return [*inputs, *outputs, *inner, *(layer.get_input(0) for layer in layers)]


def layer(real: trt.ILayer, resize: trt.IResizeLayer, tensor: trt.ITensor) -> List[Any]:
    names: List[str] = [real.name, tensor.name]
    kinds = [real.type == trt.LayerType.RESIZE, tensor.dtype == trt.DataType.HALF]
    resize.scales = [1.0, 1.0, 2.0, 2.0]
    assert tensor.set_dynamic_range(-1.0, 1.0)
    return [names, kinds, tensor.shape]


def parser(real: trt.OnnxParser) -> List[str]:
    read: bool = real.parse(b"")
    errors: List[trt.ParserError] = [real.get_error(i) for i in range(real.num_errors)]
    numbers: List[int] = [error.node() for error in errors]
    told = [f"{e.desc()} {e.node_name()} {e.node_operator()}" for e in errors]
    return [str(read), *map(str, numbers), *told]


def monitor(real: trt.IProgressMonitor) -> bool:
    real.phase_start("build", "parent", 3)
    real.phase_finish("build")
    goes_on: bool = real.step_complete("build", 1)
    return goes_on


def inspection(real: trt.Runtime) -> str:
    real.DLA_core = real.num_DLA_cores - 1
    engine: Optional[trt.ICudaEngine] = real.deserialize_cuda_engine(b"")
    assert engine is not None
    inspector: trt.EngineInspector = engine.create_engine_inspector()
    told: str = inspector.get_engine_information(trt.LayerInformationFormat.JSON)
    return told


def interface(real: trt.ICudaEngine) -> List[Any]:
    name: str = real.get_tensor_name(real.num_io_tensors - 1)
    sizes: List[int] = [real.device_memory_size, real.device_memory_size_v2]
    taken = real.get_tensor_mode(name) == trt.TensorIOMode.OUTPUT
    linear = real.get_tensor_format(name) == trt.TensorFormat.LINEAR
    half = real.get_tensor_dtype(name) == trt.DataType.HALF
    return [sizes, taken, linear, half, real.get_tensor_shape(name)[:]]


def execution(real: trt.ICudaEngine, profiler: trt.IProfiler) -> bool:
    strategy = trt.ExecutionContextAllocationStrategy.USER_MANAGED
    older: trt.IExecutionContext = real.create_execution_context_without_device_memory()
    configuration: trt.IRuntimeConfig = real.create_runtime_config()
    configuration.set_execution_context_allocation_strategy(strategy)
    configured: trt.IExecutionContext = real.create_execution_context(configuration)
    configured.set_device_memory(1 << 20, 256)
    context: trt.IExecutionContext = real.create_execution_context(strategy)
    context.profiler = profiler
    profiler.report_layer_time("layer", 1.0)
    shaped: bool = context.set_input_shape("image", (1, 3, 32, 64))
    bound: bool = context.set_tensor_address("image", 1 << 20)
    started: bool = context.execute_async_v3(1 << 20)
    return shaped and bound and started and older is not None
