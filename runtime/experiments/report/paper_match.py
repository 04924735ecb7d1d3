"""Which network of the paper to put beside one of the study, and how much they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from runtime.experiments.report.paper import Paper, PaperModel
from runtime.experiments.report.variants import Study, Variant
from runtime.experiments.study.results import StudiedModel


@dataclass(frozen=True)
class Counterpart:
    """A network of the paper beside one of the study.

    Attributes:
        model: the paper's.
        same: whether both are the same network at the same size; otherwise `model` is the closest,
            for orientation alone.
    """

    model: PaperModel
    same: bool


def counterpart_of(paper: Paper, study: Study, variant: Variant) -> Counterpart:
    """The paper's network of the same layers and the same costs, or the closest one.

    Parameters and multiply-adds together tell the paper's networks apart, and are all that is
    published of the one that was pruned iteratively. The closest is the one with the same blocks
    pruned by the same ratio, or else the one that is left with the most similar share of its
    multiply-adds.

    Args:
        paper: whose networks to choose among.
        study: that the variant belongs to, for the network that it was pruned from.
        variant: to find a counterpart of.
    """
    model = variant.first
    for candidate in paper.models:
        if is_of_the_paper(paper, model, candidate):
            return Counterpart(candidate, same=True)
    known = [candidate for candidate in paper.models if candidate.widths_known]
    for candidate in known:
        alike = variant.whole or model.ratio == paper.ratio
        if alike and set(candidate.blocks) == set(model.blocks):
            return Counterpart(candidate, same=False)
    left = share_of_macs(study, variant) or 1.0
    closest = min(known, key=lambda each: abs(each.gmacs / paper.full.gmacs - left))
    return Counterpart(closest, same=False)


def is_of_the_paper(paper: Paper, model: StudiedModel, candidate: PaperModel) -> bool:
    """Whether a network of the study is the paper's `candidate`, for images of the same size.

    Args:
        paper: whose geometry and image size must match.
        model: of the study.
        candidate: one of the paper's networks.
    """
    expected = paper.network.model_dump()
    layers = {name: model.architecture.get(name) for name in expected}
    costs = (model.parameters, round(model.macs / 1e9, 2))
    same_costs = costs == (candidate.parameters, candidate.gmacs)
    return layers == expected and model.size == paper.size and same_costs


def share_of_macs(study: Study, variant: Variant) -> Optional[float]:
    """What is left of the whole network's multiply-adds, 0 to 1; None while it is not finished.

    Args:
        study: that the variant belongs to.
        variant: a network, pruned or whole.
    """
    whole = study.whole_of(variant)
    return None if whole is None else variant.first.macs / whole.first.macs
