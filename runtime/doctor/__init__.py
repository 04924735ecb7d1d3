"""What fits on this machine, what does not, and the cure: a list of small checks."""

from __future__ import annotations

from typing import List, Tuple

from runtime.doctor import cameras, computing, device, engine_fit, resources
from runtime.doctor.finding import Check, Finding
from runtime.doctor.surroundings import Surroundings

CHECKS: Tuple[Check, ...] = (
    computing.board,
    computing.driver,
    computing.tensorrt,
    computing.openvino,
    cameras.opencv,
    cameras.hardware_decoder,
    cameras.csi,
    cameras.attached,
    cameras.addresses,
    device.power_mode,
    device.clocks,
    device.heat,
    device.current,
    resources.memory,
    resources.disk,
    resources.shared_memory,
    resources.open_files,
    resources.port,
    resources.clock,
    engine_fit.fit,
    engine_fit.memory,
    engine_fit.answer,
)


def diagnose(surroundings: Surroundings) -> List[Finding]:
    """What every check finds, in the order of CHECKS."""
    return [finding for check in CHECKS for finding in check(surroundings)]
