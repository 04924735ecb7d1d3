"""Which part of a SwiftNet a layer belongs to, from the name that an execution engine shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Dict, Optional, Tuple

from runtime.builder.swiftnet.widths import plan_of

ENCODER_PARTS = ("scaling", "stem", "block 1", "block 2", "block 3", "block 4", "skips")
"""What every level of the pyramid has; `scaling` shrinks the image, `skips` are projections."""
DECODER_PARTS = ("context", "blends", "classifier")
"""What there is once."""

# The leftmost match of a name counts; the name of a group is that of a part but for two of them.
_PATTERN = re.compile(
    r"image/shrunk(?P<scaling>\d+)"
    r"|(?P<classifier>\blogits\b)"
    r"|(?<![\w.])(?:backbone\.)?"
    r"(?:(?P<context>spp\b)"
    r"|(?P<skips>upsample_bottlenecks\b)"
    r"|(?P<blends>upsample_blends\b|upsample\.\d)"
    r"|layer(?P<block>[1-4])\b"
    r"|features\.(?P<feature>\d+)"
    r"|(?P<stem>conv1|bn1|maxpool)\b)"
)
_LEVEL = re.compile(r"[^@\s,+]*@level(\d)")


@dataclass(frozen=True)
class Place:
    """A part of a network.

    Attributes:
        part: one of `ENCODER_PARTS` or `DECODER_PARTS`.
        level: of the pyramid, 0 the finest; None for parts that there are once.
    """

    part: str
    level: Optional[int] = None


PlaceOf = Callable[[str], Optional[Place]]
"""From the name of a layer to its part; None where it belongs to none, such as a reformat."""


def places_in(encoder: str) -> PlaceOf:
    """How the layers of a network with this encoder are told apart.

    Engines fuse layers and join their names; the first name that says something decides, because
    they are joined in the order of execution and a convolution leads what is fused to it.

    Args:
        encoder: as in an `Architecture`.
    """
    blocks = _block_of_feature(encoder)

    def place_of(name: str) -> Optional[Place]:
        found = _PATTERN.search(name)
        if found is None or found.lastgroup is None:
            return None
        kind, value = found.lastgroup, found[found.lastgroup]
        if kind in DECODER_PARTS:
            return Place(kind)
        if kind == "scaling":
            return Place(kind, int(value).bit_length() - 1)
        level = _LEVEL.match(name, found.start())
        part = {"block": f"block {value}", "feature": blocks.get(value, "rest")}.get(kind, kind)
        return Place(part, 0 if level is None else int(level[1]))

    return place_of


def _block_of_feature(encoder: str) -> Dict[str, str]:
    """MobileNetV2's layers are numbered through; its blocks end where the decoder taps."""
    if not encoder.startswith("mobilenet"):
        return {}
    plan = plan_of(encoder)
    parts: Tuple[str, ...] = ("stem",)
    for stage, count in enumerate(plan.blocks):
        block = next(number for number, tap in enumerate(plan.taps, start=1) if stage <= tap)
        parts += (f"block {block}",) * count
    return {str(index): part for index, part in enumerate(parts)}
