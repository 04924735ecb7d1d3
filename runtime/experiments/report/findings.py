"""What the numbers say, in sentences that follow from them and from nothing else."""

from __future__ import annotations

from typing import Iterator, List, Optional, Sequence, Tuple

from runtime.experiments.measure import Comparison, Measure, best_of, compared, fastest_of
from runtime.experiments.report.variants import Study, Variant
from runtime.repository.manifest import Precision

TOLERATED_LOSS = 0.01  # one point of mIoU
SHOWN = 4  # decimals of a share that tables show
TICKET, CONTROL = "LTH", "RI-P"


def findings_of(study: Study) -> List[str]:
    """Sentences on the first judged set: arms, ticket, losses, speed, INT8."""
    return [
        *_arms(study),
        *_tickets(study),
        *_fastest(study),
        *_small_losses(study),
        *_int8_losses(study),
    ]


def compared_in_words(first: Tuple[str, Measure], second: Tuple[str, Measure]) -> str:
    """A clause on who is above whom, or that nobody can tell; measures are shares.

    Args:
        first: a name and its mean IoU, a share.
        second: another name and its mean IoU.
    """
    (name, measure), (other, reference) = first, second
    comparison = compared(measure, reference)
    points = f"{abs(comparison.difference) * 100:.2f} points"
    if not comparison.differs:
        if comparison.spread is None:
            return f"{name} and {other} are equal"
        return (
            f"{name} and {other} do not differ: their means are {points} apart, seeds of one "
            f"alone up to {comparison.spread * 100:.2f}"
        )
    where = "above" if comparison.difference > 0 else "below"
    return f"{name} is {points} {where} {other}{_worth(comparison)}"


def _worth(comparison: Comparison) -> str:
    return "" if comparison.replicated else " (one seed: whether it would recur is not known)"


def best_in_words(names: Sequence[str], measures: Sequence[Measure]) -> str:
    """Which of several has the highest mean, as far as the seeds' spread lets one say so.

    Args:
        names: at least one.
        measures: mean IoU of each, as shares.
    """
    if len(names) == 1:
        return f"{names[0]} is the only one: {measures[0].mean * 100:.2f} % mIoU"
    ranking = sorted(range(len(names)), key=lambda i: -measures[i].mean)
    leaders = best_of(measures)
    if not leaders:
        return f"none of {_listed(names)} is better than the others"
    if len(leaders) > 1:
        tied = _listed([names[i] for i in ranking if i in leaders])
        return f"{tied} are best and do not differ by more than the spread of their seeds"
    top, runner_up = ranking[0], ranking[1]
    clause = compared_in_words((names[top], measures[top]), (names[runner_up], measures[runner_up]))
    return f"the best is {names[top]} with {measures[top].mean * 100:.2f} % mIoU; {clause}"


def _arms(study: Study) -> Iterator[str]:
    judged, precision = study.judged[0], study.precisions[0]
    for family, variants in _prunings(study):
        found = [(v.arm or v.label, v.miou(precision, judged)) for v in variants]
        known = [(name, measure) for name, measure in found if measure is not None]
        if known:
            words = best_in_words([name for name, _ in known], [each for _, each in known])
            yield f"Arms of {family} ({precision.upper()}, {judged}): {words}."


def _tickets(study: Study) -> Iterator[str]:
    """The ticket differs from its control in the choice of channels and in nothing else."""
    judged, precision = study.judged[0], study.precisions[0]
    for family, variants in _prunings(study):
        by_arm = {variant.arm: variant.miou(precision, judged) for variant in variants}
        ticket, control = by_arm.get(TICKET), by_arm.get(CONTROL)
        if ticket is not None and control is not None:
            clause = compared_in_words((TICKET, ticket), (CONTROL, control))
            yield (
                f"The choice of channels in {family}, which is all "
                f"that the ticket and its control differ in: {clause}."
            )


