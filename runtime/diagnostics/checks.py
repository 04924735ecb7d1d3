"""What fits on this machine, what does not, and the cure: a list of small checks."""

from __future__ import annotations

from typing import List, Tuple

from runtime.diagnostics import cameras, engine, libraries, power, resources
from runtime.diagnostics.finding import Check, Finding
from runtime.diagnostics.probe import Surroundings

CHECKS: Tuple[Check, ...] = (
    libraries.board,
    libraries.driver,
    libraries.tensorrt,
    libraries.openvino,
    cameras.opencv,
    cameras.hardware_decoder,
    cameras.csi,
    cameras.attached,
    cameras.addresses,
    power.power_mode,
    power.clocks,
    power.heat,
    power.current,
    resources.memory,
    resources.disk,
    resources.shared_memory,
    resources.open_files,
    resources.port,
    resources.clock,
    engine.fit,
    engine.memory,
    engine.answer,
)


def diagnose(surroundings: Surroundings) -> List[Finding]:
    """What every check finds, in the order of CHECKS."""
    return [finding for check in CHECKS for finding in check(surroundings)]
