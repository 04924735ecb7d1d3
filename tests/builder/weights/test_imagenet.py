from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional

import pytest
import torch
from torch import Tensor

from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.builder.weights.imagenet import load_imagenet_encoder, read_imagenet_weights
from runtime.errors import InvalidInput
from tests.builder.networks import narrow, randomised

ROOT = Path(__file__).resolve().parents[3]
IMAGE = torch.rand(1, 3, 64, 64)
# Of timm's mobilenetv2_100: the layers of a block, in torchvision's order of layers.
TIMM_FIRST = {"0.0": "conv_dw", "0.1": "bn1", "1": "conv_pw", "2": "bn2"}
TIMM_OTHERS = {
    "0.0": "conv_pw",
    "0.1": "bn1",
    "1.0": "conv_dw",
    "1.1": "bn2",
    "2": "conv_pwl",
    "3": "bn3",
}
TIMM_BLOCKS = (1, 2, 3, 4, 3, 3, 1)


def pretrained_resnet18() -> Optional[Path]:
    """The real weights, where they lie beside the checkout."""
    places = (up / "shared/data/imagenet/resnet18.pth" for up in (ROOT, *list(ROOT.parents)[:2]))
    return next((path for path in places if path.is_file()), None)


def imagenet_state(network: SwiftNet) -> Dict[str, Tensor]:
    """A classifier's state_dict: the encoder without levels, and a head."""
    names = network.backbone.encoder_layers
    state = network.backbone.state_dict()
    encoder = {key: state[key] for key in state if key.split(".")[0] in names}
    return {**encoder, "fc.weight": torch.rand(1000, 14), "fc.bias": torch.rand(1000)}


def timm_name(key: str) -> str:
    """What timm calls a tensor of torchvision's MobileNetV2."""
    parts = key.split(".")
    if parts[:2] == ["features", "0"]:
        return {"0": "conv_stem", "1": "bn1"}[parts[2]] + "." + parts[3]
    stage, within = 0, int(parts[1]) - 1
    while within >= TIMM_BLOCKS[stage]:
        within -= TIMM_BLOCKS[stage]
        stage += 1
    layer = (TIMM_OTHERS if stage else TIMM_FIRST)[".".join(parts[3:-1])]
    return f"blocks.{stage}.{within}.{layer}.{parts[-1]}"


class TestImageNetEncoder:
    @pytest.mark.parametrize("encoder", ["resnet18", "mobilenet_v2"])
    @torch.no_grad()
    def test_every_level_starts_alike(self, encoder: str) -> None:
        classifier = randomised(narrow(encoder, variant="single"))
        network = SwiftNet(narrow(encoder)).eval()
        load_imagenet_encoder(network, imagenet_state(classifier))
        at_levels = [network.backbone.taps(IMAGE, level) for level in range(3)]
        single = classifier.backbone.taps(IMAGE, level=0)
        for taps in at_levels:
            for tap, expected in zip(taps, single):
                # The single-scale ResNet rectifies its taps, the pyramid does not.
                torch.testing.assert_close(tap.relu(), expected.relu())

    def test_leaves_the_decoder_alone(self) -> None:
        network = SwiftNet(narrow())
        before = [parameter.clone() for parameter in network.decoder_parameters()]
        load_imagenet_encoder(network, imagenet_state(SwiftNet(narrow(variant="single"))))
        assert all(map(torch.equal, before, network.decoder_parameters()))

    @pytest.mark.parametrize("counters", [None, torch.ones(1), torch.tensor(7)])
    def test_counters_of_batches_do_not_matter(self, counters: Optional[Tensor]) -> None:
        state = imagenet_state(SwiftNet(narrow(variant="single")))
        old = {key: state[key] for key in state if not key.endswith("num_batches_tracked")}
        if counters is not None:
            old.update({key: counters for key in state if key not in old})
        load_imagenet_encoder(SwiftNet(narrow()), old)

    def test_refuses_another_encoder_and_other_widths(self) -> None:
        state = imagenet_state(SwiftNet(narrow(variant="single")))
        with pytest.raises(InvalidInput, match=r"of a resnet18.*encoder mobilenet_v2"):
            load_imagenet_encoder(SwiftNet(narrow("mobilenet_v2")), state)
        state["conv1.weight"] = torch.zeros(64, 3, 7, 7)
        with pytest.raises(InvalidInput, match=r"\(64, 3, 7, 7\) instead of \(8, 3, 7, 7\)"):
            load_imagenet_encoder(SwiftNet(narrow()), state)


