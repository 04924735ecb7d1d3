from __future__ import annotations

from pathlib import Path
from typing import Tuple

import cv2
import numpy as np
import pytest

from runtime.image.nv12 import bgr_of
from runtime.sources.address import address_from_uri
from runtime.sources.capture import Capture, no_csi_camera
from runtime.sources.gstreamer import CAMERA_PLUGIN, PLUGIN_FOLDERS
from runtime.sources.source import SourceLost
from tests.image.nv12 import nv12_from

HEIGHT, WIDTH = 48, 64


class Nv12Camera:
    """A film as a pipeline of GStreamer gives it: each frame in NV12."""

    def __init__(self, path: str) -> None:
        self._video = cv2.VideoCapture(path)

    def get(self, setting: int) -> float:
        return self._video.get(setting)

    def grab(self) -> bool:
        return self._video.grab()

    def retrieve(self) -> Tuple[bool, np.ndarray]:
        decoded, bgr = self._video.retrieve()
        return decoded, nv12_from(bgr) if decoded else bgr


@pytest.fixture
def film(tmp_path: Path) -> str:
    path = str(tmp_path / "film.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 10, (WIDTH, HEIGHT))
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, : WIDTH // 2] = (200, 60, 20)
    writer.write(image)
    writer.release()
    return path


def test_frames_in_nv12_stay_what_they_are(film: str) -> None:
    plain, pipeline = Capture(cv2.VideoCapture(film)), Capture(Nv12Camera(film), nv12=True)
    assert plain.frame_rate == pipeline.frame_rate == 10
    assert plain.grab()
    assert pipeline.grab()
    bgr, nv12 = plain.retrieve(3, 1e9, "film"), pipeline.retrieve(3, 1e9, "film")
    assert bgr is not None
    assert nv12 is not None
    assert (bgr.format, nv12.format) == ("bgr", "nv12")
    assert (nv12.number, nv12.captured_at, nv12.source) == (3, 1e9, "film")
    assert (nv12.pixels == nv12_from(bgr.pixels)).all()
    assert np.abs(bgr_of(nv12).astype(int) - bgr.pixels).mean() < 3
    assert not pipeline.grab()


def test_a_frame_that_cannot_be_decoded_is_none(film: str) -> None:
    capture = Capture(cv2.VideoCapture(film))
    while capture.grab():
        pass
    assert capture.retrieve(1, 1e9, "film") is None


def test_a_csi_camera_without_its_plugin_will_not_come_back_and_an_unplugged_one_may(
    tmp_path: Path,
) -> None:
    address = address_from_uri("csi:1")
    without = no_csi_camera(address, tmp_path)
    assert "--runtime nvidia" in without.cure
    assert not isinstance(without, SourceLost)
    plugin = tmp_path / PLUGIN_FOLDERS[0] / CAMERA_PLUGIN
    plugin.parent.mkdir(parents=True)
    plugin.touch()
    unplugged = no_csi_camera(address, tmp_path)
    assert isinstance(unplugged, SourceLost)
    assert "nvargus-daemon" in unplugged.cure
