from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.errors import SourceFailed
from runtime.sources.open_source import open_source
from tests.contracts.source import FileContract

FRAMES, RATE = 12, 15.0


def write_video(path: Path, frames: int = FRAMES) -> Path:
    """A video of grey frames that get brighter by 16 each."""
    fourcc = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), fourcc, RATE, (64, 48))
    for number in range(frames):
        writer.write(np.full((48, 64, 3), 16 * number, np.uint8))
    writer.release()
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.avi")


class TestVideo(FileContract):
    @pytest.fixture
    def uri(self, video: Path) -> str:
        return str(video)

    @pytest.fixture
    def frames(self) -> int:
        return FRAMES


def test_frames_are_those_that_were_written_in_their_order(video: Path) -> None:
    with open_source(str(video)) as source:
        brightness = [float(frame.pixels.mean()) for frame in source]
    assert brightness == pytest.approx([16 * number for number in range(FRAMES)], abs=2)


def test_the_rate_is_the_file_s_own(video: Path) -> None:
    with open_source(str(video)) as source:
        assert source.frame_rate == pytest.approx(RATE)


def test_a_missing_file_is_named_with_the_forms_a_source_may_have() -> None:
    with pytest.raises(SourceFailed, match=r"no file or folder nowhere/x\.mp4.*rtsp://"):
        open_source("nowhere/x.mp4").__enter__()


@pytest.mark.parametrize("content", [b"", b"this is no video", b"RIFF\x10\x00\x00\x00AVI LIST"])
def test_a_file_that_is_no_video_is_refused_with_a_cure(tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "clip.avi"
    broken.write_bytes(content)
    with pytest.raises(SourceFailed, match="ffmpeg"), open_source(str(broken)) as source:
        source.read()
