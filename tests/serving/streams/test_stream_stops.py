"""A stream ends within its deadline, whatever state it is in, and leaves nothing behind."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from runtime.serving.metrics.registry import Metrics
from runtime.serving.settings import StreamSettings
from runtime.serving.streams.rate import Backoff
from runtime.serving.streams.status import StreamState
from runtime.serving.streams.stream import Stream
from tests.engines import segmenters
from tests.processes import maps_frames, open_descriptors
from tests.serving.streams.streams import (
    nothing_unaccounted,
    running,
    stream_of,
    taken,
    wait_for_state,
    write_images,
)
from tests.sources.mjpeg_camera import MjpegCamera
from tests.waiting import wait_until


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_images(tmp_path)


def silent_server() -> socket.socket:
    """Accepts connections and says nothing."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


def assert_stops(stream: Stream, state: StreamState = "STOPPED") -> None:
    started = time.monotonic()
    stream.stop(timeout=2.0)
    assert time.monotonic() - started < 2.0
    assert stream.status().state == state
    assert stream.take() is None
    assert not any(thread.name == "stream-cam0" for thread in threading.enumerate())
    with stream.broadcast.subscribe() as viewer:
        assert viewer.closed


def test_a_stream_that_never_started_stops() -> None:
    assert_stops(stream_of("synthetic:8x8@1"))


def test_a_stream_stops_while_it_connects() -> None:
    with silent_server() as server:
        stream = stream_of(f"http://127.0.0.1:{server.getsockname()[1]}/cam.mjpg")
        stream.start()
        with server.accept()[0]:
            assert stream.status().state == "CONNECTING"
            assert_stops(stream)


def test_a_stream_stops_while_it_waits_to_try_again() -> None:
    settings = StreamSettings(id="cam0", uri="usb:/dev/video-unplugged")
    stream = Stream(settings, lambda: None, Metrics(), Backoff(first=600, longest=600))
    stream.start()
    wait_for_state(stream, "BACKOFF")
    assert_stops(stream)


def test_a_stream_stops_while_it_runs_and_leaves_nothing_behind() -> None:
    with MjpegCamera() as camera:
        before = open_descriptors()
        stream = stream_of(camera.uri)
        stream.start()
        wait_for_state(stream, "RUNNING")
        assert maps_frames()
        assert_stops(stream)
        assert not maps_frames()
        wait_until(lambda: open_descriptors() <= before)


@pytest.mark.long
def test_a_stream_stops_while_it_is_stalled() -> None:
    with MjpegCamera() as camera:
        stream = stream_of(camera.uri)
        stream.start()
        wait_until(lambda: stream.status().frames.captured >= 5)
        camera.freeze()
        wait_for_state(stream, "STALLED")
        assert_stops(stream)


def test_a_file_stops_while_it_waits_for_the_engine(images: Path) -> None:
    stream = stream_of(images)
    stream.start()
    wait_until(lambda: stream.status().frames.captured > 2)
    assert_stops(stream)
    assert nothing_unaccounted(stream.status())


def test_a_stream_that_finished_or_failed_says_so_for_ever(images: Path) -> None:
    with running(images) as finished:
        wait_for_state(finished, "FINISHED")
        assert_stops(finished, "FINISHED")
    failed = stream_of(images / "nowhere")
    failed.start()
    wait_for_state(failed, "FAILED")
    assert_stops(failed, "FAILED")


def test_work_in_hand_when_a_stream_stops_is_dropped() -> None:
    with stream_of("synthetic:64x32@500") as stream:
        job = taken(stream)
    job.run(segmenters()[0])
    assert stream.broadcast.newest() is None
    assert stream.status().dropped["shutdown"] >= 1
    assert nothing_unaccounted(stream.status())
