from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Dict

import pytest
import torch
from torch import Tensor

from runtime.builder.checkpoint import (
    load_checkpoint,
    load_imagenet_encoder,
    save_checkpoint,
    transfer,
)
from runtime.builder.swiftnet import SwiftNet
from runtime.errors import BuildFailed, InvalidConfig, InvalidInput
from tests.builder.networks import narrow, randomised

IMAGE = torch.rand(1, 3, 64, 64)


@torch.no_grad()
def same_answer(one: SwiftNet, other: SwiftNet) -> bool:
    return torch.equal(one.eval()(IMAGE), other.eval()(IMAGE))


def imagenet_state(network: SwiftNet) -> Dict[str, Tensor]:
    """A classifier's state_dict: the encoder without levels, and a head."""
    names = network.backbone.encoder_layers
    state = network.backbone.state_dict()
    encoder = {key: state[key] for key in state if key.split(".")[0] in names}
    return {**encoder, "fc.weight": torch.rand(1000, 14), "fc.bias": torch.rand(1000)}


class TestOurOwn:
    def test_comes_back_as_it_was(self, tmp_path: Path) -> None:
        network = randomised(narrow("mobilenet_v2", mean=(1, 2, 3)))
        path = tmp_path / "best.pt"
        digest = save_checkpoint(path, network, {"epoch": 3, "classes": ["road", "sky"]})
        read = load_checkpoint(path)
        assert read.architecture == network.architecture
        assert read.metadata == {"epoch": 3, "classes": ["road", "sky"]}
        assert read.sha256 == digest == hashlib.sha256(path.read_bytes()).hexdigest()
        assert not read.model.training
        assert same_answer(read.model, network)

    def test_a_failed_save_leaves_the_old_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "best.pt"
        save_checkpoint(path, SwiftNet(narrow()), {"epoch": 1})
        monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            save_checkpoint(path, SwiftNet(narrow()), {"epoch": 2})
        assert load_checkpoint(path).metadata == {"epoch": 1}
        assert list(tmp_path.iterdir()) == [path]

    def test_takes_plain_metadata_alone(self, tmp_path: Path) -> None:
        with pytest.raises(BuildFailed, match="metadata"):
            save_checkpoint(tmp_path / "best.pt", SwiftNet(narrow()), {"path": tmp_path})

    def test_of_a_later_version_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "best.pt"
        save_checkpoint(path, SwiftNet(narrow()), {})
        content = torch.load(path, weights_only=True)
        torch.save({**content, "version": 2}, path)
        with pytest.raises(InvalidInput, match="version 2"):
            load_checkpoint(path)


class TestBareStateDict:
    @pytest.mark.parametrize("variant", ["pyramid", "single"])
    def test_tells_its_architecture(self, tmp_path: Path, variant: str) -> None:
        network = randomised(narrow("resnet34", variant=variant, output_stride=8))
        torch.save(network.state_dict(), tmp_path / "public.pt")
        read = load_checkpoint(tmp_path / "public.pt")
        assert read.architecture == network.architecture
        assert read.metadata == {}
        assert same_answer(read.model, network)

    def test_reads_the_format_of_old_torch(self, tmp_path: Path) -> None:
        network = randomised(narrow())
        path = tmp_path / "public.pt"
        torch.save(network.state_dict(), path, _use_new_zipfile_serialization=False)
        assert same_answer(load_checkpoint(path).model, network)

    def test_names_the_keys_it_lacks_and_those_too_many(self, tmp_path: Path) -> None:
        state = SwiftNet(narrow()).state_dict()
        path = tmp_path / "public.pt"
        torch.save({key: state[key] for key in state if key != "logits.conv.bias"}, path)
        with pytest.raises(InvalidInput, match=r"lacks logits\.conv\.bias"):
            load_checkpoint(path)
        torch.save({**state, "border.weight": torch.zeros(1)}, path)
        with pytest.raises(InvalidInput, match=r"unknown border\.weight"):
            load_checkpoint(path)

    def test_names_shapes_that_contradict_each_other(self, tmp_path: Path) -> None:
        state = SwiftNet(narrow()).state_dict()
        state["backbone.layer1.0.bn1.0.weight"] = torch.zeros(9)
        torch.save(state, tmp_path / "public.pt")
        with pytest.raises(InvalidInput, match=r"bn1\.0\.weight \(9,\) instead of \(8,\)"):
            load_checkpoint(tmp_path / "public.pt")


class TestOtherFiles:
    def test_a_pickled_network_is_not_run(self, tmp_path: Path) -> None:
        torch.save(SwiftNet(narrow()), tmp_path / "module.pt")
        with pytest.raises(InvalidInput, match="tensors and plain values alone") as refused:
            load_checkpoint(tmp_path / "module.pt")
        assert "state_dict" in refused.value.cure

    def test_a_truncated_file(self, tmp_path: Path) -> None:
        path = tmp_path / "best.pt"
        save_checkpoint(path, SwiftNet(narrow()), {})
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(InvalidInput, match=r"best\.pt"):
            load_checkpoint(path)

    @pytest.mark.parametrize("data", [b"", b"not a checkpoint", b"\x89PNG\r\n\x1a\n" * 9])
    def test_anything_else(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "other.pt").write_bytes(data)
        with pytest.raises(InvalidInput, match=r"other\.pt"):
            load_checkpoint(tmp_path / "other.pt")

    @pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {}])
    def test_plain_values_without_a_network(self, tmp_path: Path, content: object) -> None:
        torch.save(content, tmp_path / "plain.pt")
        with pytest.raises(InvalidInput):
            load_checkpoint(tmp_path / "plain.pt")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="no checkpoint"):
            load_checkpoint(tmp_path / "absent.pt")


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

    def test_reads_checkpoints_that_do_not_count_batches(self) -> None:
        state = imagenet_state(SwiftNet(narrow(variant="single")))
        old = {key: state[key] for key in state if not key.endswith("num_batches_tracked")}
        load_imagenet_encoder(SwiftNet(narrow()), old)

    def test_refuses_another_encoder_and_other_widths(self) -> None:
        state = imagenet_state(SwiftNet(narrow(variant="single")))
        with pytest.raises(InvalidInput, match=r"lacks features\.0\.0\.weight"):
            load_imagenet_encoder(SwiftNet(narrow("mobilenet_v2")), state)
        state["conv1.weight"] = torch.zeros(64, 3, 7, 7)
        with pytest.raises(InvalidInput, match=r"\(64, 3, 7, 7\) instead of \(8, 3, 7, 7\)"):
            load_imagenet_encoder(SwiftNet(narrow()), state)


class TestTransfer:
    def test_keeps_all_but_the_classifier(self, tmp_path: Path) -> None:
        path = tmp_path / "ade20k.pt"
        save_checkpoint(path, randomised(narrow()), {})
        source = load_checkpoint(path)
        for classes in (3, source.architecture.classes):
            network = transfer(source, classes)
            state, old = network.state_dict(), source.model.state_dict()
            changed = {key for key in state if not torch.equal(state[key], old[key])}
            assert changed == {"logits.conv.weight", "logits.conv.bias"}
            assert network.architecture.classes == classes

    def test_refuses_a_class_count_that_no_network_has(self, tmp_path: Path) -> None:
        save_checkpoint(tmp_path / "any.pt", SwiftNet(narrow()), {})
        with pytest.raises(InvalidConfig, match="classes is 1"):
            transfer(load_checkpoint(tmp_path / "any.pt"), 1)
