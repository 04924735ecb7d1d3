"""The CUDA kernels: their errors against the references, and on a GPU their speed.

`python -m benchmarks.kernels` runs the kernels' sources on the host (g++), or with `--gpu` the
shipped binaries on the first GPU (pycuda), and prints how far their results are from the float32
references. With `--gpu` it also prints how many bytes a second each kernel moves, counting every
byte that must be read or written once, beside a plain copy in device memory of as many.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, List, Tuple

import numpy as np

from benchmarks.labels import smooth_logits
from runtime.cuda.kernels.launch import Launch
from runtime.cuda.kernels.parameters import ELEMENT_BYTES, TALLY_WORDS, Element
from runtime.image.yuv import YuvCoding
from runtime.inference.letterbox import Placement
from runtime.inference.postprocess.cuda import DeviceLabels, DeviceLogits, labels_launch
from runtime.inference.postprocess.reference import labels_from_logits
from runtime.inference.preprocess.cuda import DeviceFrame, DeviceInput, preprocess_launch
from runtime.inference.preprocess.reference import fitted, fitted_nv12, normalised
from runtime.repository.manifest import InputSpec
from tests.cuda.kernels.cuda_machine import CudaMachine, cuda_machine
from tests.cuda.kernels.host import build
from tests.cuda.kernels.machine import Logits, Machine, labelled, prepared

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
ROUNDS = 200


@dataclass(frozen=True)
class Errors:
    """How far results are from a reference.

    Attributes:
        what: the case.
        values: how many were compared.
        different: how many are not equal.
        worst: the largest difference: units in the last place of the output's type, or 1 where
            labels differ.
    """

    what: str
    values: int
    different: int
    worst: int


def ordered(values: np.ndarray) -> np.ndarray:
    """Floats as whole numbers of which neighbours are one apart: int64."""
    bits = values.view(f"i{values.itemsize}").astype(np.int64)
    sign = np.int64(-1) << (8 * values.itemsize - 1)
    return np.where(bits < 0, sign - bits, bits)


def errors(what: str, found: np.ndarray, expected: np.ndarray) -> Errors:
    """Compares two arrays of one type."""
    whole = found.dtype.kind == "u"
    distance = found != expected if whole else np.abs(ordered(found) - ordered(expected))
    return Errors(what, found.size, int(np.count_nonzero(distance)), int(distance.max()))


def preprocessing_errors(machine: Machine) -> Iterator[Errors]:
    """Every source format and resampling, down and up, to both float types."""
    elements: Tuple[Element, ...] = ("float32", "float16")
    for height, width in ((270, 480), (60, 90)):
        rng = np.random.default_rng((height, width))
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        luma = rng.integers(0, 256, (height, width), dtype=np.uint8)
        chroma = rng.integers(0, 256, (height // 2, width // 2, 2), dtype=np.uint8)
        bgr, y, uv = (machine.holding(array) for array in (pixels, luma, chroma))
        coding = YuvCoding()
        packed = DeviceFrame("bgr", height, width, bgr.address, 3 * width)
        planar = DeviceFrame("nv12", height, width, y.address, width, uv.address, width, coding)
        for resampling in ("bilinear", "area"):
            spec = InputSpec(height=128, width=256, mean=MEAN, std=STD, resampling=resampling)
            images = (fitted(pixels, spec), fitted_nv12(luma, chroma, coding, spec))
            for frame, image in zip((packed, planar), images):
                for element in elements:
                    found = prepared(machine, frame, spec, element).planar
                    what = f"{frame.format} {width}x{height} {resampling} to {element}"
                    yield errors(what, found, normalised(image, spec)[0].astype(element))


def labelling_errors(machine: Machine) -> Iterator[Errors]:
    """Regions, noise and ties, in both precisions, with few and many classes."""
    for grid, size, classes in (
        *(((32, 64), (256, 512), 19), ((45, 60), (360, 480), 11)),
        *(((16, 32), (128, 256), 150), ((17, 23), (91, 200), 255), ((20, 30), (160, 240), 2)),
    ):
        regions = smooth_logits(*grid, classes, seed=0).transpose(2, 0, 1)
        noise = np.random.default_rng(0).normal(size=(classes, *grid))
        for name, values in (("regions", regions), ("noise", noise), ("ties", np.round(noise))):
            for dtype in ("float32", "float16"):
                logits = Logits(np.ascontiguousarray(values.astype(dtype)))
                found = labelled(machine, logits, size).labels
                exact = logits.values.transpose(1, 2, 0).astype(np.float32)
                what = f"{name}, {classes} classes {grid[1]}x{grid[0]} {dtype}"
                yield errors(what, found, labels_from_logits(exact, size))


def show_errors(rows: List[Errors]) -> None:
    """Prints a table."""
    print("| case | values | different | worst |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.values} | {row.different} | {row.worst} |")


@dataclass(frozen=True)
class Timed:
    """A launch to time, and the bytes that it cannot avoid to read and write."""

    what: str
    launch: Launch
    moved: int


@contextmanager
def preprocessing_launch(gpu: CudaMachine, element: Element) -> Iterator[Timed]:
    """1920x1080 BGR to 1024x2048."""
    spec = InputSpec(height=1024, width=2048, mean=MEAN, std=STD, geometry="stretch")
    pixels = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    held = gpu.holding(pixels)
    planar = gpu.holding(np.zeros((3, 1024, 2048), element))
    frame = DeviceFrame("bgr", 1080, 1920, held.address, 3 * 1920)
    launch = preprocess_launch(frame, DeviceInput(planar.address, element), spec)
    written = 3 * 1024 * 2048 * ELEMENT_BYTES[element]
    yield Timed(f"1920x1080 BGR to 1024x2048 {element}", launch, pixels.nbytes + written)


@contextmanager
def labelling_launch(gpu: CudaMachine, classes: int, noisy: bool) -> Iterator[Timed]:
    """FP16 logits of 128x256 to 1024x2048 labels."""
    values = smooth_logits(128, 256, classes, seed=0).transpose(2, 0, 1)
    if noisy:
        values = np.random.default_rng(0).normal(size=values.shape)
    logits = gpu.holding(np.ascontiguousarray(values.astype(np.float16)))
    labels = gpu.holding(np.zeros((1024, 2048), np.uint8))
    tally = gpu.holding(np.zeros(TALLY_WORDS, np.uint32))
    launch = labels_launch(
        DeviceLogits(logits.address, "float16", "CHW", classes, 128, 256),
        (1024, 2048),
        Placement(0, 0, 1024, 2048),
        DeviceLabels(labels.address, 2048),
        tally.address,
    )
    kind = "noise" if noisy else "regions"
    moved = 2 * values.size + 1024 * 2048
    yield Timed(f"{classes} classes of 128x256 float16, {kind}, to 1024x2048", launch, moved)


def copying(gpu: CudaMachine, moved: int) -> Tuple[Callable[[], None], object]:
    """A copy in device memory that reads and writes `moved` bytes, and what it needs alive."""
    source, target = (gpu.driver.mem_alloc(moved // 2) for _ in range(2))
    return lambda: gpu.driver.memcpy_dtod_async(target, source, moved // 2), (source, target)


def show_speed(gpu: CudaMachine) -> None:
    """Prints a table: time, bytes a second, and the share of a copy's."""
    print(f"\n{gpu.device.name()}, mean of {ROUNDS}")
    print("| case | ms | GB/s | copy, GB/s | share |\n|---|---|---|---|---|")
    cases = [
        *(preprocessing_launch(gpu, "float16"), preprocessing_launch(gpu, "float32")),
        *(labelling_launch(gpu, 19, False), labelling_launch(gpu, 150, False)),
        labelling_launch(gpu, 150, True),
    ]
    for case in cases:
        with case as timed:
            taken = gpu.milliseconds(lambda: gpu.submit(timed.launch), ROUNDS)
            copy, _alive = copying(gpu, timed.moved)
            copied = gpu.milliseconds(copy, ROUNDS)
        speed, top = timed.moved / taken / 1e6, timed.moved / copied / 1e6
        share = f"{speed / top:.0%}"
        print(f"| {timed.what} | {taken:.4f} | {speed:.0f} | {top:.0f} | {share} |")


def main() -> None:
    """Compares on the host or on a GPU, and times on the GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpu", action="store_true", help="the first GPU instead of the host")
    if parser.parse_args().gpu:
        with cuda_machine() as gpu:
            show_errors([*preprocessing_errors(gpu), *labelling_errors(gpu)])
            show_speed(gpu)
        return
    with tempfile.TemporaryDirectory() as folder:
        host = build(Path(folder))
        show_errors([*preprocessing_errors(host), *labelling_errors(host)])


if __name__ == "__main__":
    main()
