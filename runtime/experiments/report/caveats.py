"""What a reader has to bear in mind: the limits of a study, as far as its results show them."""

from __future__ import annotations

from typing import Iterator, List

from runtime.experiments.report.variants import Study, report_of


def notes_of(study: Study) -> List[str]:
    """Sentences on unfinished rows, seeds, judged sets, missing baselines and speeds."""
    return [
        *_unfinished(study),
        *_seeds(study),
        *_judged(study),
        *_images(study),
        *_baselines(study),
        *_speeds(study),
    ]


def _unfinished(study: Study) -> Iterator[str]:
    done, expected = len(study.results.models), study.results.expected
    if done < expected:
        yield (
            f"The study is not finished: {done} of {expected} rows are there. Which model is best "
            "may change."
        )


def _seeds(study: Study) -> Iterator[str]:
    counts = {len(variant.seeds) for variant in study.variants}
    if counts == {1}:
        yield (
            "Every model was trained from one seed. How far another seed would have come out is "
            "not known, so small differences mean nothing."
        )
        return
    yield (
        "Numbers are means over seeds, with their lowest and highest in brackets. Models whose "
        "means are closer than that range is wide are not said to differ."
    )
    single = [variant.label for variant in study.variants if len(variant.seeds) == 1]
    if single:
        yield f"From one seed alone, so of unknown spread: {', '.join(single)}."


def _judged(study: Study) -> Iterator[str]:
    for name, sentence in study.results.judged.items():
        yield f"{name}: {sentence.rstrip('.')}."


def _images(study: Study) -> Iterator[str]:
    for judged in study.judged:
        counts = {
            report.images
            for model in study.results.models
            for precision in study.precisions
            for report in [report_of(model, precision, judged)]
            if report is not None
        }
        if len(counts) > 1:
            yield (
                f"Not every model was judged on the same number of images of {judged}: "
                f"{', '.join(str(count) for count in sorted(counts))}. Their accuracies must not "
                "be compared."
            )


def _baselines(study: Study) -> Iterator[str]:
    orphans = [variant.label for variant in study.pruned if study.whole_of(variant) is None]
    if orphans:
        yield (
            f"The full model of {', '.join(orphans)} is not among the rows, so nothing is "
            "said of gains and losses."
        )


def _speeds(study: Study) -> Iterator[str]:
    if not study.places:
        yield "No speed was measured; multiply-adds are a poor substitute for milliseconds."
        return
    machine = study.results.machine or "a machine that is not named"
    yield (
        f"Speeds are of the network alone, without decoding, scaling or labels, on {machine}: "
        "the median, with the range of the repetitions in brackets. Other machines rank models "
        "differently."
    )
    timed = {v.label for v in study.variants for place in study.places if v.speed(place)}
    untimed = [v.label for v in study.variants if v.label not in timed]
    if untimed:
        yield f"Not timed: {', '.join(untimed)}."
