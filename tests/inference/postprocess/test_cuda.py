from __future__ import annotations

from typing import Any, Dict

import numpy as np
import pytest

from runtime.cuda.kernels.parameters import TALLY_WORDS, LabelsParameters, ResizeParameters
from runtime.errors import EngineFailed, InvalidInput
from runtime.image.label_map import Classes
from runtime.inference.letterbox import Placement
from runtime.inference.postprocess.cuda import (
    DeviceLabels,
    DeviceLogits,
    DeviceOverlay,
    counts_of,
    labels_launch,
    resize_labels_launch,
)

FIELDS: Dict[str, Any] = {
    "address": 0x1000,
    "element": "float16",
    "layout": "CHW",
    "classes": 19,
    "height": 64,
    "width": 128,
}
LABELS = DeviceLabels(0x2000, 1024)
WHOLE = Placement(0, 0, 512, 1024)
CLASSES = Classes(("road", "sky"), ((128, 64, 32), (70, 130, 180)))


def test_a_block_labels_a_row_of_32_cells() -> None:
    launch = labels_launch(DeviceLogits(**FIELDS), (512, 1024), WHOLE, LABELS, 0x3000)
    assert (launch.kernel, launch.grid, launch.block) == ("labels_float16", (5, 65, 1), (32, 8, 1))


@pytest.mark.parametrize(
    ("layout", "padded", "strides"),
    [("CHW", 0, (8192, 128, 1)), ("HWC", 0, (1, 2432, 19)), ("HWC", 24, (1, 3072, 24))],
)
def test_strides_follow_the_layout(layout: str, padded: int, strides: object) -> None:
    logits = DeviceLogits(**{**FIELDS, "layout": layout, "padded_classes": padded})
    assert logits.strides == strides


def test_the_palette_travels_with_the_launch_as_bgr() -> None:
    overlay = DeviceOverlay(0x4000, 3072, 0x5000, 3072, CLASSES, 0.25)
    launch = labels_launch(DeviceLogits(**FIELDS), (512, 1024), WHOLE, LABELS, 0x3000, overlay)
    said = LabelsParameters.from_buffer_copy(launch.parameters)
    assert list(said.palette)[:9] == [32, 64, 128, 180, 130, 70, 0, 0, 0]
    assert (said.opacity, said.transparency) == (0.25, 0.75)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"classes": 1}, "1 classes"),
        ({"classes": 256}, "256 classes"),
        ({"height": 0}, "0 x 128"),
        ({"padded_classes": 24}, "CHW logits of 19 classes are padded to 24"),
        ({"layout": "HWC", "padded_classes": 16}, "padded to 16"),
        ({"height": 16384, "width": 16384}, "19x16384x16384"),
    ],
)
def test_logits_that_the_kernels_cannot_address_are_refused(
    wrong: Dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        DeviceLogits(**{**FIELDS, **wrong})


def test_labels_and_overlays_that_do_not_fit_are_refused() -> None:
    logits = DeviceLogits(**FIELDS)
    with pytest.raises(InvalidInput, match="pitch of 1023"):
        labels_launch(logits, (512, 1024), WHOLE, DeviceLabels(0x2000, 1023), 0x3000)
    with pytest.raises(InvalidInput, match="reaches beyond 512x1000"):
        labels_launch(logits, (512, 1000), WHOLE, LABELS, 0x3000)
    with pytest.raises(InvalidInput, match=r"opacity is 1\.5"):
        DeviceOverlay(0x4000, 3072, 0x5000, 3072, CLASSES, 1.5)
    narrow = DeviceOverlay(0x4000, 3072, 0x5000, 3071, CLASSES, 0.5)
    with pytest.raises(InvalidInput, match="the overlay has a pitch of 3071"):
        labels_launch(logits, (512, 1024), WHOLE, LABELS, 0x3000, narrow)


def test_resizing_says_both_sizes() -> None:
    launch = resize_labels_launch(LABELS, (512, 1024), DeviceLabels(0x6000, 1920), (1080, 1920))
    said = ResizeParameters.from_buffer_copy(launch.parameters)
    assert (launch.kernel, launch.grid) == ("resize_labels", (15, 135, 1))
    assert (said.source_height, said.source_width, said.height, said.width) == (
        *(512, 1024),
        *(1080, 1920),
    )


def test_counts_are_those_of_the_classes() -> None:
    tally = np.zeros(TALLY_WORDS, np.uint32)
    tally[:3] = (5, 0, 7)
    assert counts_of(tally, 3).tolist() == [5, 0, 7]
    assert counts_of(tally, 3).dtype == np.int64


def test_a_fault_in_the_tally_is_a_failed_engine() -> None:
    tally = np.zeros(TALLY_WORDS, np.uint32)
    tally[-1] = 1
    with pytest.raises(EngineFailed, match="finite"):
        counts_of(tally, 3)
