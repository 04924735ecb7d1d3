"""Files and folders of every name, in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest

from runtime.batch import video
from runtime.batch.ffmpeg import h264_encoder
from runtime.batch.progress import console_progress
from runtime.batch.run import segment_path
from runtime.batch.video_writer import VideoWriter
from runtime.errors import InvalidInput
from runtime.inference.backends.fake import FakeEngine
from runtime.inference.segmenter import Segmenter
from runtime.sources.open_source import open_source
from tests.awkward_names import STEMS
from tests.batch.scene import SHAPE, bright_share, image, segment, write_image
from tests.engines import fake_build, small_manifest

FRAMES = 3
NAMES = (*STEMS, "csi:0", "synthetic:64x48@5", "usb:x", "noending")


@pytest.fixture(params=["opencv", pytest.param("ffmpeg", marks=pytest.mark.ffmpeg)])
def encoder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Optional[str]:
    """What writes videos; names are relative to an empty folder."""
    chosen = h264_encoder() if request.param == "ffmpeg" else None
    monkeypatch.setattr(video, "h264_encoder", lambda: chosen)
    monkeypatch.chdir(tmp_path)
    return chosen


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    with VideoWriter(tmp_path / "clip.mp4", SHAPE, 5, ffmpeg=None) as writer:
        for _ in range(FRAMES):
            writer.write(image(32))
    return (tmp_path / "clip.mp4").read_bytes()


def frames_in(path: Path) -> int:
    with open_source(str(path.absolute())) as source:
        return sum(1 for _ in source)


@pytest.mark.parametrize("name", NAMES)
def test_a_video_of_any_name(encoder: Optional[str], clip: bytes, name: str) -> None:
    source = Path(f"{name}.mp4")
    source.write_bytes(clip)
    report = segment(source, Path("out"), label_maps=True)
    assert (report.done, list(report.failures)) == (FRAMES, [])
    assert frames_in(Path("out") / source.name) == FRAMES
    assert len(list((Path("out") / f"{name}.labels").iterdir())) == FRAMES


@pytest.mark.parametrize("name", STEMS)
def test_an_output_folder_of_any_name(encoder: Optional[str], clip: bytes, name: str) -> None:
    folder = Path(name)
    assert segment(Path("clip.mp4"), folder).done == FRAMES
    assert frames_in(folder / "clip.mp4") == FRAMES
    assert sorted(path.name for path in folder.iterdir()) == [
        ".results.jsonl",
        "clip.mp4",
        "segment.json",
    ]


@pytest.mark.parametrize("name", STEMS)
def test_an_image_in_a_folder_of_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "a.png").rename(tmp_path / "moved.png")
    folder = Path(name)
    folder.mkdir()
    (tmp_path / "moved.png").rename(folder / f"{name}.png")
    report = segment(folder, Path("out"))
    assert (report.done, list(report.failures)) == (1, [])
    assert bright_share(Path("out") / f"{name}.png") == 0.5


def test_a_video_whose_results_would_have_too_long_names_is_refused(
    tmp_path: Path, clip: bytes
) -> None:
    source = tmp_path / f"{'x' * 240}.mp4"
    source.write_bytes(clip)
    with pytest.raises(InvalidInput, match=r"256 bytes long.*shorter name"):
        segment(source, tmp_path / "out")


def test_a_live_folder_of_every_name_loses_none(tmp_path: Path) -> None:
    write_image(tmp_path / "plain.png")
    pixels = (tmp_path / "plain.png").read_bytes()
    for name in STEMS:
        (tmp_path / f"{name}.png").write_bytes(pixels)
    with open_source(str(tmp_path)) as source:
        names = [frame.source for frame in source]
    assert len(names) == len(STEMS) + 1
    assert all(name.isprintable() and name.encode("utf-8") for name in names)


def test_damaged_files_of_every_name_are_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in STEMS:
        (tmp_path / "in" / f"{name}.png").write_bytes(b"nothing")
    report = segment(tmp_path / "in", tmp_path / "out")
    assert len(report.failures) == len(STEMS)
    assert all(said.encode("utf-8") for said in report.failures)


def test_the_progress_of_every_name_is_shown_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(tmp_path / "in" / "[red] alarm.png")
    manifest = small_manifest()
    with FakeEngine(manifest, slots=1) as engine, console_progress() as progress:
        segmenters = [Segmenter(manifest, slot) for slot in engine.slots]
        segment_path(tmp_path / "in", tmp_path / "out", segmenters, fake_build(), progress=progress)
    assert "[red] alarm.png" in capsys.readouterr().err
