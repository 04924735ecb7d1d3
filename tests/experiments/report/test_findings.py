from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

import pytest

from runtime.experiments.measure import Measure, measured
from runtime.experiments.report.findings import best_in_words, compared_in_words, findings_of
from runtime.experiments.report.variants import Study
from runtime.experiments.study.results import Speed, StudiedModel
from tests.experiments.report.made_up_study import report, row, study_results

DO_NOT_DIFFER = (
    "LTH and FT do not differ: their means are 1.00 points apart, seeds of one alone up to 3.00"
)


def of(*values: float) -> Measure:
    measure = measured(values)
    assert measure is not None
    return measure


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (of(0.62, 0.63), of(0.60, 0.61), "LTH is 2.00 points above FT"),
        (of(0.60, 0.61), of(0.62, 0.63), "LTH is 2.00 points below FT"),
        (
            of(0.60, 0.63),
            of(0.60, 0.61),
            DO_NOT_DIFFER,
        ),
        (
            of(0.62),
            of(0.60),
            "LTH is 2.00 points above FT (one seed: whether it would recur is not known)",
        ),
        (of(0.62), of(0.62), "LTH and FT are equal"),
    ],
)
def test_a_difference_is_called_one_only_beyond_the_seeds_spread(
    first: Measure, second: Measure, words: str
) -> None:
    assert compared_in_words(("LTH", first), ("FT", second)) == words


@pytest.mark.parametrize(
    ("measures", "words"),
    [
        ([of(0.6, 0.61), of(0.7, 0.71), of(0.5, 0.51)], "the best is B with 70.50 % mIoU"),
        ([of(0.6, 0.61), of(0.605, 0.61), of(0.5, 0.51)], "B and A are best and do not differ"),
        ([of(0.6, 0.7)] * 3, "none of A, B and C is better than the others"),
        ([of(0.6)], "A is the only one: 60.00 % mIoU"),
    ],
)
def test_best_follows_from_the_numbers(measures: List[Measure], words: str) -> None:
    assert best_in_words("ABC"[: len(measures)], measures).startswith(words)


def model(arm: str, mious: Tuple[float, float], milliseconds: Tuple[float, float]) -> StudiedModel:
    """In FP32 and INT8."""
    precisions = ("fp32", "int8")
    accuracy = {name: {"val": report([miou])} for name, miou in zip(precisions, mious)}
    speed = {
        f"openvino {name}": Speed(median=ms, low=ms, high=ms, repetitions=3)
        for name, ms in zip(precisions, milliseconds)
    }
    pruning = None if arm == "full" else "blocks-1-2"
    return row(pruning, None if arm == "full" else arm, accuracy=accuracy, speed=speed)


FULL = model("full", (0.700, 0.698), (100, 50))


def said(*models: StudiedModel) -> Dict[str, str]:
    """Findings by how they begin."""
    return {each[:7]: each for each in findings_of(Study(study_results(models=models)))}


def test_the_headline_is_the_most_accurate_of_the_fastest() -> None:
    accurate = model("ft", (0.69, 0.68), (50, 25))
    as_fast = model("lth", (0.67, 0.66), (50, 25))

    assert said(FULL, accurate, as_fast)["Of the "] == (
        "Of the fastest, blocks-1-2 FT on openvino int8 is the most accurate: 4.00 times as fast "
        "as the full model on openvino fp32, -2.00 points of mIoU on val."
    )


def test_a_fastest_that_is_alone_is_called_so() -> None:
    assert "The fastest is blocks-1-2 FT on openvino int8: 4.00 times" in "".join(
        said(FULL, model("ft", (0.69, 0.68), (50, 25))).values()
    )


def test_models_that_lose_at_most_a_point_are_named() -> None:
    close, far = model("ft", (0.70, 0.691), (50, 25)), model("lth", (0.70, 0.688), (50, 25))

    assert said(FULL, close, far)["blocks-"] == (
        "blocks-1-2 FT in INT8 loses at most 1 point of mIoU against the full model in FP32; "
        "blocks-1-2 FT on openvino int8 is 4.00 times as fast as full on openvino fp32."
    )
    assert said(FULL, far)["No prun"].startswith("No pruned model of full in INT8 loses at most 1")


def test_the_ticket_is_read_against_its_control() -> None:
    ticket, control = model("lth", (0.65, 0.64), (50, 25)), model("ri-p", (0.63, 0.62), (50, 25))

    sentence = said(FULL, ticket, control)["The cho"]

    assert sentence.startswith("The choice of channels in blocks-1-2")
    assert "LTH is 2.00 points above RI-P (one seed" in sentence
    assert "The cho" not in said(FULL, ticket)


def test_int8_losses_are_a_range_with_names() -> None:
    worse = model("lth", (0.65, 0.62), (50, 25))

    assert said(FULL, worse)["INT8 ch"] == (
        "INT8 changes mIoU on val by -3.00 (blocks-1-2 LTH) to -0.20 points (full)."
    )


@pytest.mark.parametrize("models", [(FULL,), (model("ft", (0.7, 0.7), (9, 8)),)])
def test_nothing_is_said_of_what_cannot_be_compared(models: Sequence[StudiedModel]) -> None:
    assert not {"Of the ", "The fas", "blocks-", "No prun", "The cho"} & set(said(*models))
