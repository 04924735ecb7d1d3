from __future__ import annotations

from typing import Tuple

import pytest

from runtime.inference.letterbox import Placement, place
from runtime.repository.manifest import InputSpec

SPEC = InputSpec(height=360, width=480, mean=(0, 0, 0), std=(1, 1, 1))
STRETCHED = SPEC.model_copy(update={"geometry": "stretch"})


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ((360, 480), Placement(0, 0, 360, 480)),
        ((720, 960), Placement(0, 0, 360, 480)),
        ((720, 1280), Placement(45, 0, 270, 480)),
        ((1280, 720), Placement(0, 138, 360, 203)),
        ((90, 120), Placement(0, 0, 360, 480)),
        ((1, 1), Placement(0, 60, 360, 360)),
        ((1, 5000), Placement(179, 0, 1, 480)),
    ],
)
def test_a_letterboxed_frame_is_centred_and_as_large_as_fits(
    frame: Tuple[int, int], expected: Placement
) -> None:
    assert place(*frame, SPEC) == expected


@pytest.mark.parametrize("frame", [(360, 480), (720, 1280), (1, 5000)])
def test_a_stretched_frame_is_the_whole_input(frame: Tuple[int, int]) -> None:
    assert place(*frame, STRETCHED) == Placement(0, 0, 360, 480)


def test_a_placement_cuts_the_frame_out_of_the_input() -> None:
    placement = place(720, 1280, SPEC)
    assert (placement.rows, placement.columns) == (slice(45, 315), slice(0, 480))
