"""The preprocessing kernels: the reference's numbers, bit for bit.

Must hold is one unit in the last place of the output's type; these are exact, and tested as such.
"""

from __future__ import annotations

from typing import List, Tuple

import numpy as np
import pytest

from runtime.cuda.kernels.parameters import Element
from runtime.image.frame import Frame
from runtime.image.nv12 import planes
from runtime.image.yuv import YuvCoding
from runtime.inference.letterbox import place
from runtime.inference.preprocess.cuda import DeviceFrame, PixelFormat, device_frame
from runtime.inference.preprocess.reference import fitted, fitted_nv12, normalised, quantized
from runtime.repository.manifest import InputSpec
from tests.cuda.kernels.host import HostMachine
from tests.cuda.kernels.machine import Machine, Memory, Prepared, Size, pitched, prepared

SPEC = InputSpec(
    height=45,
    width=64,
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
    pad=(7, 8, 9),
)
FRAMES: List[Size] = [(45, 64), (90, 128), (44, 65), (271, 483), (7, 5), (1, 1), (3, 500)]
EVEN_FRAMES: List[Size] = [(46, 64), (90, 128), (270, 480), (8, 6), (2, 2), (4, 500)]
CODINGS = [YuvCoding(matrix, full) for matrix in ("bt601", "bt709") for full in (False, True)]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).integers(0, 256, shape, dtype=np.uint8)


def packed_on(machine: Machine, bgr: np.ndarray, layout: PixelFormat) -> Tuple[Memory, DeviceFrame]:
    """A BGR frame as a camera might pack it, in memory with rows far apart."""
    height, width = bgr.shape[:2]
    channels = {"bgr": bgr, "rgb": bgr[..., ::-1]}
    channels["bgrx"] = np.concatenate([bgr, noise(height, width, 1)], axis=-1)
    rows = pitched(np.ascontiguousarray(channels[layout]), 13)
    memory = machine.holding(rows)
    return memory, DeviceFrame(layout, height, width, memory.address, rows.shape[1])


def assert_exact(found: Prepared, image: np.ndarray, spec: InputSpec, size: Size) -> None:
    """That input and image are what the float32 image rounds to."""
    expected = normalised(image, spec)[0].astype(found.planar.dtype)
    np.testing.assert_array_equal(found.planar, expected)
    placement = place(*size, spec)
    shown = np.rint(image[placement.rows, placement.columns]).astype(np.uint8)
    np.testing.assert_array_equal(found.image, shown)


@pytest.mark.parametrize("element", ["float32", "float16"])
@pytest.mark.parametrize("layout", ["bgr", "bgrx", "rgb"])
@pytest.mark.parametrize("size", FRAMES)
def test_packed_colours_are_exact(
    machine: Machine, size: Size, layout: PixelFormat, element: Element
) -> None:
    for geometry, resampling in [("letterbox", "bilinear"), ("stretch", "area")]:
        spec = SPEC.model_copy(update={"geometry": geometry, "resampling": resampling})
        pixels = noise(*size, 3)
        _held, frame = packed_on(machine, pixels, layout)
        assert_exact(prepared(machine, frame, spec, element), fitted(pixels, spec), spec, size)


@pytest.mark.parametrize("resampling", ["bilinear", "area"])
@pytest.mark.parametrize("coding", CODINGS, ids=str)
@pytest.mark.parametrize("size", EVEN_FRAMES)
def test_nv12_is_exact(machine: Machine, size: Size, coding: YuvCoding, resampling: str) -> None:
    spec = SPEC.model_copy(update={"resampling": resampling})
    luma, chroma = noise(*size), noise(size[0] // 2, size[1] // 2, 2)
    y, uv = machine.holding(pitched(luma, 3)), machine.holding(pitched(chroma, 9))
    frame = DeviceFrame("nv12", *size, y.address, size[1] + 3, uv.address, size[1] + 9, coding)
    image = fitted_nv12(luma, chroma, coding, spec)
    assert_exact(prepared(machine, frame, spec, "float32"), image, spec, size)


def test_a_camera_s_frame_in_nv12_is_exact_where_its_bytes_lie_together(machine: Machine) -> None:
    coding = YuvCoding("bt601", full_range=True)
    camera = Frame(noise(270, 242), 0, 0.0, "camera", "nv12", coding)
    memory = machine.holding(camera.pixels)
    frame = device_frame(camera, memory.address)
    image = fitted_nv12(*planes(camera.pixels), coding, SPEC)
    assert_exact(prepared(machine, frame, SPEC, "float32"), image, SPEC, (180, 242))


@pytest.mark.parametrize("seed", range(10))
def test_random_sizes_are_exact(machine: Machine, seed: int) -> None:
    rng = np.random.default_rng(seed)
    spec = InputSpec.model_validate(
        {
            "height": rng.integers(32, 90),
            "width": rng.integers(32, 90),
            "mean": rng.uniform(0, 255, 3).tolist(),
            "std": rng.uniform(0.01, 99, 3).tolist(),
            "colour_order": rng.choice(["rgb", "bgr"]),
            "geometry": rng.choice(["letterbox", "stretch"]),
            "resampling": rng.choice(["bilinear", "area"]),
            "pad": rng.integers(0, 256, 3).tolist(),
        }
    )
    size = (int(rng.integers(1, 200)), int(rng.integers(1, 200)))
    pixels = noise(*size, 3)
    _held, frame = packed_on(machine, pixels, "bgr")
    elements: Tuple[Element, ...] = ("float32", "float16")
    for element in elements:
        found = prepared(machine, frame, spec, element)
        assert_exact(found, fitted(pixels, spec), spec, size)


@pytest.mark.parametrize("scale", [0.02, 0.5, 2.64 / 127])
def test_int8_is_exact_and_stays_in_its_range(machine: Machine, scale: float) -> None:
    pixels = noise(100, 200, 3)
    _held, frame = packed_on(machine, pixels, "bgr")
    found = prepared(machine, frame, SPEC, "int8", scale).planar
    planar = normalised(fitted(pixels, SPEC), SPEC)[0]
    np.testing.assert_array_equal(found, quantized(planar, scale))


@pytest.mark.gxx
def test_host_and_numpy_agree_on_every_half(host: HostMachine) -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    wide = np.array([host.library.float_from_half(n) for n in bits.tolist()], np.float32)
    np.testing.assert_array_equal(wide, bits.view(np.float16).astype(np.float32))


@pytest.mark.gxx
def test_host_and_numpy_round_to_halves_alike(host: HostMachine) -> None:
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    ties = (halves[:-1] + halves[1:]) / 2
    beside = np.concatenate([ties, np.nextafter(ties, 0), np.nextafter(ties, np.inf)])
    extremes = np.array([0, 65519.996, 65520, 1e9, np.inf, 1e-45], np.float32)
    values = np.concatenate([halves[::5], beside.astype(np.float32)[::7], extremes])
    values = np.concatenate([values, -values])
    narrow = [host.library.half_from_float(value) for value in values.tolist()]
    with np.errstate(over="ignore"):
        expected = values.astype(np.float16).view(np.uint16)
    np.testing.assert_array_equal(np.array(narrow, np.uint16), expected)
