from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import torch

from runtime.builder.data.dataset import read_image
from runtime.builder.pruning import context
from runtime.builder.pruning.context import Context, context_of, guidance_of
from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.importance import Importance
from runtime.builder.pruning.make_plan import control_of, plan_from_checkpoint
from runtime.builder.pruning.plan import plan_from_file
from runtime.builder.pruning.request import PruningRequest
from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.cli.main import main
from runtime.errors import InvalidInput
from runtime.inference.preprocess.reference import network_input
from tests.builder.networks import narrow, randomised, stretched, textured_images
from tests.builder.pruning.family import FAMILY, in_memory, named, on_disk

SPEC = stretched(128, 128)
REQUEST = PruningRequest(
    blocks=("1", "2", "3", "4"), alignment=1, size=(128, 128), importance="context"
)


def heard(network: SwiftNet, images: List[Path], seed: int = 0) -> Context:
    return context_of(network, groups_of(network.architecture), images, SPEC, seed)


def test_guidance_by_hand() -> None:
    """Two channels are alike, the third has nothing in common with them."""
    maps = torch.tensor([[2.0, 0.0], [5.0, -1.0], [0.0, 3.0]])
    e = np.exp(1 / context.TEMPERATURE)
    # From the other twin, and from the stranger; from each of the twins.
    twin, stranger = e / (2 * e + 1) + 1 / (e + 2), 2 / (2 * e + 1)
    mean = (2 * twin + stranger) / 3

    guidance = guidance_of(maps)

    np.testing.assert_allclose(guidance, [twin / mean, twin / mean, stranger / mean], rtol=1e-9)


def test_a_silent_channel_is_guided_least_and_one_alone_not_at_all() -> None:
    maps = torch.tensor([[1.0, 2.0], [2.0, 1.0], [-1.0, 0.0]])

    assert guidance_of(maps).argmin() == 2
    assert guidance_of(maps[:1]).tolist() == [1.0]


def test_a_group_listens_behind_its_norms(tmp_path: Path) -> None:
    """Inside of a block there is one norm per level, so that it can be followed by hand."""
    network = randomised(narrow(levels=1))
    images = textured_images(tmp_path, 2)
    backbone: Any = network.backbone
    expected = []
    for path in images:
        bgr = np.ascontiguousarray(read_image(path)[..., ::-1])
        image = torch.from_numpy(network_input(bgr, SPEC))
        with torch.no_grad():
            stem = backbone.maxpool(backbone.bn1[0](backbone.conv1(image)).relu())
            block = backbone.layer1[0]
            inside = block.bn1[0](block.conv1(stem))
        expected.append(guidance_of(inside[0].flatten(1)).numpy())

    found = heard(network, images).guidance["stage1.block0"]

    np.testing.assert_allclose(found, np.mean(expected, axis=0), rtol=1e-6)


@pytest.mark.parametrize("architecture", FAMILY, ids=named)
def test_every_group_of_every_network_is_guided(tmp_path: Path, architecture: Architecture) -> None:
    network = randomised(architecture)

    guidance = heard(network, textured_images(tmp_path, 1)).guidance

    for group in groups_of(architecture):
        assert guidance[group.name].shape == (group.channels,)
        assert guidance[group.name].mean() == pytest.approx(1)
        assert (guidance[group.name] > 0).all()


def test_the_order_of_images_does_not_matter_and_nothing_is_left_behind(tmp_path: Path) -> None:
    network = randomised(narrow())
    images = textured_images(tmp_path, 3)
    hooks = [len(module._forward_hooks) for module in network.modules()]

    first, again, reversed_ = (
        heard(network, order).guidance for order in (images, images, images[::-1])
    )

    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        np.testing.assert_allclose(first[name], reversed_[name], rtol=1e-12)
    assert [len(module._forward_hooks) for module in network.modules()] == hooks


def test_of_large_maps_some_positions_are_drawn_by_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, images = randomised(narrow()), textured_images(tmp_path, 1)
    monkeypatch.setattr(context, "MOST_POSITIONS", 20)

    def inside(seed: int) -> np.ndarray:
        return heard(network, images, seed).guidance["stage1.block0"]

    np.testing.assert_array_equal(inside(1), inside(1))
    assert not np.array_equal(inside(1), inside(2))


