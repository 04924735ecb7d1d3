"""Times of a clock that the network's own layers advance, so that they are known exactly."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Dict

import pytest
import torch

from runtime.builder.swiftnet import resample
from runtime.experiments.profile import torch_timing
from runtime.experiments.profile.layer_map import Place, places_in
from runtime.experiments.profile.profile import profile_from_passes
from runtime.experiments.profile.torch_timing import REST, TorchTiming
from tests.builder.networks import narrow, randomised

SIZE = (128, 256)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Dict[str, float]:
    now = {"seconds": 0.0}
    monkeypatch.setattr(torch_timing, "time", SimpleNamespace(perf_counter=lambda: now["seconds"]))
    return now


@pytest.mark.parametrize(
    ("encoder", "layer"), [("resnet18", "layer2.0"), ("mobilenet_v2", "features.4")]
)
def test_the_nth_call_of_a_module_is_level_n(
    encoder: str, layer: str, clock: Dict[str, float]
) -> None:
    network = randomised(narrow(encoder))

    def spend(_: object, images: object, output: torch.Tensor) -> None:
        clock["seconds"] += output.shape[-1]

    network.backbone.get_submodule(layer).register_forward_hook(spend)
    times = TorchTiming(network, SIZE).layers()
    spent = {name: ms for name, ms in times.items() if ms}
    # At stride 8 of 256, 128 and 64 columns.
    assert spent == {f"{layer}@level{n}": 1e3 * columns for n, columns in enumerate((32, 16, 8))}
    assert places_in(encoder)(f"{layer}@level2") == Place("block 2", 2)


@pytest.mark.parametrize("encoder", ["resnet18", "mobilenet_v2"])
def test_shrinking_the_image_has_a_part_of_its_own(
    encoder: str, clock: Dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink = resample.shrink

    def spend(image: torch.Tensor, factor: int) -> torch.Tensor:
        clock["seconds"] += factor
        return shrink(image, factor)

    monkeypatch.setattr(resample, "shrink", spend)
    times = TorchTiming(randomised(narrow(encoder)), SIZE).layers()
    found = profile_from_passes(("m", "torch"), [times], [1.0], places_in(encoder))
    spent = {place: part.mean for place, part in found.parts.items() if part.mean}
    assert spent == {Place("scaling", 1): 2000.0, Place("scaling", 2): 4000.0}


def test_the_rest_is_what_no_module_took(clock: Dict[str, float]) -> None:
    network = randomised(narrow(levels=1))
    before = network.register_forward_pre_hook(lambda *_: clock.update(seconds=5.0))
    times = TorchTiming(network, SIZE).layers()
    before.remove()
    assert times[REST] == 5000.0
    assert sum(times.values()) == 5000.0
