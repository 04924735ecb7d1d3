"""Clients that send again at once, whatever they are told: what is left for them and for others.

    python -m benchmarks.overload engines/camvid-demo IMAGE.jpg

Each number of connections is compared with few connections just before and just after it. Beside
the most of them a polite client, of another address, sends one request a second and waits as long
as it is asked to.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import List, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.daemon import Daemon
from benchmarks.http_load import Answers, Target, closed_loop

FEW = 4
POLITE_ADDRESS = "127.0.0.2"
BESIDE = 64
"""Connections beside which the polite client is measured."""


@dataclass(frozen=True)
class Row:
    """One number of connections over all rounds."""

    connections: int
    ratios: List[float]
    goodput: List[float]
    seconds: List[float]
    refusals: List[float]


def main() -> None:
    """Prints the table, and how the polite client fared."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--connections", type=int, nargs="+", default=(12, 16, 32, 64, 256))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    with Daemon(arguments.engine, "throughput") as daemon:
        target = daemon.target("/segment?format=png", arguments.image.read_bytes())
        closed_loop(target, FEW, arguments.seconds)
        rows = measured(target, arguments.connections, arguments.rounds, arguments.seconds)
        show(rows)
        answered = polite(target, arguments.rounds * arguments.seconds)
    served, asked = answered.count(200), len(answered.rows)
    Console().print(f"a polite client beside {BESIDE} others: {served} of {asked} answered")


def measured(target: Target, connections: Sequence[int], rounds: int, seconds: float) -> List[Row]:
    """Goodput of each number of connections, each between two measurements of a few."""
    rows = [Row(count, [], [], [], []) for count in connections]
    before = closed_loop(target, FEW, seconds).per_second(200)
    for _ in range(rounds):
        for row in rows:
            answers = closed_loop(target, row.connections, seconds)
            after = closed_loop(target, FEW, seconds).per_second(200)
            row.ratios.append(answers.per_second(200) / ((before + after) / 2))
            row.goodput.append(answers.per_second(200))
            row.refusals.append(answers.per_second(503))
            row.seconds.extend(answers.seconds(200))
            before = after
    return rows


def polite(target: Target, seconds: float) -> Answers:
    """What a client gets that sends one request a second and honours Retry-After."""
    answers, end = Answers(), time.monotonic() + seconds
    with ThreadPoolExecutor(1) as pool, replace(target, source=POLITE_ADDRESS).connect() as one:
        crowd = pool.submit(partial(closed_loop, target, BESIDE, seconds))
        time.sleep(1.0)
        while time.monotonic() < end:
            started = time.monotonic()
            status = one.ask()
            answers.rows.append((status, time.monotonic() - started, time.monotonic()))
            time.sleep(max(1.0, one.retry_after))
        crowd.result()
    return answers


def show(rows: Sequence[Row]) -> None:
    """Prints medians over the rounds."""
    table = Table("connections", "200s per second", f"ratio to {FEW}", "p50 of the 200s", "503/s")
    for row in rows:
        table.add_row(
            str(row.connections),
            f"{np.median(row.goodput):.1f}",
            f"{np.median(row.ratios):.3f} ({min(row.ratios):.3f}-{max(row.ratios):.3f})",
            f"{np.median(row.seconds):.2f} s",
            f"{np.median(row.refusals):.0f}",
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
