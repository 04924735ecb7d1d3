from __future__ import annotations

from typing import Optional

import numpy as np

from runtime.builder.engine.accuracy_report import Exchange, FallenClass, fallen
from runtime.repository.manifest import Evidence

BEFORE = np.array([[90, 10, 0], [5, 80, 15], [0, 10, 90]])


def evidence(**iou: Optional[float]) -> Evidence:
    return Evidence(
        dataset="street", split="val", seen_in_training=False, images=9, miou=0.5, iou=iou
    )


FULL = evidence(road=0.9, car=0.6, pole=0.5)


def test_a_class_whose_pixels_went_elsewhere_names_where() -> None:
    after = np.array([[90, 10, 0], [25, 50, 25], [0, 10, 90]])
    (car,) = fallen(evidence(road=0.91, car=0.4, pole=0.5), FULL, BEFORE, after)
    assert car.name == "car"
    assert car.lost_to == Exchange(other="road", pixels=20)
    assert car.told() == "car -20.00 (now road)"


def test_a_class_that_was_given_others_pixels_names_whose() -> None:
    after = np.array([[50, 50, 0], [5, 80, 15], [0, 10, 90]])
    found = fallen(evidence(road=0.5, car=0.45, pole=0.5), FULL, BEFORE, after)
    assert [fall.told() for fall in found] == ["road -40.00 (now car)", "car -15.00 (was road)"]


def test_classes_that_gained_or_were_not_there_are_not_blamed() -> None:
    full = evidence(road=0.9, car=0.6, pole=None)
    assert fallen(evidence(road=0.95, car=0.6, pole=None), full, BEFORE, BEFORE) == ()


def test_a_fall_without_any_exchange_is_told_plainly() -> None:
    assert FallenClass(name="sky", fall=1.5).told() == "sky -1.50"
