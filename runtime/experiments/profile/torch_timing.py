"""Times a network's modules as PyTorch runs them on the CPU."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import Any, Dict, Iterator, List, Tuple, Union

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from runtime.builder.swiftnet import SwiftNet
from runtime.builder.swiftnet.encoder import BatchNorms
from runtime.experiments.profile.encoder_alone import EncoderAlone
from runtime.experiments.profile.profile import LayerTimes

REST = "rest"
"""The time between modules: additions, interpolation, ReLUs behind sums."""


class TorchTiming:
    """A network on the CPU in float32; see `runner.Timed`.

    Args:
        network: or its encoder; put into evaluation mode.
        size: rows and columns of the image.
    """

    backend = "torch fp32"

    def __init__(self, network: Union[SwiftNet, EncoderAlone], size: Tuple[int, int]) -> None:
        self._network = network.eval()
        self._image = torch.zeros(1, 3, *size)

    def forward(self) -> float:
        """See `runner.Timed`."""
        started = time.perf_counter()
        with torch.no_grad():
            self._network(self._image)
        return 1e3 * (time.perf_counter() - started)

    def layers(self) -> LayerTimes:
        """See `runner.Timed`.

        All levels share their convolutions and run one after the other, so the n-th call of a
        module belongs to level n.
        """
        parts = list(_parts(self._network))
        watch = _Stopwatch(first=parts[0][0])
        hooks: List[RemovableHandle] = []
        for name, module in parts:
            hooks.append(module.register_forward_pre_hook(partial(watch.start, name)))
            hooks.append(module.register_forward_hook(partial(watch.stop, name)))
        try:
            whole = self.forward()
        finally:
            for hook in hooks:
                hook.remove()
        return {**watch.times, REST: max(0.0, whole - sum(watch.times.values()))}


class _Stopwatch:
    """Started and stopped by hooks of modules that do not contain each other.

    Args:
        first: name of the module that each level of the pyramid begins with.

    Attributes:
        times: milliseconds by module and level, and of shrinking the image between the levels.
    """

    def __init__(self, first: str) -> None:
        self.times: Dict[str, float] = {}
        self._first = first
        self._calls: Counter[str] = Counter()
        self._started = self._stopped = 0.0

    def start(self, name: str, *_: Any) -> None:
        self._started = time.perf_counter()
        level = self._calls[name]
        if name == self._first and level > 0:
            # The level before is done, so what happened since then is shrinking for this one.
            self.times[f"image/shrunk{2**level}"] = 1e3 * (self._started - self._stopped)

    def stop(self, name: str, *_: Any) -> None:
        self._stopped = time.perf_counter()
        self.times[f"{name}@level{self._calls[name]}"] = 1e3 * (self._stopped - self._started)
        self._calls[name] += 1


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
