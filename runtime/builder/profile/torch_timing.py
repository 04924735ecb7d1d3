"""Times a network's modules as PyTorch runs them on the CPU."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import Any, Dict, Iterator, List, Tuple, Union

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from runtime.builder.profile.encoder_alone import EncoderAlone
from runtime.builder.profile.profile import LayerTimes
from runtime.builder.swiftnet import SwiftNet
from runtime.builder.swiftnet.encoder import BatchNorms

REST = "rest"
"""The time between modules: additions, interpolation, ReLUs behind sums."""


class TorchTiming:
    """A network on the CPU in float32; see `subject.Timed`.

    Args:
        network: or its encoder; put into evaluation mode.
        size: rows and columns of the picture.
    """

    backend = "torch fp32"

    def __init__(self, network: Union[SwiftNet, EncoderAlone], size: Tuple[int, int]) -> None:
        self._network = network.eval()
        self._picture = torch.zeros(1, 3, *size)

    def forward(self) -> float:
        """See `subject.Timed`."""
        started = time.perf_counter()
        with torch.no_grad():
            self._network(self._picture)
        return 1e3 * (time.perf_counter() - started)

    def layers(self) -> LayerTimes:
        """See `subject.Timed`.

        All levels share their convolutions and run one after the other, so the n-th call of a
        module belongs to level n.
        """
        times: Dict[str, float] = defaultdict(float)
        calls: Counter[str] = Counter()
        began: List[float] = []
        hooks: List[RemovableHandle] = []

        def before(*_: Any) -> None:
            began.append(time.perf_counter())

        for name, module in _parts(self._network):

            def after(*_: Any, name: str = name) -> None:
                times[f"{name}@level{calls[name]}"] += 1e3 * (time.perf_counter() - began.pop())
                calls[name] += 1

            hooks += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
        try:
            whole = self.forward()
        finally:
            for hook in hooks:
                hook.remove()
        times[REST] = max(0.0, whole - sum(times.values()))
        return dict(times)


def _parts(network: Union[SwiftNet, EncoderAlone]) -> Iterator[Tuple[str, nn.Module]]:
    """The largest modules that each lie in one part of the network, by name."""
    for name, module in network.backbone.named_children():
        if name == "relu_after_sum":
            continue
        if isinstance(module, (BatchNorms, nn.ModuleList)):
            for index, child in module.named_children():
                # A norm of its own per level: its index is the level, and it is called once.
                yield (f"{name}@level{index}/norm" if name == "bn1" else f"{name}.{index}"), child
        elif name != "relu":
            yield name, module
    if isinstance(network, SwiftNet):
        yield "logits", network.logits
