"""The labels' kernels: every pixel, and every count, as the reference says."""

from __future__ import annotations

from typing import Tuple, cast

import numpy as np
import pytest

from runtime.errors import EngineFailed
from runtime.image.label_map import Classes, LabelMap
from runtime.inference.letterbox import Placement
from runtime.inference.postprocess.reference import labels_from_logits
from tests.cuda.kernels.host import THREAD_ORDERS, HostMachine
from tests.cuda.kernels.machine import Drawing, Layout, Logits, Machine, Size, labelled

# Whole factors (even, odd, one, different down and across), factors that are not, reductions, grids
# wider than a block's tile.
GEOMETRIES = [
    ((4, 33), (32, 264)),
    ((9, 12), (36, 48)),
    ((7, 5), (21, 15)),
    ((6, 8), (6, 8)),
    ((6, 8), (48, 32)),
    ((1, 1), (16, 24)),
    ((3, 2), (96, 90)),
    ((17, 11), (135, 86)),
    ((10, 10), (11, 19)),
    ((9, 70), (5, 23)),
]
LAYOUTS = [("CHW", 0), ("HWC", 0), ("HWC", 256)]


def noise(grid: Size, classes: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng((*grid, classes)).normal(size=(classes, *grid)).astype(dtype)


def reference(values: np.ndarray, size: Size) -> np.ndarray:
    return labels_from_logits(values.transpose(1, 2, 0).astype(np.float32), size)


def assert_exact(machine: Machine, logits: Logits, size: Size) -> None:
    found = labelled(machine, logits, size)
    expected = reference(logits.values, size)
    np.testing.assert_array_equal(found.labels, expected)
    np.testing.assert_array_equal(
        found.counts, np.bincount(expected.reshape(-1), minlength=len(logits.values))
    )


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("classes", [2, 3, 19, 60])
@pytest.mark.parametrize(("grid", "size"), GEOMETRIES)
def test_every_pixel_is_exact(
    machine: Machine, grid: Size, size: Size, classes: int, dtype: str
) -> None:
    assert_exact(machine, Logits(noise(grid, classes, dtype)), size)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize(("layout", "padded"), LAYOUTS)
@pytest.mark.parametrize("classes", [2, 31, 32, 33, 150, 255])
def test_layouts_and_class_counts_make_no_difference(
    machine: Machine, classes: int, layout: Layout, padded: int, dtype: str
) -> None:
    assert_exact(machine, Logits(noise((3, 35), classes, dtype), layout, padded), (24, 140))


@pytest.mark.parametrize("seed", range(12))
def test_random_sizes_are_exact(machine: Machine, seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width, classes = rng.integers((1, 1, 2), (12, 50, 41))
    size = (int(rng.integers(1, 90)), int(rng.integers(1, 300)))
    dtype = str(rng.choice(["float16", "float32"]))
    common = 20 * rng.normal(size=(height, width))
    values = (common + rng.normal(size=(classes, height, width))).astype(dtype)
    assert_exact(machine, Logits(values, cast(Layout, rng.choice(["CHW", "HWC"]))), size)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize(("grid", "size"), GEOMETRIES)
def test_ties_go_to_the_lowest_class(machine: Machine, grid: Size, size: Size, dtype: str) -> None:
    assert_exact(machine, Logits(np.round(noise(grid, 6, dtype))), size)
    assert_exact(machine, Logits(np.zeros((6, *grid), dtype)), size)


@pytest.mark.parametrize("offset", [0.0, 1.0, 1000.0, -1000.0])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_classes_within_rounding_of_each_other_are_told_apart_as_the_reference_does(
    machine: Machine, dtype: str, offset: float
) -> None:
    # Class 3 leads everywhere by one number of the type: interpolation rounds some leads to ties.
    steps = (
        np.random.default_rng(5).integers(0, 3, (1, 20, 20)) + np.array([0, 0, 0, 1])[:, None, None]
    )
    last_digit = np.spacing(np.array(abs(offset), dtype)).astype(np.float64)
    values = (offset + steps * last_digit).astype(dtype)
    found = np.unique(reference(values, (160, 160))).tolist()
    assert found == ([0, 3] if dtype == "float32" else [3])
    assert_exact(machine, Logits(values), (160, 160))


@pytest.mark.parametrize("lead", [0, 1, 2, 7, 8, 15, 16, 17, 32, 64])
def test_a_lead_about_the_rounding_bound_is_judged_as_the_reference_does(
    machine: Machine, lead: int
) -> None:
    # Class 1 is ahead of class 0 at every sample by a few of the last digits of the magnitude.
    common = np.random.default_rng(lead).uniform(-1, 1, (12, 12)).astype(np.float32)
    values = np.stack([common, common + np.float32(lead * 2.0**-24)])
    assert_exact(machine, Logits(values), (132, 108))


def test_a_class_may_win_in_the_middle_though_it_leads_at_no_corner(machine: Machine) -> None:
    values = np.array([(10, 0), (0, 10), (6, 6)], np.float32).reshape(3, 1, 2)
    assert np.unique(labelled(machine, Logits(values), (8, 16)).labels).tolist() == [0, 1, 2]
    assert_exact(machine, Logits(values), (8, 16))


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        ("float16", 6e-8),
        ("float16", 65504),
        ("float32", 1e-45),
        ("float32", 1e-38),
        ("float32", 1e38),
    ],
)
def test_the_smallest_and_largest_numbers_are_exact(
    machine: Machine, dtype: str, scale: float
) -> None:
    shares = np.random.default_rng(1).integers(-9, 10, (5, 9, 12)) / 9
    assert_exact(machine, Logits((shares * scale).astype(dtype)), (72, 96))


