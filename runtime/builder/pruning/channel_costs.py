"""What channels cost: a network's parameters and multiply-adds as a function of its groups' widths.

The counting rule is that of `costs`, by which every learned number costs one multiply-add at each
position where it is used. Positions do not depend on widths, so they are measured once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Dict, List, Mapping, Tuple

import torch
from torch import Tensor, nn

from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.builder.swiftnet.costs import Cost
from runtime.builder.swiftnet.widths import round_up


class ChannelCosts:
    """The costs of an architecture when some of its channels are gone.

    Args:
        architecture: with all of its channels.
        height: rows of the image.
        width: columns of the image.
    """

    def __init__(self, architecture: Architecture, height: int, width: int) -> None:
        with torch.device("meta"):
            network = SwiftNet(architecture).eval()
            positions = _positions(network, torch.empty(1, 3, height, width))
        self._all = groups_of(architecture)
        self.channels = {group.name: group.channels for group in self._all}
        self._shapes = {name: tuple(each.shape) for name, each in network.named_parameters()}
        self._positions = {name: positions[name.rpartition(".")[0]] for name in self._shapes}
        self._groups: Dict[Tuple[str, int], List[str]] = defaultdict(list)
        for group in self._all:
            for slot in group.slots():
                self._groups[slot.tensor, slot.axis].append(group.name)

    def after(self, kept: Mapping[str, int]) -> Cost:
        """The cost when each group named in `kept` has that many channels, the others all."""
        channels = {**self.channels, **kept}
        parameters = macs = 0
        for name, shape in self._shapes.items():
            numbers = 1
            for axis, size in enumerate(shape):
                groups = self._groups.get((name, axis))
                numbers *= sum(channels[group] for group in groups) if groups else size
            parameters += numbers
            macs += numbers * self._positions[name]
        return Cost(parameters, macs)

    def padded(self, kept: Mapping[str, int], alignment: int) -> Cost:
        """As `after`, on kernels that work in blocks of `alignment` channels; see `padded_macs`.

        Args:
            kept: channels by group; those not named keep all.
            alignment: channels that a kernel works on together, 32 for INT8.
        """
        channels = {**self.channels, **kept}
        leaders = {group.sets: channels[group.name] for group in self._all if not group.follows}
        widths = {
            group.name: round_up(leaders[group.sets], alignment) // group.share
            for group in self._all
        }
        return self.after(widths)

    def of_one(self, group: str) -> Cost:
        """What removing one channel of a group saves while the others keep theirs."""
        whole, less = self.after({}), self.after({group: self.channels[group] - 1})
        return Cost(whole.parameters - less.parameters, whole.macs - less.macs)


def _positions(network: SwiftNet, image: Tensor) -> Dict[str, int]:
    """Rows times columns that each convolution and norm gives, summed over its calls."""
    positions: Counter[str] = Counter()

    def counted(name: str) -> Any:
        def count(_: nn.Module, __: Tuple[Any, ...], output: Tensor) -> None:
            positions[name] += output.shape[-2] * output.shape[-1]

        return count

    for name, module in network.named_modules():
        if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
            module.register_forward_hook(counted(name))
    with torch.no_grad():
        network(image)
    return positions
