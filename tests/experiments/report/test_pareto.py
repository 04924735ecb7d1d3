from __future__ import annotations

from typing import List, Tuple

import pytest

from runtime.experiments.measure import exactly
from runtime.experiments.report.pareto import Candidate, by_macs, by_time, pareto_front
from runtime.experiments.report.variants import Study
from runtime.experiments.study.results import Speed
from tests.experiments.report.made_up_study import study_results

STUDY = Study(study_results())


def at(cost: float, miou: float, low: float = 0.0) -> Candidate:
    """Timed where the best repetition is given."""
    speed = Speed(median=cost, low=low, high=cost, repetitions=3) if low else None
    return Candidate(STUDY.variants[0], "fp32", exactly(miou), cost, speed)


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], []),
        ([(5, 0.5)], [(5, 0.5)]),
        ([(9, 0.9), (5, 0.5), (7, 0.4)], [(5, 0.5), (9, 0.9)]),
        ([(5, 0.5), (5, 0.6), (4, 0.6)], [(4, 0.6)]),
        ([(5, 0.5), (5, 0.5)], [(5, 0.5), (5, 0.5)]),
    ],
)
def test_the_front_is_what_no_other_beats(
    points: List[Tuple[float, float]], front: List[Tuple[float, float]]
) -> None:
    found = pareto_front([at(cost, miou) for cost, miou in points])

    assert [(each.cost, each.miou.mean) for each in found] == front


def test_a_median_a_hair_lower_keeps_nothing_on_the_front() -> None:
    accurate, by_luck = at(10.0, 0.6, low=9.5), at(9.9, 0.5, low=9.4)
    clearly_faster = at(8.0, 0.4, low=7.5)

    assert pareto_front([accurate, by_luck, clearly_faster]) == [clearly_faster, accurate]


def test_every_model_that_was_measured_is_a_candidate() -> None:
    assert len(by_macs(STUDY, "val")) == 18
    assert {each.cost for each in by_macs(STUDY, "val")} == {
        variant.first.macs / 1e9 for variant in STUDY.variants
    }
    assert len(by_time(STUDY, "val", "openvino")) == 18
    assert by_time(STUDY, "val", "tensorrt") == []
    assert by_macs(STUDY, "another set") == []
