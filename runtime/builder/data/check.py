"""What is odd about a dataset, and what is wrong: judged on its content, never on names.

Odd things are told and work goes on; wrong ones would make its result a falsehood: samples that
cannot be read, images that are learnt from and measured on alike, and labels that say nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Mapping, Sequence, Tuple

import numpy as np

from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.scan import SampleFacts, Scan, scan
from runtime.errors import InvalidInput
from runtime.image.label_map import Classes

SHOWN = 4
MOST_LOOK_ALIKE_BITS = 4
MUCH_UNLABELLED = 0.9


@dataclass(frozen=True)
class GroupSummary:
    """One part of a dataset, such as a split.

    Attributes:
        name: of the part.
        samples: how many can be used.
        sizes: images by (height, width).
        shares: (classes,) float64, of the labelled pixels.
        unlabelled: share of all pixels that nobody labelled.
        absent: names of the classes that no label map has.
    """

    name: str
    samples: int
    sizes: Mapping[Tuple[int, int], int]
    shares: np.ndarray
    unlabelled: float
    absent: Tuple[str, ...]


@dataclass(frozen=True)
class DatasetCheck:
    """What was found.

    Attributes:
        name: of the dataset.
        classes: what its labels mean.
        groups: its parts.
        wrong: in sentences; nothing should be done with the dataset before it is cured.
        odd: in sentences, to be known.
        cures: of what is wrong, one for each.
    """

    name: str
    classes: Classes
    groups: Tuple[GroupSummary, ...]
    wrong: Tuple[str, ...]
    odd: Tuple[str, ...]
    cures: Tuple[str, ...]

    def require_sound(self) -> None:
        """Refuses a dataset with which something is wrong.

        Raises:
            InvalidInput: the first thing, and how many more there are.
        """
        if self.wrong:
            more = len(self.wrong) - 1
            others = f" ({more} more: `runtime check-dataset` lists them)" if more else ""
            raise InvalidInput(f"{self.wrong[0]}{others}", self.cures[0])


def check_dataset(
    groups: Mapping[str, SegmentationDataset], advance: Callable[[], None] = lambda: None
) -> DatasetCheck:
    """Reads every sample once and judges what it sees.

    Args:
        groups: parts that should share no image, by name; at least one, of one dataset.
        advance: called after each sample.
    """
    scans = {name: scan(dataset, advance) for name, dataset in groups.items()}
    first = next(iter(groups.values()))
    wrong = [*_unusable(scans), *_unlabelled(scans), *_leaks(scans)]
    return DatasetCheck(
        name=first.name,
        classes=first.classes,
        groups=tuple(_summary(name, each) for name, each in scans.items()),
        wrong=tuple(fault.problem for fault in wrong),
        cures=tuple(fault.cure for fault in wrong),
        odd=(*first.remarks, *_odd_labels(scans), *_duplicates(scans), *_look_alikes(scans)),
    )


def by_split(dataset: SegmentationDataset) -> Dict[str, SegmentationDataset]:
    """The parts of a dataset that should share no image."""
    return {split: dataset.of_splits(split) for split in dataset.splits}


def _unusable(scans: Mapping[str, Scan]) -> Iterator[InvalidInput]:
    for each in scans.values():
        yield from each.faults


def _unlabelled(scans: Mapping[str, Scan]) -> Iterator[InvalidInput]:
    for name, each in scans.items():
        if each.facts and not sum(facts.counts.sum() for facts in each.facts):
            yield InvalidInput(
                f"no pixel of the {len(each.facts)} images of {name} is labelled: all have the "
                f"ignore id {each.dataset.classes.ignore_id}",
                "Label them, or correct ignore_id in dataset.json",
            )


def _leaks(scans: Mapping[str, Scan]) -> Iterator[InvalidInput]:
    """Images that two groups have in common."""
    names = list(scans)
    for at, one in enumerate(names):
        owners = {facts.image: facts for facts in scans[one].facts}
        for other in names[at + 1 :]:
            pairs = [(owners[f.image], f) for f in scans[other].facts if f.image in owners]
            if pairs:
                yield InvalidInput(
                    f"{_images(len(pairs))} of {other} {_are(pairs)} in {one} too: "
                    f"{_pairs_named(pairs)}",
                    f"Take them out of {one} or of {other}; figures on images that a network has "
                    "learnt from say nothing",
                )


def _odd_labels(scans: Mapping[str, Scan]) -> Iterator[str]:
    for name, each in scans.items():
        empty = [f for f in each.facts if not f.counts.any()]
        if empty and len(empty) < len(each.facts):
            yield f"{_images(len(empty))} of {name} without a labelled pixel: {_named(empty)}"
        summary = _summary(name, each)
        if summary.absent and len(summary.absent) < len(each.dataset.classes):
            absent = ", ".join(summary.absent)
            yield f"no label map of {name} has {absent}: a network cannot learn it from there"
        if np.count_nonzero(summary.shares) == 1:
            only = each.dataset.classes.names[int(summary.shares.argmax())]
            yield f"all labelled pixels of {name} are {only}: there is nothing to tell apart"
        if MUCH_UNLABELLED < summary.unlabelled < 1:
            yield f"{100 * summary.unlabelled:.1f} % of the pixels of {name} are unlabelled"


def _duplicates(scans: Mapping[str, Scan]) -> Iterator[str]:
    """Images that a group has twice."""
    for name, each in scans.items():
        owners: Dict[bytes, SampleFacts] = {}
        alike: List[Tuple[SampleFacts, SampleFacts]] = []
        contradictory: List[Tuple[SampleFacts, SampleFacts]] = []
        for facts in each.facts:
            owner = owners.setdefault(facts.image, facts)
            if owner is not facts:
                same = owner.labels == facts.labels
                (alike if same else contradictory).append((owner, facts))
        for pairs, how in ((alike, ""), (contradictory, ", and labelled differently")):
            if pairs:
                count = f"{_images(len(pairs))} of {name} {_are(pairs)}"
                yield f"{count} there twice{how}: {_pairs_named(pairs)}"


def _look_alikes(scans: Mapping[str, Scan]) -> Iterator[str]:
    """Images of one group that are nearly in another, too: scaled, saved again, a frame later."""
    names = list(scans)
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            pairs = [
                (scans[one].facts[i], scans[other].facts[j])
                for i, j in _nearest(scans[one].facts, scans[other].facts)
            ]
            pairs = [pair for pair in pairs if pair[0].image != pair[1].image]
            if pairs:
                yield (
                    f"{len(pairs)} of {len(scans[other].facts)} images of {other} look much like "
                    f"one of {one}, as one saved again or the next frame does: "
                    f"{_pairs_named(pairs)}; figures on them flatter"
                )


def _nearest(one: Sequence[SampleFacts], other: Sequence[SampleFacts]) -> Iterator[Tuple[int, int]]:
    """For each of the others that has a look-alike, its position and that of the nearest."""
    looks = np.array([facts.look for facts in one], np.uint64)
    bits = np.array([bin(value).count("1") for value in range(1 << 16)], np.uint8)
    for at, facts in enumerate(other):
        if facts.look == 0 or not len(looks):
            continue
        differing = (looks ^ np.uint64(facts.look)).view(np.uint16).reshape(-1, 4)
        distances = bits[differing].sum(1)
        nearest = int(distances.argmin())
        if distances[nearest] <= MOST_LOOK_ALIKE_BITS:
            yield nearest, at


def _summary(name: str, each: Scan) -> GroupSummary:
    classes = each.dataset.classes
    counts = sum((facts.counts for facts in each.facts), np.zeros(len(classes), np.int64))
    pixels = sum(facts.size[0] * facts.size[1] for facts in each.facts)
    return GroupSummary(
        name=name,
        samples=len(each.facts),
        sizes=Counter(facts.size for facts in each.facts),
        shares=counts / max(1, counts.sum()),
        unlabelled=sum(facts.unlabelled for facts in each.facts) / max(1, pixels),
        absent=tuple(n for n, count in zip(classes.names, counts) if not count),
    )


def _images(count: int) -> str:
    return f"{count} image{'s' if count > 1 else ''}"


def _are(things: Sequence[object]) -> str:
    return "are" if len(things) > 1 else "is"


def _named(facts: Sequence[SampleFacts]) -> str:
    more = ", ..." if len(facts) > SHOWN else ""
    return ", ".join(each.sample.name for each in facts[:SHOWN]) + more


def _pairs_named(pairs: Sequence[Tuple[SampleFacts, SampleFacts]]) -> str:
    shown = [f"{two.sample.image.name} = {one.sample.image.name}" for one, two in pairs[:SHOWN]]
    return ", ".join(shown) + (", ..." if len(pairs) > SHOWN else "")
