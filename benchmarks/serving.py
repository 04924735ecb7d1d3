"""POST /segment against the raw engine: throughput, latency, overload.

    python -m benchmarks.serving engines/camvid-demo IMAGE.jpg

The image should have the model's size. Every figure is a ratio to the raw engine (its full-size
head in the graph, nothing decoded or encoded) measured just before and just after it.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Dict, List, Tuple

import cv2
import numpy as np
from rich.console import Console

from benchmarks.daemon import Daemon
from benchmarks.http_load import Target, closed_loop, open_loop
from benchmarks.ratios import Row, interleaved, show
from benchmarks.raw_engine import RawEngine
from runtime.device.machine import this_machine
from runtime.image.codec import ImageLimits, decode_image
from runtime.inference.engine import Mode
from runtime.repository.choose_build import choose_build
from runtime.repository.engine_folder import EngineFolder

CLIENTS: Dict[Mode, Tuple[int, ...]] = {"throughput": (4, 8), "latency": (1,)}
"""Connections that are tried in each mode."""
STORM = 10
"""Overload: this many times the peak."""
STORM_CONNECTIONS = 48


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    body = arguments.image.read_bytes()
    with ExitStack() as daemons:
        for mode, connections in CLIENTS.items():
            daemon = daemons.enter_context(Daemon(arguments.engine, mode))
            raw = raw_engine(arguments.engine, mode, arguments.image)
            target = daemon.target("/segment?format=png", body)
            rows = compare(raw, target, connections, arguments.rounds, arguments.seconds)
            show(f"POST /segment, {mode} mode", "requests/s", rows)
            if mode == "throughput":
                overload(target, arguments.rounds, arguments.seconds)


def raw_engine(folder: Path, mode: Mode, image: Path) -> RawEngine:
    """The engine that the daemon would choose, with its head in the graph."""
    engine = EngineFolder(folder)
    build = choose_build(engine, this_machine(), None)
    raw = RawEngine(engine.manifest, build, engine.verified(build), mode)
    spec = engine.manifest.input
    pixels = decode_image(image.read_bytes(), ImageLimits(1 << 25, 1 << 26))
    raw.use_image(cv2.resize(pixels, (spec.width, spec.height)))
    return raw


def compare(
    raw: RawEngine, target: Target, connections: Tuple[int, ...], rounds: int, seconds: float
) -> List[Row]:
    """Requests per second over the raw engine's frames per second, per number of connections."""

    def served(clients: int) -> float:
        return closed_loop(target, clients, seconds).per_second(200)

    candidates = {f"{n} connections": partial(served, n) for n in connections}
    return interleaved(partial(raw.frames_per_second, seconds), candidates, rounds)


def overload(target: Target, rounds: int, seconds: float) -> None:
    """Goodput, refusals and recovery at ten times the peak."""
    goodput: List[float] = []
    refusals: List[float] = []
    first_after: List[float] = []
    refused = 0
    for _ in range(rounds):
        peak = closed_loop(target, 8, seconds).per_second(200)
        storm = open_loop(target, STORM_CONNECTIONS, STORM * peak, seconds)
        first_after.append(_seconds_for_one(target))
        later = closed_loop(target, 8, seconds).per_second(200)
        goodput.append(storm.per_second(200) / ((peak + later) / 2))
        refusals += storm.seconds(503)
        refused += storm.count(503)
    print_ = Console(width=100).print
    print_(f"overload at {STORM} times the peak, {rounds} rounds of {seconds:g} s:")
    print_(f"  goodput over peak, median      {np.median(goodput):.3f}")
    print_(f"  503, median                    {1000 * np.median(refusals):.1f} ms of {refused}")
    print_(f"  first request after the storm  {1000 * np.median(first_after):.0f} ms")


def _seconds_for_one(target: Target) -> float:
    with target.connect() as connection:
        started = time.perf_counter()
        status = connection.ask()
        if status != 200:
            raise RuntimeError(f"the first request after the storm got {status}")
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
