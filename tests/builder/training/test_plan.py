from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from runtime.builder.checkpoint import save_checkpoint
from runtime.builder.data.layouts import open_dataset
from runtime.builder.training.plan import TrainingPlan, input_spec, samples, start
from runtime.errors import InvalidConfig
from tests.builder.scenes import NAMES, write_dataset
from tests.builder.tiny_training import network, settings

HEAD = ("logits.conv.weight", "logits.conv.bias")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("scenes"), train=6, val=2, size=(48, 80))


def test_a_plan_learns_from_its_splits_and_measures_on_others(folder: Path) -> None:
    learnt, held = samples(TrainingPlan(dataset=folder, validate_on=("val",)))

    assert held is not None
    assert (learnt.splits, held.splits) == (("train",), ("val",))


def test_a_plan_can_hold_a_drive_out_of_all_its_splits(folder: Path) -> None:
    learnt, held = samples(TrainingPlan(dataset=folder, splits=("train", "val"), hold_out="odd_*"))

    assert held is not None
    assert (len(learnt), len(held)) == (4, 4)
    assert all(sample.name.startswith("odd_") for sample in held.samples)


def test_a_plan_may_measure_nothing(folder: Path) -> None:
    assert samples(TrainingPlan(dataset=folder))[1] is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"init": "a.pt", "network": {}}, "leave out network"),
        ({"init": "a.pt", "imagenet": "b.pt"}, "leave out network"),
        ({"hold_out": "a*", "validate_on": ["val"]}, "not both"),
        ({"validate_on": ["train"]}, "cannot be one to validate on"),
        ({"hold_outs": "a*"}, "hold_outs"),
    ],
)
def test_a_contradictory_plan_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TrainingPlan.model_validate({"dataset": "folder", **wrong})


def test_a_plan_survives_json(folder: Path) -> None:
    plan = TrainingPlan(dataset=folder, size=(360, 480), settings=settings())

    assert TrainingPlan.model_validate_json(plan.model_dump_json()) == plan


def test_a_network_from_scratch_follows_from_the_seed(folder: Path) -> None:
    learnt = open_dataset(folder)
    torch.manual_seed(5)
    following = torch.rand(1)
    torch.manual_seed(5)

    first, again, other = (
        start(TrainingPlan(dataset=folder, settings=settings(seed=n)), learnt).model
        for n in (1, 1, 2)
    )

    weights = [model.state_dict()[HEAD[0]] for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.rand(1) == following
    assert first.architecture.classes == len(NAMES)


def test_an_unknown_encoder_is_refused(folder: Path) -> None:
    plan = TrainingPlan.model_validate({"dataset": folder, "network": {"encoder": "vgg16"}})

    with pytest.raises(InvalidConfig, match="vgg16"):
        start(plan, open_dataset(folder))


@pytest.mark.parametrize(
    ("names", "keeps_head"), [(list(NAMES), True), (["a", "b", "c"], False), (None, False)]
)
def test_a_classifier_is_kept_only_where_it_knows_the_same_classes(
    folder: Path, tmp_path: Path, names: Any, keeps_head: bool
) -> None:
    before = network(classes=3)
    metadata = {} if names is None else {"classes": {"names": names}}
    sha256 = save_checkpoint(tmp_path / "start.pt", before, metadata)

    begun = start(TrainingPlan(dataset=folder, init=tmp_path / "start.pt"), open_dataset(folder))

    assert begun.sha256 == sha256
    ours, theirs = begun.model.state_dict(), before.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours if key not in HEAD)
    assert torch.equal(ours[HEAD[0]], theirs[HEAD[0]]) is keeps_head


def test_the_input_is_as_large_as_the_first_sample_unless_told(folder: Path) -> None:
    learnt, architecture = open_dataset(folder), network().architecture

    own = input_spec(TrainingPlan(dataset=folder), learnt, architecture)
    told = input_spec(TrainingPlan(dataset=folder, size=(64, 96)), learnt, architecture)

    assert (own.height, own.width) == (48, 80)
    assert (told.height, told.width) == (64, 96)
    assert own.mean == architecture.mean
