"""How contexts are made where a release lets them be configured; TensorRT-RTX does."""

from __future__ import annotations

import weakref
from dataclasses import replace
from enum import Enum
from types import SimpleNamespace
from typing import Any, Callable, List, Optional

import pytest

from runtime.inference.backends.tensorrt.capabilities import Capabilities, capabilities_of
from runtime.inference.backends.tensorrt.contexts import context_maker
from tests.inference.backends.tensorrt.fake_tensorrt import FakeTensorRT


class Strategy(Enum):
    STATIC = 0
    USER_MANAGED = 2


class Graphs(Enum):
    DISABLED = 0
    WHOLE_GRAPH_CAPTURE = 1


class Cache:
    """Must outlive every context that was made with it."""


class Configuration:
    """What RTX's documentation says of `IRuntimeConfig`; it does not say that the cache is held."""

    def __init__(self) -> None:
        self.strategy, self.cuda_graph_strategy = Strategy.STATIC, Graphs.DISABLED
        self.cache: Callable[[], Optional[Cache]] = lambda: None
        self.create_runtime_cache = Cache

    def set_execution_context_allocation_strategy(self, strategy: Strategy) -> None:
        self.strategy = strategy

    def set_runtime_cache(self, cache: Cache) -> bool:
        self.cache = weakref.ref(cache)
        return True


@pytest.fixture
def rtx() -> Capabilities:
    trt: Any = FakeTensorRT("11.1")
    return replace(capabilities_of(trt), runtime_cache=True, cuda_graphs=True)


@pytest.mark.parametrize("cuda_graphs", [False, True])
def test_contexts_of_rtx_share_what_was_compiled(rtx: Capabilities, cuda_graphs: bool) -> None:
    module: Any = SimpleNamespace(
        ExecutionContextAllocationStrategy=Strategy, CudaGraphStrategy=Graphs
    )
    used: List[Configuration] = []
    engine: Any = SimpleNamespace(
        create_runtime_config=Configuration, create_execution_context=used.append
    )
    make = context_maker(module, rtx, engine, cuda_graphs)
    make()
    make()
    first, second = used
    assert first.cache() is second.cache() is not None
    assert first.strategy is Strategy.USER_MANAGED
    expected = Graphs.WHOLE_GRAPH_CAPTURE if cuda_graphs else Graphs.DISABLED
    assert first.cuda_graph_strategy is expected
