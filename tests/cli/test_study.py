from __future__ import annotations

from pathlib import Path

import pytest

from runtime.cli.main import main

pytest.importorskip("torch")

from runtime.experiments.study.results import results_from_file
from tests.experiments.study.tiny_study import changed, write_study


def test_a_dry_run_shows_the_steps_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_study(tmp_path)
    assert main(["study", str(recipe), "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "train-full-seed-1" in shown
    assert "to do" in shown
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [('blocks = ["1"', 'blocks = ["7"'), ('without = "even_*"', 'pictures = "night_*"')],
)
def test_a_recipe_that_cannot_be_done_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    recipe = changed(write_study(tmp_path), old, new)
    assert main(["study", str(recipe), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("runtime: ")
    assert not (tmp_path / "out").exists()


def test_no_jobs_at_all_are_refused(tmp_path: Path) -> None:
    recipe = write_study(tmp_path)
    assert main(["study", str(recipe), "--out", str(tmp_path / "out"), "--jobs", "0"]) == 2


@pytest.mark.long
def test_a_study_of_one_whole_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = changed(write_study(tmp_path), '["fp32", "int8"]', '["fp32"]')
    text = recipe.read_text(encoding="utf-8")
    begin, end = text.index("[[prunings]]"), text.index("[calibration]")
    recipe.write_text(text[:begin] + text[end:], encoding="utf-8")

    assert main(["study", str(recipe), "--out", str(tmp_path / "out"), "--jobs", "2"]) == 0

    results = results_from_file(tmp_path / "out")
    assert [row.name for row in results.models] == ["full/seed-1"]
    assert "1 of 1 networks" in capsys.readouterr().out
