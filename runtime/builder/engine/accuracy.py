"""What a build is worth: measured on labelled images through the very code that serves.

All builds see each image in one pass, so every figure compares the same pixels, and the FP32
build's masks are there to compare with.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.engine.recipe import Gate
from runtime.builder.evaluation.confusion import ConfusionMatrix, EvaluationReport
from runtime.errors import BuildFailed
from runtime.image.frame import Frame
from runtime.inference.segmenter import Segmenter
from runtime.repository.manifest import Evidence, Precision

REFERENCE: Precision = "fp32"
BLAMED = 3
"""Classes or layers that an error names."""


class AccuracyLost(BuildFailed):
    """A build that loses more than it may.

    Attributes:
        precision: of the build.
        evaluation: which of the recipe's evaluations, counted from 0.
        summary: the problem without the classes.
        measured: the build's evidence on it.
        reference: FP32's.
    """

    def __init__(
        self,
        summary: str,
        precision: Precision,
        evaluation: int,
        measured: Evidence,
        reference: Evidence,
    ) -> None:
        found = losses(measured, reference)
        losers = sorted((n for n in found if found[n] > 0), key=lambda n: -found[n])
        told = ", ".join(f"{name} {-found[name]:.2f}" for name in losers[:BLAMED])
        super().__init__(
            f"{summary}; most on {told}",
            "Calibrate on more images, try another calibration.rule, keep layers in "
            "quantization.keep_float, or accept it with --max-drop",
        )
        self.precision, self.evaluation, self.summary = precision, evaluation, summary
        self.measured, self.reference = measured, reference


def measure_builds(
    segmenters: Mapping[Precision, Segmenter],
    images: SegmentationDataset,
    name: str,
    seen_in_training: bool,
    advance: Callable[[], None] = lambda: None,
) -> Dict[Precision, Evidence]:
    """Measures builds on labelled images, at the images' own size.

    Args:
        segmenters: by precision; `REFERENCE` is among them.
        images: labelled, with the classes of the builds.
        name: what the evidence calls these images.
        seen_in_training: whether the network learnt from any of them.
        advance: called after each image.

    Raises:
        InvalidInput: an image is broken, or no pixel is labelled.
    """
    reports, agreement = judge_builds(segmenters, images, advance)
    return {
        precision: Evidence(
            dataset=images.name,
            split=name,
            seen_in_training=seen_in_training,
            images=len(images),
            miou=report.miou,
            iou=report.iou,
            reference_miou=None if precision == REFERENCE else reports[REFERENCE].miou,
            agreement=agreement.get(precision),
        )
        for precision, report in reports.items()
    }


def judge_builds(
    segmenters: Mapping[Precision, Segmenter],
    images: SegmentationDataset,
    advance: Callable[[], None] = lambda: None,
) -> Tuple[Dict[Precision, EvaluationReport], Dict[Precision, float]]:
    """Reports of all builds, which see each image in turn.

    Args:
        segmenters: by precision; `REFERENCE` is among them.
        images: labelled, with the classes of the builds.
        advance: called after each image.

    Returns:
        A report by precision, and by every other precision than `REFERENCE` the share of all
        pixels, unlabelled ones included, that it labels as `REFERENCE` does.

    Raises:
        InvalidInput: an image is broken, or no pixel is labelled.
    """
    names = images.classes.names
    matrices = {
        precision: ConfusionMatrix(len(names), images.classes.ignore_id) for precision in segmenters
    }
    equal = {precision: 0 for precision in segmenters if precision != REFERENCE}
    pixels = 0
    for index in range(len(images)):
        image, truth = images.load(index)
        masks = {precision: labels_of(each, image) for precision, each in segmenters.items()}
        for precision, mask in masks.items():
            matrices[precision].add(truth, mask)
        for precision in equal:
            equal[precision] += int((masks[precision] == masks[REFERENCE]).sum())
        pixels += truth.size
        advance()
    reports = {
        precision: matrix.report(images.name, images.splits, names, len(images))
        for precision, matrix in matrices.items()
    }
    return reports, {precision: count / pixels for precision, count in equal.items()}


def labels_of(segmenter: Segmenter, image: np.ndarray) -> np.ndarray:
    """The mask of an RGB image, (height, width) uint8, of the image's size.

    Args:
        segmenter: of an open engine.
        image: (height, width, 3) uint8 RGB.
    """
    frame = Frame(np.ascontiguousarray(image[..., ::-1]), number=0, captured_at=0.0, source="build")
    return segmenter.segment(frame).labels.labels


def require_accuracy(
    precision: Precision,
    measured: Sequence[Evidence],
    reference: Sequence[Evidence],
    gate: Gate,
) -> None:
    """Stops a build that loses more than it may.

    Args:
        precision: of the build.
        measured: its evidence.
        reference: the FP32 build's, on the same images in the same order.
        gate: what may be lost.

    Raises:
        AccuracyLost: with the classes that lose most.
    """
    for number, (own, full) in enumerate(zip(measured, reference)):
        drop = 100 * (full.miou - own.miou)
        worst = max(losses(own, full).values(), default=0.0)
        if drop > gate.max_drop:
            reason = f"loses {drop:.2f} points of mIoU, more than {gate.max_drop:g}"
        elif worst > gate.max_class_drop:
            reason = f"loses {worst:.2f} points of one class, more than {gate.max_class_drop:g}"
        else:
            continue
        summary = f"the {precision} build {reason}, on {own.split}"
        raise AccuracyLost(summary, precision, number, own, full)


def losses(own: Evidence, full: Evidence) -> Dict[str, float]:
    """Points lost by class, of those that both have.

    Args:
        own: a build's evidence.
        full: FP32's on the same images.
    """
    lost: Dict[str, float] = {}
    for name, before in full.iou.items():
        after: Optional[float] = own.iou.get(name)
        if before is not None and after is not None:
            lost[name] = 100 * (before - after)
    return lost


def lowest_agreement(segmenters: Sequence[Segmenter], image: np.ndarray, mask: np.ndarray) -> float:
    """The smallest share of pixels that any build labels as `mask` does.

    Args:
        segmenters: of the builds.
        image: (height, width, 3) uint8 RGB.
        mask: (height, width) uint8 class ids.
    """
    shares: List[float] = [float((labels_of(s, image) == mask).mean()) for s in segmenters]
    return min(shares)
