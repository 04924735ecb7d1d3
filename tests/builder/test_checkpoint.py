from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Callable, Tuple

import pytest
import torch
from torch import Tensor

from runtime.builder.checkpoint import load_checkpoint, save_checkpoint, transfer
from runtime.builder.swiftnet import SwiftNet
from runtime.errors import BuildFailed, InvalidConfig, InvalidInput
from tests.builder.networks import narrow, randomised

IMAGE = torch.rand(1, 3, 64, 64)


@torch.no_grad()
def same_answer(one: SwiftNet, other: SwiftNet) -> bool:
    return torch.equal(one.eval()(IMAGE), other.eval()(IMAGE))


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

    def test_counters_come_back_too(self, tmp_path: Path) -> None:
        network = SwiftNet(narrow()).train()
        network(IMAGE.repeat(2, 1, 1, 1))
        save_checkpoint(tmp_path / "step.pt", network, {})
        read = load_checkpoint(tmp_path / "step.pt").model.state_dict()
        assert all(torch.equal(read[key], kept) for key, kept in network.state_dict().items())

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


class TestForeign:
    """Weights of a SwiftNet as other frameworks save them."""

    NETWORK = randomised(narrow())

    @pytest.mark.parametrize("prefix", ["module.", "model.", "net.", "_orig_mod.", "a.module.b."])
    @pytest.mark.parametrize("place", [(), ("state_dict",), ("checkpoint", "model")])
    def test_is_found_behind_prefixes_and_in_dictionaries(
        self, tmp_path: Path, prefix: str, place: Tuple[str, ...]
    ) -> None:
        content: Any = {f"{prefix}{k}": v for k, v in self.NETWORK.state_dict().items()}
        for key in reversed(place):
            content = {key: content, "epoch": 3, "optimizer": {"state": {0: torch.zeros(2)}}}
        torch.save(content, tmp_path / "foreign.pt")

        assert same_answer(load_checkpoint(tmp_path / "foreign.pt").model, self.NETWORK)

    def test_compiled_layers_and_a_training_around_the_network(self, tmp_path: Path) -> None:
        state = self.NETWORK.state_dict()
        keys = {key: f"net.{key.replace('backbone.', 'backbone._orig_mod.')}" for key in state}
        content = {**{keys[k]: v for k, v in state.items()}, "loss.weight": torch.ones(3)}
        torch.save({"state_dict": content}, tmp_path / "lightning.ckpt")

        assert same_answer(load_checkpoint(tmp_path / "lightning.ckpt").model, self.NETWORK)

    @pytest.mark.parametrize("name", ["ema", "state_dict_ema", "model_ema", "averaged_model"])
    def test_the_average_is_what_a_training_is_for(self, tmp_path: Path, name: str) -> None:
        last = randomised(narrow(), seed=8)
        content = {"model": last.state_dict(), name: self.NETWORK.state_dict()}
        torch.save(content, tmp_path / "ema.pt")

        assert same_answer(load_checkpoint(tmp_path / "ema.pt").model, self.NETWORK)

    def test_the_average_that_torch_keeps(self, tmp_path: Path) -> None:
        averaged = torch.optim.swa_utils.AveragedModel(self.NETWORK)
        torch.save(averaged.state_dict(), tmp_path / "swa.pt")

        assert same_answer(load_checkpoint(tmp_path / "swa.pt").model, self.NETWORK)

    def test_of_two_networks_one_has_to_be_named(self, tmp_path: Path) -> None:
        states = [randomised(narrow(), seed).state_dict() for seed in (1, 2)]
        torch.save({"student": states[0], "teacher": states[1]}, tmp_path / "two.pt")
        with pytest.raises(InvalidInput, match=r"2 networks: \['student'\], \['teacher'\]") as told:
            load_checkpoint(tmp_path / "two.pt")
        assert "torch.load('two.pt', weights_only=True)['student']" in told.value.cure

        torch.save({"model": states[0], "best": states[0]}, tmp_path / "twice.pt")
        read = load_checkpoint(tmp_path / "twice.pt").model
        assert torch.equal(read.state_dict()["logits.conv.bias"], states[0]["logits.conv.bias"])

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_any_precision_and_memory_format_becomes_float32(
        self, tmp_path: Path, dtype: torch.dtype
    ) -> None:
        network = randomised(narrow()).to(dtype)
        state = network.state_dict()
        last = torch.channels_last
        strided = {k: v.to(memory_format=last) if v.ndim == 4 else v for k, v in state.items()}
        torch.save(strided, tmp_path / "cast.pt")

        read = load_checkpoint(tmp_path / "cast.pt").model

        assert {parameter.dtype for parameter in read.parameters()} == {torch.float32}
        assert same_answer(read, network.float())

    def test_counters_of_batches_do_not_matter(self, tmp_path: Path) -> None:
        state = self.NETWORK.state_dict()
        counters = [key for key in state if key.endswith("num_batches_tracked")]
        for without in ({k: v for k, v in state.items() if k not in counters}, dict(state)):
            without.update({key: torch.ones(1) for key in counters if key in without})
            torch.save(without, tmp_path / "old.pt")
            assert same_answer(load_checkpoint(tmp_path / "old.pt").model, self.NETWORK)

    def test_an_encoder_alone_is_told_its_flag(self, tmp_path: Path) -> None:
        torch.save({"conv1.weight": IMAGE, "layer1.0.conv1.weight": IMAGE}, tmp_path / "r18.pth")
        with pytest.raises(InvalidInput, match="ImageNet encoder") as told:
            load_checkpoint(tmp_path / "r18.pth")
        assert "--imagenet" in told.value.cure

    @pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
    @pytest.mark.parametrize(
        ("spoilt", "said"),
        [
            (lambda w: w * float("nan"), "not finite: 60 of 60"),
            (lambda w: w.masked_fill(w == w.max(), float("inf")), "not finite: 1 of 60"),
            (lambda w: w.double() * 1e300, "not finite"),
            (lambda w: w.to_sparse(), "sparse tensor logits"),
            (lambda w: w.to(torch.int8), "int8 numbers in logits"),
            (lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8), "qint8 numbers"),
            (lambda w: w.to(torch.complex64), "complex64 numbers"),
            (lambda w: w[:1, :1].clone().expand(5, 10**12, 1, 1), "fewer numbers for logits"),
        ],
    )
    def test_what_can_be_no_weight_is_named(
        self, tmp_path: Path, spoilt: Callable[[Tensor], Tensor], said: str
    ) -> None:
        state = dict(SwiftNet(narrow()).state_dict())
        state["logits.conv.weight"] = spoilt(state["logits.conv.weight"])
        torch.save(state, tmp_path / "spoilt.pt")
        with pytest.raises(InvalidInput, match=rf"spoilt\.pt holds .*{said}"):
            load_checkpoint(tmp_path / "spoilt.pt")

    def test_negative_variances_are_damage(self, tmp_path: Path) -> None:
        state = dict(SwiftNet(narrow()).state_dict())
        state["backbone.bn1.0.running_var"] = -torch.ones(8)
        torch.save(state, tmp_path / "spoilt.pt")
        with pytest.raises(InvalidInput, match="negative variances"):
            load_checkpoint(tmp_path / "spoilt.pt")


