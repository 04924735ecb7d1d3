"""The dependency groups of every network of the family, derived from its architecture alone."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

from runtime.builder.pruning.encoder_dependencies import MobileNetV2Groups, ResNetGroups
from runtime.builder.pruning.groups import Group, Member
from runtime.builder.swiftnet import Architecture
from runtime.builder.swiftnet.widths import plan_of

TAPS = 4

Chain = Tuple[str, Sequence[Member], Sequence[str]]
"""A group's name, what is summed into its blends, and these blends."""


def groups_of(architecture: Architecture) -> Tuple[Group, ...]:
    """Every group of channels that can be cut, encoder first; the image and the classes cannot."""
    single = architecture.variant == "single"
    readers = _single_scale_readers(architecture) if single else _pyramid_readers(architecture)
    family = MobileNetV2Groups if plan_of(architecture.encoder).expansion else ResNetGroups
    decoder = _single_scale_groups if single else _pyramid_groups
    return (*family(architecture, readers).all(), *decoder(architecture))


def _kept_taps(architecture: Architecture) -> range:
    """The taps that the decoder reads; output stride 8 leaves out the finest."""
    return range(architecture.output_stride // 8, TAPS)


def _pyramid_readers(architecture: Architecture) -> Dict[int, Member]:
    """The decoder's reader of each tap; bottlenecks are numbered from the deepest tap up."""
    return {
        tap: Member(f"backbone.upsample_bottlenecks.{TAPS - 1 - tap}")
        for tap in _kept_taps(architecture)
    }


def _single_scale_readers(architecture: Architecture) -> Dict[int, Member]:
    *skips, deepest = _kept_taps(architecture)
    readers = {tap: _preactivated(_upsample(deepest - 1 - tap, "bottleneck")) for tap in skips}
    return {**readers, deepest: _preactivated("backbone.spp.spp.spp_bn")}


def _pyramid_groups(architecture: Architecture) -> List[Group]:
    bottlenecks = list(_pyramid_readers(architecture).values())[::-1]
    count = len(bottlenecks) + architecture.levels - 2
    blends = [f"backbone.upsample_blends.{index}.blend_conv" for index in range(count)]
    if architecture.levels > 1:
        # Each level's sum takes from neighbouring taps, whose bottlenecks serve all levels: this
        # ties the inputs of all blends.
        return _decoder_groups(architecture, [("decoder", bottlenecks, blends)])
    deepest, second, *finer = bottlenecks
    inputs = [[deepest, second], *([bottleneck] for bottleneck in finer)]
    return _decoder_groups(architecture, _one_by_one(inputs, blends))


def _single_scale_groups(architecture: Architecture) -> List[Group]:
    features, grids = architecture.features, architecture.levels
    share = features // grids
    pooled = [f"backbone.spp.spp.spp{index}" for index in range(grids)]
    fuse = "backbone.spp.spp.spp_fuse"
    context = _features_group(
        "decoder.context",
        architecture,
        writers=(Member("backbone.spp.spp.spp_bn.conv"),),
        readers=(*map(_preactivated, pooled), _preactivated(fuse)),
    )
    grid_groups = [
        Group(
            name=f"decoder.grid{index}",
            block=None,
            sets=("features",),
            channels=share,
            writers=(Member(f"{name}.conv"),),
            readers=(_preactivated(fuse, offset=features + index * share),),
            share=grids,
        )
        for index, name in enumerate(pooled)
    ]
    steps = range(len(_kept_taps(architecture)) - 1)
    inputs = [[Member(f"{_upsample(step, 'bottleneck')}.conv")] for step in steps]
    inputs[0].insert(0, Member(f"{fuse}.conv"))
    blends = [_upsample(step, "blend_conv") for step in steps]
    return [context, *grid_groups, *_decoder_groups(architecture, _one_by_one(inputs, blends))]


def _one_by_one(inputs: List[List[Member]], blends: List[str]) -> List[Chain]:
    """Blends whose inputs are independent of each other, as far as the blend before allows."""
    return [(f"decoder.blend{i}", inputs[i], [blend]) for i, blend in enumerate(blends)]


def _decoder_groups(architecture: Architecture, chains: List[Chain]) -> List[Group]:
    """The inputs of the blends, chain by chain, and the last blend's result.

    What goes into a blend is the sum of its inputs and of the result of the blend before it.
    """
    groups: List[Group] = []
    before: Tuple[Member, ...] = ()
    for name, inputs, blends in chains:
        results = tuple(Member(f"{blend}.conv") for blend in blends)
        writers = (*inputs, *before, *results[:-1])
        readers = tuple(map(_preactivated, blends))
        groups.append(_features_group(name, architecture, writers, readers))
        before = results[-1:]
    last = _features_group("decoder.last", architecture, before, (_preactivated("logits"),))
    return [*groups, last]


def _features_group(
    name: str, architecture: Architecture, writers: Tuple[Member, ...], readers: Tuple[Member, ...]
) -> Group:
    return Group(name, None, ("features",), architecture.features, writers, readers)


def _preactivated(layer: str, offset: int = 0) -> Member:
    """A `NormReluConv`, whose norm the channels pass before they are read."""
    return Member(f"{layer}.conv", (f"{layer}.norm",), offset)


def _upsample(step: int, part: str) -> str:
    return f"backbone.upsample.{step}.{part}"
