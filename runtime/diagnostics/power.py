"""A Jetson's power mode, clocks and temperatures: why it may be slower than it could."""

from __future__ import annotations

import re
from typing import Iterator, Optional

from runtime.device.jetson import Readings, jetson_here
from runtime.diagnostics.finding import Finding, ok, problem, warning
from runtime.diagnostics.probe import Surroundings

# Degrees below the limit at which the kernel slows a part down.
CLOSE_TO_LIMIT = 5.0
COOL_DOWN = (
    "Let air through, set the fan with `sudo nvpmodel` or `jetson_clocks --fan`, or draw less"
)


def power_mode(here: Surroundings) -> Iterator[Finding]:
    """Whether the board may draw what it can."""
    readings = _readings(here)
    if readings is None:
        return
    mode = readings.power_mode or _asked_mode(here)
    if mode is None:
        yield warning(
            "power mode",
            "nvpmodel does not tell it",
            "Look at it with `sudo nvpmodel -q` on the device; a container does not see it",
        )
    elif "MAXN" in mode:
        yield ok("power mode", mode)
    else:
        yield warning(
            "power mode",
            f"{mode} keeps clocks and cores below what the board can do",
            "Set the fastest with `sudo nvpmodel -m 0` (/etc/nvpmodel.conf lists the modes)",
        )


def clocks(here: Surroundings) -> Iterator[Finding]:
    """Whether the GPU runs at one clock, and at its best."""
    readings = _readings(here)
    if readings is None or readings.gpu_clock_limit is None:
        return
    limit, best = readings.gpu_clock_limit, readings.gpu_clock_best
    if best is not None and limit < best:
        yield warning(
            "clocks",
            f"the GPU may run at {limit / 1e6:.0f} of {best / 1e6:.0f} MHz",
            "Set the fastest power mode with `sudo nvpmodel -m 0`",
        )
    if readings.gpu_clock_floor is not None and readings.gpu_clock_floor < limit:
        yield warning(
            "clocks",
            f"the GPU's clock follows its load, from {readings.gpu_clock_floor / 1e6:.0f} MHz, so "
            "latency varies",
            "Fix it with `sudo jetson_clocks` on the device, not in a container",
        )
    elif best is None or limit >= best:
        yield ok("clocks", f"the GPU is held at {limit / 1e6:.0f} MHz")


def heat(here: Surroundings) -> Iterator[Finding]:
    """Whether a part is too hot, or nearly so."""
    readings = _readings(here)
    if readings is None or not readings.temperatures:
        return
    zone, degrees = max(readings.temperatures.items(), key=lambda found: found[1])
    near = {
        name: limit
        for name, limit in readings.limits.items()
        if readings.temperatures.get(name, 0.0) > limit - CLOSE_TO_LIMIT
    }
    if readings.throttling is not None:
        yield problem("heat", readings.throttling, COOL_DOWN)
    elif near:
        limits = ", ".join(f"{name} slows down at {limit:.0f} °C" for name, limit in near.items())
        yield warning("heat", f"{zone} is at {degrees:.0f} °C; {limits}", COOL_DOWN)
    else:
        yield ok("heat", f"{zone} is the hottest part, at {degrees:.0f} °C")


def current(here: Surroundings) -> Iterator[Finding]:
    """What it draws, and whether that was ever too much."""
    readings = _readings(here)
    if readings is None:
        return
    if readings.overcurrent_events:
        yield warning(
            "power",
            f"it was slowed down {readings.overcurrent_events} times for drawing too much current",
            "Use the power supply that came with the board, or a lower power mode",
        )
    elif readings.total_power is not None:
        yield ok("power", f"the board draws {readings.total_power:.1f} W")


def _readings(here: Surroundings) -> Optional[Readings]:
    jetson = jetson_here(here.root)
    return None if jetson is None else jetson.readings()


def _asked_mode(here: Surroundings) -> Optional[str]:
    told = re.search(r"NV Power Mode:\s*(\S+)", here.output(["nvpmodel", "-q"]) or "")
    return told[1] if told else None
