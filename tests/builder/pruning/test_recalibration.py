from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from runtime.builder.pruning.recalibration import images_in, recalibrate
from runtime.builder.swiftnet import SwiftNet
from runtime.errors import InvalidInput
from tests.builder.networks import narrow, randomised, stretched, textured_images

SPEC = stretched(64, 64)


def test_measures_the_first_norm_exactly(tmp_path: Path) -> None:
    """Level 0's first norm sees the stem's filters of the images: no other norm interferes."""
    from runtime.builder.pruning.recalibration import _read_batch

    images = textured_images(tmp_path, 4)
    network = randomised(narrow())
    recalibrate(network, images, SPEC, batch=2)
    seen = network.backbone.conv1(_read_batch(images, SPEC))  # type: ignore[operator]
    halves = [half.transpose(0, 1).reshape(8, -1) for half in seen.split(2)]
    norm = network.get_submodule("backbone.bn1.0")
    mean = sum(half.mean(1) for half in halves) / 2
    variance = sum(half.var(1) for half in halves) / 2
    torch.testing.assert_close(norm.running_mean, mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, variance, rtol=1e-4, atol=1e-5)


def test_changes_statistics_alone(tmp_path: Path) -> None:
    network = randomised(narrow("mobilenet_v2", variant="single"))
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    momenta = [
        module.momentum for module in network.modules() if isinstance(module, nn.BatchNorm2d)
    ]
    recalibrate(network, textured_images(tmp_path, 3), SPEC)
    changed = {key for key, tensor in network.state_dict().items() if not tensor.equal(before[key])}
    assert {key.rpartition(".")[2] for key in changed} == {
        "running_mean",
        "running_var",
        "num_batches_tracked",
    }
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) * 3 == len(changed)
    assert [norm.momentum for norm in norms] == momenta
    assert not network.training
    assert not any(norm.training for norm in norms)


def test_all_levels_weigh_alike_in_a_norm_that_they_share(tmp_path: Path) -> None:
    images = textured_images(tmp_path, 2)
    network = randomised(narrow())
    seen = []
    projection = network.backbone.layer2[0].downsample  # type: ignore[index, union-attr]
    projection[0].register_forward_hook(lambda *call: seen.append(call[2].mean((0, 2, 3))))
    recalibrate(network, images, SPEC)
    assert len(seen) == 3
    expected = torch.stack(seen).mean(0)
    torch.testing.assert_close(projection[1].running_mean, expected, rtol=1e-4, atol=1e-5)


def test_repairs_a_network_whose_statistics_are_wrong(tmp_path: Path) -> None:
    images = textured_images(tmp_path, 4)
    network = randomised(narrow())
    recalibrate(network, images, SPEC)
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    recalibrate(network, images, SPEC)
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize(("count", "batch"), [(2, 8), (3, 2), (9, 8)])
def test_no_batch_is_of_one_image(tmp_path: Path, count: int, batch: int) -> None:
    """One would have no variance on the coarsest grid of the pooling."""
    network = SwiftNet(narrow(variant="single"))
    sizes = []
    network.backbone.conv1.register_forward_pre_hook(  # type: ignore[union-attr]
        lambda _, given: sizes.append(len(given[0]))
    )
    recalibrate(network, textured_images(tmp_path, count), SPEC, batch)
    assert sum(sizes) == count
    assert min(sizes) >= 2


def test_refuses_too_few_images_and_broken_ones(tmp_path: Path) -> None:
    one, two = textured_images(tmp_path, 2)
    with pytest.raises(InvalidInput, match="1 image is too few"):
        recalibrate(SwiftNet(narrow()), [one], SPEC)
    two.write_bytes(b"not an image")
    with pytest.raises(InvalidInput, match=two.name):
        recalibrate(SwiftNet(narrow()), [one, two], SPEC)


def test_takes_evenly_spaced_images_of_a_large_folder(tmp_path: Path) -> None:
    images = textured_images(tmp_path, 5, size=(16, 16))
    (tmp_path / "notes.txt").write_text("no image", encoding="utf-8")
    assert images_in(tmp_path) == images
    assert images_in(tmp_path, most=3) == [images[0], images[2], images[4]]


def test_refuses_a_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no images"):
        images_in(tmp_path)
    with pytest.raises(InvalidInput, match="no folder"):
        images_in(tmp_path / "absent")
