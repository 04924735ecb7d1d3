from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from runtime.errors import InvalidInput
from runtime.image.label_map import Classes, Colour, LabelMap
from runtime.image.label_png import ids_from_png, palette_png

ROOT = Path(__file__).resolve().parent.parent.parent


def classes(count: int) -> Classes:
    names = tuple(f"class {number} (Straße)" for number in range(count))
    colours = tuple(colour(number) for number in range(count))
    return Classes(names, colours)


def colour(number: int) -> Colour:
    return (number * 7 % 256, number * 31 % 256, 255 - number)


def random_labels(height: int, width: int, count: int) -> LabelMap:
    ids = np.random.default_rng(height).integers(0, count, (height, width)).astype(np.uint8)
    return LabelMap(ids, classes(count))


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (77, 1), (33, 50), (256, 512)])
@pytest.mark.parametrize("count", [2, 19, 255])
class TestPalettePng:
    def test_pillow_reads_the_class_ids(self, shape: tuple[int, int], count: int) -> None:
        labels = random_labels(*shape, count)
        image = Image.open(io.BytesIO(palette_png(labels)))
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), labels.labels)

    def test_opencv_reads_the_colours(self, shape: tuple[int, int], count: int) -> None:
        labels = random_labels(*shape, count)
        data = np.frombuffer(palette_png(labels), np.uint8)
        bgr = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert bgr is not None
        assert np.array_equal(bgr[..., ::-1], labels.classes.colours()[labels.labels])

    def test_the_ids_come_back(self, shape: tuple[int, int], count: int) -> None:
        labels = random_labels(*shape, count)
        assert np.array_equal(ids_from_png(palette_png(labels)), labels.labels)


def test_the_class_names_travel_along() -> None:
    image = Image.open(io.BytesIO(palette_png(random_labels(4, 4, 3))))
    assert json.loads(image.info["classes"]) == list(classes(3).names)


def test_equal_maps_give_equal_bytes() -> None:
    assert palette_png(random_labels(40, 30, 5)) == palette_png(random_labels(40, 30, 5))


def test_every_damaged_byte_is_noticed() -> None:
    data = palette_png(random_labels(4, 5, 3))
    for place in range(len(data)):
        damaged = data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]
        with pytest.raises(InvalidInput, match="not a label map"):
            ids_from_png(damaged)


def test_every_truncation_is_noticed() -> None:
    data = palette_png(random_labels(4, 5, 3))
    for length in range(len(data)):
        with pytest.raises(InvalidInput, match="not a label map"):
            ids_from_png(data[:length])


def test_images_of_other_kinds_are_refused() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    with pytest.raises(InvalidInput, match="palette index"):
        ids_from_png(buffer.getvalue())


def test_without_isal_the_same_image_is_written() -> None:
    """isal has no wheel for some processors."""
    code = (
        "import sys; sys.modules['isal'] = None\n"
        "from tests.image.test_label_png import *; from runtime.image.png_chunks import deflate\n"
        "assert deflate.__name__ == 'zlib'\n"
        "sys.stdout.buffer.write(palette_png(random_labels(33, 50, 19)))"
    )
    written = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True
    )
    expected = random_labels(33, 50, 19).labels
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(written.stdout))), expected)
