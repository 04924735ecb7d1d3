"""One pass over the samples of a dataset: what each of them is, or why it is of no use."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable, List, Tuple, Union

import cv2
import numpy as np

from runtime.builder.data.dataset import Sample, SegmentationDataset
from runtime.errors import InvalidInput

MOST_THREADS = 8
_GRID = (9, 8)  # columns and rows whose horizontal neighbours are compared: 64 comparisons


@dataclass(frozen=True)
class SampleFacts:
    """What one sample is.

    Attributes:
        sample: its name and files.
        size: height and width as shown, pixels.
        image: digest of the decoded pixels; equal for equal pixels, whatever the file format.
        labels: digest of the class ids.
        counts: (classes,) int64, pixels of each class.
        unlabelled: pixels with the ignore id.
        look: 64 bits that hardly change when an image is scaled or saved again; 0 for a flat one.
    """

    sample: Sample
    size: Tuple[int, int]
    image: bytes
    labels: bytes
    counts: np.ndarray
    unlabelled: int
    look: int


@dataclass(frozen=True)
class Scan:
    """What the samples of a group are.

    Attributes:
        dataset: all of them.
        facts: of those that can be used, in their order.
        faults: why others cannot be, in their order.
    """

    dataset: SegmentationDataset
    facts: Tuple[SampleFacts, ...]
    faults: Tuple[InvalidInput, ...]


def scan(dataset: SegmentationDataset, advance: Callable[[], None] = lambda: None) -> Scan:
    """Decodes every sample once, on all processors.

    Args:
        dataset: what to read.
        advance: called after each sample.
    """

    def facts_or_fault(index: int) -> Union[SampleFacts, InvalidInput]:
        try:
            return _facts(dataset, index)
        except InvalidInput as fault:
            return fault

    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        waiting = [pool.submit(facts_or_fault, index) for index in range(len(dataset))]
        outcomes: List[Union[SampleFacts, InvalidInput]] = []
        try:
            for each in waiting:
                outcomes.append(each.result())
                advance()
        finally:
            # Whoever interrupts does not wait for the rest.
            for each in waiting:
                each.cancel()
    return Scan(
        dataset,
        facts=tuple(each for each in outcomes if isinstance(each, SampleFacts)),
        faults=tuple(each for each in outcomes if isinstance(each, InvalidInput)),
    )


def look_of(rgb: np.ndarray) -> int:
    """A fingerprint of what an image looks like: in a small grid, which neighbour is brighter.

    Args:
        rgb: (height, width, 3) uint8.

    Returns:
        64 bits; few of them differ between images that look alike.
    """
    small = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), _GRID, interpolation=cv2.INTER_AREA)
    brighter = small[:, 1:] > small[:, :-1]
    return int.from_bytes(np.packbits(brighter).tobytes(), "big")


def _facts(dataset: SegmentationDataset, index: int) -> SampleFacts:
    image, labels = dataset.load(index)
    counts = np.bincount(labels.reshape(-1), minlength=256)
    return SampleFacts(
        sample=dataset.samples[index],
        size=(labels.shape[0], labels.shape[1]),
        image=_digest(image),
        labels=_digest(labels),
        counts=counts[: len(dataset.classes)],
        unlabelled=int(counts[dataset.classes.ignore_id]),
        look=look_of(image),
    )


def _digest(pixels: np.ndarray) -> bytes:
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()
