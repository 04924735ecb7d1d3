"""A plan for the GPU of this machine, from the ONNX files of an engine folder.

The folder may come from elsewhere: with TensorRT alone a device adds plans of its own to it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Dict, Optional, Sequence, Tuple

from runtime.backends.plan import plan_from_onnx, tensorrt_module
from runtime.backends.plan_options import PlanOptions
from runtime.backends.trt_api import TensorRT
from runtime.backends.trt_capabilities import Typing, capabilities_of
from runtime.backends.trt_progress import Advance
from runtime.errors import BuildFailed
from runtime.manifest import MANIFEST_NAME, Build, EngineManifest, Precision, manifest_text
from runtime.repository import (
    FLOAT_MODEL,
    HALF_MODEL,
    INT8_HALF_MODEL,
    INT8_MODEL,
    EngineFolder,
    Machine,
    sha256_of,
)

# Which file says what is to be built: all of it where types are binding, else the float master.
SOURCES: Dict[Tuple[Typing, Precision], str] = {
    ("weak", "fp32"): FLOAT_MODEL,
    ("weak", "fp16"): FLOAT_MODEL,
    ("weak", "int8"): INT8_MODEL,
    ("strong", "fp32"): FLOAT_MODEL,
    ("strong", "fp16"): HALF_MODEL,
    ("strong", "int8"): INT8_HALF_MODEL,
}


def add_tensorrt_build(
    folder: EngineFolder,
    options: PlanOptions,
    machine: Machine,
    advance: Optional[Advance] = None,
    module: Optional[TensorRT] = None,
) -> EngineManifest:
    """Builds a plan into a finished folder and names it in the manifest, where serving finds it.

    Its accuracy is not measured here: the build carries no evidence until it is evaluated.

    Raises:
        BuildFailed: see `tensorrt_build`.
        EngineRefused: the folder has no manifest, or a file is not what it says.
    """
    manifest = folder.manifest
    build = tensorrt_build(folder, manifest.builds, options, machine, advance, module)
    kept = [other for other in manifest.builds if other.artefact != build.artefact]
    extended = manifest.model_copy(update={"builds": [*kept, build]})
    folder.write(MANIFEST_NAME, manifest_text(extended).encode())
    return extended


def tensorrt_build(
    folder: EngineFolder,
    portable: Sequence[Build],
    options: PlanOptions,
    machine: Machine,
    advance: Optional[Advance] = None,
    module: Optional[TensorRT] = None,
) -> Build:
    """Builds a plan and writes it into the folder, with the timings for the next one.

    Args:
        folder: holds the ONNX files.
        portable: the builds of those files, to verify them by and for the calibration.
        options: what to build; the timing cache is the folder's own.
        machine: names the GPU that the plan is for.
        advance: see `plan_from_onnx`.
        module: a TensorRT; None imports `tensorrt`.

    Returns:
        what the manifest is to say of the plan, without evidence.

    Raises:
        BuildFailed: there is no GPU or no fitting ONNX file, or TensorRT cannot build the plan.
        EngineRefused: an ONNX file is not what its build says.
        OutputFailed: no room or no right to write.
    """
    if machine.device is None or machine.compute_capability is None:
        raise BuildFailed(
            "there is no GPU to build a TensorRT plan for",
            "Build on the device that is to run it; `runtime version` says what can run here",
        )
    trt = tensorrt_module() if module is None else module
    capabilities = capabilities_of(trt)
    typing = capabilities.typing(options.typing)
    label = f"{_slug(machine.device)}.tensorrt-{capabilities.version}"
    onnx = folder.path / _source(folder, portable, typing, options.precision)
    timings = f"timing.{label}.cache"
    plan = plan_from_onnx(
        onnx.read_bytes(),
        replace(options, timing_cache=_content(folder, timings)),
        trt,
        advance,
    )
    if plan.timing_cache is not None:
        folder.write(timings, plan.timing_cache)
    path = folder.write(f"{options.precision}.{label}.plan", plan.content)
    quantized = next((build for build in portable if build.calibration is not None), None)
    return Build(
        precision=options.precision,
        backend="tensorrt",
        artefact=path.name,
        sha256=sha256_of(path),
        size=path.stat().st_size,
        onnx_sha256=sha256_of(onnx),
        backend_version=capabilities.version,
        device=machine.device,
        compute_capability=machine.compute_capability,
        calibration=quantized.calibration if quantized and options.precision == "int8" else None,
        settings={**plan.facts, "onnx": onnx.name},
    )


def _source(
    folder: EngineFolder, portable: Sequence[Build], typing: Typing, precision: Precision
) -> str:
    name = SOURCES[typing, precision]
    for build in portable:
        if build.artefact == name:
            folder.verified(build)
    if not (folder.path / name).is_file():
        raise BuildFailed(
            f"{folder.path} has no {name}, which a {typing}ly typed plan in {precision} is built "
            "from",
            f"Write it with `{folder.rebuild_command(precision)}`",
        )
    return name


def _content(folder: EngineFolder, name: str) -> bytes:
    path = folder.path / name
    return path.read_bytes() if path.is_file() else b""


def _slug(device: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
