from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from runtime.builder.training.schedule import TrainingSettings, learning_rate

SETTINGS = TrainingSettings(learning_rate=1e-3, final_learning_rate=1e-6, warmup_steps=10)


def test_the_rate_grows_linearly_to_its_peak() -> None:
    rates = [learning_rate(SETTINGS, step, 100) for step in range(10)]

    assert rates == pytest.approx([1e-4 * (step + 1) for step in range(10)])


def test_the_rate_falls_along_half_a_cosine_to_its_end() -> None:
    assert learning_rate(SETTINGS, 10, 110) == pytest.approx(1e-3)
    assert learning_rate(SETTINGS, 60, 110) == pytest.approx((1e-3 + 1e-6) / 2)
    assert learning_rate(SETTINGS, 110, 110) == pytest.approx(1e-6)


def test_settings_survive_json() -> None:
    assert TrainingSettings.model_validate_json(SETTINGS.model_dump_json()) == SETTINGS


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"boundary_weights": (1.0, 2.0)},
        {"boundary_radii": (16, 4, 64)},
        {"boundary_radii": (0, 4, 64)},
        {"learning_rat": 1e-3},
        {"augmentation": {"flip": 1.5}},
        {"ema": 1.0},
    ],
)
def test_settings_refuse_to_exist_invalid(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        TrainingSettings(**wrong)
