"""Workers, and work for them, that tests can hold and count."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator, Optional

from prometheus_client import CollectorRegistry

from runtime.inference.segmenter import Segmenter
from runtime.serving.job import Outcome
from runtime.serving.metrics.engine import RequestKind
from runtime.serving.metrics.registry import Metrics
from runtime.serving.worker import Work, Worker
from tests.engines import Gate, segmenters

LONG = 20.0


class Counted:
    """Metrics, and a look at how work ended."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)

    def __getitem__(self, result: str) -> Optional[float]:
        return self.ended("http", result)

    def ended(self, source: str, result: str) -> Optional[float]:
        return self.registry.get_sample_value(
            "swiftnet_inference_requests_total", {"source": source, "result": result}
        )


@dataclass(frozen=True, eq=False)
class Shot:
    """The job of one frame of a camera."""

    work: Work[None]
    source: RequestKind = "stream"

    def begin(self) -> bool:
        return True

    def run(self, segmenter: Segmenter) -> Outcome:
        try:
            self.work(segmenter)
        except Exception as error:  # noqa: BLE001 - it is the outcome
            return Outcome("error", error=error)
        return Outcome("ok")

    def finish(self, outcome: Outcome) -> None:
        """Nobody waits for it."""


class Camera:
    """A feed that always has a newest frame, until it is told to have no more."""

    def __init__(
        self, weight: int = 1, frames: int = 1_000_000, shot: Work[None] = lambda _: None
    ) -> None:
        self.weight = weight
        self.frames = frames
        self.shot = shot
        self.taken = 0

    def take(self) -> Optional[Shot]:
        if self.taken == self.frames:
            return None
        self.taken += 1
        return Shot(self.shot)


@contextmanager
def working(counted: Counted, slots: int = 1, capacity: int = 4) -> Iterator[Worker]:
    with Worker(segmenters(slots), capacity, counted.metrics) as worker:
        yield worker


def held(gate: Gate) -> Work[str]:
    """Work that stands in the gate."""

    def work(_segmenter: Segmenter) -> str:
        gate()
        return "done"

    return work


def quick(_segmenter: Segmenter) -> str:
    return "done"
