"""The complete description of a SwiftNet; together with a state_dict it is the whole model."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Sequence, Tuple

from runtime.builder.swiftnet.widths import Widths
from runtime.errors import InvalidConfig

VARIANTS = ("pyramid", "single")
OUTPUT_STRIDES = (4, 8)
MAX_LEVELS = 3
MAX_CLASSES = 255
MAX_FEATURES = 4096

# Of Cityscapes' training images, as the published checkpoints have them.
REFERENCE_MEAN = (73.15, 82.90, 72.3)
REFERENCE_STD = (47.67, 48.49, 47.73)

# Stands for the widths of whichever encoder is chosen; no Architecture keeps it.
FULL_WIDTHS = Widths(stem=1, stages=(), inner=())


@dataclass(frozen=True)
class Architecture:
    """Everything that decides a SwiftNet's layers and their shapes, and its input's scale.

    Attributes:
        encoder: `resnet18`, `resnet34` or `mobilenet_v2`.
        classes: classes of the output, 2 to 255.
        variant: `pyramid` (the encoder runs on an image pyramid) or `single` (one scale and
            spatial pyramid pooling).
        levels: pyramid levels, or grids of the spatial pyramid pooling; 1 to 3.
        output_stride: input pixels per logit in each direction, 4 or 8.
        features: channels of the decoder.
        widths: channels of the encoder; left out, those of the full encoder.
        mean: subtracted from RGB on the 0-255 scale.
        std: divides the difference.
    """

    encoder: str
    classes: int
    variant: str = "pyramid"
    levels: int = 3
    output_stride: int = 4
    features: int = 128
    widths: Widths = FULL_WIDTHS
    mean: Tuple[float, float, float] = REFERENCE_MEAN
    std: Tuple[float, float, float] = REFERENCE_STD

    def __post_init__(self) -> None:
        if self.widths is FULL_WIDTHS:
            object.__setattr__(self, "widths", Widths.of(self.encoder))
        self.widths.require_fit(self.encoder)
        _require_among("variant", self.variant, VARIANTS)
        _require_among("output stride", self.output_stride, OUTPUT_STRIDES)
        _require_between("classes", self.classes, 2, MAX_CLASSES)
        _require_between("levels", self.levels, 1, MAX_LEVELS)
        _require_between("features", self.features, self.levels, MAX_FEATURES)
        object.__setattr__(self, "mean", _three_numbers("mean", self.mean))
        object.__setattr__(self, "std", _three_numbers("deviation", self.std))
        if min(self.std) <= 0:
            raise InvalidConfig(
                f"the deviation is {self.std}",
                "Give three numbers above zero: red, green, blue, on the 0-255 scale",
            )

    def to_dict(self) -> Dict[str, Any]:
        """Plain values only, ready for JSON; `from_dict` takes it back."""
        plain = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        plain.update(widths=self.widths.to_dict(), mean=list(self.mean), std=list(self.std))
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Architecture:
        """Reads what `to_dict` wrote, also after a round trip through JSON.

        Raises:
            InvalidConfig: a field is missing, unknown or invalid.
        """
        known = [each.name for each in dataclasses.fields(cls)]
        unknown = sorted(set(plain) - set(known))
        missing = sorted(set(known) - set(plain))
        if unknown or missing:
            raise InvalidConfig(
                f"the architecture lacks the fields {missing} and has the unknown ones {unknown}",
                f"Give {', '.join(known)}",
            )
        return cls(**{**plain, "widths": Widths.from_dict(plain["widths"])})


def _require_among(name: str, value: object, allowed: Sequence[object]) -> None:
    if value not in allowed:
        choices = ", ".join(str(each) for each in allowed)
        raise InvalidConfig(f"the {name} is {value!r}", f"Choose one of {choices}")


def _require_between(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise InvalidConfig(
            f"the number of {name} is {value!r}", f"Give a whole number from {low} to {high}"
        )


def _three_numbers(name: str, values: Sequence[float]) -> Tuple[float, float, float]:
    try:
        red, green, blue = (float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise InvalidConfig(
            f"the {name} is {values!r}", "Give three numbers: red, green, blue, on the 0-255 scale"
        ) from error
    if not all(math.isfinite(value) for value in (red, green, blue)):
        raise InvalidConfig(f"the {name} is {values!r}", "Give three finite numbers")
    return red, green, blue
