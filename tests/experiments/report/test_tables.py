from __future__ import annotations

from typing import List

from runtime.experiments.report.tables import (
    accuracy_table,
    all_tables,
    class_table,
    cost_table,
    row_table,
    speed_table,
    summary_table,
)
from runtime.experiments.report.variants import Study
from runtime.experiments.study.results import Speed
from runtime.experiments.table import Column, Table
from tests.experiments.report.made_up_study import CLASSES, report, row, study_results

STUDY = Study(study_results())


def column(table: Table, heading: str) -> Column:
    (found,) = (each for each in table.columns if each.heading == heading)
    return found


def shown(table: Table, heading: str) -> List[str]:
    found = column(table, heading)
    return [found.shown(position) for position in range(table.rows)]


def test_the_summary_has_the_papers_columns() -> None:
    headings = [each.heading for each in summary_table(STUDY).columns]

    assert headings == [
        "model",
        "parameters",
        "GMACs",
        "GMACs padded to 32",
        "mIoU FP32, %",
        "mIoU INT8, %",
        "openvino fp32, FPS",
        "openvino int8, FPS",
        "openvino int8, times full FP32",
    ]


def test_seeds_are_counted_where_there_are_several() -> None:
    table = summary_table(Study(study_results(seeds=(1, 2))))

    assert shown(table, "seeds") == ["2"] * 9
    assert " to " in shown(table, "mIoU FP32, %")[0]


def test_costs_are_shares_of_the_full_model() -> None:
    table = cost_table(STUDY)

    assert shown(table, "parameters")[0] == "12,055,243"
    left = [each for each in table.columns if each.heading == "left, %"]
    assert [left[1].shown(position) for position in (0, 1, 5)] == ["100.0", "63.5", "28.8"]
    assert column(table, "GMACs").best == {5, 6, 7, 8}


def test_accuracy_is_compared_with_full_in_the_same_precision() -> None:
    models = (
        row(
            accuracy={"fp32": {"val": report([0.7])}, "int8": {"val": report([0.65])}}, agreement={}
        ),
        row(
            "blocks-1-2",
            "ft",
            accuracy={"fp32": {"val": report([0.72])}, "int8": {"val": report([0.66])}},
            agreement={"int8": {"val": 0.987}},
        ),
    )
    table = accuracy_table(Study(study_results(models=models)), "val")

    assert shown(table, "FP32 against full, points") == ["-", "+2.00"]
    assert shown(table, "INT8 against full, points") == ["-", "+1.00"]
    assert shown(table, "INT8 against FP32, points") == ["-5.00", "-6.00"]
    assert shown(table, "INT8 agrees with FP32, %") == ["-", "98.70"]
    assert column(table, "mIoU FP32, %").best == {1}
    assert column(table, "INT8 against FP32, points").best == {0}


def test_speed_is_a_ratio_to_full_in_the_most_exact_precision() -> None:
    def timed(fp32: float, int8: float) -> object:
        return {
            f"tensorrt {name}": Speed(median=ms, low=ms, high=ms, repetitions=5)
            for name, ms in (("fp16", fp32), ("int8", int8))
        }

    models = (row(speed=timed(60, 30)), row("blocks-1-2", "ft", speed=timed(45, 20)))
    table = speed_table(Study(study_results(models=models)))

    assert table is not None
    assert shown(table, "tensorrt int8, times full FP16") == ["2.00", "3.00"]
    assert shown(table, "tensorrt int8, FPS") == ["33.3", "50.0"]
    assert column(table, "tensorrt int8, ms").best == {1}


def test_a_study_without_speeds_has_no_table_of_them() -> None:
    study = Study(study_results(models=(row(speed={}),)))

    assert speed_table(study) is None
    assert "speed" not in [table.name for table in all_tables(study)]


def test_classes_are_rows_with_their_best_models_marked() -> None:
    models = (
        row(accuracy={"fp32": {"val": report([0.7, 0.5], ["sky", "road"])}}),
        row("blocks-1-2", "ft", accuracy={"fp32": {"val": report([0.6, 0.8], ["sky", "road"])}}),
    )
    table = class_table(Study(study_results(models=models)), "fp32", "val")

    assert shown(table, "class") == ["sky", "road", "mean"]
    assert shown(table, "full") == ["70.0", "50.0", "60.0"]
    assert column(table, "full").best == {0}
    assert column(table, "blocks-1-2 FT").best == {1, 2}


def test_every_row_says_where_it_comes_from() -> None:
    table = row_table(STUDY)

    assert shown(table, "row")[1] == "blocks-1-2/lth/seed-1"
    assert shown(table, "checkpoint")[0] == "01" * 6
    assert shown(table, "minutes of training")[0] == "90"


def test_all_tables_have_names_of_their_own() -> None:
    tables = all_tables(STUDY)

    assert len({table.name for table in tables}) == len(tables) == 11
    assert all(table.rows in (9, len(CLASSES) + 1, 38) for table in tables)
