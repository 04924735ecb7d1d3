"""TensorRT plans for an engine folder: the last step of a build, and all of it on a device.

Neither torch nor onnx is needed. Where onnx is installed, an FP16 twin that the folder came without
is written here; it follows from the file beside it.
"""

from __future__ import annotations

import hashlib
import importlib.util
from typing import Dict, Iterable, List, Optional, Tuple

from runtime.builder.progress import Reporter
from runtime.builder.tensorrt.device_plan import SOURCES, Target, add_tensorrt_build, target_on
from runtime.builder.tensorrt.plan_settings import PlanChoice
from runtime.builder.tensorrt.progress import PARTS
from runtime.device.machine import Machine, this_machine
from runtime.errors import InvalidConfig
from runtime.inference.backends.tensorrt.api import TensorRT
from runtime.inference.backends.tensorrt.capabilities import capabilities_of
from runtime.inference.backends.tensorrt.library import ModuleName, tensorrt_module
from runtime.repository.choose_build import FASTEST_FIRST
from runtime.repository.engine_folder import (
    FLOAT_MODEL,
    HALF_MODEL,
    INT8_HALF_MODEL,
    INT8_MODEL,
    EngineFolder,
)
from runtime.repository.manifest import MANIFEST_NAME, EngineManifest, Precision, manifest_text

# The files for strongly typed TensorRT, each with the one that it follows from.
TWINS: Dict[str, str] = {HALF_MODEL: FLOAT_MODEL, INT8_HALF_MODEL: INT8_MODEL}


def installed_tensorrt(choice: PlanChoice, machine: Machine) -> Optional[ModuleName]:
    """Which TensorRT builds here; None if there is none. Only RTX builds for named GPUs.

    Args:
        choice: names GPUs, or means the one here.
        machine: whose packages count.
    """
    names: Tuple[ModuleName, ...] = ("tensorrt", "tensorrt_rtx")
    if choice.compute_capabilities:
        names = ("tensorrt_rtx", "tensorrt")
    return next((name for name in names if name in machine.backends), None)


def build_plans(
    folder: EngineFolder,
    precisions: Iterable[Precision],
    choice: PlanChoice,
    reporter: Reporter,
    module: Optional[TensorRT] = None,
    machine: Optional[Machine] = None,
) -> EngineManifest:
    """Builds a plan for each precision and each target and names them in the manifest.

    Args:
        folder: a finished one.
        precisions: none means those of its portable builds.
        choice: how to build, and for what.
        reporter: hears of each plan as a step.
        module: a TensorRT; None takes the one that is installed.
        machine: None means this one.

    Raises:
        BuildFailed: no TensorRT is installed, there is no GPU and no target is named, a file that
            a plan is built from is missing, or TensorRT cannot build it. Plans before it stay.
        EngineRefused: the folder is not what its manifest says.
    """
    here = this_machine() if machine is None else machine
    name = installed_tensorrt(choice, here)
    trt = tensorrt_module(name or "tensorrt") if module is None else module
    capabilities = capabilities_of(trt)
    targets = [Target(capability) for capability in choice.compute_capabilities]
    manifest = folder.manifest
    for precision in _precisions_to_build(folder, precisions, choice):
        options = choice.options(precision)
        if options.dla_core is None:
            typing = capabilities.typing(options.typing)
            _write_missing_twin(EngineFolder(folder.path), SOURCES[typing, precision])
        for target in targets or [target_on(here)]:
            with reporter.step(f"plan {precision} {target.label}", PARTS) as advance:
                fresh = EngineFolder(folder.path)
                manifest = add_tensorrt_build(fresh, options, target, advance, trt)
    return manifest


def _precisions_to_build(
    folder: EngineFolder, precisions: Iterable[Precision], choice: PlanChoice
) -> List[Precision]:
    """The precisions asked for, or those of the portable builds, each once and the fastest last."""
    portable = {b.precision for b in folder.manifest.builds if b.compute_capability is None}
    wanted = set(precisions) or portable
    if choice.dla_core is not None:
        wanted -= {"fp32"} if not set(precisions) else set()
    if not wanted:
        raise InvalidConfig(
            f"{folder.path} has no build that plans could follow", "Name a precision, as --int8"
        )
    return [precision for precision in reversed(FASTEST_FIRST) if precision in wanted]


def _write_missing_twin(folder: EngineFolder, source: str) -> None:
    """Writes a twin that a folder came without, where that can be done."""
    origin = TWINS.get(source)
    is_there = (folder.path / source).is_file() and folder.plan_source(source) is not None
    if origin is None or is_there or importlib.util.find_spec("onnx") is None:
        return
    path = folder.plan_source(origin) if (folder.path / origin).is_file() else None
    if path is None:
        return
    import onnx

    from runtime.builder.export.fp16 import half_from_float

    content = half_from_float(onnx.load(str(path))).SerializeToString()
    folder.write(source, content)
    vouched = {**folder.manifest.plan_sources, source: hashlib.sha256(content).hexdigest()}
    manifest = folder.manifest.model_copy(update={"plan_sources": vouched})
    folder.write(MANIFEST_NAME, manifest_text(manifest).encode())
