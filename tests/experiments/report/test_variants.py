from __future__ import annotations

import pytest

from runtime.errors import InvalidInput
from runtime.experiments.measure import Measure
from runtime.experiments.report.variants import Study
from tests.experiments.report.made_up_study import JUDGED, report, row, study_results

VAL = next(iter(JUDGED))


def test_seeds_of_one_model_are_one_variant() -> None:
    study = Study(study_results(seeds=(1, 2, 3)))

    assert [variant.label for variant in study.variants][:3] == [
        "full",
        "blocks-1-2 LTH",
        "blocks-1-2 FT",
    ]
    assert len(study.results.models) == 27
    assert [len(variant.seeds) for variant in study.variants] == [3] * 9
    assert list(study.families) == ["full", "blocks-1-2", "all-blocks"]
    assert all(study.whole_of(variant) is study.variants[0] for variant in study.variants)


def test_several_networks_are_told_apart_by_name_and_have_their_own_baselines() -> None:
    small = [row(), row("blocks-1-2", "ft")]
    large = [
        model.model_copy(update={"model": "resnet34", "name": f"34/{model.name}"})
        for model in small
    ]
    study = Study(study_results(models=(*small, *large)))

    assert [variant.label for variant in study.variants] == [
        "resnet18 full",
        "resnet18 blocks-1-2 FT",
        "resnet34 full",
        "resnet34 blocks-1-2 FT",
    ]
    assert study.whole_of(study.variants[3]) is study.variants[2]


def test_an_arm_that_trains_nothing_is_called_so() -> None:
    _, cut = Study(study_results(models=(row(), row("blocks-1-2", "none")))).variants

    assert cut.label == "blocks-1-2 untrained"


def test_a_variant_has_the_mean_and_the_range_of_its_seeds() -> None:
    first = row(accuracy={"fp32": {VAL: report([0.5, 0.75], ["sky", "road"])}})
    second = row(seed=2, accuracy={"fp32": {VAL: report([0.75, 1.0], ["sky", "road"])}})
    (variant,) = Study(study_results(models=(first, second))).variants

    assert variant.miou("fp32", VAL) == Measure(0.75, 0.625, 0.875, 2)
    assert variant.iou("fp32", VAL)["sky"] == Measure(0.625, 0.5, 0.75, 2)
    assert variant.miou("int8", VAL) is None
    assert variant.int8_change(VAL) is None


def test_int8_is_compared_with_the_same_weights() -> None:
    def of(seed: int, fp32: float, int8: float) -> object:
        accuracy = {"fp32": {VAL: report([fp32])}, "int8": {VAL: report([int8])}}
        return row(seed=seed, accuracy=accuracy)

    models = (of(1, 0.75, 0.625), of(2, 0.5, 0.25))
    (variant,) = Study(study_results(models=models)).variants

    assert variant.int8_change(VAL) == Measure(-0.1875, -0.25, -0.125, 2)


def test_a_class_that_is_nowhere_to_be_seen_has_no_measure() -> None:
    seen = report([0.5, 0.0], ["sky", "road"])
    absent = seen.model_copy(update={"iou": {"sky": None, "road": 0.0}})
    models = (row(accuracy={"fp32": {VAL: absent}}),)
    (variant,) = Study(study_results(models=models)).variants

    ious = variant.iou("fp32", VAL)
    assert ious["sky"] is None
    assert ious["road"] == Measure(0, 0, 0)


def test_places_are_in_the_order_of_precision() -> None:
    study = Study(study_results())

    assert study.places == ("openvino fp32", "openvino int8")
    assert study.reference_place("openvino int8") == "openvino fp32"
    full = study.variants[0].speed("openvino fp32")
    pruned = study.variants[-1].speed("openvino int8")
    assert full is not None
    assert pruned is not None
    assert study.times_full(study.variants[-1], "openvino int8") == full.median / pruned.median


def test_a_study_without_rows_or_with_a_row_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no row of the study 'camvid' is finished"):
        Study(study_results(models=()))
    with pytest.raises(InvalidInput, match="two rows of the study 'camvid' are called 'full/seed"):
        Study(study_results(models=(row(), row())))
