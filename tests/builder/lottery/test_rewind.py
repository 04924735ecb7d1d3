from __future__ import annotations

from pathlib import Path

import pytest
import torch

from runtime.builder.checkpoint import save_checkpoint
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.lottery.rewind import Moment, MomentKeeper, moment_from_file, write_moment
from runtime.builder.training.loop import Training
from runtime.errors import InvalidInput
from tests.builder.networks import narrow, randomised
from tests.builder.scenes import write_dataset
from tests.builder.tiny_training import network, training

KEPT = 2


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SegmentationDataset:
    return open_dataset(write_dataset(tmp_path_factory.mktemp("scenes"))).of_splits("train")


@pytest.fixture(scope="module")
def kept(dataset: SegmentationDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a training that kept its start and its second step, and its last weights."""
    folder = tmp_path_factory.mktemp("kept")
    whole = training(dataset)
    early = MomentKeeper(whole.state, KEPT, folder / "second.pt")
    MomentKeeper(whole.state, 0, folder / "start.pt")
    whole.run(folder, early)
    save_checkpoint(folder / "trained.pt", whole.state.model, {})
    return folder


def rewound(dataset: SegmentationDataset, moment: Moment) -> Training:
    other = training(dataset)
    moment.restore_into(other.state)
    return other


def test_a_training_put_back_goes_the_same_way_again(
    dataset: SegmentationDataset, kept: Path, tmp_path: Path
) -> None:
    again = rewound(dataset, moment_from_file(kept / "second.pt"))
    assert again.state.step == KEPT
    heard = []
    again.run(tmp_path, lambda step: heard.append(step.number))
    assert heard == list(range(KEPT + 1, again.steps + 1))
    trained = moment_from_file(kept / "trained.pt")
    for name, value in again.state.model.state_dict().items():
        assert torch.equal(value, trained.weights[name]), name


def test_a_moment_is_all_of_a_training(dataset: SegmentationDataset, kept: Path) -> None:
    second = moment_from_file(kept / "second.pt")
    assert set(second.optimiser) == {name for name, _ in network().named_parameters()}
    assert second.average is not None
    copied = Moment.of(rewound(dataset, second).state)
    for name, moments in second.optimiser.items():
        assert all(torch.equal(copied.optimiser[name][key], moments[key]) for key in moments)
    assert copied.average is not None
    assert all(torch.equal(copied.average[name], second.average[name]) for name in second.average)


def test_the_start_has_no_history(kept: Path) -> None:
    start = moment_from_file(kept / "start.pt")
    assert (start.step, start.optimiser) == (0, {})
    expected = network().state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in start.weights.items())


def test_a_checkpoint_counts_as_weights_of_step_zero(tmp_path: Path) -> None:
    model = randomised(narrow())
    save_checkpoint(tmp_path / "any.pt", model, {})
    moment = moment_from_file(tmp_path / "any.pt")
    assert (moment.step, moment.optimiser, moment.average) == (0, {}, None)
    assert moment.architecture == model.architecture
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(moment.model()(image), model(image))


def test_refuses_other_files(tmp_path: Path) -> None:
    path = tmp_path / "second.pt"
    with pytest.raises(InvalidInput, match="no file"):
        moment_from_file(path)
    path.write_bytes(b"nothing")
    with pytest.raises(InvalidInput, match="tensors and plain values alone"):
        moment_from_file(path)
    content = Moment.at(randomised(narrow())).content()
    torch.save({**content, "version": 2}, path)
    with pytest.raises(InvalidInput, match="version 2"):
        moment_from_file(path)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_moment(tmp_path / "second.pt", Moment.at(randomised(narrow())))
    assert list(tmp_path.iterdir()) == []
