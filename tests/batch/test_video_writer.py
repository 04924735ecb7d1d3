from __future__ import annotations

from pathlib import Path
from typing import List, Optional, Tuple

import numpy as np
import pytest

from runtime.batch.ffmpeg import h264_encoder
from runtime.batch.video_writer import VideoWriter, constant_rate, declared_frames
from runtime.errors import OutputFailed
from runtime.sources.open_source import open_source
from runtime.sources.video import VideoFile

WITH_OPENCV: Optional[str] = None


@pytest.fixture(params=["opencv", pytest.param("ffmpeg", marks=pytest.mark.ffmpeg)])
def encoder(request: pytest.FixtureRequest) -> Optional[str]:
    return WITH_OPENCV if request.param == "opencv" else h264_encoder()


def numbered(count: int, size: Tuple[int, int] = (48, 64)) -> List[np.ndarray]:
    """Grey images whose brightness is 10 times their number, with one blue side."""
    frames = [np.full((*size, 3), 10 * number, np.uint8) for number in range(count)]
    for frame in frames:
        frame[:, size[1] // 2 :] = (200, 40, 40)
    return frames


def read_back(path: Path) -> List[np.ndarray]:
    with open_source(str(path)) as source:
        return [frame.pixels for frame in source]


def write(path: Path, frames: List[np.ndarray], encoder: Optional[str], rate: float = 10) -> None:
    with VideoWriter(path, (48, 64), rate, encoder) as video:
        for frame in frames:
            video.write(frame)


@pytest.mark.parametrize("count", [1, 12])
def test_every_frame_arrives_in_order(tmp_path: Path, encoder: Optional[str], count: int) -> None:
    write(tmp_path / "out.mp4", numbered(count), encoder)
    shown = read_back(tmp_path / "out.mp4")
    assert len(shown) == count
    for number, (frame, original) in enumerate(zip(shown, numbered(count))):
        assert frame.shape == original.shape
        assert np.abs(frame.astype(int) - original).mean() < 4, number


@pytest.mark.parametrize("rate", [12.5, 30000 / 1001])
def test_the_rate_is_kept(tmp_path: Path, encoder: Optional[str], rate: float) -> None:
    path = tmp_path / "out.mp4"
    write(path, numbered(4), encoder, rate)
    with open_source(str(path)) as source:
        assert source.frame_rate == pytest.approx(rate, abs=0.002)
    assert declared_frames(path) == 4


def test_nothing_appears_before_the_end(tmp_path: Path, encoder: Optional[str]) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path, (48, 64), 10, encoder) as video:
        video.write(numbered(1)[0])
        assert not path.exists()
    assert list(tmp_path.iterdir()) == [path]


def test_a_frame_of_another_size_leaves_nothing_new_behind(
    tmp_path: Path, encoder: Optional[str]
) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"the earlier one")
    with pytest.raises(OutputFailed, match=r"frame 1 .* 32 x 24 pixels, .* 64 x 48"):
        write(path, [*numbered(1), *numbered(1, (24, 32))], encoder)
    assert path.read_bytes() == b"the earlier one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path, encoder: Optional[str]) -> None:
    with pytest.raises(OutputFailed, match="missing"):
        write(tmp_path / "missing" / "out.mp4", numbered(1) * 200, encoder)


def test_odd_sizes_are_kept_or_refused(tmp_path: Path, encoder: Optional[str]) -> None:
    path = tmp_path / "out.mp4"
    if encoder is WITH_OPENCV:
        with pytest.raises(OutputFailed, match="63 x 47"):
            VideoWriter(path, (47, 63), 10, encoder).__enter__()
        return
    with VideoWriter(path, (47, 63), 10, encoder) as video:
        video.write(numbered(1, (47, 63))[0])
    assert read_back(path)[0].shape == (47, 63, 3)


def write_on_a_full_disk(path: Path) -> None:
    """OpenCV's writer says nothing when there is no room left."""
    with VideoWriter(path, (48, 64), 10, WITH_OPENCV) as video:
        for frame in numbered(3):
            video.write(frame)
        unfinished = path.parent / f".{path.stem}.partial.mp4"
        unfinished.unlink()
        unfinished.write_bytes(b"all that there was room for")


def test_frames_that_did_not_arrive_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match="of 3 frames only 0 arrived"):
        write_on_a_full_disk(tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_no_video_declares_no_frames(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    assert declared_frames(tmp_path / "text.mp4") is None


@pytest.mark.parametrize(
    ("positions", "rate", "even"),
    [
        ([], 25.0, True),
        ([0.0], 25.0, True),
        ([0.0, 0.04, 0.08], 25.0, True),
        # As Matroska rounds them.
        ([0.0, 0.033, 0.067, 0.1], 30.0, True),
        ([0.0, 0.5, 1.0], 30.0, False),
        ([0.0, 0.1, 0.11], 100.0, False),
        ([0.0, 0.1, 0.1001], 120.0, False),
    ],
)
def test_a_constant_rate_gives_each_frame_a_time_of_its_own(
    positions: List[float], rate: float, even: bool
) -> None:
    declared = 25.0 if rate == 25 else 30.0
    assert constant_rate(np.array(positions), declared) == (rate, even)


def test_a_frame_is_shown_until_the_next(tmp_path: Path, encoder: Optional[str]) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path, (48, 64), 10, encoder) as video:
        for frame, position in zip(numbered(3), (0.0, 0.1, 0.5)):
            video.write(frame, position)
    with VideoFile(path) as source:
        times = [frame.position for frame in source]
    expected = [0.1 * n for n in range(9)] if encoder is WITH_OPENCV else [0.0, 0.1, 0.5]
    assert times == pytest.approx(expected, abs=0.001)
