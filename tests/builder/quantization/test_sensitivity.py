from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from runtime.builder.quantization.comparison import FloatAnswers
from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.sensitivity import (
    Deviation,
    SensitivityReport,
    SensitivityStudy,
    csv_text,
    layers_of,
    report_from_file,
)
from runtime.builder.quantization.sensitivity_plot import write_sensitivity_plot
from tests.builder.quantization.calibrated import Calibrated

LAYERS = ("backbone.conv1", "backbone.layer1.0.conv1", "logits.conv")


def few(calibrated: Calibrated) -> QuantizationOptions:
    """All but three layers in float, so that a study takes six graphs."""
    everything = layers_of(calibrated.model, QuantizationOptions())
    return QuantizationOptions(keep_float=frozenset(everything) - set(LAYERS))


def study(calibrated: Calibrated, path: Path, key: str = "k") -> SensitivityStudy:
    thresholds = calibrated.table.thresholds("mse")
    return SensitivityStudy(calibrated.model, thresholds, few(calibrated), path, key)


def measured(**sqnr: float) -> SensitivityReport:
    found = {name: Deviation(sqnr_db=db, agreement=0.9, miou=None) for name, db in sqnr.items()}
    return SensitivityReport(
        key="k",
        images=1,
        layers=tuple(sqnr),
        all_quantized=Deviation(sqnr_db=20, agreement=0.8, miou=None),
        alone=found,
        left_out=found,
    )


def test_every_layer_is_measured_alone_and_left_out(calibrated: Calibrated, tmp_path: Path) -> None:
    report = study(calibrated, tmp_path / "s.json").run(calibrated.answers)
    assert report.layers == LAYERS
    assert set(report.alone) == set(report.left_out) == set(LAYERS)
    assert report.all_quantized is not None
    whole = report.all_quantized.sqnr_db
    # One layer makes less noise than all do, and the worst one is missed most.
    assert all(found.sqnr_db > whole for found in report.alone.values())
    worst = report.worst()[0]
    assert report.left_out[worst].sqnr_db == max(f.sqnr_db for f in report.left_out.values())


@pytest.mark.long
def test_a_killed_study_goes_on_where_it_stopped(calibrated: Calibrated, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    told: List[int] = []

    def kill_after_two() -> None:
        told.append(1)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study(calibrated, path).run(calibrated.answers, advance=kill_after_two)
    assert study(calibrated, path).left() == 4
    after: List[int] = []
    resumed = study(calibrated, path).run(calibrated.answers, advance=lambda: after.append(1))
    assert len(after) == 4
    whole = study(calibrated, tmp_path / "other.json").run(calibrated.answers)
    assert resumed == whole


def test_a_finished_study_asks_for_nothing(calibrated: Calibrated, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    first = study(calibrated, path).run(calibrated.answers, ("alone",))

    def never() -> FloatAnswers:
        raise AssertionError

    assert study(calibrated, path).run(never, ("alone",)) == first


def test_another_key_begins_anew(calibrated: Calibrated, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(measured(a=1.0).model_dump_json(), encoding="utf-8")
    assert report_from_file(path, "k") is not None
    assert report_from_file(path, "another") is None
    assert study(calibrated, path, "another").left(("alone",)) == 3


def test_a_damaged_file_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text('{"key": "k"', encoding="utf-8")
    assert report_from_file(path, "k") is None


def test_the_worst_layer_is_the_noisiest_and_ties_keep_the_graphs_order() -> None:
    assert measured(a=30, b=12, c=30, d=12.5).worst() == ["b", "d", "a", "c"]


def test_the_table_has_a_row_a_layer() -> None:
    rows = csv_text(measured(a=30, b=12)).splitlines()
    assert rows[0].startswith("rank,layer,alone_sqnr_db,alone_agreement,alone_miou,left_out")
    assert rows[1].startswith("1,b,12.0,0.9,,")


def test_the_plot_is_a_image(tmp_path: Path) -> None:
    write_sensitivity_plot(measured(a=30, b=12), tmp_path / "s.png")
    assert (tmp_path / "s.png").read_bytes()[:4] == b"\x89PNG"
