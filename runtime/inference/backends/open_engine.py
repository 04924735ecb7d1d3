"""The engine of a build, by the library that runs it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from runtime.errors import EngineRefused
from runtime.inference.engine import AS_USUAL, DeviceOptions, Engine, Mode
from runtime.repository.manifest import Build, EngineManifest


def open_engine(
    manifest: EngineManifest,
    build: Build,
    artefact: Path,
    mode: Mode = "throughput",
    options: DeviceOptions = AS_USUAL,
) -> Engine:
    """The engine of a verified build; nothing is loaded before its `with` block.

    Args:
        manifest: geometry, normalisation and classes.
        build: which of the manifest's builds to run.
        artefact: the build's file; its hash was checked by the caller (repository).
        mode: "latency" gives one slot all cores, "throughput" one slot per core.
        options: how it is run if it runs on a GPU.

    Raises:
        EngineRefused: nothing here runs this build.
    """
    if build.backend == "fake":
        from runtime.inference.backends.fake import FakeEngine

        return FakeEngine(manifest, slots=1 if mode == "latency" else 2)
    if build.backend == "openvino":
        if find_spec("openvino") is None:
            raise EngineRefused(
                f"{artefact.name} needs OpenVINO, which is not installed",
                "Install it with `pip install '.[cpu]'` in the project's folder",
            )
        from runtime.inference.backends.openvino import OpenVinoEngine

        return OpenVinoEngine(manifest, build, artefact, mode)
    for needed, module in (("TensorRT", build.backend), ("pycuda", "pycuda")):
        if find_spec(module) is None:
            raise EngineRefused(
                f"{artefact.name} needs {needed}, which is not installed",
                "JetPack brings TensorRT, and `pip install '.[tensorrt]'` in the project's folder "
                "pycuda",
            )
    from runtime.inference.backends.tensorrt.engine import TensorRtEngine

    return TensorRtEngine(manifest, build, artefact, mode, options)
