"""What `runtime build-engine` was told, before any file is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple

from runtime.repository.manifest import Precision


@dataclass(frozen=True)
class BuildEngineOptions:
    """The command's flags; None and empty mean that the recipe says it.

    Attributes:
        checkpoint: the trained network.
        recipe: the recipe's file.
        precisions: what to build.
        calibration: folder of calibration images.
        dataset: folder of the dataset.
        out: the engine folder.
        max_drop: points (hundredths) of mIoU that a build may lose, this once.
        plans: what flags say of TensorRT plans, as fields of `PlanChoice`; None does not ask for
            any, and then the recipe's table does where TensorRT is installed.
        labels_inside: whether to write files that give labels, for other runtimes.
        calibration_cache: whether to write TensorRT's own form of the INT8 ranges.
        rule: of calibration.
        grey_images: whether what looks like a label map in the folder of calibration images is an
            image; False leaves it to the recipe.
        keep_worst: how many of the layers that INT8 hurts most stay float.
    """

    checkpoint: Optional[Path] = None
    recipe: Optional[Path] = None
    precisions: Tuple[Precision, ...] = ()
    calibration: Optional[Path] = None
    dataset: Optional[Path] = None
    out: Optional[Path] = None
    max_drop: Optional[float] = None
    plans: Optional[Mapping[str, Any]] = None
    labels_inside: bool = False
    calibration_cache: bool = False
    rule: Optional[str] = None
    grey_images: bool = False
    keep_worst: Optional[int] = None