def _fastest(study: Study) -> Iterator[str]:
    """The paper's headline, in the study's numbers."""
    judged = study.judged[0]
    timed = [(v, place) for v in study.pruned for place in study.places if v.speed(place)]
    leaders = fastest_of([variant.speed(place) for variant, place in timed])
    found = [
        (after.mean, after.mean - before.mean, ratio, f"{variant.label} on {place}", place)
        for variant, place in (timed[i] for i in sorted(leaders) or range(len(timed)))
        for after in [variant.miou(_precision_at(study, place), judged)]
        for before in [_exact_miou_of_whole(study, variant)]
        for ratio in [study.times_full(variant, place)]
        if after is not None and before is not None and ratio is not None
    ]
    if found:
        _, change, ratio, which, place = max(found)
        first = f"Of the fastest, {which} is the most accurate"
        yield (
            f"{first if len(found) > 1 else f'The fastest is {which}'}: {ratio:.2f} times as fast "
            f"as the full model on {study.reference_place(place)}, {change * 100:+.2f} points of "
            f"mIoU on {judged}."
        )


def _exact_miou_of_whole(study: Study, variant: Variant) -> Optional[Measure]:
    whole = study.whole_of(variant)
    return None if whole is None else whole.miou(study.precisions[0], study.judged[0])


def _small_losses(study: Study) -> Iterator[str]:
    for whole in (variant for variant in study.variants if variant.whole):
        place = _fastest_place(study, whole)
        mine = [v for v in study.pruned if study.whole_of(v) is whole]
        precision = _precision_at(study, place)
        kept = [v for v in mine if loses_little(study, v, precision)]
        limit = f"{TOLERATED_LOSS * 100:.0f} point of mIoU"
        if mine and not kept:
            yield (
                f"No pruned model of {whole.label} in {precision.upper()} loses at most {limit} "
                f"against the full model in {study.precisions[0].upper()}."
            )
        elif kept:
            yield _fastest_sentence(
                study, kept, place, f"in {precision.upper()} lose at most {limit}"
            )


def loses_little(study: Study, variant: Variant, precision: Precision) -> bool:
    """Whether it loses at most a point against the full model in the most exact precision.

    Args:
        study: that the variant belongs to.
        variant: a pruned network.
        precision: that it runs in.
    """
    before = _exact_miou_of_whole(study, variant)
    after = variant.miou(precision, study.judged[0])
    if before is None or after is None:
        return False
    return round(before.mean - after.mean, SHOWN) <= TOLERATED_LOSS


def _fastest_sentence(study: Study, kept: List[Variant], place: str, which: str) -> str:
    names = _listed([variant.label for variant in kept])
    verb = which if len(kept) > 1 else which.replace("lose ", "loses ")
    sentence = f"{names} {verb} against the full model in {study.precisions[0].upper()}"
    timed = [(study.times_full(v, place), v.label) for v in kept]
    ratios = [(ratio, label) for ratio, label in timed if ratio is not None]
    if not ratios:
        return f"{sentence}."
    ratio, label = max(ratios)
    reference = study.reference_place(place)
    return f"{sentence}; {label} on {place} is {ratio:.2f} times as fast as full on {reference}."


def _int8_losses(study: Study) -> Iterator[str]:
    judged = study.judged[0]
    changes = [(v.int8_change(judged), v.label) for v in study.variants]
    known = [(change.mean, label) for change, label in changes if change is not None]
    if known:
        (worst, where), (least, elsewhere) = min(known), max(known)
        yield (
            f"INT8 changes mIoU on {judged} by {worst * 100:+.2f} ({where}) to "
            f"{least * 100:+.2f} points ({elsewhere})."
        )


def _prunings(study: Study) -> Iterator[Tuple[str, Tuple[Variant, ...]]]:
    for family, variants in study.families.items():
        if not variants[0].whole:
            yield family, variants


def _fastest_place(study: Study, whole: Variant) -> str:
    speeds = [(whole.speed(place), place) for place in study.places]
    timed = [(speed.median, place) for speed, place in speeds if speed is not None]
    return min(timed)[1] if timed else ""


def _precision_at(study: Study, place: str) -> Precision:
    found = [each for each in study.precisions if place.endswith(f" {each}")]
    return found[0] if found else study.precisions[-1]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
