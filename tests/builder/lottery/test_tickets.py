from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Dict, List

import pytest
import torch
from torch import Tensor

from runtime.builder.checkpoint import Checkpoint
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.lottery.arms import ARMS, Arm
from runtime.builder.lottery.rewind import Moment, MomentKeeper, moment_from_file
from runtime.builder.lottery.ticket_files import ticket_beside, write_cut, write_ticket
from runtime.builder.lottery.tickets import Ticket, begin, settings_for, ticket_of
from runtime.builder.pruning.apply_plan import ChannelCut, Cut, state_after
from runtime.builder.pruning.make_plan import plan_from_checkpoint
from runtime.builder.pruning.plan import GroupPlan, PruningPlan
from runtime.builder.pruning.request import MaskRequest, PruningRequest
from runtime.builder.pruning.weight_masks import masks_from_checkpoint
from runtime.builder.swiftnet import SwiftNet
from runtime.builder.training.loop import RunOptions, Step, Training
from runtime.errors import InvalidInput
from tests.builder.networks import narrow, randomised
from tests.builder.scenes import write_dataset
from tests.builder.tiny_training import ALONE, SPEC, settings, training

KEPT = 2
REQUEST = PruningRequest(blocks=("1", "2", "decoder"), ratio=0.5, alignment=1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SegmentationDataset:
    return open_dataset(write_dataset(tmp_path_factory.mktemp("scenes"))).of_splits("train")


@dataclasses.dataclass(frozen=True)
class Past:
    """A training that is over: its end, and the step that it kept."""

    trained: Checkpoint
    early: Moment


@pytest.fixture(scope="module")
def past(dataset: SegmentationDataset, tmp_path_factory: pytest.TempPathFactory) -> Past:
    folder = tmp_path_factory.mktemp("past")
    whole = training(dataset)
    whole.run(folder, MomentKeeper(whole.state, KEPT, folder / "second.pt"))
    trained = Checkpoint(whole.state.model.eval(), {}, "7" * 64)
    return Past(trained, moment_from_file(folder / "second.pt"))


@pytest.fixture(scope="module")
def cut(past: Past) -> ChannelCut:
    return ChannelCut(plan_from_checkpoint(past.trained, REQUEST))


def keeping_everything(plan: PruningPlan) -> PruningPlan:
    groups: Dict[str, GroupPlan] = {
        name: GroupPlan(
            channels=group.channels, kept=tuple(range(group.channels)), scores=group.scores
        )
        for name, group in plan.groups.items()
    }
    before = plan.before
    return plan.model_copy(
        update={
            "groups": groups,
            "widths": before.widths.to_dict(),
            "features": before.features,
        }
    )


def retraining(dataset: SegmentationDataset, ticket: Ticket) -> Training:
    chosen = settings_for(ticket.record.arm, settings())
    return Training(chosen, ticket.moment.model(), dataset, SPEC, RunOptions(), ALONE)


def equal(one: Dict[str, Tensor], other: Dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def silent(_: Step) -> None:
    pass


class TestArms:
    def test_lth_goes_back_with_everything(self, past: Past, cut: ChannelCut) -> None:
        ticket = ticket_of("lth", past.trained, cut, past.early)
        assert ticket.record.step == KEPT
        assert equal(ticket.moment.weights, state_after(past.early.weights, cut))
        kept = torch.tensor(cut.plan.groups["stage1.block0"].kept)
        theirs = past.early.optimiser["backbone.layer1.0.bn1.1.weight"]["exp_avg"]
        ours = ticket.moment.optimiser["backbone.layer1.0.bn1.1.weight"]["exp_avg"]
        assert torch.equal(ours, theirs[kept])
        assert ticket.moment.average is not None

    def test_ri_p_differs_from_lth_in_the_channels_alone(self, past: Past, cut: ChannelCut) -> None:
        lth = ticket_of("lth", past.trained, cut, past.early)
        control = ticket_of("ri-p", past.trained, cut, past.early, seed=4)
        assert control.moment.architecture == lth.moment.architecture
        assert control.record.step == lth.record.step
        assert isinstance(control.cut, ChannelCut)
        assert control.cut.plan.groups["stage2"].kept != cut.plan.groups["stage2"].kept
        assert equal(control.moment.weights, state_after(past.early.weights, control.cut))
        assert control.moment.optimiser.keys() == lth.moment.optimiser.keys()

    def test_ft_and_lrr_go_on_from_the_trained_weights(self, past: Past, cut: ChannelCut) -> None:
        expected = state_after(past.trained.model.state_dict(), cut)
        tuned = ticket_of("ft", past.trained, cut)
        rewound = ticket_of("lrr", past.trained, cut, past.early)
        assert equal(tuned.moment.weights, expected)
        assert equal(rewound.moment.weights, expected)
        assert (tuned.record.step, rewound.record.step) == (0, KEPT)
        assert settings_for("ft", settings()).learning_rate == pytest.approx(3e-4)
        assert settings_for("lrr", settings()) == settings()

    def test_ri_starts_anew(self, past: Past, cut: ChannelCut) -> None:
        one, same, other = (ticket_of("ri", past.trained, cut, seed=s) for s in (1, 1, 2))
        assert equal(one.moment.weights, same.moment.weights)
        assert not equal(one.moment.weights, other.moment.weights)
        torch.manual_seed(1)
        plain = state_after(SwiftNet(past.trained.architecture).state_dict(), cut)
        assert not equal(one.moment.weights, plain)

    def test_masks_make_tickets_too(self, past: Past) -> None:
        masks = masks_from_checkpoint(past.trained, MaskRequest(ratio=0.5))
        for arm in ARMS:
            ticket = ticket_of(arm, past.trained, masks, past.early)  # type: ignore[arg-type]
            zeroes = sum(int((value == 0).sum()) for value in ticket.moment.weights.values())
            assert zeroes >= masks.weights - masks.left


class TestRefusals:
    @pytest.mark.parametrize("arm", ["lth", "ri-p"])
    def test_early_weights_are_needed(self, past: Past, cut: ChannelCut, arm: Arm) -> None:
        with pytest.raises(InvalidInput, match=f"{arm} goes back to early weights"):
            ticket_of(arm, past.trained, cut)

    def test_early_weights_must_be_of_the_same_network(self, past: Past, cut: ChannelCut) -> None:
        with pytest.raises(InvalidInput, match="of another network"):
            ticket_of("lth", past.trained, cut, Moment.at(randomised(narrow())))

    def test_the_cut_must_be_of_the_trained_weights(self, past: Past, cut: ChannelCut) -> None:
        other = dataclasses.replace(past.trained, sha256="8" * 64)
        with pytest.raises(InvalidInput, match=r"plan of checkpoint 7{12} cannot prune"):
            ticket_of("ft", other, cut)

    def test_an_unknown_arm(self, past: Past, cut: ChannelCut) -> None:
        with pytest.raises(InvalidInput, match="no arm 'imp'"):
            ticket_of("imp", past.trained, cut)  # type: ignore[arg-type]


class TestTraining:
    def test_a_ticket_that_keeps_everything_repeats_the_training(
        self, past: Past, cut: ChannelCut, dataset: SegmentationDataset, tmp_path: Path
    ) -> None:
        """Weights, statistics, moments, rate and images: if one were not rewound, this fails."""
        whole = ChannelCut(keeping_everything(cut.plan))
        ticket = ticket_of("lth", past.trained, whole, past.early)
        again = retraining(dataset, ticket)
        begin(again, ticket, tmp_path)
        again.run(tmp_path, silent)
        assert equal(again.state.model.state_dict(), dict(past.trained.model.state_dict()))

    @pytest.mark.long
    def test_a_killed_one_goes_on(
        self, past: Past, cut: ChannelCut, dataset: SegmentationDataset, tmp_path: Path
    ) -> None:
        ticket = ticket_of("lth", past.trained, cut, past.early)
        heard: List[int] = []

        class Killed(Exception):
            pass

        def kill(step: Step) -> None:
            heard.append(step.number)
            if len(heard) == 2:
                raise Killed

        def run() -> Training:
            current = retraining(dataset, ticket)
            current.options = RunOptions(save_every=0)
            begin(current, ticket, tmp_path)
            current.run(tmp_path, kill)
            return current

        with pytest.raises(Killed):
            run()
        # Its fourth step was taken but not saved.
        resumed = run()
        assert heard == [3, 4, 4, 5, 6]
        straight = retraining(dataset, ticket)
        begin(straight, ticket, tmp_path / "straight")
        straight.run(tmp_path / "straight", silent)
        assert equal(resumed.state.model.state_dict(), dict(straight.state.model.state_dict()))

    def test_masks_hold_to_the_end(
        self, past: Past, dataset: SegmentationDataset, tmp_path: Path
    ) -> None:
        masks = masks_from_checkpoint(past.trained, MaskRequest(ratio=0.5))
        ticket = ticket_of("lth", past.trained, masks, past.early)
        again = retraining(dataset, ticket)
        begin(again, ticket, tmp_path)
        trained = again.run(tmp_path, silent)
        for network in (again.state.model, trained):
            for name, mask in masks.remaining.items():
                assert (
                    torch.count_nonzero(network.get_parameter(name)[torch.from_numpy(~mask)]) == 0
                )

    def test_a_folder_belongs_to_one_ticket(
        self, past: Past, cut: ChannelCut, dataset: SegmentationDataset, tmp_path: Path
    ) -> None:
        first = ticket_of("lrr", past.trained, cut, past.early)
        begin(retraining(dataset, first), first, tmp_path)
        # The same weights and settings, but another step: the state alone could not tell.
        second = ticket_of("lrr", past.trained, cut)
        with pytest.raises(InvalidInput, match="training of another ticket"):
            begin(retraining(dataset, second), second, tmp_path)

    def test_a_training_of_other_weights_is_refused(
        self, past: Past, cut: ChannelCut, dataset: SegmentationDataset, tmp_path: Path
    ) -> None:
        ticket = ticket_of("ft", past.trained, cut)
        other = retraining(dataset, ticket_of("ri", past.trained, cut))
        with pytest.raises(InvalidInput, match="does not start from the ticket's weights"):
            begin(other, ticket, tmp_path / "new")
        assert not (tmp_path / "new").exists()


class TestFiles:
    @pytest.mark.parametrize("structured", [True, False])
    def test_come_back(self, past: Past, cut: ChannelCut, tmp_path: Path, structured: bool) -> None:
        masks = masks_from_checkpoint(past.trained, MaskRequest())
        chosen: Cut = cut if structured else masks
        ticket = ticket_of("lth", past.trained, chosen, past.early)
        checkpoint = tmp_path / "ticket.pt"
        write_cut(checkpoint, ticket.cut)
        write_ticket(checkpoint, ticket)
        read = ticket_beside(checkpoint)
        assert read is not None
        assert read.record == ticket.record
        assert read.cut.sha256 == ticket.cut.sha256
        assert equal(read.moment.weights, ticket.moment.weights)
        assert read.moment.optimiser.keys() == ticket.moment.optimiser.keys()

    def test_none_beside_an_ordinary_checkpoint(self, tmp_path: Path) -> None:
        assert ticket_beside(tmp_path / "trained.pt") is None

    def test_files_of_two_calls_do_not_mix(
        self, past: Past, cut: ChannelCut, tmp_path: Path
    ) -> None:
        checkpoint = tmp_path / "ticket.pt"
        write_ticket(checkpoint, ticket_of("ft", past.trained, cut))
        write_cut(checkpoint, cut.control(3))
        with pytest.raises(InvalidInput, match="another plan or other masks"):
            ticket_beside(checkpoint)
