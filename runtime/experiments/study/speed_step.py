"""The step that measures how fast all builds of a study are, in turns, while nothing else runs.

It runs an engine's first slot itself and no segmenter, because the time of the network alone is the
question here: decoding, resizing and labelling cost the same whatever was pruned.
"""

from __future__ import annotations

import os
import platform
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, List, Mapping

import numpy as np

from runtime.device.machine import installed_backends
from runtime.experiments.study.results import Speed
from runtime.experiments.study.step import Job, Made
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.engine import Slot
from runtime.repository.engine_folder import EngineFolder

WARM_UP_ROUNDS = 3
LOW, HIGH = 10, 90
BETWEEN = " @ "
"""Between the row and the build in the name of an input."""
CPU_DESCRIPTION = Path("/proc/cpuinfo")


def speed(job: Job, _: Path) -> Made:
    """Milliseconds of every build, from resized image to logits: the raw slot, on purpose.

    Raises:
        RuntimeFault: a build cannot be opened or stops computing.
    """
    with ExitStack() as opened:
        slots: Dict[str, Slot] = {}
        for name, artefact in job.inputs.items():
            manifest = EngineFolder(artefact.parent).manifest
            build = next(b for b in manifest.builds if b.artefact == artefact.name)
            engine = opened.enter_context(open_engine(manifest, build, artefact, mode="latency"))
            slots[name] = engine.slots[0]
        measured = in_turns(slots, job.parameters["repetitions"])
    speeds = {name: each.model_dump() for name, each in measured.items()}
    return (), {"machine": job.parameters["machine"], "speed": speeds}


def in_turns(slots: Mapping[str, Slot], repetitions: int) -> Dict[str, Speed]:
    """Runs each once a round, so that a machine that slows down does so for all of them.

    Args:
        slots: by name; their inputs are filled with noise.
        repetitions: rounds that count; a few before them do not.
    """
    noise = np.random.default_rng(0)
    times: Dict[str, List[float]] = {name: [] for name in slots}
    for slot in slots.values():
        slot.input[...] = noise.integers(0, 256, slot.input.shape, np.uint8)
    for number in range(WARM_UP_ROUNDS + repetitions):
        for name, slot in slots.items():
            started = time.perf_counter()
            slot.run()
            if number >= WARM_UP_ROUNDS:
                times[name].append(1e3 * (time.perf_counter() - started))
    return {name: _speed(figures) for name, figures in times.items()}


def machine_in_words() -> str:
    """The processor, its cores that may be used, and the library."""
    text = CPU_DESCRIPTION.read_text(encoding="utf-8") if CPU_DESCRIPTION.is_file() else ""
    described = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    known = {key.strip(): value.strip() for key, value in described.items()}
    cpu = known.get("model name") or platform.machine()
    cores = len(os.sched_getaffinity(0))
    return f"{cpu}, {cores} cores, OpenVINO {installed_backends()['openvino']}"


def _speed(figures: List[float]) -> Speed:
    low, middle, high = np.percentile(figures, (LOW, 50, HIGH))
    return Speed(median=middle, low=low, high=high, repetitions=len(figures))
