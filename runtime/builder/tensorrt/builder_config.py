"""TensorRT's builder configuration, filled from the options as far as the release knows them."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from runtime.builder.tensorrt.dla import placement, set_ranges
from runtime.builder.tensorrt.network import ANY, free_dimensions, open_batch
from runtime.builder.tensorrt.options import PlanOptions
from runtime.builder.tensorrt.progress import Advance, BuildProgress, monitor_of
from runtime.errors import BuildFailed
from runtime.inference.backends.tensorrt.api import (
    Builder,
    Enumeration,
    IHostMemory,
    INetworkDefinition,
    ITimingCache,
    TensorRT,
)
from runtime.inference.backends.tensorrt.capabilities import Capabilities, Typing
from runtime.repository.manifest import Precision

WEAK_FLAGS: Dict[Precision, Tuple[str, ...]] = {
    "fp32": (),
    "fp16": ("FP16",),
    # Without FP16, what is not quantized would fall back to FP32 between the INT8 layers.
    "int8": ("FP16", "INT8"),
}


class Configuration:
    """One builder's configuration.

    Args:
        trt: the module.
        capabilities: of the module.
        builder: of the module.
        options: to be followed.

    Attributes:
        timing_cache_state: `none` (this TensorRT keeps none), `new`, `continued`, or `refused`
            (the one given was of another TensorRT or GPU; a new one was begun).

    Raises:
        BuildFailed: the options ask for what this TensorRT has not.
    """

    def __init__(
        self, trt: TensorRT, capabilities: Capabilities, builder: Builder, options: PlanOptions
    ) -> None:
        self.capabilities = capabilities
        self.timing_cache_state = "none"
        self._trt = trt
        self._builder = builder
        self._options = options
        self._timing_cache: Optional[ITimingCache] = None
        self._config = builder.create_builder_config()
        self._config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace)
        # So that the inspector can say of each layer what it fuses and computes in.
        self._config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
        if options.optimization_level is not None:
            self._require(capabilities.optimization_level, "optimization levels", "Leave it out")
            self._config.builder_optimization_level = options.optimization_level

    @property
    def flags(self) -> List[str]:
        """Names of all flags that are set, those that TensorRT sets by itself included."""
        members = self._trt.BuilderFlag.__members__
        return sorted(name for name, flag in members.items() if self._config.get_flag(flag))

    def set_precision(self, typing: Typing) -> None:
        """Allows the precisions below FP32; strong typing takes them from the graph."""
        if typing == "weak":
            for name in WEAK_FLAGS[self._options.precision]:
                self._config.set_flag(self._trt.BuilderFlag.__members__[name])

    def set_dla(self, network: INetworkDefinition) -> Dict[str, Any]:
        """Sends the network to a DLA as far as it goes there; the GPU takes the rest.

        Returns:
            who is to run which layers, and which tensors have no range; empty without a DLA.

        Raises:
            BuildFailed: there is no such DLA.
        """
        core = self._options.dla_core
        if core is None:
            return {}
        self._require(
            self.capabilities.dynamic_ranges and self.capabilities.weak_typing,
            "DLA that this project builds for",
            "Use TensorRT 8.5 to 10 on a Jetson Xavier or Orin, or leave the DLA out",
        )
        cores = self._builder.num_DLA_cores
        self._require(
            core < cores,
            f"DLA core {core} here; it has {cores}",
            "Build on a Jetson Xavier or Orin, whose cores count from 0, or leave the DLA out",
        )
        self._config.set_flag(self._trt.BuilderFlag.__members__["GPU_FALLBACK"])
        self._config.default_device_type = self._trt.DeviceType.DLA
        self._config.DLA_core = core
        without_range: List[str] = []
        if self._options.precision == "int8":
            without_range = set_ranges(network, self._options.ranges)
        placed = placement(network, self._config.can_run_on_DLA)
        return {"dla_core": core, "placement": placed, "without_range": without_range}

    def set_batch(self, network: INetworkDefinition) -> None:
        """Opens the batch to the range that is wanted, or sees that every size is fixed.

        Raises:
            BuildFailed: a size is open for which no range is given, or the batch cannot be opened.
        """
        batch = self._options.batch
        if batch is not None and not free_dimensions(network):
            open_batch(self._trt, network)
        for name, shape in free_dimensions(network):
            if batch is None or ANY in shape[1:]:
                raise BuildFailed(
                    f"input {name} has the open shape {shape}",
                    "Name the smallest, usual and largest batch; height and width are fixed when "
                    "the graph is exported",
                )
            profile = self._builder.create_optimization_profile()
            profile.set_shape(name, *((count, *shape[1:]) for count in batch))
            if self._config.add_optimization_profile(profile) < 0:
                raise BuildFailed(
                    f"{self.capabilities.product} refuses batches of {batch} for input {name}",
                    "Give a smaller range",
                )

    def set_targets(self) -> None:
        """Names the GPUs to build for, where that is possible.

        Raises:
            BuildFailed: this TensorRT builds for the GPU it runs on, or does not know one named.
        """
        wanted = self._options.compute_capabilities
        if not wanted:
            return
        self._require(
            self.capabilities.ahead_of_time, "builds for other GPUs", "Build on the device itself"
        )
        known = self._trt.ComputeCapability.__members__
        self._config.num_compute_capabilities = len(wanted)
        for index, capability in enumerate(wanted):
            target = known.get("SM" + capability.replace(".", ""))
            if target is None or not self._config.set_compute_capability(target, index):
                raise BuildFailed(
                    f"{self.capabilities.product} does not build for compute capability "
                    f"{capability}",
                    f"Choose among {', '.join(_targets(self._trt.ComputeCapability))}",
                )

    def set_timing_cache(self) -> None:
        """Continues the cache that was given, or begins one.

        A cache of another TensorRT or GPU is never forced upon the builder: kernels chosen by it
        may compute wrongly.
        """
        if not self.capabilities.timing_cache:
            return
        given = self._options.timing_cache
        if given and self._accepted(given):
            self.timing_cache_state = "continued"
        elif self._accepted(b""):
            self.timing_cache_state = "refused" if given else "new"

    def _accepted(self, serialized: bytes) -> bool:
        cache = self._config.create_timing_cache(serialized)
        if cache is None or not self._config.set_timing_cache(cache, False):
            return False
        self._timing_cache = cache
        return True

    @property
    def timing_cache(self) -> Optional[bytes]:
        """What the next build can continue."""
        cache = None if self._timing_cache is None else self._config.get_timing_cache()
        return None if cache is None else bytes(cache.serialize())

    def followed_by(self, advance: Advance) -> Optional[BuildProgress]:
        """Lets a build tell its progress; None where this TensorRT does not."""
        if not self.capabilities.progress:
            return None
        progress = BuildProgress(advance)
        self._config.progress_monitor = monitor_of(self._trt, progress)
        return progress

    def build(self, network: INetworkDefinition) -> Optional[IHostMemory]:
        """The plan; None if there is none, for reasons that are in the log."""
        return self._builder.build_serialized_network(network, self._config)

    def _require(self, present: bool, feature: str, cure: str) -> None:
        if not present:
            raise BuildFailed(f"{self.capabilities.product} has no {feature}", cure)


def _targets(capabilities: Enumeration) -> List[str]:
    """Compute capabilities as they are usually written, from names such as SM86."""
    digits = (name[2:] for name in capabilities.__members__ if name.startswith("SM"))
    return [f"{number[:-1]}.{number[-1]}" for number in digits]
