"""What an installed TensorRT can do, asked of its names: never of its version's number.

One implementation serves TensorRT 8.5, 8.6, 10 and 11 and TensorRT-RTX, which counts its versions
from 1. Flags are always set and reported by name, because their numbers moved between releases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from typing_extensions import Literal

from runtime.errors import BuildFailed
from runtime.inference.backends.tensorrt.api import TensorRT
from runtime.repository.manifest import BackendName

Typing = Literal["weak", "strong"]

# Every name that some supported release lacks, by the capability that all of its names make up.
SWITCHES: Dict[str, Tuple[Tuple[str, str], ...]] = {
    "weak_typing": (("BuilderFlag", "FP16"), ("BuilderFlag", "INT8")),
    "strong_typing": (("NetworkDefinitionCreationFlag", "STRONGLY_TYPED"),),
    "dynamic_ranges": (("ITensor", "set_dynamic_range"),),
    "explicit_batch": (("NetworkDefinitionCreationFlag", "EXPLICIT_BATCH"),),
    "node_names": (("ParserError", "node_name"), ("ParserError", "node_operator")),
    "optimization_level": (("IBuilderConfig", "builder_optimization_level"),),
    "progress": (
        ("IBuilderConfig", "progress_monitor"),
        ("IProgressMonitor", "phase_start"),
        ("IProgressMonitor", "step_complete"),
        ("IProgressMonitor", "phase_finish"),
    ),
    "memory_size": (
        ("ICudaEngine", "device_memory_size"),
        ("ICudaEngine", "create_execution_context_without_device_memory"),
    ),
    "memory_size_v2": (("ICudaEngine", "device_memory_size_v2"),),
    "shared_profiles": (("ExecutionContextAllocationStrategy", "USER_MANAGED"),),
    "managed_memory": (
        ("ExecutionContextAllocationStrategy", "USER_MANAGED"),
        ("IExecutionContext", "set_device_memory"),
    ),
    "runtime_cache": (
        ("ICudaEngine", "create_runtime_config"),
        ("IRuntimeConfig", "set_execution_context_allocation_strategy"),
        ("IRuntimeConfig", "create_runtime_cache"),
        ("IRuntimeConfig", "set_runtime_cache"),
    ),
    "cuda_graphs": (
        ("IRuntimeConfig", "cuda_graph_strategy"),
        ("CudaGraphStrategy", "WHOLE_GRAPH_CAPTURE"),
    ),
    "ahead_of_time": (
        ("IBuilderConfig", "num_compute_capabilities"),
        ("IBuilderConfig", "set_compute_capability"),
        ("ComputeCapability", "CURRENT"),
    ),
}


@dataclass(frozen=True)
class Capabilities:
    """What one TensorRT module can do.

    Attributes:
        product: for messages, such as "TensorRT 8.5.2.2".
        version: as the module gives it.
        weak_typing: precision is a flag and TensorRT chooses per layer (8.5 to 10).
        strong_typing: precision is what the graph says (9.1 and later, the only way from 11 on).
        dynamic_ranges: a tensor can be given a range instead of a quantizer (8 to 10).
        explicit_batch: networks have to be told that the batch is a dimension (8).
        node_names: a parser's error names its node.
        optimization_level: a build may trade its time for speed (8.6 and later).
        progress: a build can be followed and cancelled (9.1 and later).
        memory_size: an engine tells its scratch memory, and makes contexts without it by a call of
            its own (8.5 to 10).
        memory_size_v2: it tells it under another name (10.1 and later).
        shared_profiles: several contexts may use a plan's one range of sizes (10 and later; before,
            each needs a range of its own, and a plan of fixed sizes none).
        managed_memory: contexts can be given their scratch memory with its size (10.1 and later).
        runtime_cache: what a context compiles can be kept for the next one (TensorRT-RTX).
        cuda_graphs: contexts capture and replay their work by themselves (TensorRT-RTX).
        ahead_of_time: builds for GPUs that are not here (TensorRT-RTX).
    """

    product: str
    version: str
    weak_typing: bool
    strong_typing: bool
    dynamic_ranges: bool
    explicit_batch: bool
    node_names: bool
    optimization_level: bool
    progress: bool
    memory_size: bool
    memory_size_v2: bool
    shared_profiles: bool
    managed_memory: bool
    runtime_cache: bool
    cuda_graphs: bool
    ahead_of_time: bool

    @property
    def backend(self) -> BackendName:
        """What the manifest calls it: its plans are no plans for the other product."""
        return "tensorrt_rtx" if self.ahead_of_time else "tensorrt"

    @property
    def timing_cache(self) -> bool:
        """Whether timings are kept: TensorRT-RTX measures nothing and warns of the cache's use."""
        return not self.ahead_of_time

    def typing(self, wanted: Optional[Typing] = None) -> Typing:
        """Strong where it exists, as it is all that later releases know; else, or if asked, weak.

        Raises:
            BuildFailed: this TensorRT has not the typing that is wanted.
        """
        chosen: Typing = wanted or ("strong" if self.strong_typing else "weak")
        if not (self.strong_typing if chosen == "strong" else self.weak_typing):
            other = "weak" if chosen == "strong" else "strong"
            raise BuildFailed(
                f"{self.product} has no {chosen} typing", f"Leave the choice out, or take {other}"
            )
        return chosen


def capabilities_of(module: TensorRT) -> Capabilities:
    """Looks for every switch's names in a module; nothing is created, no GPU is touched."""
    found = {
        capability: all(_has(module, owner, member) for owner, member in names)
        for capability, names in SWITCHES.items()
    }
    product = "TensorRT-RTX" if found["ahead_of_time"] else "TensorRT"
    return Capabilities(f"{product} {module.__version__}", module.__version__, **found)


def _has(module: TensorRT, owner: str, member: str) -> bool:
    return hasattr(getattr(module, owner, None), member)
