"""How much each group matters: one is cut alone, the batch norms are measured again, then judged.

What a group bears alone says nothing of what several bear together, and nothing of what training
would recover; it orders groups, and shows those that are better left whole.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Literal

from runtime.builder.checkpoint import Checkpoint
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.evaluation.evaluate import ModelPredictor, evaluate
from runtime.builder.pruning.apply_plan import pruned_from_plan
from runtime.builder.pruning.channel_costs import ChannelCosts
from runtime.builder.pruning.groups import Group
from runtime.builder.pruning.make_plan import plan_from_checkpoint
from runtime.builder.pruning.recalibration import recalibrate
from runtime.builder.pruning.request import PruningRequest
from runtime.builder.swiftnet import SwiftNet
from runtime.errors import InvalidInput
from runtime.files.atomic import write_whole
from runtime.files.validation import first_complaint
from runtime.repository.manifest import InputSpec

SENSITIVITY_NAME = "pruning-sensitivity.json"


class Point(BaseModel):
    """One group cut by one ratio, everything else whole.

    Attributes:
        kept: channels that stayed.
        miou: after batch norms were measured again; no training.
        parameters: learned numbers of the whole network that are left.
        macs: multiply-adds that are left, at the size of the network's input.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kept: int
    miou: float
    parameters: int
    macs: int