@pytest.mark.parametrize(
    "shown", [Placement(8, 0, 56, 96), Placement(0, 13, 72, 61), Placement(31, 40, 3, 2)]
)
def test_only_the_shown_rectangle_is_labelled_and_counted(
    machine: Machine, shown: Placement
) -> None:
    values = noise((9, 12), 5)
    expected = reference(values, (72, 96))[shown.rows, shown.columns]
    found = labelled(machine, Logits(values), (72, 96), shown)
    np.testing.assert_array_equal(found.labels, expected)
    assert found.counts.tolist() == np.bincount(expected.reshape(-1), minlength=5).tolist()


@pytest.mark.gxx
@pytest.mark.parametrize("stride", THREAD_ORDERS)
def test_the_order_of_the_threads_makes_no_difference(host: HostMachine, stride: int) -> None:
    layouts: Tuple[Layout, ...] = ("CHW", "HWC")
    for layout in layouts:
        assert_exact(host.in_order(stride), Logits(noise((6, 40), 40), layout), (48, 320))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0), (2, 8, 39), (1, 4, 32), (0, 8, 0), (2, 0, 39)])
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_a_logit_that_is_not_a_number_is_a_failed_engine(
    machine: Machine, layout: Layout, place: Tuple[int, int, int], value: float
) -> None:
    for dtype in ("float16", "float32"):
        values = noise((9, 40), 3, dtype)
        values[place] = value
        with pytest.raises(EngineFailed, match="not all finite"):
            labelled(machine, Logits(values, layout), (72, 320))


def palette(classes: int) -> Classes:
    colours = np.random.default_rng(2).integers(0, 256, (classes, 3)).tolist()
    return Classes(tuple(f"class {n}" for n in range(classes)), tuple(map(tuple, colours)))


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("opacity", [0.0, 0.35, 0.5, 1.0])
def test_the_overlay_is_the_one_that_the_processor_draws(
    machine: Machine, opacity: float, in_place: bool
) -> None:
    from runtime.image.codec import blend

    shown = Placement(8, 3, 56, 90)
    image = np.random.default_rng(3).integers(0, 256, (56, 90, 3), dtype=np.uint8)
    classes = palette(7)
    drawing = Drawing(image, classes, opacity, in_place)
    found = labelled(machine, Logits(noise((9, 12), 7)), (72, 96), shown, drawing)
    colours = classes.colours()[:, ::-1][found.labels].astype(np.float32)
    mixed = colours * np.float32(opacity) + image * np.float32(1 - opacity)
    np.testing.assert_array_equal(found.overlay, np.rint(mixed).astype(np.uint8))
    drawn = blend(image, LabelMap(found.labels, classes), opacity)
    assert found.overlay is not None
    # OpenCV may fuse the sum with a product, and then a tie rounds the other way.
    assert np.abs(found.overlay.astype(int) - drawn).max() <= 1
