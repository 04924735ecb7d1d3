"""Streams for tests: watched from their first result, on a real worker or by hand."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, List

import cv2
import numpy as np

from runtime.serving.metrics.registry import Metrics
from runtime.serving.settings import StreamSettings
from runtime.serving.streams.rate import Backoff
from runtime.serving.streams.result import StreamResult
from runtime.serving.streams.status import StreamState, StreamStatus
from runtime.serving.streams.stream import Stream, StreamJob
from runtime.serving.worker import Worker
from tests.engines import segmenters
from tests.waiting import wait_until

IMAGES = 24


def write_images(folder: Path) -> Path:
    """Fills a folder with images that are dark and bright in turn."""
    for number in range(IMAGES):
        image = np.full((32, 64, 3), 255 * (number % 2), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


class Watched(Stream):
    """A stream that keeps all its results, on the thread that publishes them."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.results: List[StreamResult] = []
        self._viewer = self.broadcast.subscribe(notify=self._keep)

    def _keep(self) -> None:
        result = self._viewer.take()
        if result is not None:
            self.results.append(result)


def stream_of(uri: object, wake: Callable[[], None] = lambda: None, **settings: Any) -> Watched:
    quick = Backoff(first=0.02, longest=0.1)
    return Watched(StreamSettings(id="cam0", uri=str(uri), **settings), wake, Metrics(), quick)


@contextmanager
def running(
    uri: object, before_run: Callable[[], None] = lambda: None, **settings: Any
) -> Iterator[Watched]:
    """A stream on a worker with two slots."""
    with Worker(segmenters(2, before_run), 4, Metrics()) as worker:
        stream = stream_of(uri, worker.wake, **settings)
        worker.attach(stream)
        with stream:
            yield stream
        worker.detach(stream)


def wait_for_state(stream: Stream, state: StreamState) -> StreamStatus:
    wait_until(lambda: stream.status().state == state)
    return stream.status()


def nothing_unaccounted(status: StreamStatus) -> bool:
    return status.frames.captured == status.frames.processed + sum(status.dropped.values())


def taken(stream: Stream) -> StreamJob:
    """The job of the next frame of a stream without a worker, as soon as there is one."""
    jobs: List[StreamJob] = []

    def take() -> bool:
        offered = stream.take()
        if offered is not None:
            jobs.append(offered)
        return bool(jobs)

    wait_until(take)
    return jobs[0]


def newest(stream: Stream) -> StreamResult:
    """The newest result of a stream that has one."""
    result = stream.broadcast.newest()
    assert result is not None
    return result