class TestFiles:
    CLASSIFIER = randomised(narrow(variant="single"))

    def started_from(self, path: Path, encoder: str = "resnet18") -> SwiftNet:
        network = SwiftNet(narrow(encoder))
        weights = read_imagenet_weights(path)
        load_imagenet_encoder(network, weights.tensors, weights.source)
        return network

    @pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "encoder.", "model.encoder."])
    @pytest.mark.parametrize("whole", [False, True])
    @pytest.mark.parametrize("classified", [False, True])
    def test_whole_checkpoints_and_prefixes(
        self, tmp_path: Path, prefix: str, whole: bool, classified: bool
    ) -> None:
        state = imagenet_state(self.CLASSIFIER)
        kept = {f"{prefix}{k}": v for k, v in state.items() if classified or "fc." not in k}
        torch.save({"state_dict": kept, "epoch": 90} if whole else kept, tmp_path / "r18.pth")

        started = self.started_from(tmp_path / "r18.pth").backbone.state_dict()

        assert torch.equal(started["conv1.weight"], state["conv1.weight"])
        assert torch.equal(started["layer4.1.bn2.2.bias"], state["layer4.1.bn2.bias"])

    @torch.no_grad()
    def test_names_of_timm(self, tmp_path: Path) -> None:
        classifier = randomised(narrow("mobilenet_v2", variant="single"))
        state = imagenet_state(classifier)
        timm = {timm_name(k): v for k, v in state.items() if k.startswith("features")}
        timm.update(
            {"conv_head.weight": torch.rand(1280, 16, 1, 1), "bn2.weight": torch.rand(1280)}
        )
        torch.save({**timm, "classifier.weight": torch.rand(1000, 1280)}, tmp_path / "timm.pth")

        network = self.started_from(tmp_path / "timm.pth", "mobilenet_v2").eval()

        for tap, expected in zip(
            network.backbone.taps(IMAGE, 1), classifier.backbone.taps(IMAGE, 0)
        ):
            torch.testing.assert_close(tap, expected)

    def test_a_whole_swiftnet_is_told_its_flag(self, tmp_path: Path) -> None:
        torch.save({"model": SwiftNet(narrow()).state_dict()}, tmp_path / "whole.pt")
        with pytest.raises(InvalidInput, match=r"whole\.pt holds a whole SwiftNet") as told:
            read_imagenet_weights(tmp_path / "whole.pt")
        assert "--init" in told.value.cure

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"layer4.2.conv1.weight": IMAGE}, r"ResNet of \(2, 2, 2, 3\) blocks"),
            ({"layer1.0.conv3.weight": IMAGE}, "three convolutions a block"),
            ({"layer1.0.se.weight": IMAGE}, r"unknown layer1\.0\.se\.weight"),
            ({"conv1.weight": torch.full((8, 3, 7, 7), float("nan"))}, "not finite"),
        ],
    )
    def test_another_network_is_never_taken_in_part(
        self, tmp_path: Path, change: Dict[str, Tensor], said: str
    ) -> None:
        torch.save({**imagenet_state(self.CLASSIFIER), **change}, tmp_path / "other.pth")
        with pytest.raises(InvalidInput, match=said):
            self.started_from(tmp_path / "other.pth")

    def test_a_deeper_encoder_is_told_its_flag(self, tmp_path: Path) -> None:
        deeper = imagenet_state(SwiftNet(narrow("resnet34", variant="single")))
        torch.save(deeper, tmp_path / "r34.pth")
        with pytest.raises(InvalidInput, match=r"of a resnet34.*encoder resnet18") as told:
            self.started_from(tmp_path / "r34.pth")
        assert "--encoder resnet34" in told.value.cure

    def test_what_is_no_encoder_is_told_where_to_get_one(self, tmp_path: Path) -> None:
        torch.save({"embeddings.weight": IMAGE}, tmp_path / "bert.pth")
        with pytest.raises(InvalidInput, match="no ResNet-18, ResNet-34 or MobileNetV2") as told:
            read_imagenet_weights(tmp_path / "bert.pth")
        assert "timm.create_model" in told.value.cure


@torch.no_grad()
def test_the_real_weights_give_the_published_figures() -> None:
    """Figures of the data's README: means and maxima of the four stages on a made-up image."""
    path = pretrained_resnet18()
    if path is None:
        pytest.skip("shared/data/imagenet/resnet18.pth is not beside the checkout")
    network = SwiftNet(Architecture("resnet18", classes=2)).eval()
    weights = read_imagenet_weights(path)
    load_imagenet_encoder(network, weights.tensors, weights.source)
    channel, row, column = torch.meshgrid(*map(torch.arange, (3, 64, 64)), indexing="ij")
    image = (7 * row + 11 * column + 13 * channel) % 256 / 255
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalised = (image - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)

    for level in range(3):
        stages = [tap.relu() for tap in network.backbone.taps(normalised[None], level)]
        assert [tuple(stage.shape[1:]) for stage in stages] == [
            *((64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2))
        ]
        means = [float(stage.mean()) for stage in stages]
        maxima = [float(stage.max()) for stage in stages]
        assert means == pytest.approx([3.15138, 1.62456, 1.14237, 1.47890], rel=1e-4)
        assert maxima == pytest.approx([27.0337, 20.1445, 13.0925, 23.507], rel=1e-4)
