"""The key layout of checkpoints read backwards: from names and shapes to an architecture."""

from __future__ import annotations

from itertools import count, takewhile
from typing import Dict, List, Mapping, Tuple

import numpy as np
from torch import Tensor

from runtime.builder.swiftnet.architecture import Architecture
from runtime.builder.swiftnet.widths import ENCODERS, Widths, plan_of
from runtime.errors import InvalidInput

_RESNET_STEM = "backbone.conv1.weight"
_MOBILENET_STEM = "backbone.features.0.0.weight"
_CLASSIFIER = "logits.conv.weight"
LANDMARKS = ((_RESNET_STEM, _CLASSIFIER), (_MOBILENET_STEM, _CLASSIFIER))
"""Layers that every SwiftNet has, by which one is told from its encoder alone."""
_PYRAMID = "backbone.upsample_bottlenecks.0.weight"
_SINGLE = "backbone.spp.spp.spp_bn.conv.weight"


def architecture_of(state: Mapping[str, Tensor]) -> Architecture:
    """The architecture whose state_dict has these keys and shapes, pruned widths included.

    Raises:
        InvalidInput: the keys are not those of a SwiftNet, or a telling one is missing.
    """
    if _RESNET_STEM in state:
        encoder, widths = _resnet(state)
        norms = "backbone.bn1.{}.weight"
    elif _MOBILENET_STEM in state:
        encoder, widths = "mobilenet_v2", _mobilenet_v2(state)
        norms = "backbone.features.0.1.{}.weight"
    else:
        raise InvalidInput(
            f"there is neither {_RESNET_STEM} nor {_MOBILENET_STEM} among {len(state)} keys "
            f"({', '.join(sorted(state)[:3])} ...)",
            "Give the state_dict of a whole SwiftNet, not of an encoder alone",
        )
    if _PYRAMID in state:
        variant, features, levels = "pyramid", _width(state, _PYRAMID), _count(state, norms)
        skips = _count(state, "backbone.upsample_bottlenecks.{}.weight")
    else:
        variant, features = "single", _width(state, _SINGLE)
        levels = _count(state, "backbone.spp.spp.spp{}.conv.weight")
        skips = _count(state, "backbone.upsample.{}.bottleneck.conv.weight") + 1
    return Architecture(
        encoder=encoder,
        classes=_width(state, _CLASSIFIER),
        variant=variant,
        levels=levels,
        output_stride=_output_stride(skips),
        features=features,
        widths=widths,
        mean=_colour(state, "backbone.img_mean"),
        std=_colour(state, "backbone.img_std"),
    )


def _resnet(state: Mapping[str, Tensor]) -> Tuple[str, Widths]:
    stages: List[int] = []
    inner: List[Tuple[int, ...]] = []
    for stage in (1, 2, 3, 4):
        convolution = f"backbone.layer{stage}.{{}}.conv1.weight"
        blocks = range(_count(state, convolution))
        inner.append(tuple(_width(state, convolution.format(block)) for block in blocks))
        stages.append(_width(state, f"backbone.layer{stage}.0.conv2.weight"))
    encoder = _encoder_with_blocks(tuple(len(stage) for stage in inner))
    return encoder, Widths(_width(state, _RESNET_STEM), tuple(stages), tuple(inner))


def _encoder_with_blocks(blocks: Tuple[int, ...]) -> str:
    known: Dict[Tuple[int, ...], str] = {plan.blocks: name for name, plan in ENCODERS.items()}
    if blocks not in known:
        raise InvalidInput(
            f"the encoder has {blocks} blocks in its stages",
            f"The known ones are {', '.join(f'{name} {each}' for each, name in known.items())}",
        )
    return known[blocks]


def _mobilenet_v2(state: Mapping[str, Tensor]) -> Widths:
    stages: List[int] = []
    inner: List[Tuple[int, ...]] = []
    block = 1
    for stage, blocks in enumerate(plan_of("mobilenet_v2").blocks):
        # The first block has no expansion, so its layers stand one place earlier.
        depthwise, project = ("0.0", "1") if stage == 0 else ("1.0", "2")
        numbers = range(block, block + blocks)
        keys = [f"backbone.features.{number}.conv.{depthwise}.weight" for number in numbers]
        inner.append(tuple(_width(state, key) for key in keys))
        stages.append(_width(state, f"backbone.features.{block}.conv.{project}.weight"))
        block += blocks
    return Widths(_width(state, _MOBILENET_STEM), tuple(stages), tuple(inner))


def _width(state: Mapping[str, Tensor], key: str) -> int:
    """Output channels of a convolution."""
    shape = _tensor(state, key).shape
    if len(shape) != 4:
        raise InvalidInput(
            f"{key} has the shape {tuple(shape)}", "Give a convolution's weight there"
        )
    return shape[0]


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    return sum(1 for _ in takewhile(lambda index: pattern.format(index) in state, count()))


def _output_stride(skips: int) -> int:
    strides = {4: 4, 3: 8}
    if skips not in strides:
        raise InvalidInput(
            f"the decoder takes {skips} skips from the encoder",
            "Give a SwiftNet of output stride 4 (4 skips) or 8 (3 skips)",
        )
    return strides[skips]


def _colour(state: Mapping[str, Tensor], key: str) -> Tuple[float, float, float]:
    """Three numbers, each the shortest decimal that gives the stored float32."""
    values = _tensor(state, key).flatten().tolist()
    if len(values) != 3:
        raise InvalidInput(f"{key} has {len(values)} values", "Give a network for RGB images")
    red, green, blue = (float(str(np.float32(value))) for value in values)
    return red, green, blue


def _tensor(state: Mapping[str, Tensor], key: str) -> Tensor:
    if key not in state:
        raise InvalidInput(f"the key {key} is missing", "Give the state_dict of a whole SwiftNet")
    return state[key]
