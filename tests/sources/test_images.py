from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.errors import SourceFailed
from runtime.sources.open_source import open_source
from tests.contracts.source import FileContract


def image(value: int, height: int = 6, width: int = 8) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), image(number))
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


class TestFolder(FileContract):
    @pytest.fixture
    def uri(self, folder: Path) -> str:
        return str(folder)

    @pytest.fixture
    def frames(self) -> int:
        return 3


def test_images_come_in_counting_order_under_their_names(folder: Path) -> None:
    with open_source(str(folder)) as source:
        seen = [(frame.source, int(frame.pixels[0, 0, 0])) for frame in source]
    assert seen == [("frame1.png", 1), ("frame2.png", 2), ("frame10.png", 10)]


def test_a_single_image_is_a_source_of_one_frame(folder: Path) -> None:
    with open_source(str(folder / "frame2.png")) as source:
        assert [frame.source for frame in source] == ["frame2.png"]


def test_sizes_may_differ_and_grey_becomes_colour(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), image(1, 4, 6))
    cv2.imwrite(str(tmp_path / "b.png"), np.full((7, 5), 9, np.uint8))
    with open_source(str(tmp_path)) as source:
        assert [frame.pixels.shape for frame in source] == [(4, 6, 3), (7, 5, 3)]


def test_a_file_that_is_no_image_is_named_not_skipped(folder: Path) -> None:
    (folder / "frame2.png").write_bytes(b"not a PNG")
    with open_source(str(folder)) as source:
        assert source.read() is not None
        with pytest.raises(SourceFailed, match=r"frame2\.png"):
            source.read()


def test_hidden_files_are_left_out_and_pipes_are_not_waited_for(folder: Path) -> None:
    (folder / "._frame1.png").write_bytes(b"of another system")
    os.mkfifo(folder / "frame3.png")
    with open_source(str(folder)) as source:
        assert [frame.source for frame in (source.read(), source.read()) if frame is not None] == [
            *("frame1.png", "frame2.png")
        ]
        with pytest.raises(SourceFailed, match=r"frame3\.png"):
            source.read()


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="holds no images"), open_source(str(tmp_path)):
        pass
