"""Plans for an engine folder, from its ONNX files, for this machine's GPU or for others.

The folder may come from elsewhere: with TensorRT alone a device adds plans of its own to it. A plan
is not run here, so it gets no evidence; that of the portable build with the same numbers stands
beside it, under a name of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, Mapping, Optional, Tuple

from runtime.builder.tensorrt.calibration_cache import ranges_from_cache
from runtime.builder.tensorrt.options import PlanOptions
from runtime.builder.tensorrt.plan import Plan, plan_from_onnx
from runtime.builder.tensorrt.progress import Advance
from runtime.device.machine import Machine
from runtime.errors import BuildFailed
from runtime.inference.backends.tensorrt.api import TensorRT
from runtime.inference.backends.tensorrt.capabilities import Capabilities, Typing, capabilities_of
from runtime.inference.backends.tensorrt.library import tensorrt_module
from runtime.repository.engine_folder import (
    CALIBRATION_CACHE,
    FLOAT_MODEL,
    HALF_MODEL,
    INT8_HALF_MODEL,
    INT8_MODEL,
    EngineFolder,
    sha256_of,
)
from runtime.repository.manifest import (
    MANIFEST_NAME,
    Build,
    EngineManifest,
    Precision,
    manifest_text,
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


@dataclass(frozen=True)
class Target:
    """The GPU that a plan is for.

    Attributes:
        compute_capability: such as "7.2".
        device: its name; None where the plan is for every GPU of that compute capability, as only
            TensorRT-RTX can build it.
    """

    compute_capability: str
    device: Optional[str] = None

    @property
    def label(self) -> str:
        """What the target is called in the names of files."""
        if self.device is None:
            return f"sm{self.compute_capability.replace('.', '')}"
        return re.sub(r"[^a-z0-9]+", "-", self.device.lower()).strip("-")


def target_on(machine: Machine) -> Target:
    """A machine's GPU.

    Raises:
        BuildFailed: there is none.
    """
    device, compute_capability = machine.device, machine.compute_capability
    if device is None or compute_capability is None:
        why = f": {machine.no_gpu}" if machine.no_gpu else ""
        raise BuildFailed(
            f"there is no GPU to build a TensorRT plan for{why}",
            "Build on the device that is to run it, or name compute capabilities with --sm where "
            "TensorRT-RTX is installed; `runtime version` says what can run here",
        )
    return Target(compute_capability, device)


def source_of(
    folder: EngineFolder, capabilities: Capabilities, options: PlanOptions
) -> Tuple[Typing, str]:
    """How a plan will be typed, and the file it will be built from.

    Where the choice is free, a folder without the file for strong typing is built from the one for
    weak typing, if this TensorRT has that.

    Args:
        folder: holds the ONNX files.
        capabilities: of this TensorRT.
        options: precision, and typing where it is asked for.

    Raises:
        BuildFailed: this TensorRT lacks the typing that is asked for.
    """
    if options.dla_core is not None:
        return capabilities.typing("weak"), FLOAT_MODEL
    typing = capabilities.typing(options.typing)
    name = SOURCES[typing, options.precision]
    weak = SOURCES["weak", options.precision]
    free = options.typing is None and capabilities.weak_typing
    if free and not (folder.path / name).is_file() and (folder.path / weak).is_file():
        return "weak", weak
    return typing, name


def add_tensorrt_build(
    folder: EngineFolder,
    options: PlanOptions,
    target: Target,
    advance: Optional[Advance] = None,
    module: Optional[TensorRT] = None,
) -> EngineManifest:
    """Builds a plan into a finished folder and names it in the manifest, where serving finds it.

    Args:
        folder: a finished one.
        options: what to build.
        target: the GPU that the plan is for.
        advance: see `plan_from_onnx`.
        module: a TensorRT; None imports `tensorrt`.

    Raises:
        BuildFailed: see `tensorrt_build`.
        EngineRefused: the folder has no manifest, or a file is not what it says.
    """
    build = tensorrt_build(folder, options, target, advance, module)
    # Read anew: an earlier plan may have been added since this folder's manifest was first read.
    manifest = EngineFolder(folder.path).manifest
    kept = [other for other in manifest.builds if other.artefact != build.artefact]
    extended = manifest.model_copy(update={"builds": [*kept, build]})
    folder.write(MANIFEST_NAME, manifest_text(extended).encode())
    return extended


def tensorrt_build(
    folder: EngineFolder,
    options: PlanOptions,
    target: Target,
    advance: Optional[Advance] = None,
    module: Optional[TensorRT] = None,
) -> Build:
    """Builds a plan and writes it into the folder, with the timings for the next one.

    Args:
        folder: holds the ONNX files and the manifest that vouches for them.
        options: what to build; the timing cache, the ranges for a DLA and the compute capability of
            a target without a device are filled in here.
        target: the GPU that the plan is for.
        advance: see `plan_from_onnx`.
        module: a TensorRT; None imports `tensorrt`.

    Returns:
        what the manifest is to say of the plan, without evidence of its own.

    Raises:
        BuildFailed: there is no fitting ONNX file, or TensorRT cannot build the plan.
        EngineRefused: a file is not what the manifest says.
        OutputFailed: no room or no right to write.
    """
    trt = tensorrt_module() if module is None else module
    capabilities = capabilities_of(trt)
    typing, source = source_of(folder, capabilities, options)
    twin = portable_twin(folder.manifest, options.precision)
    onnx = _require_source(folder, source, f"a {typing}ly typed plan in {options.precision}")
    names = _names_of(options, target, capabilities)
    completed = replace(
        options,
        typing=typing,
        timing_cache=_read_if_there(folder, names.timings),
        ranges=_ranges(folder, options),
        compute_capabilities=() if target.device else (target.compute_capability,),
    )
    plan = plan_from_onnx(onnx.read_bytes(), completed, trt, advance)
    path = _write_files(folder, names, plan)
    return Build(
        precision=options.precision,
        backend=capabilities.backend,
        artefact=path.name,
        sha256=sha256_of(path),
        size=path.stat().st_size,
        onnx_sha256=sha256_of(onnx),
        backend_version=capabilities.version,
        device=target.device,
        compute_capability=target.compute_capability,
        calibration=None if twin is None else twin.calibration,
        portable_evidence=[] if twin is None else twin.evidence,
        settings={**plan.facts, "onnx": onnx.name},
    )


def portable_twin(manifest: EngineManifest, precision: Precision) -> Optional[Build]:
    """The build of the same precision that runs anywhere; None if there is none.

    Args:
        manifest: of the engine folder.
        precision: of the plan.

    Raises:
        BuildFailed: it is missing and nothing else says how INT8 was calibrated.
    """
    for build in manifest.builds:
        if build.precision == precision and build.compute_capability is None:
            return build
    if precision == "int8":
        raise BuildFailed(
            f"engine {manifest.name!r} has no portable INT8 build, whose calibration a plan takes",
            "Build it with `runtime build-engine` and --int8 first",
        )
    return None


def _require_source(folder: EngineFolder, name: str, wanted_for: str) -> Path:
    path = folder.plan_source(name)
    if path is None:
        raise BuildFailed(
            f"the manifest in {folder.path} knows no {name}, which {wanted_for} is built from",
            f"Write it with `{folder.rebuild_command()}` and the flag of the precision, where "
            "torch and onnx are installed",
        )
    return path


def _ranges(folder: EngineFolder, options: PlanOptions) -> Mapping[str, float]:
    """What a DLA needs in place of quantizers: the magnitude that becomes 127, by tensor."""
    if options.dla_core is None or options.precision != "int8":
        return {}
    path = _require_source(folder, CALIBRATION_CACHE, "an INT8 plan for a DLA")
    return ranges_from_cache(path.read_text(encoding="ascii"))


@dataclass(frozen=True)
class _Names:
    """What the files of a plan are called.

    Attributes:
        plan, layers: after what it computes in, the GPU and the release that built it.
        timings: after GPU and release alone; the plans of all precisions share them.
    """

    plan: str
    layers: str
    timings: str


def _names_of(options: PlanOptions, target: Target, capabilities: Capabilities) -> _Names:
    where = f"{target.label}.{capabilities.backend.replace('_', '-')}-{capabilities.version}"
    unit = "" if options.dla_core is None else f".dla{options.dla_core}"
    stem = f"{options.precision}{unit}.{where}"
    return _Names(f"{stem}.plan", f"{stem}.layers.json", f"timing.{where}.cache")


def _read_if_there(folder: EngineFolder, name: str) -> bytes:
    path = folder.path / name
    return path.read_bytes() if path.is_file() else b""


def _write_files(folder: EngineFolder, names: _Names, plan: Plan) -> Path:
    if plan.timing_cache is not None:
        folder.write(names.timings, plan.timing_cache)
    path = folder.write(names.plan, plan.content)
    if plan.layers:
        folder.write(names.layers, plan.layers.encode())
    return path