class TestOtherFiles:
    @pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {}, {1: torch.zeros(2)}])
    def test_plain_values_without_a_network(self, tmp_path: Path, content: object) -> None:
        torch.save(content, tmp_path / "plain.pt")
        with pytest.raises(InvalidInput, match=r"plain\.pt"):
            load_checkpoint(tmp_path / "plain.pt")

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("state_dict", [1], "a list as its state_dict"),
            ("state_dict", {"a": 1}, "other things than tensors"),
            ("metadata", "x", "a str as its metadata"),
            ("architecture", {}, "lacks the fields"),
            ("architecture", {"classes": "three"}, "no network that there is"),
            ("architecture", {"widths": 3}, "no network that there is"),
            ("architecture", {"encoder": []}, "no network that there is"),
            ("architecture", {"features": 4096}, "other shapes"),
        ],
    )
    def test_our_own_with_a_wrong_field(
        self, tmp_path: Path, field: str, value: Any, said: str
    ) -> None:
        path = tmp_path / "own.pt"
        save_checkpoint(path, SwiftNet(narrow()), {})
        content = torch.load(path, weights_only=True)
        if field == "architecture" and value:
            value = {**content[field], **value}
        torch.save({**content, field: value}, path)
        with pytest.raises(InvalidInput, match=rf"own\.pt .*{said}"):
            load_checkpoint(path)


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