def test_scores_are_those_of_the_norms_times_the_guidance() -> None:
    (group,) = (g for g in groups_of(narrow()) if g.name == "stage1.block0")
    network = randomised(narrow())
    state = {key: tensor.double().numpy() for key, tensor in network.state_dict().items()}
    guidance = np.linspace(0.5, 1.5, group.channels)

    guided = Importance("context", guidance={group.name: guidance}).scores(group, state)

    product = Importance("bn").scores(group, state) * guidance
    np.testing.assert_allclose(guided, product / product.mean(), rtol=1e-5)


def test_context_and_importance_belong_together(tmp_path: Path) -> None:
    network = randomised(narrow())
    measured = heard(network, textured_images(tmp_path, 1))
    by_l1 = REQUEST.model_copy(update={"importance": "l1"})

    with pytest.raises(InvalidInput, match="context lacks its guidance"):
        plan_from_checkpoint(in_memory(network), REQUEST)
    with pytest.raises(InvalidInput, match="l1 takes no guidance"):
        plan_from_checkpoint(in_memory(network), by_l1, measured)


def test_a_plan_says_which_images_guided_it(tmp_path: Path) -> None:
    network, images = randomised(narrow()), textured_images(tmp_path, 2)
    by_l1 = REQUEST.model_copy(update={"importance": "l1"})

    plan = plan_from_checkpoint(in_memory(network), REQUEST, heard(network, images))

    hashes: Dict[str, str] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in images
    }
    assert plan.pictures == hashes
    assert control_of(plan, seed=1).pictures == {}
    assert '"pictures"' not in plan_from_checkpoint(in_memory(network), by_l1).text


@pytest.mark.parametrize("names", [[], ["a/x.png", "b/x.png"]])
def test_images_must_be_there_and_told_apart(tmp_path: Path, names: List[str]) -> None:
    (source,) = textured_images(tmp_path, 1)
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(source.read_bytes())

    with pytest.raises(InvalidInput, match="images have"):
        heard(randomised(narrow()), paths)


def test_a_network_that_has_diverged_is_refused(tmp_path: Path) -> None:
    network = randomised(narrow())
    state = network.state_dict()
    state["backbone.conv1.weight"][0] = float("nan")

    with pytest.raises(InvalidInput, match="stage1 are not finite"):
        heard(network, textured_images(tmp_path, 1))


class TestCommand:
    ASKED = ("--blocks", "1,2", "--align", "1", "--size", "128x128", "--importance", "context")

    def test_writes_the_same_plan_for_the_same_images(self, tmp_path: Path) -> None:
        on_disk(tmp_path / "full.pt")
        textured_images(tmp_path / "pictures", 2, (128, 128))
        guided = [*self.ASKED, "--context-images", str(tmp_path / "pictures"), "--plan-only"]
        for name in ("one.json", "two.json"):
            out = str(tmp_path / name)
            assert main(["prune", str(tmp_path / "full.pt"), "--out", out, *guided]) == 0

        assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
        plan = plan_from_file(tmp_path / "one.json")
        assert plan.request.importance == "context"
        assert sorted(plan.pictures) == ["image-0.png", "image-1.png"]

    @pytest.mark.parametrize(
        "asked",
        [
            ["--importance", "context", "--blocks", "1"],
            ["--importance", "l1", "--blocks", "1", "--context-images", "pictures"],
            ["--unstructured", "global", "--context-images", "pictures"],
        ],
    )
    def test_refuses_one_without_the_other(
        self,
        tmp_path: Path,
        asked: List[str],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        on_disk(tmp_path / "full.pt")
        textured_images(tmp_path / "pictures", 1)

        assert main(["prune", "full.pt", "--out", "pruned.pt", *asked]) == 2

        assert "belong together" in capsys.readouterr().err
        assert not (tmp_path / "pruned.pt").exists()
