from __future__ import annotations

from pathlib import Path
from typing import Iterator, List, Tuple

import numpy as np
import pytest
from PIL import Image

from runtime.builder.figure import COLOURS
from runtime.experiments.report.class_plot import MOST_CLASSES, class_changes, write_class_plot
from runtime.experiments.report.figures import figures_of
from runtime.experiments.report.pareto_plots import write_macs_plot, write_time_plot
from runtime.experiments.report.plot_style import WHOLE_COLOURS, colours_of, face_of, marker_of
from runtime.experiments.report.variants import Study
from tests.experiments.report.made_up_study import report, row, study_results

STUDY = Study(study_results())


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB")).astype(int)


def painted(path: Path, colour: str) -> int:
    """Pixels of exactly this colour."""
    rgb = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((pixels(path) == rgb).all(axis=-1).sum())


@pytest.mark.long
def test_every_figure_is_of_a_size_for_a_page_and_shows_every_family(tmp_path: Path) -> None:
    study = Study(study_results(seeds=(1, 2)))
    for figure in figures_of(study):
        path = tmp_path / f"{figure.name}.png"

        assert figure.draw(path)

        height, width, _ = pixels(path).shape
        assert 300 < height < 1000
        assert 600 < width < 1300
        if figure.name.startswith(("pareto", "arms")):
            assert all(painted(path, colour) > 20 for colour in colours_of(study).values())


def test_equal_results_give_equal_files(tmp_path: Path) -> None:
    study = Study(study_results(models=(row(),)))
    for name in ("one.png", "two.png"):
        write_macs_plot(study, "val", tmp_path / name)

    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_families_have_colours_and_arms_have_marks_of_their_own() -> None:
    assert list(colours_of(STUDY).values()) == [WHOLE_COLOURS[0], COLOURS[0], COLOURS[1]]
    assert len({marker_of(variant) for variant in STUDY.variants}) == 5


def test_precisions_are_told_apart_by_their_filling() -> None:
    assert face_of("fp32", "#0072b2") == "#0072b2"
    assert face_of("int8", "#0072b2") == "#ffffff"
    assert face_of("fp16", "#0072b2") not in ("#0072b2", "#ffffff")


def without_numbers() -> Iterator[Tuple[str, Study]]:
    only_full = Study(study_results(models=(row(),)))
    yield "arms", only_full
    yield "classes-fp32", only_full
    yield "int8", Study(study_results(models=(row(accuracy={"fp32": {"val": report([0.5])}}),)))
    yield "pareto-gmacs", Study(study_results(models=(row(accuracy={}),)))


@pytest.mark.parametrize(("name", "study"), list(without_numbers()))
def test_what_cannot_be_compared_is_not_drawn(tmp_path: Path, name: str, study: Study) -> None:
    (figure,) = (each for each in figures_of(study) if each.name == name)

    assert not figure.draw(tmp_path / "empty.png")
    assert list(tmp_path.iterdir()) == []


def test_a_backend_that_timed_nothing_is_not_drawn(tmp_path: Path) -> None:
    assert write_time_plot(STUDY, "val", "openvino", tmp_path / "openvino.png")
    assert not write_time_plot(STUDY, "val", "tensorrt", tmp_path / "tensorrt.png")


def of_classes(pruned: List[float]) -> Study:
    names = [f"class {number}" for number in range(len(pruned))]
    models = (
        row(accuracy={"fp32": {"val": report([0.5] * len(pruned), names)}}),
        row("blocks-1-2", "ft", accuracy={"fp32": {"val": report(pruned, names)}}),
    )
    return Study(study_results(models=models))


def test_changes_of_classes_are_points_against_full() -> None:
    labels, names, changes = class_changes(of_classes([0.75, 0.25, 0.5]), "fp32", "val")

    assert labels == ["blocks-1-2 FT"]
    assert names == ["mean", "class 0", "class 1", "class 2"]
    assert changes.tolist() == [[0, 25, -25, 0]]


def test_gains_are_blue_and_losses_are_red(tmp_path: Path) -> None:
    write_class_plot(of_classes([0.53, 0.53]), "fp32", "val", tmp_path / "gain.png")
    write_class_plot(of_classes([0.47, 0.47]), "fp32", "val", tmp_path / "loss.png")

    def balance(name: str) -> int:
        figure = pixels(tmp_path / name)
        return int(np.sign(figure[..., 2] - figure[..., 0]).sum())

    assert balance("gain.png") > 10_000
    assert balance("loss.png") < -10_000


def test_of_many_classes_those_that_change_most_are_drawn(tmp_path: Path) -> None:
    write_class_plot(of_classes([0.4] * 150), "fp32", "val", tmp_path / "many.png")
    write_class_plot(of_classes([0.4] * MOST_CLASSES), "fp32", "val", tmp_path / "some.png")

    widths = [pixels(tmp_path / name).shape[1] for name in ("many.png", "some.png")]
    assert widths[0] == widths[1]
