"""Pruned models that do not keep what pruning promises: flags with words."""

from __future__ import annotations

from typing import Iterator, List, Sequence

from runtime.experiments.measure import clearly_faster
from runtime.experiments.report.variants import Study, Variant

PADDING = 32
AS_IN_THE_PAPER = (
    "the paper saw the same on small feature maps: 5.5 ms full, 5.6 ms pruned, at pyramid level 2"
)


def flags_of(study: Study) -> List[str]:
    """A sentence for each pruned model that is not faster, or not cheaper once padded."""
    return [
        sentence
        for variant in study.pruned
        for sentence in (*_padding_flags(study, variant), *_speed_flags(study, variant))
    ]


def all_clear_of(study: Study) -> List[str]:
    """What the absence of flags means: no more than was looked at."""
    compared = [variant for variant in study.pruned if study.whole_of(variant) is not None]
    if not compared or flags_of(study):
        return []
    timed = [v for v in compared if any(study.times_full(v, place) for place in study.places)]
    if not timed:
        return [f"{_each_of(compared)} costs less, also once padded. None was timed."]
    sentence = f"{_each_of(timed)} is clearly faster than its full model wherever it was timed"
    left = f", {len(compared) - len(timed)} were not timed" if len(timed) < len(compared) else ""
    return [f"{sentence}{left}; {_each_of(compared).lower()} costs less, also once padded."]


def _each_of(variants: Sequence[Variant]) -> str:
    return f"Each of {len(variants)} pruned models" if len(variants) > 1 else "The pruned model"


def _padding_flags(study: Study, variant: Variant) -> Iterator[str]:
    whole = study.whole_of(variant)
    if whole is None:
        return
    before, after = whole.first, variant.first
    if after.padded_macs >= before.padded_macs:
        yield (
            f"{variant.label}: its cost does not fall where channels are padded to {PADDING}: "
            f"{after.padded_macs / 1e9:.2f} GMACs, the full model {before.padded_macs / 1e9:.2f}. "
            f"INT8 kernels work in blocks of {PADDING} channels; prune with `--align {PADDING}`."
        )
    elif before.padded_macs - after.padded_macs < (before.macs - after.macs) / 2:
        yield (
            f"{variant.label}: padding its channels to {PADDING} takes back more than half of the "
            f"saving: {after.macs / 1e9:.2f} GMACs become {after.padded_macs / 1e9:.2f}."
        )


def _speed_flags(study: Study, variant: Variant) -> Iterator[str]:
    whole = study.whole_of(variant)
    for place in study.places if whole is not None else ():
        before, after = whole.speed(place) if whole else None, variant.speed(place)
        if before is None or after is None or clearly_faster(after, before):
            continue
        slower = clearly_faster(before, after)
        how = "slower than" if slower else "not clearly faster than"
        yield (
            f"{variant.label} is {how} the full model on {place}: {after.median:.1f} ms "
            f"({after.low:.1f} to {after.high:.1f}) against {before.median:.1f} ms "
            f"({before.low:.1f} to {before.high:.1f}); {AS_IN_THE_PAPER}."
        )
