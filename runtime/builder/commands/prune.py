"""`runtime prune`: from a checkpoint to a plan, a pruned checkpoint, or a ticket."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

from runtime.builder.card import card_of
from runtime.builder.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from runtime.builder.data.dataset import read_image
from runtime.builder.lottery.arms import Arm
from runtime.builder.lottery.rewind import Moment, moment_from_file
from runtime.builder.lottery.ticket_files import (
    masks_path,
    plan_path,
    ticket_path,
    write_cut,
    write_ticket,
)
from runtime.builder.lottery.tickets import Ticket, ticket_of
from runtime.builder.pruning.apply_plan import ChannelCut, Cut, network_after
from runtime.builder.pruning.channel_costs import ChannelCosts
from runtime.builder.pruning.context import MOST_IMAGES, Context, context_of
from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.importance import CONTEXT
from runtime.builder.pruning.latency import latency_table_from_file
from runtime.builder.pruning.make_plan import plan_from_checkpoint
from runtime.builder.pruning.plan import PruningPlan, plan_from_file, write_plan
from runtime.builder.pruning.recalibration import images_in, recalibrate
from runtime.builder.pruning.request import INT8_ALIGNMENT, MaskRequest, PruningRequest
from runtime.builder.pruning.weight_masks import WeightMasks, masks_from_checkpoint
from runtime.builder.swiftnet import SwiftNet
from runtime.errors import InvalidInput
from runtime.repository.manifest import InputSpec


@dataclass(frozen=True)
class PruneOptions:
    """One call of `runtime prune`.

    Attributes:
        checkpoint: the trained network.
        out: the file to write; with `plan_only` the plan, otherwise the checkpoint, beside which
            its plan or masks and its ticket are written.
        decision: what to remove: a request, or the path of a plan that was made before.
        plan_only: write no more than the plan.
        recalibrate: folder of images to measure batch norms on after the cut.
        context: folder of images that guide the importance `context`.
        latency_table: of the target, for the allocation `latency`.
        arm: how the network shall be trained on.
        rewind: a kept step of the training, or the checkpoint that it started from.
        seed: of the arms' random choices.
    """

    checkpoint: Path
    out: Path
    decision: Union[PruningRequest, MaskRequest, Path]
    plan_only: bool = False
    recalibrate: Optional[Path] = None
    context: Optional[Path] = None
    latency_table: Optional[Path] = None
    arm: Optional[Arm] = None
    rewind: Optional[Path] = None
    seed: int = 0


def run_prune(options: PruneOptions) -> str:
    """Prunes, and says in a few lines what was removed and written.

    Each file is written whole or not at all, and none before everything is known to fit.

    Raises:
        InvalidInput: the request, a file or a combination of options cannot be used.
    """
    _require_sensible(options)
    images = [] if options.recalibrate is None else images_in(options.recalibrate)
    guides = [] if options.context is None else images_in(options.context, MOST_IMAGES)
    checkpoint = load_checkpoint(options.checkpoint)
    early = None if options.rewind is None else moment_from_file(options.rewind)
    cut = _decide(options, checkpoint, guides)
    if options.plan_only and isinstance(cut, ChannelCut):
        write_plan(options.out, cut.plan)
        return "\n".join([*_summary(cut), f"wrote {options.out}"])
    ticket: Optional[Ticket] = None
    if options.arm is None:
        model = network_after(checkpoint.model, cut)
    else:
        ticket = ticket_of(options.arm, checkpoint, cut, early, options.seed)
        cut, model = ticket.cut, ticket.moment.model()
    if images:
        recalibrate(model, images, _input_of(checkpoint, images[0]))
        if ticket is not None:
            ticket = dataclasses.replace(ticket, moment=Moment.at(model, ticket.moment.step))
    written = _write_results(options.out, model, cut, ticket, _metadata(checkpoint, cut, ticket))
    return "\n".join([*_summary(cut), *(f"wrote {path}" for path in written)])


def _require_sensible(options: PruneOptions) -> None:
    out, checkpoint, decision, arm = options.out, options.checkpoint, options.decision, options.arm
    if not out.parent.is_dir():
        raise InvalidInput(f"there is no folder {out.parent}", "Make it, or choose another --out")
    if out.exists() and checkpoint.exists() and out.samefile(checkpoint):
        raise InvalidInput(f"{out} is the checkpoint itself", "Choose another --out")
    if options.plan_only and isinstance(decision, MaskRequest):
        raise InvalidInput(
            "unstructured pruning has masks instead of a plan", "Leave out --plan-only"
        )
    guided = isinstance(decision, PruningRequest) and decision.importance == CONTEXT
    if guided != (options.context is not None):
        raise InvalidInput(
            "the importance context and the images that guide it belong together",
            "Give `--importance context --context-images DIR`, or neither",
        )
    budgeted = isinstance(decision, PruningRequest) and decision.allocation == "latency"
    if budgeted != (options.latency_table is not None):
        raise InvalidInput(
            "the allocation latency and the table of the target belong together",
            "Give `--allocation latency --budget-ms MS --latency-table FILE`, or none of them",
        )
    if options.plan_only and (arm is not None or options.recalibrate is not None):
        raise InvalidInput(
            "a plan alone is neither recalibrated nor trained",
            "Leave out --plan-only, or --then and --recalibrate",
        )
    if options.recalibrate is not None and arm in ("lth", "ri-p", "ri"):
        raise InvalidInput(f"the arm {arm} brings statistics of its own", "Leave out --recalibrate")
    if options.rewind is not None and arm not in ("lth", "ri-p", "lrr"):
        raise InvalidInput(
            f"--rewind is of no use {f'to the arm {arm}' if arm else 'without an arm'}",
            "Leave it out, or choose lth, ri-p or lrr with --then",
        )


def _decide(options: PruneOptions, checkpoint: Checkpoint, guides: Sequence[Path]) -> Cut:
    decision = options.decision
    if isinstance(decision, MaskRequest):
        return masks_from_checkpoint(checkpoint, decision)
    if isinstance(decision, PruningRequest):
        context: Optional[Context] = None
        if guides:
            groups = groups_of(checkpoint.architecture)
            spec = _input_of(checkpoint, guides[0])
            context = context_of(checkpoint.model, groups, guides, spec, decision.seed)
        table = latency_table_from_file(options.latency_table)
        return ChannelCut(plan_from_checkpoint(checkpoint, decision, context, table))
    cut = ChannelCut(plan_from_file(decision))
    cut.require_checkpoint(checkpoint.sha256)
    return cut


def _input_of(checkpoint: Checkpoint, image: Path) -> InputSpec:
    """What the network was trained for; the size of an image where a checkpoint does not say."""
    if "input" in checkpoint.metadata:
        return card_of(checkpoint).input
    height, width = read_image(image).shape[:2]
    colours = checkpoint.architecture
    return InputSpec(height=height, width=width, mean=colours.mean, std=colours.std)


def _metadata(checkpoint: Checkpoint, cut: Cut, ticket: Optional[Ticket]) -> Dict[str, Any]:
    """What the checkpoint said of itself, without measures that no longer hold.

    Published checkpoints say nothing, and nothing is added: half a card would be no card.
    """
    if not checkpoint.metadata:
        return {}
    record = {"checkpoint_sha256": checkpoint.sha256, "cut_sha256": cut.sha256}
    if ticket is not None:
        record.update(arm=ticket.record.arm)
    kept = {key: value for key, value in checkpoint.metadata.items() if key != "held_out"}
    return {**kept, "pruning": record}


def _write_results(
    out: Path, model: SwiftNet, cut: Cut, ticket: Optional[Ticket], metadata: Dict[str, Any]
) -> List[Path]:
    beside = [write_cut(out, cut)]
    if ticket is not None:
        beside.append(write_ticket(out, ticket))
    save_checkpoint(out, model, metadata)
    for stale in {plan_path(out), masks_path(out), ticket_path(out)} - set(beside):
        stale.unlink(missing_ok=True)
    return [out, *beside]


def _summary(cut: Cut) -> List[str]:
    if isinstance(cut, WeightMasks):
        return [
            f"weights {cut.weights:,} -> {cut.left:,} ({cut.left / cut.weights:.1%} remain)",
            "for research: no multiply-add is saved, because kernels do not skip zeroes",
        ]
    return _plan_summary(cut.plan) if isinstance(cut, ChannelCut) else []


def _plan_summary(plan: PruningPlan) -> List[str]:
    size = plan.request.size
    lines = [
        f"{name:16} {group.channels:5} -> {len(group.kept):5}"
        for name, group in plan.groups.items()
        if len(group.kept) < group.channels
    ]
    costs = ChannelCosts(plan.before, *size)
    kept = {name: len(group.kept) for name, group in plan.groups.items()}
    whole, left = costs.after({}), costs.after(kept)
    padded = costs.padded(kept, INT8_ALIGNMENT)
    if plan.latency is not None:
        promise = plan.latency
        lines.append(
            f"{promise.whole_ms:.2f} ms -> {promise.predicted_ms:.2f} ms on the table's target, "
            "if what the groups save adds up"
        )
    if padded.macs >= costs.padded({}, INT8_ALIGNMENT).macs:
        lines.append("of no use to INT8: the padded cost does not fall")
    return [
        *lines,
        f"parameters {whole.parameters:,} -> {left.parameters:,}",
        f"GMACs {whole.gmacs:.2f} -> {left.gmacs:.2f} at {size[0]}x{size[1]}",
        f"GMACs {padded.gmacs:.2f} once INT8 kernels have padded the widths to {INT8_ALIGNMENT}",
    ]
