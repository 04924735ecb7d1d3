"""Execution contexts without scratch memory of their own, as each release makes them.

Several contexts of one plan then share one scratch memory. TensorRT allows that as long as they
never compute at the same time, which one stream for all of them ensures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional

from runtime.errors import EngineRefused
from runtime.inference.backends.tensorrt.api import (
    ICudaEngine,
    IExecutionContext,
    IRuntimeCache,
    IRuntimeConfig,
    TensorRT,
)
from runtime.inference.backends.tensorrt.capabilities import Capabilities

Maker = Callable[[], Optional[IExecutionContext]]
"""Makes one context; None where TensorRT cannot."""


def context_maker(
    trt: TensorRT, capabilities: Capabilities, engine: ICudaEngine, cuda_graphs: bool
) -> Maker:
    """How this release makes contexts that are given their scratch memory.

    Args:
        trt: the module.
        capabilities: of the module.
        engine: the plan.
        cuda_graphs: whether passes are captured once and replayed, which saves the processor the
            launch of every layer.

    Raises:
        EngineRefused: graphs are asked for and this product does not capture them.
    """
    if cuda_graphs and not capabilities.cuda_graphs:
        raise EngineRefused(
            f"{capabilities.product} captures no CUDA graphs by itself",
            "Leave `gpu_cuda_graphs` out; TensorRT-RTX knows them",
        )
    if capabilities.runtime_cache:
        return _configured(trt, engine, cuda_graphs)
    if capabilities.managed_memory:
        strategy = trt.ExecutionContextAllocationStrategy.__members__["USER_MANAGED"]
        return lambda: engine.create_execution_context(strategy)
    return engine.create_execution_context_without_device_memory


def give_scratch(
    context: IExecutionContext, capabilities: Capabilities, address: int, size: int
) -> None:
    """Lets a context compute in memory that others use too, never at the same time.

    Args:
        context: made without memory of its own.
        capabilities: of the module.
        address: of the scratch memory on the device.
        size: its bytes.
    """
    if capabilities.managed_memory:
        context.set_device_memory(address, size)
    else:
        context.device_memory = address


def scratch_bytes(engine: ICudaEngine, capabilities: Capabilities) -> int:
    """Bytes of scratch memory that a context of this plan needs.

    Args:
        engine: the plan.
        capabilities: of the module.
    """
    if capabilities.memory_size_v2:
        return engine.device_memory_size_v2
    return engine.device_memory_size


@dataclass(frozen=True)
class _Configured:
    """Makes contexts, and holds the cache that they use as long as they live."""

    engine: ICudaEngine
    config: IRuntimeConfig
    cache: IRuntimeCache

    def __call__(self) -> Optional[IExecutionContext]:
        return self.engine.create_execution_context(self.config)


def _configured(trt: TensorRT, engine: ICudaEngine, cuda_graphs: bool) -> Maker:
    """TensorRT-RTX compiles for the GPU when a context is made; the cache lets it do so once."""
    config = engine.create_runtime_config()
    strategies = trt.ExecutionContextAllocationStrategy.__members__
    config.set_execution_context_allocation_strategy(strategies["USER_MANAGED"])
    cache = config.create_runtime_cache()
    config.set_runtime_cache(cache)
    if cuda_graphs:
        config.cuda_graph_strategy = trt.CudaGraphStrategy.__members__["WHOLE_GRAPH_CAPTURE"]
    return _Configured(engine, config, cache)
