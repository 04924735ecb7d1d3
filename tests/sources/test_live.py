"""Live sources against a real camera on this machine: an MJPEG server with faults on demand."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Iterator, List

import cv2
import numpy as np
import pytest

from runtime.errors import SourceFailed
from runtime.image.frame import Frame
from runtime.sources.live import LiveSource
from runtime.sources.open_source import open_source
from runtime.sources.source import Source, SourceLost
from runtime.sources.synthetic import pattern
from tests.contracts.source import LiveContract
from tests.processes import is_running, maps_frames, open_descriptors
from tests.sources.mjpeg_camera import HEIGHT, SECRET, WIDTH, MjpegCamera
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
HAS_GSTREAMER = re.search("GStreamer: +YES", cv2.getBuildInformation()) is not None


@pytest.fixture
def camera() -> Iterator[MjpegCamera]:
    with MjpegCamera() as camera:
        yield camera


def live_source(uri: str) -> LiveSource:
    return LiveSource(uri, on_stall=lambda: None)


def read(source: Source) -> Frame:
    frame = source.read()
    assert frame is not None
    return frame


def loss_of(source: Source) -> SourceLost:
    """Reads on until the source is lost."""
    with pytest.raises(SourceLost) as loss:
        list(source)
    return loss.value


class TestMjpeg(LiveContract):
    @pytest.fixture
    def uri(self, camera: MjpegCamera) -> str:
        return camera.uri


# ---- images -----------------------------------------------------------------------------------


def test_the_image_is_the_camera_s(camera: MjpegCamera) -> None:
    with live_source(camera.uri) as source:
        frame = read(source)
        assert source.frame_rate is not None
    error = np.abs(frame.pixels.astype(int) - pattern(frame.number, HEIGHT, WIDTH))
    assert error.mean() < 8


def test_a_slow_reader_gets_the_newest_frame(camera: MjpegCamera) -> None:
    with live_source(camera.uri) as source:
        last = number = read(source).number
        while number <= last + 1:  # ends as soon as one was skipped
            wait_until(partial(camera.has_sent, camera.sent + 5))
            last, number = number, read(source).number


# ---- faults -------------------------------------------------------------------------------------


@pytest.mark.long
def test_silence_is_told_and_a_camera_that_comes_back_is_kept(camera: MjpegCamera) -> None:
    stalls: List[bool] = []

    def thaw() -> None:
        stalls.append(True)
        camera.thaw()

    with LiveSource(camera.uri, on_stall=thaw) as source:
        last = [read(source).number for _ in range(5)][-1]
        camera.freeze()
        while not stalls:
            assert read(source).number > last
    assert camera.connections == 1


@pytest.mark.long
def test_a_capture_that_stays_silent_is_given_up(camera: MjpegCamera) -> None:
    stalls: List[bool] = []
    with LiveSource(camera.uri, on_stall=lambda: stalls.append(True)) as source:
        for _ in range(5):
            read(source)
        os.kill(source.pid, signal.SIGSTOP)  # as if the driver hung
        loss = loss_of(source)
    assert loss.reason == "stall"
    assert stalls == [True]
    assert not is_running(source.pid)


def test_a_camera_that_closes_the_stream_is_lost(camera: MjpegCamera) -> None:
    with live_source(camera.uri) as source:
        read(source)
        camera.hang_up()
        loss = loss_of(source)
    assert loss.reason == "ended"
    assert "stopped sending" in loss.problem


def test_a_capture_process_that_dies_is_noticed_at_once(camera: MjpegCamera) -> None:
    with live_source(camera.uri) as source:
        read(source)
        os.kill(source.pid, signal.SIGKILL)
        assert loss_of(source).reason == "died"


def test_nobody_listens() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # taken, but not listening
        uri = f"http://viewer:{SECRET}@127.0.0.1:{reserved.getsockname()[1]}/cam.mjpg"
        with live_source(uri) as source:
            loss = loss_of(source)
    assert loss.reason == "refused"
    assert SECRET not in str(loss)


@pytest.mark.parametrize(
    ("status", "reason", "cure"), [(401, "auth", "password"), (404, "not_found", "path")]
)
def test_a_server_that_refuses_says_why(status: int, reason: str, cure: str) -> None:
    with MjpegCamera(status=status) as camera, live_source(camera.uri) as source:
        loss = loss_of(source)
    assert loss.reason == reason
    assert str(status) in loss.problem
    assert cure in loss.cure
    assert SECRET not in str(loss)


def test_a_first_frame_that_does_not_come_is_given_up(camera: MjpegCamera) -> None:
    camera.freeze()
    with LiveSource(camera.uri, lambda: None, first_frame_seconds=0.5) as source:
        assert loss_of(source).reason == "timeout"


def test_an_unplugged_usb_camera_may_come_back() -> None:
    with open_source("usb:/dev/video-unplugged") as source:
        assert "group video" in loss_of(source).cure


# ---- CSI ----------------------------------------------------------------------------------------


@pytest.mark.skipif(HAS_GSTREAMER, reason="this OpenCV has GStreamer")
def test_a_csi_camera_needs_an_opencv_with_gstreamer_and_trying_again_will_not_help() -> None:
    source = open_source("csi:0")
    with source, pytest.raises(SourceFailed, match="JetPack's own OpenCV") as refusal:
        source.read()
    assert not isinstance(refusal.value, SourceLost)


# ---- nothing shown, nothing left ----------------------------------------------------------------


def test_no_password_in_the_list_of_processes(camera: MjpegCamera) -> None:
    with live_source(camera.uri) as source:
        assert SECRET not in read(source).source
        command = Path(f"/proc/{source.pid}/cmdline").read_text(encoding="utf-8")
    assert "runtime.sources.child" in command
    assert SECRET not in command


def test_nothing_is_left_behind(camera: MjpegCamera) -> None:
    before = open_descriptors()
    with live_source(camera.uri) as source:
        read(source)
        assert maps_frames()
    assert not is_running(source.pid)
    assert not maps_frames()
    # The camera lives in this process too, and closes its end in its own time.
    wait_until(lambda: open_descriptors() == before)


def test_the_capture_process_ends_with_a_parent_that_is_killed(camera: MjpegCamera) -> None:
    parent = (
        "from runtime.sources.live import LiveSource\n"
        f"with LiveSource({camera.uri!r}, lambda: None) as source:\n"
        "    source.read()\n"
        "    print(source.pid, flush=True)\n"
        "    list(source)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert is_running(pid)
        process.kill()
    wait_until(lambda: not is_running(pid))
