from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from runtime.batch.ffmpeg import FfmpegEncoder, h264_encoder, picture_sizes
from runtime.errors import OutputFailed

pytestmark = pytest.mark.ffmpeg


def write_all(encoder: FfmpegEncoder) -> None:
    for number in range(200):
        encoder.write(np.zeros((32, 64, 3), np.uint8), number / 10)
    encoder.finish()


def test_what_ffmpeg_cannot_write_is_told_in_its_words(tmp_path: Path) -> None:
    encoder = FfmpegEncoder(str(h264_encoder()), tmp_path / "missing" / "out.mp4", (32, 64), 10)
    # It tells at the end, or, where it has ended by then, at the next frame.
    with pytest.raises(OutputFailed, match=r"could not write .*out\.mp4: .*No such file"):
        write_all(encoder)


def test_a_video_of_one_size_has_one(tmp_path: Path) -> None:
    path = tmp_path / "-clip: 1.ts"
    pattern = ("-f", "lavfi", "-i", "testsrc=size=64x32:rate=30:duration=1")
    subprocess.run(["ffmpeg", "-v", "error", *pattern, "-g", "5", f"file:{path}"], check=True)
    assert picture_sizes("ffmpeg", path) == [(32, 64)]


def test_what_is_no_video_has_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video")
    assert picture_sizes("ffmpeg", tmp_path / "notes.txt") == []
