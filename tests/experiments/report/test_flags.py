from __future__ import annotations

from runtime.experiments.report.flags import all_clear_of, flags_of
from runtime.experiments.report.variants import Study
from runtime.experiments.study.results import Speed, StudiedModel
from tests.experiments.report.made_up_study import row, study_results

FULL = row(macs=200_000_000, padded_macs=210_000_000)


def pruned(macs: int, padded: int) -> StudiedModel:
    return row("blocks-1-2", "lth", macs=macs, padded_macs=padded)


def timed(model: StudiedModel, median: float, low: float) -> StudiedModel:
    speed = Speed(median=median, low=low, high=median + 1, repetitions=9)
    return model.model_copy(update={"speed": {"openvino int8": speed}})


def study(*models: StudiedModel) -> Study:
    return Study(study_results(models=models))


def test_a_cheaper_and_faster_model_has_no_flag() -> None:
    fine = study(FULL, pruned(100_000_000, 100_000_000))

    assert flags_of(fine) == []
    (sentence,) = all_clear_of(fine)
    assert sentence == (
        "The pruned model is clearly faster than its full model wherever it was timed; the pruned "
        "model costs less, also once padded."
    )


def test_a_cost_that_padding_takes_back_is_flagged() -> None:
    (all_of_it,) = flags_of(study(FULL, pruned(150_000_000, 210_000_000)))
    (most_of_it,) = flags_of(study(FULL, pruned(150_000_000, 190_000_000)))

    assert "its cost does not fall" in all_of_it
    assert "0.21 GMACs, the full model 0.21" in all_of_it
    assert "more than half of the saving" in most_of_it


def test_a_model_that_is_not_faster_is_flagged_with_what_the_paper_saw() -> None:
    cheap = pruned(100_000_000, 100_000_000)
    full = timed(FULL, 5.5, low=5.3)

    (slower,) = flags_of(study(full, timed(cheap, 5.6, low=5.55)))
    (unclear,) = flags_of(study(full, timed(cheap, 5.4, low=5.2)))

    assert slower.startswith(
        "blocks-1-2 LTH is slower than the full model on openvino int8: 5.6 ms"
    )
    assert "5.5 ms full, 5.6 ms pruned, at pyramid level 2" in slower
    assert "not clearly faster" in unclear
    assert flags_of(study(full, timed(cheap, 4.0, low=3.9))) == []
    assert all_clear_of(study(full, timed(cheap, 5.6, low=5.5))) == []


def test_silence_is_not_claimed_of_what_was_not_looked_at() -> None:
    cheap = pruned(100_000_000, 100_000_000)
    untimed = [model.model_copy(update={"speed": {}}) for model in (FULL, cheap)]

    assert all_clear_of(study(*untimed)) == [
        "The pruned model costs less, also once padded. None was timed."
    ]
    assert all_clear_of(study(cheap)) == []
    assert all_clear_of(study(FULL)) == []
