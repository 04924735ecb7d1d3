"""The engine's core, to the logits: how much faster INT8 is than FP32.

    python -m benchmarks.core ENGINE_FOLDER [ENGINE_FOLDER ...]

Every OpenVINO build of the folders is opened in latency mode; the first one listed is the baseline,
so build a folder with `--fp32 --int8` to compare the two. Files that git does not carry (the FP32
master of the demo engine) have to be built first.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Dict

import numpy as np

from benchmarks.ratios import Measure, interleaved, show
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.engine import Slot
from runtime.repository.engine_folder import EngineFolder


def main() -> None:
    """Prints the table; figures are frames per second, so a ratio above 1 is faster."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    measures: Dict[str, Measure] = {}
    with ExitStack() as engines:
        for path in arguments.engines:
            folder = EngineFolder(path)
            for build in folder.manifest.builds:
                opened = open_engine(folder.manifest, build, folder.verified(build), "latency")
                slot = engines.enter_context(opened).slots[0]
                slot.input[...] = _noise(slot)
                name = f"{path.name} {build.precision}"
                measures[name] = partial(runs_per_second, slot, arguments.seconds)
        baseline, *others = measures
        rows = interleaved(
            measures[baseline], {name: measures[name] for name in others}, arguments.rounds
        )
    show(f"core, latency mode, against {baseline}", "frames/s", rows)


def runs_per_second(slot: Slot, seconds: float) -> float:
    """How often the slot computes in a second."""
    slot.run()
    started, runs = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        slot.run()
        runs += 1
    return runs / (time.perf_counter() - started)


def _noise(slot: Slot) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, slot.input.shape, dtype=np.uint8)


if __name__ == "__main__":
    main()
