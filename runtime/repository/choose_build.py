"""The build of an engine folder that fits a machine, or why none does."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from runtime.device.machine import Machine
from runtime.errors import EngineRefused
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import (
    Build,
    Precision,
)

FASTEST_FIRST: Tuple[Precision, ...] = ("int8", "fp16", "fp32")


PREFERRED_BACKENDS = ("tensorrt", "tensorrt_rtx", "openvino", "fake")


PLAN_BACKENDS = ("tensorrt", "tensorrt_rtx")


def choose_build(folder: EngineFolder, machine: Machine, precision: Optional[str] = None) -> Build:
    """The best build for a machine: TensorRT before OpenVINO, then INT8 before FP16 before FP32.

    Args:
        folder: of the engine.
        machine: what is installed here.
        precision: take only builds of this one.

    Raises:
        EngineRefused: no build fits; it says of each why not.
    """
    reasons: Dict[str, str] = {}
    fitting: List[Build] = []
    for build in folder.manifest.builds:
        reason = misfit(build, machine, precision)
        if reason is None:
            fitting.append(build)
        else:
            reasons[f"{build.artefact} ({build.precision}, {build.backend})"] = reason
    if not fitting:
        told = "; ".join(f"{build} {reason}" for build, reason in reasons.items())
        raise EngineRefused(
            f"no build of engine {folder.manifest.name!r} fits this machine: {told}",
            f"Build one here with `{_command_for(folder, machine, precision)}`",
        )
    return min(
        fitting,
        key=lambda b: (
            PREFERRED_BACKENDS.index(b.backend),
            FASTEST_FIRST.index(b.precision),
            # A DLA is there to spare the GPU, and slower.
            b.settings.get("dla_core") is not None,
        ),
    )


def _command_for(folder: EngineFolder, machine: Machine, precision: Optional[str]) -> str:
    """What makes a build that this machine can run: a device with TensorRT needs nothing else."""
    if machine.compute_capability is not None and set(PLAN_BACKENDS) & set(machine.backends):
        return folder.plan_command(precision)
    return folder.rebuild_command(precision)


def misfit(build: Build, machine: Machine, precision: Optional[str] = None) -> Optional[str]:
    """Why a build cannot run on a machine, or is not of the asked precision; None if it fits."""
    if precision is not None and build.precision != precision:
        return f"is not {precision}"
    if build.backend not in machine.backends:
        return f"needs {build.backend}, which is not installed"
    if build.backend in PLAN_BACKENDS and not machine.launcher:
        return "needs pycuda, which is not installed (`pip install '.[tensorrt]'` brings it)"
    return None if build.compute_capability is None else _foreign(build, machine)


def _foreign(plan: Build, machine: Machine) -> Optional[str]:
    """Why a plan of another device or version cannot run here: plans are not portable."""
    here = machine.backends[plan.backend]
    if plan.backend_version != here:
        return f"is for {plan.backend} {plan.backend_version}, here is {here}"
    if plan.compute_capability != machine.compute_capability:
        absent = f"no GPU ({machine.no_gpu})" if machine.no_gpu else "no GPU"
        there = machine.compute_capability or absent
        return f"is for compute capability {plan.compute_capability}, here is {there}"
    if plan.device not in (None, machine.device):
        return f"is for {plan.device}, here is {machine.device}"
    return None
