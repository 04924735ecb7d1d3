from __future__ import annotations

from typing import Dict

import numpy as np
import pytest
import torch

from runtime.builder.pruning.apply_plan import network_after
from runtime.builder.pruning.request import MaskRequest
from runtime.builder.pruning.unstructured import masks_from_checkpoint
from runtime.builder.pruning.weight_masks import WeightMasks
from runtime.builder.swiftnet import SwiftNet
from runtime.errors import InvalidInput
from tests.builder.networks import narrow, randomised
from tests.builder.pruning.family import in_memory

GLOBAL, LAYER = MaskRequest(scope="global", ratio=0.2), MaskRequest(scope="layer", ratio=0.2)


def shares(masks: WeightMasks) -> Dict[str, float]:
    return {name: float(mask.mean()) for name, mask in masks.remaining.items()}


def test_rules_over_convolutions_but_not_the_classifier() -> None:
    masks = masks_from_checkpoint(in_memory(randomised(narrow())), GLOBAL)
    convolutions = {
        f"{name}.weight"
        for name, module in SwiftNet(narrow()).named_modules()
        if isinstance(module, torch.nn.Conv2d)
    }
    assert set(masks.remaining) == convolutions - {"logits.conv.weight"}


def test_global_removes_the_smallest_weights_of_all() -> None:
    network = randomised(narrow())
    masks = masks_from_checkpoint(in_memory(network), GLOBAL)
    state = network.state_dict()
    kept = np.concatenate([state[n].abs().numpy()[m] for n, m in masks.remaining.items()])
    gone = np.concatenate([state[n].abs().numpy()[~m] for n, m in masks.remaining.items()])
    assert gone.max() <= kept.min()
    assert len(gone) == int(np.ceil(0.2 * masks.weights))
    assert max(shares(masks).values()) - min(shares(masks).values()) > 0.1


def test_layer_removes_the_same_share_of_each() -> None:
    masks = masks_from_checkpoint(in_memory(randomised(narrow())), LAYER)
    for name, mask in masks.remaining.items():
        assert (~mask).sum() == int(np.ceil(0.2 * mask.size)), name


def test_rounds_remove_a_share_of_what_is_left() -> None:
    checkpoint = in_memory(randomised(narrow()))
    left = [masks_from_checkpoint(checkpoint, GLOBAL).weights]
    for _ in range(3):
        masks = masks_from_checkpoint(checkpoint, GLOBAL)
        checkpoint = in_memory(network_after(checkpoint.model, masks))
        left.append(masks.left)
    for before, after in zip(left, left[1:]):
        assert after == before - int(np.ceil(0.2 * before))
    assert left[3] / left[0] == pytest.approx(0.8**3, abs=1e-3)


def test_equals_go_in_the_order_of_the_network() -> None:
    network = randomised(narrow())
    with torch.no_grad():
        network.get_parameter("backbone.conv1.weight").fill_(1)
    mask = masks_from_checkpoint(in_memory(network), LAYER).remaining["backbone.conv1.weight"]
    flat = mask.reshape(-1)
    assert not flat[: (~flat).sum()].any()


def test_a_layer_keeps_its_last_weight() -> None:
    network = randomised(narrow())
    with torch.no_grad():
        weight = network.get_parameter("backbone.conv1.weight")
        weight.zero_()
        weight[0, 0, 0, 0] = 0.001
    mask = masks_from_checkpoint(in_memory(network), LAYER).remaining["backbone.conv1.weight"]
    assert mask.sum() == 1


def test_refuses_weights_that_are_not_finite() -> None:
    network = randomised(narrow())
    with torch.no_grad():
        network.get_parameter("backbone.conv1.weight")[0] = float("nan")
    with pytest.raises(InvalidInput, match=r"backbone\.conv1\.weight is not finite"):
        masks_from_checkpoint(in_memory(network), GLOBAL)
