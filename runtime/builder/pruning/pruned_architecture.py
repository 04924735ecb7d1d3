"""The architecture that is left when groups have lost channels."""

from __future__ import annotations

import dataclasses
from typing import Dict, Mapping

from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.swiftnet import Architecture, Widths
from runtime.errors import InvalidInput


def architecture_after(architecture: Architecture, kept: Mapping[str, int]) -> Architecture:
    """`architecture` with each group named in `kept` at that width.

    Args:
        architecture: before pruning.
        kept: channels by group; those not named keep all.

    Raises:
        InvalidInput: groups that share a width would differ, or layers would appear or vanish.
    """
    groups = groups_of(architecture)
    named: Dict[str, int] = {**dict(architecture.widths.named()), "features": architecture.features}
    chosen: Dict[str, int] = {}
    for group in groups:
        width = kept.get(group.name, group.channels)
        for name in () if group.follows else group.sets:
            if chosen.setdefault(name, width) != width:
                raise InvalidInput(
                    f"{group.name} would keep {width} channels but shares its width with groups "
                    f"that keep {chosen[name]}",
                    f"Keep as many in all groups that set {name}",
                )
    named.update(chosen)
    before = architecture.widths
    widths = Widths(
        named["stem"],
        tuple(named[f"stages[{stage}]"] for stage in range(len(before.stages))),
        tuple(
            tuple(named[f"inner[{stage}][{block}]"] for block in range(len(inner)))
            for stage, inner in enumerate(before.inner)
        ),
    )
    after = dataclasses.replace(architecture, widths=widths, features=named["features"])
    left = {group.name: group.channels for group in groups_of(after)}
    for group in groups:
        width = kept.get(group.name, group.channels)
        if left.get(group.name) != width:
            raise InvalidInput(
                f"{group.name} cannot keep {width} channels: the network of these widths has "
                f"{left.get(group.name, 'no such layers')}",
                "Choose another ratio: a stem as wide as the first stage has no projection, and "
                "the parts of a concatenation follow the decoder's width",
            )
    return after
