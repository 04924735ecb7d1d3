"""Activation ranges from images: streaming, in fixed memory, whatever the order of the images.

Two passes: the first finds each tensor's largest magnitude, the second counts magnitudes in bins
fixed by it. Both combine images by maximum and integer sums alone, so tables from shuffled
images are equal to the byte. Every rule's threshold is stored; choosing another needs no run.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence

import numpy as np
import onnx
from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Literal

from runtime.builder.data.dataset import read_image
from runtime.builder.export.onnx_graph import OnnxGraph
from runtime.builder.export.onnx_runner import OnnxRunner
from runtime.builder.quantization.histogram import THRESHOLDS, Histogram
from runtime.builder.quantization.qdq_placement import EVERYTHING, placement_for
from runtime.errors import BuildFailed, InvalidConfig
from runtime.files.validation import first_complaint
from runtime.inference.preprocess.reference import network_input
from runtime.names import shown
from runtime.repository.manifest import InputSpec

PASSES = 2


class CalibrationImage(BaseModel):
    """One image, by content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str


class RangeTable(BaseModel):
    """The ranges of one graph on one set of images.

    Attributes:
        graph_sha256: of the float ONNX file.
        preprocessing: how images became the network's input.
        images: by name, then content, whatever order they came in.
        ranges: by tensor, by rule: the magnitude that becomes 127.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    graph_sha256: str
    preprocessing: InputSpec
    images: List[CalibrationImage]
    ranges: Dict[str, Dict[str, float]]

    @property
    def images_sha256(self) -> str:
        """SHA-256 of the set of images, their names and contents."""
        return images_sha256(self.images)

    def thresholds(self, rule: str) -> Dict[str, float]:
        """The threshold of every tensor by one rule.

        Raises:
            InvalidConfig: there is no such rule.
        """
        if rule not in THRESHOLDS:
            raise InvalidConfig(
                f"there is no calibration rule {rule!r}", f"Choose one of {', '.join(THRESHOLDS)}"
            )
        return {tensor: by_rule[rule] for tensor, by_rule in self.ranges.items()}


def ranges_from_images(
    model: onnx.ModelProto,
    images: Sequence[Path],
    spec: InputSpec,
    advance: Optional[Callable[[], None]] = None,
) -> RangeTable:
    """Measures every tensor that any option of quantization could want.

    Args:
        model: the float master.
        images: images as the network will see them in service; a few hundred are enough.
        spec: the runtime's own preprocessing.
        advance: called after each image of each of the `PASSES`.

    Raises:
        InvalidInput: an image is missing or cannot be decoded; it is named, and nothing is made.
        BuildFailed: no images are given, or the network's numbers are not finite on one.
    """
    if not images:
        raise BuildFailed("there are no calibration images", "Give a folder with some images")
    tensors = placement_for(OnnxGraph(model), EVERYTHING).tensors
    runner, told = OnnxRunner(model, tensors), advance or (lambda: None)
    maxima = np.zeros(len(tensors))
    for values in tensors_of_images(runner, images, spec, told):
        maxima = np.maximum(maxima, [_magnitude(value) for value in values])
    histograms = [Histogram(peak) for peak in maxima]
    for values in tensors_of_images(runner, images, spec, told):
        for histogram, value in zip(histograms, values):
            histogram.add(value)
    return RangeTable(
        graph_sha256=hashlib.sha256(model.SerializeToString()).hexdigest(),
        preprocessing=spec,
        images=calibration_images(images),
        ranges={
            tensor: {name: rule(histogram) for name, rule in THRESHOLDS.items()}
            for tensor, histogram in zip(tensors, histograms)
        },
    )


def tensors_of_images(
    runner: OnnxRunner, images: Sequence[Path], spec: InputSpec, advance: Callable[[], None]
) -> Iterator[List[np.ndarray]]:
    """The runner's tensors of one image after another, valid until the next.

    Args:
        runner: of the graph, with the tensors to be looked at as outputs.
        images: paths.
        spec: preprocessing.
        advance: called after each image.

    Raises:
        InvalidInput: an image is missing or cannot be decoded; it is named.
        BuildFailed: the network's numbers are not finite on an image.
    """
    for path in images:
        rgb = read_image(path)
        values = runner.run(network_input(np.ascontiguousarray(rgb[..., ::-1]), spec))
        if not all(np.isfinite(value).all() for value in values):
            raise BuildFailed(
                f"the network's numbers on {path} are not finite",
                "Train it further or take an earlier checkpoint: its weights have diverged",
            )
        yield values
        advance()


def _magnitude(values: np.ndarray) -> float:
    # Without the copy that np.abs would make of every tensor.
    return max(float(values.max()), -float(values.min()))


def calibration_images(images: Sequence[Path]) -> List[CalibrationImage]:
    """Names and hashes, sorted."""
    read = [
        CalibrationImage(
            name=shown(path.name), sha256=hashlib.sha256(path.read_bytes()).hexdigest()
        )
        for path in images
    ]
    return sorted(read, key=lambda image: (image.name, image.sha256))


def images_sha256(images: Sequence[CalibrationImage]) -> str:
    """One hash for a sorted list of images."""
    lines = "".join(f"{image.sha256}  {image.name}\n" for image in images)
    return hashlib.sha256(lines.encode()).hexdigest()


def table_text(table: RangeTable) -> str:
    """The table as it is written to disk; equal tables give equal bytes."""
    return json.dumps(table.model_dump(mode="json"), indent=1) + "\n"


def table_sha256(table: RangeTable) -> str:
    """SHA-256 of the table as it is written to disk."""
    return hashlib.sha256(table_text(table).encode()).hexdigest()


def table_from_file(path: Path) -> RangeTable:
    """Reads what `table_text` made.

    Raises:
        BuildFailed: it is missing or is no range table.
    """
    try:
        return RangeTable.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = str(error) if isinstance(error, OSError) else first_complaint(error)
        raise BuildFailed(
            f"{path} is not a range table: {reason}", "Delete it; the next build calibrates again"
        ) from error
