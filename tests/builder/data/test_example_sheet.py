from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.builder.data.check import by_split
from runtime.builder.data.example_sheet import overlaid, write_example_sheet
from runtime.builder.data.layouts import open_dataset
from runtime.errors import InvalidInput
from tests.builder.scenes import write_dataset


def test_a_sheet_shows_readable_samples_of_each_split(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "scenes", train=6, val=2)
    (folder / "val/images/odd_101.png").write_bytes(b"")

    write_example_sheet(by_split(open_dataset(folder)), tmp_path / "sheet.png")

    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > sheet.height > 300


def test_colours_of_classes_lie_over_the_image(tmp_path: Path) -> None:
    classes = open_dataset(write_dataset(tmp_path)).classes
    labels = np.array([[0, 2, 255]], np.uint8)

    seen = overlaid(np.zeros((1, 3, 3), np.uint8), labels, classes)

    np.testing.assert_array_equal(seen, [[[54, 84, 138], [120, 36, 24], [153, 0, 153]]])


def test_a_dataset_that_cannot_be_read_has_no_sheet(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "scenes", train=1, val=0)
    (folder / "train/images/even_000.png").write_bytes(b"")

    with pytest.raises(InvalidInput, match="no sample"):
        write_example_sheet(by_split(open_dataset(folder)), tmp_path / "sheet.png")
