"""How far another graph's answers lie from the float graph's, and from the truth where it is known.

Counts are kept by block of consecutive images. Leaving out one block after another tells how
much a figure would differ on other images of the kind: the noise below which two candidates are
equally good.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np
import onnx

from runtime.builder.data.dataset import SegmentationDataset, evenly, read_image
from runtime.builder.evaluation.confusion import ConfusionMatrix
from runtime.builder.export.onnx_runner import OnnxRunner
from runtime.inference.letterbox import place
from runtime.inference.postprocess.cpu import LabelUpsampler, resize_labels
from runtime.inference.preprocess.reference import network_input
from runtime.repository.manifest import InputSpec

BLOCKS = 20
"""At most; neighbours of a drive resemble each other, so single images would be no samples."""
_COMPARED_LOGITS = 1 << 20
_EXACT = 1e-20


@dataclass(frozen=True)
class ComparisonSet:
    """Some images to compare graphs on: all labelled, or none.

    Attributes:
        paths: of the images, in an order in which neighbours may resemble each other.
        labelled: the same images with their truth.
    """

    paths: Tuple[Path, ...]
    labelled: Optional[SegmentationDataset] = None

    @classmethod
    def of_dataset(cls, dataset: SegmentationDataset, count: int) -> ComparisonSet:
        """At most `count` of a dataset, evenly spread.

        Args:
            dataset: labelled images.
            count: at most so many of them.
        """
        some = dataset.spread(count)
        return cls(tuple(sample.image for sample in some.samples), some)

    @classmethod
    def of_images(cls, images: Sequence[Path], count: int) -> ComparisonSet:
        """At most `count` images without labels, evenly spread.

        Args:
            images: paths.
            count: at most so many of them.
        """
        return cls(evenly(images, count))


@dataclass(frozen=True)
class Comparison:
    """Counts of one graph against the float graph; the first axis of each array is the block.

    Attributes:
        signal: (blocks,) float64, squared float logits added up.
        noise: (blocks,) float64, squared differences of the logits added up.
        equal: (blocks,) int64, pixels that both label alike.
        pixels: (blocks,) int64, pixels compared.
        confusion: (blocks, classes, classes) int64 of (truth, prediction); None without labels.
    """

    signal: np.ndarray
    noise: np.ndarray
    equal: np.ndarray
    pixels: np.ndarray
    confusion: Optional[np.ndarray] = None

    @property
    def sqnr(self) -> float:
        """Signal to quantization noise of the logits, in dB; 200 where nothing differs."""
        signal = float(self.signal.sum())
        noise = max(float(self.noise.sum()), signal * _EXACT)
        return 10 * math.log10(signal / noise) if noise else -10 * math.log10(_EXACT)

    @property
    def agreement(self) -> float:
        """Share of the pixels that both graphs label alike."""
        return float(self.equal.sum() / self.pixels.sum())

    @property
    def miou(self) -> Optional[float]:
        """Mean intersection over union with the truth; None without labels."""
        return None if self.confusion is None else mean_iou(self.confusion.sum(0))

    def quality(self) -> float:
        """What decides between graphs: mIoU, or agreement where nothing is labelled."""
        return self.agreement if self.miou is None else self.miou

    def without(self, block: int) -> Comparison:
        """The counts of all other blocks."""
        rest = np.arange(len(self.pixels)) != block
        confusion = None if self.confusion is None else self.confusion[rest]
        return Comparison(
            self.signal[rest], self.noise[rest], self.equal[rest], self.pixels[rest], confusion
        )


def mean_iou(counts: np.ndarray) -> float:
    """Mean IoU, 0 to 1, of a (classes, classes) matrix of (truth, prediction) counts."""
    matrix = ConfusionMatrix(len(counts))
    matrix.counts += counts
    return matrix.mean_iou()


def noise_of_difference(one: Comparison, other: Comparison) -> float:
    """Standard error of the difference of two graphs' `quality` on the same images.

    The jackknife: with d_i the difference without block i, sqrt((n-1)/n * sum((d_i - mean d)^2))
    (B. Efron, "The jackknife, the bootstrap and other resampling plans", 1982, section 3). As
    both graphs saw the same images, how hard those are cancels out.

    Args:
        one: a graph's counts.
        other: another graph's, of the same blocks of images.
    """
    blocks = len(one.pixels)
    if blocks < 2:
        return math.inf
    differences = np.array(
        [one.without(i).quality() - other.without(i).quality() for i in range(blocks)]
    )
    spread = float(((differences - differences.mean()) ** 2).sum())
    return math.sqrt((blocks - 1) / blocks * spread)


class FloatAnswers:
    """What the float graph says about some images, kept to compare other graphs with.

    Of large logits every n-th row and column is kept, at most about a million numbers an image.

    Args:
        model: the float master.
        images: to compare on.
        spec: preprocessing.
        advance: called after each image.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        images: ComparisonSet,
        spec: InputSpec,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        self.images = images
        self._spec = spec
        self._upsampler = LabelUpsampler((spec.height, spec.width))
        self._logits: List[np.ndarray] = []
        self._labels: List[np.ndarray] = []
        runner = OnnxRunner(model)
        for index in range(len(images.paths)):
            logits, labels = self._answer(runner, index)
            self._logits.append(logits)
            self._labels.append(labels)
            advance()
        self.itself = self._count(lambda i: (self._logits[i], self._labels[i]), lambda: None)

    def compared(
        self, model: onnx.ModelProto, advance: Callable[[], None] = lambda: None
    ) -> Comparison:
        """Runs another graph on the same images.

        Args:
            model: of the same input and output.
            advance: called after each image.
        """
        runner = OnnxRunner(model)
        return self._count(lambda index: self._answer(runner, index), advance)

    def _answer(self, runner: OnnxRunner, index: int) -> Tuple[np.ndarray, np.ndarray]:
        """Some of the logits, and the labels at the image's own size."""
        rgb = read_image(self.images.paths[index])
        bgr = np.ascontiguousarray(rgb[..., ::-1])
        height, width = bgr.shape[:2]
        placement = place(height, width, self._spec)
        logits = runner.run(network_input(bgr, self._spec))[0][0]
        step = math.ceil(math.sqrt(logits.size / _COMPARED_LOGITS))
        at_model_size = self._upsampler.labels(np.ascontiguousarray(logits.transpose(1, 2, 0)))
        shown = at_model_size[placement.rows, placement.columns]
        return logits[:, ::step, ::step].copy(), resize_labels(shown, height, width)

    def _count(
        self,
        answer: Callable[[int], Tuple[np.ndarray, np.ndarray]],
        advance: Callable[[], None],
    ) -> Comparison:
        count = len(self.images.paths)
        blocks = min(BLOCKS, count)
        signal, noise = np.zeros(blocks), np.zeros(blocks)
        equal, pixels = np.zeros(blocks, np.int64), np.zeros(blocks, np.int64)
        labelled = self.images.labelled
        matrices: List[ConfusionMatrix] = []
        if labelled is not None:
            classes = labelled.classes
            matrices = [ConfusionMatrix(len(classes), classes.ignore_id) for _ in range(blocks)]
        for index in range(count):
            block = index * blocks // count
            logits, labels = answer(index)
            exact = self._logits[index].astype(np.float64)
            signal[block] += float((exact**2).sum())
            noise[block] += float(((logits - exact) ** 2).sum())
            equal[block] += int((labels == self._labels[index]).sum())
            pixels[block] += labels.size
            if labelled is not None:
                matrices[block].add(labelled.load(index)[1], labels)
            advance()
        confusion = np.stack([matrix.counts for matrix in matrices]) if matrices else None
        return Comparison(signal, noise, equal, pixels, confusion)
