"""The clip that `make serve` shows must decode with the OpenCV that is installed, everywhere."""

from __future__ import annotations

from pathlib import Path

from runtime.sources.open_source import open_source

CLIP = Path(__file__).resolve().parent.parent / "demo" / "camvid-0016E5-15hz.mp4"


def test_the_clip_is_a_continuous_drive_of_101_frames() -> None:
    with open_source(str(CLIP)) as source:
        frames = list(source)
        assert source.frame_rate == 15
    assert [frame.number for frame in frames] == list(range(101))
    assert {frame.pixels.shape for frame in frames} == {(360, 480, 3)}


def test_the_clip_is_small_enough_for_the_repository() -> None:
    assert CLIP.stat().st_size < 4_000_000
