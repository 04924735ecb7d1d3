"""Which network of the paper to put beside one of the study, and how much they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from runtime.experiments.report import paper
from runtime.experiments.report.paper import PaperModel, PaperRow
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

    @property
    def rows(self) -> Tuple[PaperRow, ...]:
        """All that the paper measured of it."""
        return tuple(row for row in paper.ROWS if row.model is self.model)


def counterpart_of(study: Study, variant: Variant) -> Counterpart:
    """The paper's network of the same layers and the same costs, or the closest one.

    Parameters and multiply-adds together tell the paper's networks apart, and are all that is
    published of the one that was pruned iteratively. The closest is the one with the same blocks
    pruned by the same ratio, or else the one that is left with the most similar share of its
    multiply-adds.
    """
    model = variant.first
    for candidate in paper.MODELS:
        if is_of_the_paper(model, candidate):
            return Counterpart(candidate, same=True)
    known = [candidate for candidate in paper.MODELS if candidate.widths_known]
    for candidate in known:
        alike = variant.whole or model.ratio == paper.RATIO
        if alike and set(candidate.blocks) == set(model.blocks):
            return Counterpart(candidate, same=False)
    left = share_of_macs(study, variant) or 1.0
    closest = min(known, key=lambda each: abs(each.gmacs / paper.FULL.gmacs - left))
    return Counterpart(closest, same=False)


def is_of_the_paper(model: StudiedModel, candidate: PaperModel) -> bool:
    """Whether the two are the same network, for images of the same size."""
    layers = {name: model.architecture.get(name) for name in paper.NETWORK}
    costs = (model.parameters, round(model.macs / 1e9, 2))
    same_costs = costs == (candidate.parameters, candidate.gmacs)
    return layers == paper.NETWORK and model.size == paper.SIZE and same_costs


def share_of_macs(study: Study, variant: Variant) -> Optional[float]:
    """What is left of the whole network's multiply-adds; None while that is not finished."""
    whole = study.whole_of(variant)
    return None if whole is None else variant.first.macs / whole.first.macs


def baseline_of(row: PaperRow) -> PaperRow:
    """The paper's full model on the same data, device and precision; of two, the better start."""
    alike = [
        other
        for other in paper.ROWS
        if other.model is paper.FULL
        and (other.dataset, other.device, other.precision)
        == (row.dataset, row.device, row.precision)
    ]
    return max(alike, key=lambda other: other.start == paper.TRANSFERRED)
