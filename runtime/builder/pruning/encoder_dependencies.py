"""The dependency groups of the encoders: residual streams, and the insides of their blocks."""

from __future__ import annotations

from bisect import bisect_left
from typing import List, Mapping, Optional, Tuple

from runtime.builder.pruning.groups import Group, Member
from runtime.builder.swiftnet import Architecture
from runtime.builder.swiftnet.encoder import norm_levels
from runtime.builder.swiftnet.widths import plan_of

DecoderReaders = Mapping[int, Member]
"""The decoder's convolution that reads a tap, by the tap's number (0 to 3, finest first)."""


class ResNetGroups:
    """Groups of a ResNet, stage by stage: the stream, then the inside of each block.

    The stem writes into the first stage's stream, unless their widths differ: then the first block
    has a projection, and the stem is a group of its own.
    """

    def __init__(self, architecture: Architecture, decoder: DecoderReaders) -> None:
        self._widths = architecture.widths
        self._levels = norm_levels(architecture)
        self._decoder = decoder
        self._stem = self._normed("backbone.conv1", "backbone.bn1")
        self._stem_is_apart = self._widths.stem != self._widths.stages[0]

    def all(self) -> List[Group]:
        """The groups in the order in which an image passes them."""
        groups: List[Group] = []
        if self._stem_is_apart:
            stem = Group("stem", 1, ("stem",), self._widths.stem, (self._stem,), self._entry(0))
            groups.append(stem)
        for stage in range(len(self._widths.stages)):
            groups += [self._stream(stage), *self._insides(stage)]
        return groups

    def _stream(self, stage: int) -> Group:
        blocks = self._blocks(stage)
        with_stem = not self._projects(stage)
        writers = [self._normed(f"{block}.conv2", f"{block}.bn2") for block in blocks]
        readers = [Member(f"{block}.conv1") for block in blocks[1:]]
        if with_stem:
            writers.insert(0, self._stem)
            readers[:0] = self._entry(stage)
        else:
            # A projection's one norm serves all levels.
            norm = f"{blocks[0]}.downsample.1"
            writers.append(Member(f"{blocks[0]}.downsample.0", (norm,)))
        if stage + 1 < len(self._widths.stages):
            readers += self._entry(stage + 1)
        if stage in self._decoder:
            readers.append(self._decoder[stage])
        return Group(
            name=f"stage{stage + 1}",
            block=stage + 1,
            sets=(*(("stem",) if with_stem else ()), f"stages[{stage}]"),
            channels=self._widths.stages[stage],
            writers=tuple(writers),
            readers=tuple(readers),
        )

    def _insides(self, stage: int) -> List[Group]:
        return [
            Group(
                name=f"stage{stage + 1}.block{index}",
                block=stage + 1,
                sets=(f"inner[{stage}][{index}]",),
                channels=self._widths.inner[stage][index],
                writers=(self._normed(f"{block}.conv1", f"{block}.bn1"),),
                readers=(Member(f"{block}.conv2"),),
            )
            for index, block in enumerate(self._blocks(stage))
        ]

    def _blocks(self, stage: int) -> List[str]:
        count = len(self._widths.inner[stage])
        return [f"backbone.layer{stage + 1}.{index}" for index in range(count)]

    def _projects(self, stage: int) -> bool:
        return stage > 0 or self._stem_is_apart

    def _entry(self, stage: int) -> Tuple[Member, ...]:
        """What reads a stage's input: its first block, and the projection where there is one."""
        first = self._blocks(stage)[0]
        projection = (Member(f"{first}.downsample.0"),) if self._projects(stage) else ()
        return (Member(f"{first}.conv1"), *projection)

    def _normed(self, convolution: str, norm: str) -> Member:
        return Member(convolution, norm_names(norm, self._levels))


class MobileNetV2Groups:
    """Groups of a MobileNetV2, stage by stage: the stream, then the inside of each block.

    The first block has no expansion: its depthwise layer filters the stem's channels one by one,
    so its inside and the stem are one group, `stem`.
    """

    def __init__(self, architecture: Architecture, decoder: DecoderReaders) -> None:
        self._widths = architecture.widths
        self._levels = norm_levels(architecture)
        self._decoder = decoder
        self._taps = plan_of(architecture.encoder).taps

    def all(self) -> List[Group]:
        """The groups in the order of the stages; the stem first."""
        groups = [self._stem(), self._stream(0)]
        for stage in range(1, len(self._widths.stages)):
            groups += [self._stream(stage), *self._insides(stage)]
        return groups

    def _stem(self) -> Group:
        (block,) = self._blocks(0)
        return Group(
            name="stem",
            block=1,
            sets=("stem", "inner[0][0]"),
            channels=self._widths.stem,
            writers=(self._layer("backbone.features.0"), self._layer(f"{block}.0")),
            readers=(Member(f"{block}.1"),),
        )

    def _stream(self, stage: int) -> Group:
        blocks = self._blocks(stage)
        # Convolution and norms of the linear projection stand beside each other in the block.
        first = 1 if stage == 0 else 2
        writers = [
            Member(f"{block}.{first}", norm_names(f"{block}.{first + 1}", self._levels))
            for block in blocks
        ]
        entered = blocks[1:]
        if stage + 1 < len(self._widths.stages):
            entered.append(self._blocks(stage + 1)[0])
        readers = [Member(f"{block}.0.0") for block in entered]
        tapped = stage in self._taps and self._taps.index(stage) in self._decoder
        if tapped:
            readers.append(self._decoder[self._taps.index(stage)])
        return Group(
            name=f"stage{stage + 1}",
            block=self._papers_block(stage),
            sets=(f"stages[{stage}]",),
            channels=self._widths.stages[stage],
            writers=tuple(writers),
            readers=tuple(readers),
        )

    def _insides(self, stage: int) -> List[Group]:
        return [
            Group(
                name=f"stage{stage + 1}.block{index}",
                block=self._papers_block(stage),
                sets=(f"inner[{stage}][{index}]",),
                channels=self._widths.inner[stage][index],
                writers=(self._layer(f"{block}.0"), self._layer(f"{block}.1")),
                readers=(Member(f"{block}.2"),),
            )
            for index, block in enumerate(self._blocks(stage))
        ]

    def _blocks(self, stage: int) -> List[str]:
        before = 1 + sum(len(inner) for inner in self._widths.inner[:stage])
        count = len(self._widths.inner[stage])
        return [f"backbone.features.{before + index}.conv" for index in range(count)]

    def _papers_block(self, stage: int) -> int:
        """Blocks end where the decoder taps the encoder: several stages may be one."""
        return bisect_left(self._taps, stage) + 1

    def _layer(self, name: str) -> Member:
        return Member(f"{name}.0", norm_names(f"{name}.1", self._levels))


def norm_names(norm: str, levels: Optional[int]) -> Tuple[str, ...]:
    """Names of the norms behind a convolution, one per level; without a level at a single scale."""
    return (norm,) if levels is None else tuple(f"{norm}.{level}" for level in range(levels))
