"""A TensorRT of any supported release, as far as its Python API is documented.

Every object shows only the names that the release has; any other is an AttributeError, as it is on
a device. It keeps the rules that the builder must know: 8.x wants explicit batches and a flag for
INT8, strong typing allows no precision flags, a failure is None or False and a line in the log.
Its graphs are those of `fake_network`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from tests.inference.backends.tensorrt.fake_network import Named, Network, Parser

TABLE = Path(__file__).parent.parent.parent.parent / "data/tensorrt/api_by_release.json"
RELEASES: Dict[str, Dict[str, List[str]]] = json.loads(TABLE.read_text(encoding="utf-8"))
BASES = {"IResizeLayer": "ILayer"}


class Shown:
    """Shows of an object what a release's class has."""

    def __init__(self, api: Dict[str, List[str]], kind: str, inner: Any) -> None:
        self.__dict__.update(api=api, kind=kind, inner=inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, self._checked(name))

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__class__":
            self.__dict__["kind"] = value.__name__
        else:
            setattr(self.inner, self._checked(name), value)

    def _checked(self, name: str) -> str:
        if name not in self.api[self.kind] + self.api.get(BASES.get(self.kind, ""), []):
            raise AttributeError(f"{self.kind} has no {name} in this release")
        return name


@dataclass
class Script:
    """What a fake is to do.

    Attributes:
        starts: whether a builder can be made.
        says: lines logged while building, with their severity.
        builds: whether a plan comes out.
        own_caches: serialized timing caches that are of this release and GPU.
        dla_cores: how many the machine has; they run convolutions and activations.
        loads: whether a plan can be loaded.
        layers: what the inspector tells of it.
    """

    starts: bool = True
    says: Tuple[Tuple[str, str], ...] = ()
    builds: bool = True
    own_caches: Tuple[bytes, ...] = (b"",)
    dla_cores: int = 0
    loads: bool = True
    layers: str = '{"Layers": [{"Name": "conv", "LayerType": "CaskConvolution"}]}'


class FakeTensorRT:
    """The module."""

    def __init__(self, release: str, script: Optional[Script] = None) -> None:
        self.__name__ = "tensorrt"
        self.__version__ = f"{release}.0.1"
        self.api = RELEASES[release]
        self.script = script or Script()
        self.flags = 0
        self.network: Any = None
        self.config = Config(self)
        for kind, members in self.api.items():
            setattr(self, kind, type(kind, (), dict.fromkeys(members)))
        for kind in ("BuilderFlag", "MemoryPoolType", "DeviceType", "LayerInformationFormat"):
            setattr(self, kind, self.enumeration(kind))
        self.ProfilingVerbosity = self.enumeration("ProfilingVerbosity")
        self.NetworkDefinitionCreationFlag = self.enumeration("NetworkDefinitionCreationFlag")
        self.ILogger = type("ILogger", (), {})
        self.Builder = self._builder
        self.OnnxParser = self._parser
        self.Runtime = self._runtime

    def enumeration(self, kind: str) -> Any:
        names = [name for name in self.api[kind] if name.isupper()]
        return IntEnum(kind, {name: number for number, name in enumerate(names)})

    def show(self, kind: str, inner: Any) -> Any:
        return Shown(self.api, kind, inner)

    def _builder(self, logger: Any) -> Any:
        self.logger = logger
        if not self.script.starts:
            self.say("ERROR", "CUDA initialization failure with error: 35")
            raise TypeError("factory function returned nullptr")
        return self.show("Builder", Builder(self))

    def _runtime(self, _: Any) -> Any:
        return self.show("Runtime", Runtime(self))

    def _parser(self, network: Any, _: Any) -> Any:
        return self.show("OnnxParser", Parser(self, network.inner))

    def say(self, severity: str, text: str) -> None:
        self.logger.log(Named(severity), text)

    @property
    def named_flags(self) -> List[str]:
        members = self.NetworkDefinitionCreationFlag.__members__
        return [name for name, number in members.items() if self.flags >> int(number) & 1]