class PruningSensitivity(BaseModel):
    """What was measured so far, and on what.

    Attributes:
        key: hash of everything that a measure depends on but its group and ratio.
        images: images judged on.
        recalibrated_on: images that batch norms are measured on.
        importance: which channels go first.
        trained_miou: of the whole network as it was trained.
        whole_miou: of the whole network with its batch norms measured again, which is what a cut
            one is compared with.
        channels: of each group.
        points: by group, then by ratio as written, such as `0.5`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    key: str
    images: int
    recalibrated_on: int
    importance: str
    trained_miou: float
    whole_miou: float
    channels: Dict[str, int] = {}
    points: Dict[str, Dict[str, Point]] = {}

    def points_lost(self, group: str, ratio: str) -> float:
        """Percentage points of mIoU below the whole network; negative for a gain.

        Args:
            group: its name.
            ratio: as the report spells it, such as "0.25".
        """
        return 100 * (self.whole_miou - self.points[group][ratio].miou)


@dataclass(frozen=True)
class Trial:
    """What the cut networks are judged with.

    Attributes:
        images: labelled ones to judge on.
        recalibration: training images to measure batch norms on.
        spec: the network's input.
        device: where networks run.
        importance: which channels go first.
        seed: of the random importance.
    """

    images: SegmentationDataset
    recalibration: Tuple[Path, ...]
    spec: InputSpec
    device: torch.device
    importance: str = "l1"
    seed: int = 0

    def key(self, checkpoint: Checkpoint) -> str:
        """Hash of what every measure depends on, images by content."""
        digest = hashlib.sha256(
            f"{checkpoint.sha256} {self.importance} {self.seed} "
            f"{self.spec.model_dump_json()}".encode()
        )
        judged = [path for sample in self.images.samples for path in (sample.image, sample.labels)]
        for path in (*judged, *self.recalibration):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def miou(self, network: SwiftNet) -> float:
        """Mean IoU of a network as it is, 0 to 1."""
        predict = ModelPredictor(network.to(self.device), self.spec, self.device)
        return evaluate(predict, self.images).miou

    def recalibrated_miou(self, network: SwiftNet) -> float:
        """Mean IoU of a network whose batch norms are measured first, 0 to 1; it is changed."""
        network = network.to(self.device)
        recalibrate(network, self.recalibration, self.spec)
        return self.miou(network)


class SensitivityStudy:
    """A study kept in a file after every measure, so that a killed one goes on.

    Args:
        checkpoint: the whole network.
        trial: how networks are judged.
        path: the JSON. Measures of other groups and ratios that are in it stay.

    Raises:
        InvalidInput: the file holds something else.
    """

    def __init__(self, checkpoint: Checkpoint, trial: Trial, path: Path) -> None:
        self._checkpoint, self._trial, self._path = checkpoint, trial, path
        self._key = trial.key(checkpoint)
        self._found = sensitivity_from_file(path)
        if self._found is not None and self._found.key != self._key:
            raise InvalidInput(
                f"{path} was measured on another checkpoint or other images, or by another "
                "importance",
                "Choose another --out, or delete it",
            )

    def left(self, groups: Sequence[Group], ratios: Sequence[float]) -> int:
        """Networks still to be measured, the whole one included.

        Args:
            groups: to be cut, each alone.
            ratios: shares of a group's channels to remove, 0 to 1.
        """
        return len(list(self._lacking(groups, ratios))) + (self._found is None)

    def run(
        self,
        groups: Sequence[Group],
        ratios: Sequence[float],
        advance: Callable[[], None] = lambda: None,
    ) -> PruningSensitivity:
        """Measures what the file does not hold yet.

        Args:
            groups: to be cut, each alone; of those that share a width one is enough.
            ratios: shares of a group's channels to remove.
            advance: called after each network.

        Raises:
            InvalidInput: a ratio removes no channel of a group, or an image is broken.
        """
        if self._found is None:
            self._found = self._begin()
            advance()
        costs = ChannelCosts(
            self._checkpoint.architecture, self._trial.spec.height, self._trial.spec.width
        )
        for group, ratio in list(self._lacking(groups, ratios)):
            measured = self._measure(group, ratio, costs)
            others = self._found.points.get(group.name, {})
            self._found = self._found.model_copy(
                update={
                    "channels": {**self._found.channels, group.name: group.channels},
                    "points": {
                        **self._found.points,
                        group.name: {**others, f"{ratio:g}": measured},
                    },
                }
            )
            self._write(self._found)
            advance()
        return self._found

    def _lacking(
        self, groups: Sequence[Group], ratios: Sequence[float]
    ) -> Iterator[Tuple[Group, float]]:
        known = {} if self._found is None else self._found.points
        for group in groups:
            for ratio in ratios:
                if f"{ratio:g}" not in known.get(group.name, {}):
                    yield group, ratio

    def _begin(self) -> PruningSensitivity:
        trial = self._trial
        whole = copy.deepcopy(self._checkpoint.model)
        begun = PruningSensitivity(
            key=self._key,
            images=len(trial.images),
            recalibrated_on=len(trial.recalibration),
            importance=trial.importance,
            trained_miou=trial.miou(whole),
            whole_miou=trial.recalibrated_miou(whole),
        )
        self._write(begun)
        return begun

    def _measure(self, group: Group, ratio: float, costs: ChannelCosts) -> Point:
        request = PruningRequest.model_validate(
            {
                "ratios": {group.name: ratio},
                "importance": self._trial.importance,
                "seed": self._trial.seed,
                # A group's own sensitivity: what kernels make of the width is another question.
                "alignment": 1,
            }
        )
        plan = plan_from_checkpoint(self._checkpoint, request)
        kept = {name: len(each.kept) for name, each in plan.groups.items()}
        left = costs.after(kept)
        return Point(
            kept=kept[group.name],
            miou=self._trial.recalibrated_miou(pruned_from_plan(self._checkpoint.model, plan)),
            parameters=left.parameters,
            macs=left.macs,
        )

    def _write(self, found: PruningSensitivity) -> None:
        write_whole(self._path, (found.model_dump_json(indent=1) + "\n").encode())


def sensitivity_from_file(path: Path) -> Optional[PruningSensitivity]:
    """What a former run left; None where there is no file.

    Raises:
        InvalidInput: it is no such report.
    """
    if not path.is_file():
        return None
    try:
        return PruningSensitivity.model_validate_json(path.read_bytes())
    except ValidationError as wrong:
        raise InvalidInput(
            f"{path} is no pruning sensitivity: {first_complaint(wrong)}",
            "Choose another --out, or delete it",
        ) from wrong


def csv_text(found: PruningSensitivity) -> str:
    """One row for each group and ratio."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(
        ["group", "channels", "ratio", "kept", "miou", "points_lost", "parameters", "macs"]
    )
    for group, points in found.points.items():
        for ratio in ascending(points):
            point = points[ratio]
            lost = f"{found.points_lost(group, ratio):.3f}"
            row = [group, found.channels[group], ratio, point.kept, f"{point.miou:.5f}", lost]
            writer.writerow([*row, point.parameters, point.macs])
    return written.getvalue()


def ascending(points: Dict[str, Point]) -> List[str]:
    """A group's ratios, the smallest first."""
    return sorted(points, key=float)
