"""What a dependency group is: channels that one decision keeps or removes together.

A channel of a residual stream is written by the stem or a projection and by every block that adds
to it, and read by every convolution behind it; its batch norms, one per pyramid level, stand in
between. All of these have one width, so they are cut alike or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Optional, Tuple

NORM_TENSORS = ("weight", "bias", "running_mean", "running_var")
OUTPUTS, INPUTS = 0, 1  # axes of a convolution's weight


@dataclass(frozen=True)
class Slot:
    """Where a group's channels lie in one tensor.

    Attributes:
        tensor: its key in the network's state_dict.
        axis: the one that counts the channels.
        offset: position of the group's first channel; above zero behind a concatenation.
    """

    tensor: str
    axis: int
    offset: int = 0


@dataclass(frozen=True)
class Member:
    """A convolution that writes or reads a group's channels.

    Attributes:
        convolution: its module name.
        norms: module names of the batch norms, one per pyramid level, that the same channels pass:
            behind a convolution that writes them, in front of one that reads them.
        offset: position of the group's first channel among those that the convolution reads.
    """

    convolution: str
    norms: Tuple[str, ...] = ()
    offset: int = 0

    @property
    def weight(self) -> str:
        """The key of the convolution's weight."""
        return f"{self.convolution}.weight"


@dataclass(frozen=True)
class Group:
    """Channels that stand or fall together.

    Attributes:
        name: `stage2` for a residual stream, `stage2.block0` for the inside of one of its blocks.
        block: the paper's residual block (1 to 4, by output stride) that it belongs to; None in
            the decoder.
        sets: the widths of the architecture that are this group's.
        channels: how many there are.
        writers: convolutions that the channels come out of.
        readers: convolutions that the channels go into.
        share: for a part of a concatenation, how many times narrower it is than the width it
            follows; 1 for all others.
    """

    name: str
    block: Optional[int]
    sets: Tuple[str, ...]
    channels: int
    writers: Tuple[Member, ...]
    readers: Tuple[Member, ...]
    share: int = 1

    @property
    def follows(self) -> bool:
        """Whether its width follows from another group's, so that nobody can choose it."""
        return self.share > 1

    def shares_width_with(self, other: Group) -> bool:
        """Whether one width of the architecture is both of theirs."""
        return self.sets == other.sets

    def norms(self) -> Iterator[Tuple[str, int]]:
        """Every batch norm that the channels pass, with the position of the first channel."""
        for member in (*self.writers, *self.readers):
            for norm in member.norms:
                yield norm, member.offset

    def slots(self) -> Iterator[Slot]:
        """Every place that a channel of the group occupies."""
        for member in self.writers:
            yield Slot(member.weight, OUTPUTS)
        for member in self.readers:
            yield Slot(member.weight, INPUTS, member.offset)
        for norm, offset in self.norms():
            for tensor in NORM_TENSORS:
                yield Slot(f"{norm}.{tensor}", 0, offset)
