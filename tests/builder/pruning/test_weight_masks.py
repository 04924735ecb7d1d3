from __future__ import annotations

from pathlib import Path
from typing import Dict

import numpy as np
import pytest
import torch

from runtime.builder.pruning.apply_plan import network_after
from runtime.builder.pruning.request import MaskRequest
from runtime.builder.pruning.weight_masks import WeightMasks, masks_from_checkpoint
from runtime.builder.swiftnet import SwiftNet
from runtime.errors import InvalidInput
from tests.builder.networks import narrow, randomised
from tests.builder.pruning.family import in_memory

NETWORK = randomised(narrow())
MASKS = masks_from_checkpoint(in_memory(NETWORK), MaskRequest(ratio=0.5))
GLOBAL, LAYER = MaskRequest(scope="global", ratio=0.2), MaskRequest(scope="layer", ratio=0.2)


def removed_weights(network: SwiftNet) -> torch.Tensor:
    """Every weight that ought to be zero."""
    return torch.cat(
        [
            network.get_parameter(name)[torch.from_numpy(~mask)]
            for name, mask in MASKS.remaining.items()
        ]
    )


def shares(masks: WeightMasks) -> Dict[str, float]:
    """The share of each layer's weights that remains, 0 to 1."""
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


def test_zero_what_they_remove_and_leave_the_shapes() -> None:
    pruned = network_after(NETWORK, MASKS)
    assert pruned.architecture == NETWORK.architecture
    assert torch.count_nonzero(removed_weights(pruned)) == 0
    kept = pruned.get_parameter("logits.conv.weight")
    assert torch.equal(kept, NETWORK.get_parameter("logits.conv.weight"))


def test_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "masks.npz"
    MASKS.write(path)
    read = WeightMasks.from_file(path)
    assert read.sha256 == MASKS.sha256
    assert read.before == MASKS.before
    assert all(
        np.array_equal(read.remaining[name], MASKS.remaining[name]) for name in MASKS.remaining
    )
    again = tmp_path / "again.npz"
    read.write(again)
    assert again.read_bytes() == path.read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["again.npz", "masks.npz"]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 torn", b"\x93NUMPY", b"no archive"])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "masks.npz").write_bytes(data)
    with pytest.raises(InvalidInput, match=r"masks\.npz does not hold the weight masks"):
        WeightMasks.from_file(tmp_path / "masks.npz")


def test_arrays_of_something_else_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "masks.npz", numbers=np.arange(3))
    np.save(tmp_path / "array.npy", np.arange(3))
    for name in ("masks.npz", "array.npy", "absent.npz"):
        with pytest.raises(InvalidInput, match="does not hold the weight masks"):
            WeightMasks.from_file(tmp_path / name)


def test_masks_of_another_network_are_refused() -> None:
    with pytest.raises(InvalidInput, match="levels"):
        network_after(SwiftNet(narrow(levels=2)), MASKS)
    with pytest.raises(InvalidInput, match="masks of checkpoint"):
        MASKS.require_checkpoint("1" * 64)
    with pytest.raises(InvalidInput, match=r"mask of backbone\.conv1\.weight is bool \(3,\)"):
        WeightMasks(narrow(), {"backbone.conv1.weight": np.ones(3, bool)}, "0" * 64)


def test_the_control_keeps_as_many_in_each_layer_elsewhere() -> None:
    control = MASKS.control(seed=1)
    for name, mask in MASKS.remaining.items():
        assert control.remaining[name].sum() == mask.sum()
    assert control.sha256 == MASKS.control(seed=1).sha256
    assert len({control.sha256, MASKS.control(seed=2).sha256, MASKS.sha256}) == 3


def test_held_weights_stay_zero_through_momentum_and_decay() -> None:
    network = randomised(narrow()).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.1)
    images = torch.rand(2, 3, 64, 64)

    def step() -> None:
        optimiser.zero_grad()
        network(images).square().mean().backward()
        optimiser.step()

    # Moments of the weights that are removed later go on pushing them.
    step()
    assert torch.count_nonzero(removed_weights(network)) > 0
    MASKS.hold(network, optimiser)
    for _ in range(2):
        step()
        assert torch.count_nonzero(removed_weights(network)) == 0


def test_held_weights_are_silent_when_others_are_loaded() -> None:
    network = randomised(narrow())
    MASKS.hold(network, torch.optim.AdamW(network.parameters()))
    network.load_state_dict(NETWORK.state_dict())
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(network(image), network_after(NETWORK, MASKS)(image))
