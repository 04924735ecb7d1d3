"""Decoding and encoding against OpenCV's ways of doing the same, interleaved.

`python -m benchmarks.codec` measures on frames of the demo clip at three sizes. Its masks are the
frames' brightness, smoothed and cut into 11 steps: their borders are those of real things, so they
compress about as real masks do. What is measured is the processor time of one thread, which other
programs on the machine disturb little; a ratio below 1 is faster than the first line of its table.
"""

from __future__ import annotations

import argparse
import time
import zlib
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Callable, Dict, List, Tuple

import cv2
import numpy as np

from benchmarks.ratios import Measure, interleaved, show
from runtime.image.codec import ImageLimits, blend, decode_image, overlay_jpeg
from runtime.image.frame import Frame
from runtime.image.label_map import Classes, LabelMap
from runtime.image.label_png import palette_png
from runtime.image.mask_formats import FORMATS, EncodeOptions
from runtime.image.png_chunks import deflate
from runtime.sources.open_source import open_source

CLIP = Path(__file__).resolve().parent.parent / "demo" / "camvid-0016E5-15hz.mp4"
SIZES = ((360, 480), (512, 1024), (1024, 2048))
CLASSES = Classes(
    tuple(f"step {number}" for number in range(11)),
    tuple((23 * number, 255 - 23 * number, 97 * number % 256) for number in range(11)),
)
LIMITS = ImageLimits(max_bytes=1 << 26, max_pixels=1 << 26)
CALLS = 5


def images(size: Tuple[int, int], count: int = 4) -> List[np.ndarray]:
    """Frames of the demo clip, a second and a half apart, scaled to a height and width."""
    with open_source(str(CLIP)) as source:
        frames = list(islice(source, 0, 25 * count, 25))
    return [cv2.resize(f.pixels, size[::-1], interpolation=cv2.INTER_CUBIC) for f in frames]


def mask_of(image: np.ndarray) -> LabelMap:
    """Brightness in 11 steps, without the grain of the camera."""
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (480, 360))
    steps = (cv2.medianBlur(small, 21).astype(np.uint16) * 11 // 256).astype(np.uint8)
    size = image.shape[1], image.shape[0]
    return LabelMap(cv2.resize(steps, size, interpolation=cv2.INTER_NEAREST), CLASSES)


def microseconds(work: Callable[[int], object], count: int) -> Measure:
    """A measure: mean processor time of `work`, called with the images' numbers in turn."""
    turn = 0

    def measure() -> float:
        nonlocal turn
        started = time.thread_time()
        for _ in range(CALLS):
            turn = (turn + 1) % count
            work(turn)
        return 1e6 * (time.thread_time() - started) / CALLS

    return measure


def zlib_png(labels: LabelMap) -> bytes:
    """What `palette_png` costs where isal is missing: the same deflate level by zlib."""
    rows = np.zeros((labels.height, labels.width + 1), np.uint8)
    rows[:, 1:] = labels.labels
    return zlib.compress(rows.data, 1)


def compare(size: Tuple[int, int], rounds: int) -> None:
    """Prints the tables for one size."""
    shown = images(size)
    masks = [mask_of(image) for image in shown]
    files = [cv2.imencode(".jpg", image)[1].tobytes() for image in shown]
    palette = CLASSES.colours()[:, ::-1]
    segmented = [
        SimpleNamespace(labels=mask, image=image, frame=Frame(image, 0, 0.0, "benchmark"))
        for mask, image in zip(masks, shown)
    ]
    level_1 = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    tables: Dict[str, Dict[str, Callable[[int], object]]] = {
        "JPEG to pixels": {
            "cv2.imdecode": lambda n: cv2.imdecode(np.frombuffer(files[n], np.uint8), 1),
            "decode_image (bounded)": lambda n: decode_image(files[n], LIMITS),
        },
        "label map to PNG": {
            "cv2.imencode, as it comes": lambda n: cv2.imencode(".png", masks[n].labels),
            "cv2.imencode, level 1": lambda n: cv2.imencode(".png", masks[n].labels, level_1),
            "zlib level 1": lambda n: zlib_png(masks[n]),
            f"palette_png ({deflate.__name__})": lambda n: palette_png(masks[n]),
        },
        "mask over image": {
            "NumPy lookup, addWeighted": lambda n: cv2.addWeighted(
                palette[masks[n].labels], 0.5, shown[n], 0.5, 0
            ),
            "blend": lambda n: blend(shown[n], masks[n], 0.5),
            "overlay_jpeg": lambda n: overlay_jpeg(shown[n], masks[n], 0.5, 80),
        },
        "label map to JSON": {
            name: lambda n, name=name: FORMATS[name].encode(segmented[n], EncodeOptions())  # type: ignore[misc]
            for name in ("json", "rle", "polygons")
        },
    }
    for title, ways in tables.items():
        measures = {name: microseconds(way, len(shown)) for name, way in ways.items()}
        rows = interleaved(next(iter(measures.values())), measures, rounds)
        show(f"{title}, {size[1]} x {size[0]}", "CPU microseconds", rows)
    sizes = [len(palette_png(mask)) for mask in masks]
    print(f"PNG files of {min(sizes)} to {max(sizes)} bytes\n")


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="of each comparison [%(default)s]")
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    for size in SIZES:
        compare(size, rounds)


if __name__ == "__main__":
    main()
