"""A real RTSP camera: read, missing, killed and restarted, frozen and thawed."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Iterator, Optional, Type

import pytest

from runtime.serving.metrics.registry import Metrics
from runtime.serving.settings import StreamSettings
from runtime.serving.streams.rate import Backoff
from runtime.serving.streams.stream import Stream
from runtime.serving.worker import Worker
from runtime.sources.open_source import open_source
from runtime.sources.source import SourceLost
from tests.engines import segmenters
from tests.waiting import wait_until

pytestmark = pytest.mark.rtsp

SCRIPT = Path(__file__).with_name("rtsp_server.py")


class RtspCamera:
    """The server script on a port of its own; a context manager."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: Optional[subprocess.Popen[str]] = None

    def uri(self, path: str = "cam") -> str:
        return f"rtsp://viewer:secret@127.0.0.1:{self.port}/{path}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["/usr/bin/python3", str(SCRIPT), str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "READY\n"

    def freeze(self) -> None:
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        with self._running as process:
            process.kill()
        self._process = None

    @property
    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    def __enter__(self) -> RtspCamera:
        self.start()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self._process is not None:
            self.kill()


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with RtspCamera() as camera:
        yield camera


@pytest.fixture
def stream(camera: RtspCamera) -> Iterator[Stream]:
    settings = StreamSettings(id="cam0", uri=camera.uri())
    worker = Worker(segmenters(2), 4, Metrics())
    stream = Stream(settings, worker.wake, Metrics(), Backoff(0.1, 0.5))
    worker.attach(stream)
    with worker, stream:
        wait_until(lambda: stream.status().frames.processed >= 3)
        yield stream


def newest_number(stream: Stream) -> int:
    newest = stream.broadcast.newest()
    return -1 if newest is None else newest.frame.number


def test_frames_arrive_and_another_path_is_not_found(camera: RtspCamera) -> None:
    with open_source(camera.uri()) as source:
        frame = source.read()
        assert frame is not None
        assert frame.pixels.shape == (180, 320, 3)
        assert source.frame_rate == 15
    with open_source(camera.uri("elsewhere")) as source, pytest.raises(SourceLost) as loss:
        source.read()
    assert loss.value.reason == "not_found"
    assert "secret" not in str(loss.value)


def test_a_camera_that_loses_power_is_back_when_it_is_back(
    camera: RtspCamera, stream: Stream
) -> None:
    camera.kill()
    wait_until(lambda: stream.status().state == "BACKOFF")
    before = newest_number(stream)
    camera.start()
    wait_until(lambda: stream.status().state == "RUNNING" and newest_number(stream) > before)
    assert stream.status().reconnects >= 1


def test_a_camera_that_hangs_is_given_up_and_taken_up_again(
    camera: RtspCamera, stream: Stream
) -> None:
    camera.freeze()
    wait_until(lambda: stream.status().state == "STALLED")
    wait_until(lambda: stream.status().reconnects == 1)
    assert "sent no frame" in (stream.status().last_error or "")
    before = newest_number(stream)
    camera.thaw()
    wait_until(lambda: stream.status().state == "RUNNING" and newest_number(stream) > before)
