"""Videos whose frames are not evenly spaced, not upright, not whole: made by the real ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Optional

import cv2
import numpy as np
import pytest

from runtime.batch import video as batch_video
from runtime.batch.ffmpeg import h264_encoder, picture_sizes
from runtime.batch.options import Incomplete
from runtime.batch.video_writer import declared_frames
from runtime.errors import SourceFailed
from runtime.image.mask_formats import EncodeOptions
from runtime.sources.video import VideoFile
from tests.batch.scene import segment

pytestmark = pytest.mark.ffmpeg

# 30 frames a second, then, as phones do in the dark, 10.
SLOWING = "setpts='if(lt(N,15),N/30,0.5+(N-15)/10)/TB'"
IMAGE_ALONE = EncodeOptions(opacity=0.0)


def ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True)


def make(path: Path, frames: int = 30, size: str = "64x32", *options: str) -> Path:
    pattern = f"testsrc=size={size}:rate=30:duration={frames / 30}"
    coded = ("-c:v", "libx264", "-pix_fmt", "yuv420p") if path.suffix != ".webm" else ()
    ffmpeg("-f", "lavfi", "-i", pattern, *options, *coded, f"file:{path}")
    return path


def slowing(path: Path) -> Path:
    return make(path, 30, "64x32", "-vf", SLOWING, "-vsync", "passthrough")


def times(path: Path) -> np.ndarray:
    with VideoFile(path) as video:
        return np.array(video.positions())


@pytest.fixture(params=["with ffmpeg", "without"])
def encoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Optional[str]:
    found = h264_encoder() if request.param == "with ffmpeg" else None
    monkeypatch.setattr(batch_video, "h264_encoder", lambda: found)
    return found


@pytest.mark.parametrize("kind", ["mkv", "mp4"])
def test_every_frame_is_shown_at_its_own_time(
    tmp_path: Path, encoder: Optional[str], kind: str
) -> None:
    source = slowing(tmp_path / f"clip.{kind}")
    report = segment(source, tmp_path / "out")
    report.require_complete()
    assert report.done == 30
    made = times(tmp_path / "out" / "clip.mp4")
    if encoder is not None:
        assert made == pytest.approx(times(source), abs=0.001)
        assert report.notes == []
    else:
        # Each from the same time on, and until the next: 15 of a thirtieth, 15 of a tenth.
        assert declared_frames(tmp_path / "out" / "clip.mp4") == 15 + 15 * 3
        assert made[-1] + 1 / 30 == pytest.approx(2.0, abs=0.04)
        assert "constant 30 frames a second" in report.notes[0]
        assert segment(source, tmp_path / "out").notes == report.notes


def test_an_even_rate_is_kept_exactly(tmp_path: Path, encoder: Optional[str]) -> None:
    source = make(tmp_path / "clip.mp4", 12, "64x32", "-bf", "3", "-r", "30000/1001")
    report = segment(source, tmp_path / "out")
    assert report.notes == []
    with VideoFile(tmp_path / "out" / "clip.mp4") as video:
        assert video.frame_rate == pytest.approx(30000 / 1001, abs=0.001)


def test_frames_that_an_edit_list_hides_are_not_missing(
    tmp_path: Path, encoder: Optional[str]
) -> None:
    whole = make(tmp_path / "whole.mp4", 60, "64x32", "-g", "60", "-bf", "2")
    cut = tmp_path / "cut.mp4"
    ffmpeg("-ss", "1.0", "-i", str(whole), "-c", "copy", str(cut))
    assert declared_frames(cut) == 60
    report = segment(cut, tmp_path / "out")
    report.require_complete()
    assert report.done == 30


def test_a_video_that_breaks_off_says_so_again(tmp_path: Path) -> None:
    source = make(tmp_path / "clip.mp4", 60, "64x32", "-g", "10", "-movflags", "+faststart")
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    first = segment(source, tmp_path / "out")
    with pytest.raises(Incomplete, match=r"only \d+ of its 60 frames .*, up to \d\.\d+ s of 2\.00"):
        first.require_complete()
    assert segment(source, tmp_path / "out", fail_after=0) == first
    assert segment(make(source), tmp_path / "out").failures == []


def shown_by_ffmpeg(path: Path) -> np.ndarray:
    picture = path.with_suffix(".png")
    ffmpeg("-i", str(path), "-frames:v", "1", str(picture))
    pixels = cv2.imread(str(picture))
    assert pixels is not None
    return pixels


def first_overlay(source: Path, output: Path) -> np.ndarray:
    segment(source, output, encode=IMAGE_ALONE).require_complete()
    return shown_by_ffmpeg(output / f"{source.stem}.mp4")


# The matrix of a track's header, and that of a mirror: 16.16 numbers.
ONE, MINUS_ONE = b"\0\1\0\0", b"\xff\xff\0\0"
UPRIGHT, MIRRORED = (one + bytes(12) + ONE for one in (ONE, MINUS_ONE))


def test_a_mirrored_video_is_mirrored(tmp_path: Path) -> None:
    source = make(tmp_path / "clip.mp4", 3)
    content = source.read_bytes()
    track = content.index(b"tkhd")
    source.write_bytes(content[:track] + content[track:].replace(UPRIGHT, MIRRORED, 1))
    shown = first_overlay(source, tmp_path / "out")
    assert np.abs(shown.astype(int) - shown_by_ffmpeg(source)).mean() < 8


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    source = make(tmp_path / "clip.mp4", 3, "64x48", "-vf", "setsar=64/45")
    assert first_overlay(source, tmp_path / "out").shape == (48, 92, 3)


def switching(folder: Path) -> Path:
    parts = [make(folder / f"{size}.ts", 5, size) for size in ("64x32", "96x64")]
    (folder / "clip.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    return folder / "clip.ts"


def test_a_size_that_changes_on_the_way_is_refused(tmp_path: Path) -> None:
    source = switching(tmp_path)
    assert picture_sizes("ffmpeg", source) == [(32, 64), (64, 96)]
    with pytest.raises(SourceFailed, match=r"clip\.ts changes its size .*64 x 32, then 96 x 64"):
        segment(source, tmp_path / "out")


@pytest.mark.parametrize(
    "name", ["cam1:front.mp4", "12:30:05.mp4", "file:x.mp4", "csi:0.mp4", "-dash.mp4", "100%d.mp4"]
)
def test_a_name_is_a_name_and_no_protocol_or_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(make(tmp_path / "plain.mp4", 3), tmp_path / name)
    for output in (Path("run:1"), Path("-out"), Path("a%d")):
        assert segment(Path(name), output).done == 3
        assert (output / name).exists()


def test_without_time_stamps_frames_follow_at_the_declared_rate(tmp_path: Path) -> None:
    # A raw stream is taken to have 25 frames a second.
    assert times(make(tmp_path / "raw.h264", 10))[-1] == pytest.approx(9 / 25)
