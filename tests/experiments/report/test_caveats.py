from __future__ import annotations

from typing import Any

from runtime.experiments.report.caveats import notes_of
from runtime.experiments.report.variants import Study
from tests.experiments.report.made_up_study import JUDGED, report, row, study_results


def notes(seeds: Any = (1,), **changes: Any) -> str:
    return "\n".join(notes_of(Study(study_results(seeds, **changes))))


def test_one_seed_has_no_spread() -> None:
    assert "from one seed" in notes()
    assert "means over seeds" not in notes()
    assert "means over seeds" in notes(seeds=(1, 2))


def test_a_model_with_fewer_seeds_than_others_is_named() -> None:
    models = (row(seed=1), row(seed=2), row("blocks-1-2", "ft"))

    assert "From one seed alone, so of unknown spread: blocks-1-2 FT." in notes(models=models)


def test_an_unfinished_study_says_so() -> None:
    assert "not finished" not in notes()
    assert "not finished: 9 of 12 rows" in notes(expected=12)


def test_each_judged_set_comes_with_its_sentence() -> None:
    for name, sentence in JUDGED.items():
        assert f"{name}: {sentence}." in notes()


def test_accuracies_of_different_images_must_not_be_compared() -> None:
    fewer = report([0.5]).model_copy(update={"images": 9})
    models = (row(), row("blocks-1-2", "ft", accuracy={"fp32": {"val": fewer}}))

    assert "same number of images of val: 9, 101" in notes(models=models)
    assert "same number" not in notes()


def test_a_missing_full_model_and_missing_speeds_are_told() -> None:
    alone = notes(models=(row("blocks-1-2", "ft", speed={}),))

    assert "The full model of blocks-1-2 FT is not among the rows" in alone
    assert "No speed was measured" in alone
    assert "Not timed: blocks-1-2 FT." in notes(models=(row(), row("blocks-1-2", "ft", speed={})))
    assert "on a made-up processor of 2 cores" in notes()
