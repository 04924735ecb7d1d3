"""What a SwiftNet is made of: encoder, variant, classes and the width of every channel group."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from runtime.errors import InvalidConfig

VARIANTS = ("pyramid", "single")
OUTPUT_STRIDES = (4, 8)
MAX_LEVELS = 3
MAX_CLASSES = 255

REFERENCE_MEAN = (73.15, 82.90, 72.3)
REFERENCE_STD = (47.67, 48.49, 47.73)


@dataclass(frozen=True)
class EncoderPlan:
    """The part of an encoder that pruning never changes.

    Attributes:
        blocks: residual blocks per stage.
        strides: stride of the first block of each stage.
        taps: the four stages (indices) whose sums at strides 4, 8, 16, 32 the decoder reads.
        stem: channels of the stem before pruning.
        stages: channels of each stage's residual stream before pruning.
        expansion: inner width of a block before pruning, as a multiple of the block's input
            (MobileNetV2, one factor per stage); empty where the inner width is the stage's own.
    """

    blocks: Tuple[int, ...]
    strides: Tuple[int, ...]
    taps: Tuple[int, int, int, int]
    stem: int
    stages: Tuple[int, ...]
    expansion: Tuple[int, ...] = ()


_RESNET_STAGES = (64, 128, 256, 512)

ENCODERS: Dict[str, EncoderPlan] = {
    "resnet18": EncoderPlan((2, 2, 2, 2), (1, 2, 2, 2), (0, 1, 2, 3), 64, _RESNET_STAGES),
    "resnet34": EncoderPlan((3, 4, 6, 3), (1, 2, 2, 2), (0, 1, 2, 3), 64, _RESNET_STAGES),
    "mobilenet_v2": EncoderPlan(
        blocks=(1, 2, 3, 4, 3, 3, 1),
        strides=(1, 2, 2, 2, 1, 2, 1),
        taps=(1, 2, 4, 6),
        stem=32,
        stages=(16, 24, 32, 64, 96, 160, 320),
        expansion=(1, 6, 6, 6, 6, 6, 6),
    ),
}


@dataclass(frozen=True)
class Widths:
    """Channels of an encoder; a pruned network differs from the full one in nothing else.

    Attributes:
        stem: output channels of the first convolution.
        stages: channels of each stage's residual stream: what its blocks add to and pass on.
        inner: for each stage, for each block, the channels between the block's convolutions
            (ResNet: output of its first 3x3 convolution; MobileNetV2: its expanded width).
    """

    stem: int
    stages: Tuple[int, ...]
    inner: Tuple[Tuple[int, ...], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        object.__setattr__(self, "inner", tuple(tuple(stage) for stage in self.inner))
        for name, width in self.named():
            if isinstance(width, bool) or not isinstance(width, int) or width < 1:
                raise InvalidConfig(f"the width of {name} is {width!r}", "Give a whole number of channels, at least 1")
        if len(self.inner) != len(self.stages):
            raise InvalidConfig(
                f"inner widths are given for {len(self.inner)} stages but there are {len(self.stages)} stages",
                "Give one tuple of inner widths for each stage",
            )

    def named(self) -> List[Tuple[str, int]]:
        """Every width with its name: `stem`, `stages[1]`, `inner[1][0]`."""
        names: List[Tuple[str, int]] = [("stem", self.stem)]
        names += [(f"stages[{i}]", width) for i, width in enumerate(self.stages)]
        names += [(f"inner[{i}][{j}]", w) for i, stage in enumerate(self.inner) for j, w in enumerate(stage)]
        return names

    @classmethod
    def of(
        cls,
        encoder: str,
        stem: Optional[int] = None,
        stages: Optional[Sequence[int]] = None,
        inner: Optional[Sequence[Sequence[int]]] = None,
    ) -> Widths:
        """Widths of `encoder`; what is not given is derived from what is, as in the full network."""
        plan = plan_of(encoder)
        stem = plan.stem if stem is None else stem
        stages = plan.stages if stages is None else tuple(stages)
        if inner is None:
            inner = _derived_inner(plan, stem, stages)
        return cls(stem, tuple(stages), tuple(tuple(stage) for stage in inner))

    @classmethod
    def resnet(
        cls,
        depth: int,
        stem: Optional[int] = None,
        stages: Optional[Sequence[int]] = None,
        inner: Optional[Sequence[Sequence[int]]] = None,
    ) -> Widths:
        """Widths of ResNet-18 or ResNet-34; blocks are as wide inside as their stage unless `inner` says otherwise."""
        return cls.of(f"resnet{depth}", stem, stages, inner)

    @classmethod
    def mobilenet_v2(
        cls,
        stem: Optional[int] = None,
        stages: Optional[Sequence[int]] = None,
        inner: Optional[Sequence[Sequence[int]]] = None,
    ) -> Widths:
        """Widths of MobileNetV2; blocks expand their input sixfold unless `inner` says otherwise."""
        return cls.of("mobilenet_v2", stem, stages, inner)

    def padded(self, alignment: int) -> Widths:
        """The same network with every width rounded up to a multiple of `alignment`."""

        def up(width: int) -> int:
            return -(-width // alignment) * alignment

        return Widths(
            up(self.stem),
            tuple(up(width) for width in self.stages),
            tuple(tuple(up(width) for width in stage) for stage in self.inner),
        )


@dataclass(frozen=True)
class Architecture:
    """A complete description of a SwiftNet; together with a state_dict it is the whole model.

    Attributes:
        encoder: `resnet18`, `resnet34` or `mobilenet_v2`.
        classes: classes of the output, 2 to 255.
        variant: `pyramid` (the encoder runs on an image pyramid) or `single` (one scale and
            spatial pyramid pooling).
        levels: pyramid levels, or grids of the spatial pyramid pooling; 1 to 3.
        output_stride: input pixels per logit, 4 or 8.
        features: channels of the decoder.
        widths: channels of the encoder; by default those of the full encoder.
        mean: subtracted from RGB on the 0-255 scale.
        std: divides the difference.
    """

    encoder: str
    classes: int
    variant: str = "pyramid"
    levels: int = 3
    output_stride: int = 4
    features: int = 128
    widths: Widths = field(default=None)  # type: ignore[assignment]  # filled in for the encoder below
    mean: Tuple[float, float, float] = REFERENCE_MEAN
    std: Tuple[float, float, float] = REFERENCE_STD

    def __post_init__(self) -> None:
        plan = plan_of(self.encoder)
        if self.widths is None:
            object.__setattr__(self, "widths", Widths.of(self.encoder))
        _require_among("variant", self.variant, VARIANTS)
        _require_among("output stride", self.output_stride, OUTPUT_STRIDES)
        _require_between("classes", self.classes, 2, MAX_CLASSES)
        _require_between("levels", self.levels, 1, MAX_LEVELS)
        _require_between("features", self.features, self.levels, 4096)
        _require_fit(self.encoder, plan, self.widths)
        object.__setattr__(self, "mean", _three("mean", self.mean))
        object.__setattr__(self, "std", _three("std", self.std))
        if min(self.std) <= 0:
            raise InvalidConfig(f"the deviation is {self.std}", "Give three numbers above zero, RGB, on the 0-255 scale")

    def to_dict(self) -> Dict[str, Any]:
        """Plain values only, ready for JSON; `from_dict` takes it back."""
        plain = dataclasses.asdict(self)
        plain["mean"], plain["std"] = list(self.mean), list(self.std)
        plain["widths"] = {
            "stem": self.widths.stem,
            "stages": list(self.widths.stages),
            "inner": [list(stage) for stage in self.widths.inner],
        }
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Architecture:
        """Reads what `to_dict` wrote, also after a round trip through JSON.

        Raises:
            InvalidConfig: a field is missing, unknown or invalid.
        """
        known = {f.name for f in dataclasses.fields(cls)}
        unknown = sorted(set(plain) - known)
        missing = sorted({"encoder", "classes"} - set(plain))
        if unknown or missing:
            raise InvalidConfig(
                f"the architecture has unknown fields {unknown} and lacks {missing}",
                f"Its fields are {', '.join(sorted(known))}",
            )
        values = dict(plain)
        widths = values.get("widths")
        if isinstance(widths, Mapping):
            if set(widths) != {"stem", "stages", "inner"}:
                raise InvalidConfig(f"the widths have the fields {sorted(widths)}", "Give stem, stages and inner")
            values["widths"] = Widths(widths["stem"], tuple(widths["stages"]), tuple(map(tuple, widths["inner"])))
        return cls(**values)


def plan_of(encoder: str) -> EncoderPlan:
    """The plan of a named encoder.

    Raises:
        InvalidConfig: no such encoder.
    """
    _require_among("encoder", encoder, tuple(ENCODERS))
    return ENCODERS[encoder]


def _derived_inner(plan: EncoderPlan, stem: int, stages: Sequence[int]) -> Tuple[Tuple[int, ...], ...]:
    if len(stages) != len(plan.blocks):
        raise InvalidConfig(f"{len(stages)} stage widths are given", f"This encoder has {len(plan.blocks)} stages")
    if not plan.expansion:
        return tuple((width,) * blocks for width, blocks in zip(stages, plan.blocks))
    inputs = (stem,) + tuple(stages[:-1])
    return tuple(
        (factor * before,) + (factor * width,) * (blocks - 1)
        for factor, before, width, blocks in zip(plan.expansion, inputs, stages, plan.blocks)
    )


def _require_fit(encoder: str, plan: EncoderPlan, widths: Widths) -> None:
    blocks = tuple(len(stage) for stage in widths.inner)
    if blocks != plan.blocks:
        raise InvalidConfig(
            f"the widths describe {blocks} blocks per stage but {encoder} has {plan.blocks}",
            f"Make them with Widths.of({encoder!r}, ...)",
        )
    if plan.expansion and widths.inner[0][0] != widths.stem:
        raise InvalidConfig(
            f"inner[0][0] is {widths.inner[0][0]} but the stem has {widths.stem} channels",
            f"The first block of {encoder} does not expand: make the two equal",
        )


def _require_among(name: str, value: object, allowed: Sequence[Union[str, int]]) -> None:
    if value not in allowed:
        raise InvalidConfig(f"the {name} is {value!r}", f"Choose one of {', '.join(str(item) for item in allowed)}")


def _require_between(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidConfig(f"{name} is {value!r}", f"Give a whole number from {low} to {high}")


def _three(name: str, values: Sequence[float]) -> Tuple[float, float, float]:
    if len(values) != 3:
        raise InvalidConfig(f"the {name} has {len(values)} values", "Give three, for red, green and blue")
    red, green, blue = (float(value) for value in values)
    return red, green, blue
