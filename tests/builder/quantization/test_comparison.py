from __future__ import annotations

import math
from typing import List

import numpy as np
import pytest

from runtime.builder.quantization.comparison import (
    Comparison,
    ComparisonSet,
    FloatAnswers,
    noise_of_difference,
)
from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.quantize import int8_from_float
from tests.builder.quantization.calibrated import SPEC, Calibrated


def agreeing(*equal: int) -> Comparison:
    """Blocks of a hundred pixels of which so many agree."""
    blocks = len(equal)
    return Comparison(
        signal=np.full(blocks, 100.0),
        noise=np.ones(blocks),
        equal=np.array(equal),
        pixels=np.full(blocks, 100),
    )


def test_the_float_graph_agrees_with_itself(calibrated: Calibrated) -> None:
    answers = calibrated.answers()
    again = answers.compared(calibrated.model)
    assert again.agreement == 1
    assert again.sqnr == pytest.approx(200)
    assert again.miou == answers.itself.miou


def test_int8_differs_a_little_in_logits_and_labels(calibrated: Calibrated) -> None:
    twin = int8_from_float(
        calibrated.model, calibrated.table.thresholds("mse"), QuantizationOptions()
    )
    found = calibrated.answers().compared(twin)
    assert 15 < found.sqnr < 60
    assert 0.8 < found.agreement < 1


def test_images_without_labels_have_no_miou(calibrated: Calibrated) -> None:
    told: List[int] = []
    bare = ComparisonSet.of_images(calibrated.images, 2)
    answers = FloatAnswers(calibrated.model, bare, SPEC, lambda: told.append(1))
    assert answers.itself.miou is None
    assert answers.itself.quality() == 1
    assert len(told) == 2


def test_the_noise_is_the_jackknifes_standard_error() -> None:
    one, other = agreeing(90, 80, 70), agreeing(90, 90, 90)
    # Without block 0, 1, 2 the differences are 0.15, 0.10 and 0.05.
    expected = math.sqrt(2 / 3 * (0.05**2 + 0 + 0.05**2))
    assert noise_of_difference(other, one) == pytest.approx(expected)


def test_graphs_that_differ_alike_everywhere_differ_without_noise() -> None:
    assert noise_of_difference(agreeing(90, 80), agreeing(80, 70)) == pytest.approx(0)


def test_one_image_says_nothing_about_others() -> None:
    assert noise_of_difference(agreeing(90), agreeing(80)) == math.inf
