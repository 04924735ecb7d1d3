"""Real networks on both backends; that there are times is tested, never how long they are."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest
import torch

from runtime.builder.checkpoint import save_checkpoint
from runtime.builder.pruning.latency import latency_table_from_file
from runtime.cli.main import main
from runtime.experiments.profile.command import flags_of
from runtime.experiments.profile.encoder_alone import EncoderAlone
from runtime.experiments.profile.layer_map import Place, places_in
from runtime.experiments.profile.profile import Profile, spread
from runtime.experiments.profile.torch_timing import TorchTiming
from tests.builder.networks import narrow, randomised

SIZE = (128, 128)


@pytest.fixture
def full(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "full.pt", randomised(narrow()), {})
    return tmp_path / "full.pt"


@pytest.mark.parametrize("encoder", ["resnet18", "mobilenet_v2"])
@pytest.mark.parametrize("variant", ["pyramid", "single"])
def test_torch_times_every_part_on_its_level(encoder: str, variant: str) -> None:
    network = randomised(narrow(encoder, variant=variant))
    times = TorchTiming(network, SIZE).layers()
    places = {places_in(encoder)(name) for name in times} - {None}
    levels = range(3 if variant == "pyramid" else 1)
    blocks = ("stem", "block 1", "block 2", "block 3", "block 4")
    assert {Place(part, level) for part in blocks for level in levels} <= places
    assert {Place("blends"), Place("classifier")} <= places
    assert all(milliseconds >= 0 for milliseconds in times.values())


def test_a_model_is_flagged_where_it_is_slow_and_the_first_ones_encoder_is_not() -> None:
    def named(model: str) -> Profile:
        slow = spread([5.0, 5.0])
        return Profile(model, "openvino fp32", {}, rest=slow, layers=slow, forward=slow)

    (flag,) = flags_of([named("full"), named("backbone of full"), named("half")])
    assert flag.startswith("half: its forward pass of 5.00 ms is not clearly faster")


def test_torch_leaves_no_hook_behind() -> None:
    network = randomised(narrow())
    TorchTiming(network, SIZE).layers()
    assert not any(module._forward_hooks for module in network.modules())
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_the_encoder_alone_computes_what_it_does_in_the_network() -> None:
    network = randomised(narrow(levels=1))
    image = torch.rand(1, 3, *SIZE)
    with torch.no_grad():
        assert torch.equal(EncoderAlone(network)(image), network.backbone.taps(image, 0)[-1])
    times = TorchTiming(EncoderAlone(network), SIZE).layers()
    places = {places_in("resnet18")(name) for name in times}
    assert Place("block 4", 0) in places
    assert Place("classifier") not in places


@pytest.mark.long
def test_profiles_checkpoints_on_both_backends(
    full: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half, out = tmp_path / "half.pt", tmp_path / "profile"
    cut = ["--blocks", "1,2,3,4", "--align", "1", "--size", "128x128", "--out", str(half)]
    assert main(["prune", str(full), *cut]) == 0
    asked = ["--size", "128x128", "--repetitions", "1", "--out", str(out)]
    assert main(["profile", str(full), str(half), *asked]) == 0
    told = capsys.readouterr()
    text = told.out
    assert "That may take minutes" in told.err
    assert "| backbone of full" in text
    assert "openvino fp32" in text
    assert (
        (out / "profile.md")
        .read_text(encoding="utf-8")
        .endswith("![openvino fp32](openvino-fp32.png)\n")
    )
    assert (out / "torch-fp32.png").is_file()
    passes = (out / "forward.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in passes[1:]] == ["full", "backbone of full", "half"] * 2


@pytest.mark.long
def test_measures_a_latency_table_that_prune_accepts(full: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "table.json", tmp_path / "plan.json"
    asked = ["--size", "128x128", "--precision", "int8", "--align", "4", "--widths", "1"]
    where = ["--latency-table", str(path), "--repetitions", "1"]
    assert main(["profile", str(full), *where, *asked]) == 0
    table = latency_table_from_file(path)
    assert table is not None
    assert table.backend == "openvino int8"
    assert table.saved_ms.keys() >= {"stage1", "stage4.block1", "decoder"}
    assert "decoder.last" not in table.saved_ms
    # What it saved is noise here; a plan needs something to choose.
    saved = {name: dict.fromkeys(by_width, 0.1) for name, by_width in table.saved_ms.items()}
    changed = table.model_copy(update={"saved_ms": saved, "whole_ms": 9.0})
    path.write_text(changed.model_dump_json())
    budget = ["--allocation", "latency", "--budget-ms", "8.8", "--latency-table", str(path)]
    plain = ["--blocks", "1,2,3,4", "--align", "1", "--plan-only", "--out", str(out)]
    assert main(["prune", str(full), *budget, *plain]) == 0


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([], "nothing was given to profile"),
        (["nowhere.pt"], "there is no checkpoint nowhere.pt"),
        (["a.pt", "b.pt", "--latency-table", "t.json"], "a latency table is of one checkpoint"),
        (["--tensorrt-profile", "nowhere.json"], "no profile can be read at nowhere.json"),
    ],
)
def test_says_what_cannot_be(
    given: List[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", *given]) == 2
    assert complaint in capsys.readouterr().err
