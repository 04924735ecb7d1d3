"""What becomes of a source: read to its end, connected again, or given up with its fault."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, List, Optional

import pytest

from runtime.errors import SourceFailed
from runtime.image.frame import Frame
from runtime.serving.metrics.registry import Metrics
from runtime.serving.settings import StreamSettings
from runtime.serving.streams.rate import Backoff
from runtime.serving.streams.status import StreamStats
from runtime.serving.streams.stream import Stream
from runtime.serving.streams.stream_reader import StreamReader
from tests.serving.streams.streams import (
    IMAGES,
    nothing_unaccounted,
    running,
    stream_of,
    wait_for_state,
    write_images,
)
from tests.sources.mjpeg_camera import SECRET, MjpegCamera
from tests.waiting import wait_until

# ---- the reader alone ---------------------------------------------------------------------------


class Received:
    """What a reader hands on."""

    def __init__(self, uri: object, **settings: Any) -> None:
        self.frames: List[Frame] = []
        self.ends: List[Optional[Exception]] = []
        self.stats = StreamStats(Metrics().stream("cam0"))
        self.reader = StreamReader(
            StreamSettings(id="cam0", uri=str(uri), **settings),
            self.stats,
            self.frames.append,
            self.ends.append,
            Backoff(first=0.02, longest=0.1),
        )


def test_a_file_is_offered_frame_by_frame_and_its_end_is_told_once(tmp_path: Path) -> None:
    received = Received(write_images(tmp_path))
    received.reader.start()
    assert received.reader.join(20)
    assert [frame.number for frame in received.frames] == list(range(IMAGES))
    assert {frame.source for frame in received.frames} == {"cam0"}
    assert received.ends == [None]
    assert (received.reader.live, received.reader.drops) == (False, False)


def test_a_file_that_is_not_there_ends_with_its_fault(tmp_path: Path) -> None:
    received = Received(tmp_path / "nowhere.mp4")
    received.reader.start()
    assert received.reader.join(20)
    (fault,) = received.ends
    assert isinstance(fault, SourceFailed)
    assert received.frames == []


def test_a_reader_that_is_interrupted_tells_no_end() -> None:
    received = Received("synthetic:8x8@500")
    received.reader.start()
    wait_until(lambda: len(received.frames) > 2)
    received.reader.interrupt()
    assert received.reader.join(20)
    assert received.reader.stopping
    assert received.ends == []


def test_a_file_that_loops_drops_frames_as_a_camera_does(tmp_path: Path) -> None:
    looping = Received(write_images(tmp_path), loop=True).reader
    assert (looping.live, looping.drops) == (False, True)
    assert Received("synthetic:8x8@1").reader.drops


# ---- cameras that come and go -------------------------------------------------------------------


def test_a_camera_that_is_not_there_yet_is_tried_until_it_is() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        uri = f"http://viewer:{SECRET}@127.0.0.1:{port}/cam.mjpg"
        with running(uri) as stream:
            wait_until(lambda: stream.status().reconnects >= 2)
            waiting = stream.status()
            reserved.close()
            with MjpegCamera(port):
                wait_for_state(stream, "RUNNING")
    assert "refused" in (waiting.last_error or "")
    assert SECRET not in waiting.model_dump_json()


def test_a_camera_that_hangs_up_is_connected_again_and_its_numbers_grow() -> None:
    with MjpegCamera() as camera, running(camera.uri) as stream:
        wait_until(lambda: len(stream.results) >= 3)
        last = stream.results[-1].frame.number
        camera.hang_up()
        wait_until(lambda: camera.connections == 2 and stream.status().state == "RUNNING")
        so_far = len(stream.results)
        wait_until(lambda: len(stream.results) > so_far)
        status = stream.status()
    numbers = [result.frame.number for result in stream.results]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] > last
    assert status.reconnects == 1
    assert nothing_unaccounted(stream.status())


class Pauses(Backoff):
    """Short pauses, and how often they were reset."""

    resets = 0

    def pause(self) -> float:
        return 0.02

    def reset(self) -> None:
        self.resets += 1


@pytest.mark.parametrize(("healthy_after", "resets"), [(2, 1), (10**6, 0)])
def test_only_a_connection_that_held_makes_the_pauses_short_again(
    healthy_after: int, resets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.serving.streams.stream_reader.HEALTHY_FRAMES", healthy_after)
    pauses = Pauses()
    with MjpegCamera() as camera:
        settings = StreamSettings(id="cam0", uri=camera.uri)
        with Stream(settings, lambda: None, Metrics(), pauses) as stream:
            wait_until(lambda: stream.status().frames.captured >= 3)
            camera.hang_up()
            wait_until(lambda: stream.status().reconnects == 1)
    assert pauses.resets == resets


def test_one_line_is_logged_for_a_camera_that_stays_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with stream_of("usb:/dev/video-unplugged") as stream:
        wait_until(lambda: stream.status().reconnects >= 2)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cam0: the camera /dev/video-unplugged" in caplog.text


@pytest.mark.long
def test_a_camera_that_falls_silent_is_stalled_until_it_speaks_again() -> None:
    with MjpegCamera() as camera, running(camera.uri) as stream:
        wait_until(lambda: stream.status().frames.processed >= 5)
        camera.freeze()
        wait_for_state(stream, "STALLED")
        camera.thaw()
        wait_for_state(stream, "RUNNING")
    assert stream.status().reconnects == 0
