"""Channel widths of an encoder, and the plans of the encoders that no pruning changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from runtime.errors import InvalidConfig


@dataclass(frozen=True)
class EncoderPlan:
    """What stays the same however narrow an encoder becomes, and its widths before pruning.

    Attributes:
        blocks: residual blocks per stage.
        strides: stride of the first block of each stage.
        taps: the four stages (indices) that the decoder reads, at strides 4, 8, 16 and 32.
        stem: channels of the stem before pruning.
        stages: channels of each stage's residual stream before pruning.
        expansion: inner width of a block before pruning as a multiple of the block's input, one
            factor per stage (MobileNetV2); empty where it is the stage's own width (ResNet).
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


def plan_of(encoder: str) -> EncoderPlan:
    """The plan of a named encoder.

    Raises:
        InvalidConfig: no such encoder.
    """
    if encoder not in ENCODERS:
        raise InvalidConfig(f"the encoder is {encoder!r}", f"Choose one of {', '.join(ENCODERS)}")
    return ENCODERS[encoder]


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
        for name, width in self.named():
            if type(width) is not int or width < 1:
                raise InvalidConfig(
                    f"the width of {name} is {width!r}",
                    "Give a whole number of channels, at least 1",
                )
        if len(self.inner) != len(self.stages):
            raise InvalidConfig(
                f"{len(self.stages)} stages have inner widths for {len(self.inner)}",
                "Give one tuple of inner widths for each stage",
            )

    @classmethod
    def of(
        cls,
        encoder: str,
        stem: Optional[int] = None,
        stages: Optional[Sequence[int]] = None,
        inner: Optional[Sequence[Sequence[int]]] = None,
    ) -> Widths:
        """Widths of `encoder`; those not given are the full ones, or follow from those given.

        Args:
            encoder: such as "resnet18" or "mobilenet_v2".
            stem: channels of the first convolution.
            stages: channels between the blocks of each stage.
            inner: for each stage, channels within each of its blocks.

        Raises:
            InvalidConfig: the encoder has another number of stages.
        """
        plan = plan_of(encoder)
        stem = plan.stem if stem is None else stem
        stages = plan.stages if stages is None else tuple(stages)
        if len(stages) != len(plan.stages):
            raise InvalidConfig(
                f"{len(stages)} stage widths are given for {encoder}",
                f"Give {len(plan.stages)}, one for each of its stages",
            )
        if inner is None:
            inner = _inner_widths(plan, stem, stages)
        return cls(stem, stages, tuple(tuple(stage) for stage in inner))

    @classmethod
    def resnet(
        cls,
        depth: int,
        stem: Optional[int] = None,
        stages: Optional[Sequence[int]] = None,
        inner: Optional[Sequence[Sequence[int]]] = None,
    ) -> Widths:
        """Widths of ResNet-18 or -34; a block is as wide inside as its stage if not given."""
        return cls.of(f"resnet{depth}", stem, stages, inner)

    @classmethod
    def mobilenet_v2(
        cls,
        stem: Optional[int] = None,
        stages: Optional[Sequence[int]] = None,
        inner: Optional[Sequence[Sequence[int]]] = None,
    ) -> Widths:
        """Widths of MobileNetV2; a block expands its input sixfold if not given."""
        return cls.of("mobilenet_v2", stem, stages, inner)

    def named(self) -> List[Tuple[str, int]]:
        """Every width with its name: `stem`, `stages[1]`, `inner[1][0]`."""
        names = [("stem", self.stem)]
        names += [(f"stages[{index}]", width) for index, width in enumerate(self.stages)]
        for index, stage in enumerate(self.inner):
            names += [(f"inner[{index}][{block}]", width) for block, width in enumerate(stage)]
        return names

    def padded(self, alignment: int) -> Widths:
        """Every width rounded up to a multiple of `alignment`, as a device's kernels would."""
        inner = tuple(tuple(round_up(width, alignment) for width in stage) for stage in self.inner)
        stages = tuple(round_up(width, alignment) for width in self.stages)
        return Widths(round_up(self.stem, alignment), stages, inner)

    def require_fit(self, encoder: str) -> None:
        """Checks that these widths describe `encoder`.

        Raises:
            InvalidConfig: the encoder has other blocks, or its first block cannot have this width.
        """
        plan = plan_of(encoder)
        blocks = tuple(len(stage) for stage in self.inner)
        if blocks != plan.blocks:
            raise InvalidConfig(
                f"the widths describe {blocks} blocks per stage but {encoder} has {plan.blocks}",
                f"Make them with Widths.of({encoder!r}, ...)",
            )
        if plan.expansion and self.inner[0][0] != self.stem:
            raise InvalidConfig(
                f"inner[0][0] is {self.inner[0][0]} but the stem has {self.stem} channels",
                f"Make the two equal: the first block of {encoder} does not expand",
            )

    def to_dict(self) -> Dict[str, Any]:
        """Plain values only, ready for JSON."""
        inner = [list(stage) for stage in self.inner]
        return {"stem": self.stem, "stages": list(self.stages), "inner": inner}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Widths:
        """Reads what `to_dict` wrote.

        Raises:
            InvalidConfig: a field is missing, unknown or of another type.
        """
        try:
            inner = tuple(tuple(stage) for stage in plain["inner"])
            widths = cls(plain["stem"], tuple(plain["stages"]), inner)
        except (KeyError, TypeError) as error:
            raise InvalidConfig(
                f"the widths {plain!r} cannot be read ({error!r})",
                "Give stem (a number), stages (a list) and inner (a list of lists)",
            ) from error
        if len(plain) != len(widths.to_dict()):
            raise InvalidConfig(
                f"the widths have the fields {', '.join(sorted(plain))}",
                "Give stem, stages and inner alone",
            )
        return widths


def round_up(width: int, alignment: int) -> int:
    """The smallest multiple of `alignment` that is not below `width`.

    Args:
        width: channels.
        alignment: channels.
    """
    return -(-width // alignment) * alignment


def _inner_widths(
    plan: EncoderPlan, stem: int, stages: Sequence[int]
) -> Tuple[Tuple[int, ...], ...]:
    if not plan.expansion:
        return tuple((width,) * blocks for width, blocks in zip(stages, plan.blocks))
    inputs = (stem, *stages[:-1])
    return tuple(
        (factor * before,) + (factor * width,) * (blocks - 1)
        for factor, before, width, blocks in zip(plan.expansion, inputs, stages, plan.blocks)
    )
