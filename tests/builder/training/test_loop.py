from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from torch import Tensor, nn

from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.evaluation.evaluate import ModelPredictor, evaluate
from runtime.builder.training.augment import Augmentation
from runtime.builder.training.loop import Step, Training
from runtime.errors import BuildFailed, InvalidInput
from tests.builder.scenes import write_dataset
from tests.builder.tiny_training import SPEC, network, training

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("scenes"), train=8, val=4)


@pytest.fixture(scope="module")
def dataset(folder: Path) -> SegmentationDataset:
    return open_dataset(folder).of_splits("train")


@pytest.fixture(scope="module")
def uninterrupted(
    dataset: SegmentationDataset, tmp_path_factory: pytest.TempPathFactory
) -> Training:
    """A training that ran to its end in one go."""
    done = training(dataset)
    done.run(tmp_path_factory.mktemp("uninterrupted"), silent)
    return done


def silent(_: Step) -> None:
    pass


def state(model: nn.Module) -> Dict[str, Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


def assert_bitwise_equal(ours: Dict[str, Tensor], theirs: Dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


@pytest.mark.long
@pytest.mark.parametrize(("how", "at"), [("die_at_step", 4), ("die_saving", 3)])
def test_a_killed_training_goes_on_to_bitwise_the_same_weights(
    folder: Path,
    dataset: SegmentationDataset,
    uninterrupted: Training,
    tmp_path: Path,
    how: str,
    at: int,
) -> None:
    script = [sys.executable, "-m", "tests.builder.tiny_training", str(folder), str(tmp_path)]
    killed = subprocess.run([*script, how, str(at)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    heard: List[int] = []

    resumed = training(dataset)
    result = resumed.run(tmp_path, lambda step: heard.append(step.number))

    assert heard == list(range(at, 7))
    assert_bitwise_equal(state(result), state(uninterrupted.state.result()))
    assert_bitwise_equal(state(resumed.state.model), state(uninterrupted.state.model))


def test_a_finished_training_does_not_train_again(
    dataset: SegmentationDataset, uninterrupted: Training, tmp_path: Path
) -> None:
    uninterrupted.state.save(tmp_path, uninterrupted.fingerprint)
    heard: List[Step] = []

    again = training(dataset).run(tmp_path, heard.append)

    assert heard == []
    assert_bitwise_equal(state(again), state(uninterrupted.state.result()))


@pytest.mark.parametrize("change", [{"seed": 1}, {"learning_rate": 1e-3}, {"epochs": 4}])
def test_the_state_of_another_training_is_refused(
    dataset: SegmentationDataset,
    uninterrupted: Training,
    tmp_path: Path,
    change: Dict[str, Any],
) -> None:
    uninterrupted.state.save(tmp_path, uninterrupted.fingerprint)

    with pytest.raises(InvalidInput, match=r"state\.pt is of a training with other settings"):
        training(dataset, **change).run(tmp_path, silent)


def test_a_broken_state_is_refused(dataset: SegmentationDataset, tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"not a state")

    with pytest.raises(InvalidInput, match=r"state\.pt is no training state"):
        training(dataset).run(tmp_path, silent)


@pytest.mark.long
@pytest.mark.parametrize("loss", ["boundary-focal", "cross-entropy"])
def test_training_learns_to_segment(
    folder: Path, dataset: SegmentationDataset, tmp_path: Path, loss: str
) -> None:
    held = open_dataset(folder).of_splits("val")
    before = evaluate(ModelPredictor(network(), SPEC, torch.device("cpu")), held)

    learning = training(dataset, save_every=60, epochs=10, learning_rate=1e-2, loss=loss)
    result = learning.run(tmp_path, silent)

    after = evaluate(ModelPredictor(result, SPEC, torch.device("cpu")), held)
    assert after.miou > max(0.7, before.miou + 0.3)


def test_low_precision_stays_near_float32(dataset: SegmentationDataset, tmp_path: Path) -> None:
    # On smaller crops the last stage sees one pixel, where oneDNN's bfloat16 gradients are wrong.
    large = Augmentation(crop=(128, 128), scale=(2.0, 2.0))

    def losses(precision: str) -> List[float]:
        heard: List[float] = []
        training(dataset, precision=precision, augmentation=large, epochs=2).run(
            tmp_path / precision, lambda step: heard.append(float(step.loss))
        )
        return heard

    low, full = losses("bf16"), losses("fp32")
    assert low != full
    assert low == pytest.approx(full, rel=0.05)


def test_a_training_that_diverges_ends_with_the_step(
    dataset: SegmentationDataset, tmp_path: Path
) -> None:
    with pytest.raises(BuildFailed, match=r"the loss of step \d is nan.*lower learning rate"):
        training(dataset, learning_rate=1e30).run(tmp_path, silent)


def test_the_encoder_moves_slower_where_it_is_told_to(
    dataset: SegmentationDataset, tmp_path: Path
) -> None:
    start = state(network())
    moved: Dict[str, float] = {}

    def first_step(step: Step) -> None:
        if step.number == 1:
            for layer in ("backbone.conv1.weight", "logits.conv.weight"):
                moved[layer] = (step.model.state_dict()[layer] - start[layer]).abs().max().item()

    training(dataset, ema=0.0, encoder_rate=0.25, epochs=1).run(tmp_path, first_step)

    # Adam's first step is as long as the rate, whatever the gradient.
    assert moved["logits.conv.weight"] == pytest.approx(3e-3, rel=0.01)
    assert moved["backbone.conv1.weight"] == pytest.approx(0.25 * 3e-3, rel=0.01)


def test_a_broken_sample_ends_the_training_with_its_name(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "scenes")
    dataset = open_dataset(folder).of_splits("train")
    (folder / "train" / "images" / "odd_003.png").write_bytes(b"")

    with pytest.raises(InvalidInput, match=r"odd_003\.png"):
        training(dataset).run(tmp_path / "out", silent)
