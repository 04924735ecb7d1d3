from __future__ import annotations

import os
from pathlib import Path
from typing import List, Optional, Tuple

import cv2
import numpy as np
import pytest

from runtime.batch.options import Incomplete
from runtime.batch.video_writer import VideoWriter
from runtime.errors import EngineFailed, SourceFailed
from runtime.image.mask_formats import EncodeOptions
from runtime.sources.open_source import open_source
from tests.batch.scene import SHAPE, bright_share, image, segment

FRAMES = 15
COLOURS_ALONE = EncodeOptions(opacity=1.0)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """The bright part jumps from frame to frame, so that none can stand in for its neighbour."""
    return write_clip(tmp_path / "clip.mp4", FRAMES)


def bright_from(number: int) -> int:
    """A border between two cells of the engine's grid."""
    return 8 * (3 * number % 8)


def write_clip(path: Path, frames: int) -> Path:
    with VideoWriter(path, SHAPE, 12.5, ffmpeg=None) as video:
        for number in range(frames):
            video.write(image(bright_from(number)))
    return path


def frames_of(path: Path) -> List[np.ndarray]:
    with open_source(str(path)) as source:
        return [frame.pixels for frame in source]


def expected_share(number: int) -> float:
    return 1 - bright_from(number) / 64


def test_a_video_stays_a_video(tmp_path: Path, clip: Path) -> None:
    report = segment(clip, tmp_path / "out", encode=COLOURS_ALONE)
    assert (report.done, list(report.failures)) == (FRAMES, [])
    result = tmp_path / "out" / "clip.mp4"
    with open_source(str(result)) as source:
        assert source.frame_rate == 12.5
    shown = frames_of(result)
    assert [frame.shape for frame in shown] == [(*SHAPE, 3)] * FRAMES


def test_every_frame_is_there_once_and_in_order(tmp_path: Path, clip: Path) -> None:
    segment(clip, tmp_path / "out", encode=COLOURS_ALONE)
    for number, frame in enumerate(frames_of(tmp_path / "out" / "clip.mp4")):
        bright = float((frame[..., 2] > 128).mean())
        assert bright == pytest.approx(expected_share(number), abs=0.05), number


def test_label_maps_are_kept_if_asked_for(tmp_path: Path, clip: Path) -> None:
    segment(clip, tmp_path / "out", label_maps=True)
    maps = sorted((tmp_path / "out" / "clip.labels").iterdir())
    assert [path.name for path in maps] == [f"{number:06}.png" for number in range(FRAMES)]
    for number, path in enumerate(maps):
        assert bright_share(path) == pytest.approx(expected_share(number), abs=0.05)


def test_a_finished_video_is_left_out(tmp_path: Path, clip: Path) -> None:
    segment(clip, tmp_path / "out")
    assert segment(clip, tmp_path / "out", fail_after=0).skipped == 1


def test_label_maps_asked_for_later_are_made(tmp_path: Path, clip: Path) -> None:
    segment(clip, tmp_path / "out")
    assert segment(clip, tmp_path / "out", label_maps=True).done == FRAMES
    assert len(list((tmp_path / "out" / "clip.labels").iterdir())) == FRAMES


def test_a_broken_run_leaves_no_video_and_continues_from_its_label_maps(
    tmp_path: Path, clip: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(EngineFailed):
        segment(clip, out, label_maps=True, fail_after=10)
    assert not (out / "clip.mp4").exists()
    assert not (out / "clip.labels").exists()
    # Five frames are left for the engine: one more than it may segment would fail.
    segment(clip, out, label_maps=True, fail_after=FRAMES - 10)
    assert len(frames_of(out / "clip.mp4")) == FRAMES
    untouched = tmp_path / "untouched"
    segment(clip, untouched, label_maps=True)
    for path in (untouched / "clip.labels").iterdir():
        assert (out / "clip.labels" / path.name).read_bytes() == path.read_bytes()
    assert frames_equal(out / "clip.mp4", untouched / "clip.mp4")


def test_what_a_killed_run_left_half_written_is_cleared(tmp_path: Path, clip: Path) -> None:
    half = tmp_path / "out" / ".clip.partial.mp4"
    half.parent.mkdir()
    half.write_bytes(b"half a video")
    assert segment(clip, tmp_path / "out").done == FRAMES
    assert not half.exists()


def frames_equal(one: Path, other: Path) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(frames_of(one), frames_of(other)))


def test_label_maps_of_an_earlier_version_of_the_video_do_not_outlive_it(
    tmp_path: Path, clip: Path
) -> None:
    segment(clip, tmp_path / "out", label_maps=True)
    write_clip(clip, frames=4)
    os.utime(clip, (0, 0))
    assert segment(clip, tmp_path / "out", label_maps=True).done == 4
    assert len(list((tmp_path / "out" / "clip.labels").iterdir())) == 4


def test_a_truncated_video_is_told_of(tmp_path: Path) -> None:
    """An AVI says in its first bytes how many frames it has."""
    source = tmp_path / "clip.avi"
    video = cv2.VideoWriter(str(source), cv2.VideoWriter.fourcc(*"MJPG"), 10, SHAPE[::-1])
    for number in range(60):
        video.write(image(number))
    video.release()
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    report = segment(source, tmp_path / "out")
    assert 0 < report.done < 60
    assert len(frames_of(tmp_path / "out" / "clip.mp4")) == report.done
    with pytest.raises(Incomplete, match=rf"only {report.done} .*, up to \d\.\d+ s of 6\.00 s"):
        report.require_complete()
    again = segment(source, tmp_path / "out", fail_after=0)
    assert again == report


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video")
    with pytest.raises(SourceFailed, match=r"notes\.txt"):
        segment(tmp_path / "notes.txt", tmp_path / "out")


def test_progress_counts_frames(tmp_path: Path, clip: Path) -> None:
    told: List[Tuple[str, int, Optional[int]]] = []
    segment(clip, tmp_path / "out", progress=lambda *step: told.append(step))
    assert told == [("clip.mp4", number, FRAMES) for number in range(1, FRAMES + 1)]