class Config:
    def __init__(self, trt: FakeTensorRT) -> None:
        self.trt = trt
        self.set: List[str] = ["TF32"]
        self.workspace = 0
        self.profiles: List[Any] = []
        self.cache: Optional[bytes] = None
        self.progress_monitor: Any = None
        self.profiling_verbosity: Any = None
        self.builder_optimization_level = 3
        self.default_device_type = self.DLA_core = None

    def set_flag(self, flag: Any) -> None:
        self.set.append(flag.name)

    def get_flag(self, flag: Any) -> bool:
        return flag.name in self.set

    def can_run_on_DLA(self, layer: Any) -> bool:  # noqa: N802
        return layer.inner.type.name in ("CONVOLUTION", "ACTIVATION")

    def set_memory_pool_limit(self, pool: Any, size: int) -> None:
        assert pool.name == "WORKSPACE"
        self.workspace = size

    def add_optimization_profile(self, profile: Any) -> int:
        self.profiles.append(profile.inner.shapes)
        return len(self.profiles) - 1

    def create_timing_cache(self, serialized: bytes) -> Any:
        return self.trt.show("ITimingCache", Cache(serialized))

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch, "kernels chosen by a foreign cache may compute wrongly"
        own = cache.inner.content in self.trt.script.own_caches
        self.cache = cache.inner.content if own else self.cache
        if not own:
            self.trt.say("WARNING", "Engine generated elsewhere, timing cache will not be used!")
        return own

    def get_timing_cache(self) -> Any:
        return self.trt.show("ITimingCache", Cache((self.cache or b"") + b"+timings"))


@dataclass
class Cache:
    content: bytes

    def serialize(self) -> bytes:
        return self.content


class Profile:
    def __init__(self) -> None:
        self.shapes: Dict[str, Tuple[Any, ...]] = {}

    def set_shape(self, name: str, *shapes: Tuple[int, ...]) -> None:
        self.shapes[name] = shapes


class Builder:
    def __init__(self, trt: FakeTensorRT) -> None:
        self.trt = trt

    @property
    def num_DLA_cores(self) -> int:  # noqa: N802
        return self.trt.script.dla_cores

    def create_network(self, flags: int) -> Any:
        self.trt.flags = flags
        self.trt.network = Network(self.trt)
        return self.trt.show("INetworkDefinition", self.trt.network)

    def create_builder_config(self) -> Any:
        return self.trt.show("IBuilderConfig", self.trt.config)

    def create_optimization_profile(self) -> Any:
        return self.trt.show("IOptimizationProfile", Profile())

    def build_serialized_network(self, network: Any, config: Any) -> Optional[bytes]:
        flags = config.inner.set
        quantized = any("QUANTIZE" in layer.type.name for layer in network.inner.layers)
        strong = "STRONGLY_TYPED" in self.trt.named_flags
        if strong and {"FP16", "INT8"} & set(flags):
            self.trt.say("ERROR", "Strongly typed networks take no precision flags")
            return None
        if quantized and not strong and "INT8" not in flags:
            self.trt.say("ERROR", "Network has Q/DQ layers, but INT8 precision is not set")
            return None
        for severity, text in self.trt.script.says:
            self.trt.say(severity, text)
        if config.inner.progress_monitor is not None and not followed(config.inner):
            self.trt.say("ERROR", "Error Code 7: BuildCanceled (Build canceled by user)")
            return None
        return b"a plan" if self.trt.script.builds else None


class Runtime:
    def __init__(self, trt: FakeTensorRT) -> None:
        self.trt = trt

    def deserialize_cuda_engine(self, serialized: bytes) -> Any:
        assert serialized == b"a plan"
        return self.trt.show("ICudaEngine", Engine(self.trt)) if self.trt.script.loads else None


class Engine:
    def __init__(self, trt: FakeTensorRT) -> None:
        self.trt = trt

    def create_engine_inspector(self) -> Any:
        return self.trt.show("EngineInspector", self)

    def get_engine_information(self, layer_format: Any) -> str:
        assert layer_format.name == "JSON"
        return self.trt.script.layers


def followed(config: Config) -> bool:
    """Whether the monitor lets a build of two phases, one within the other, come to its end."""
    monitor = config.progress_monitor
    monitor.phase_start("build", None, 2)
    monitor.phase_start("tactics", "build", 10)
    went_on = all(monitor.step_complete("tactics", step) for step in range(10))
    monitor.phase_finish("tactics")
    went_on = went_on and all(monitor.step_complete("build", step) for step in range(2))
    monitor.phase_finish("build")
    return went_on
