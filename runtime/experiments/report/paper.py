"""What the pruning study that this project continues reports, read from the data file beside it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Optional, Tuple

from pydantic import Field, model_validator
from typing_extensions import Literal

from runtime.files.toml import Table, read_toml, table_from_values
from runtime.repository.manifest import Precision

PAPER_FILE = Path(__file__).with_name("paper.toml")
MANUAL = "runtime/experiments/report/paper.py"


class PaperRow(Table):
    """One measurement of one of the paper's networks.

    Attributes:
        dataset: what it was judged on.
        miou: mean IoU in percent.
        arm: as in `runtime prune --then`; None where the paper names none.
        precision: None where the paper names none.
        device: None where no speed was measured.
        fps: images per second.
        start: what was trained before on another dataset, in words.
    """

    dataset: str
    miou: float = Field(gt=0, le=100)
    arm: Optional[Literal["lth", "ft", "ri"]] = None
    precision: Optional[Precision] = None
    device: Optional[str] = None
    fps: Optional[float] = Field(default=None, gt=0)
    start: str = ""

    @model_validator(mode="after")
    def _speed_has_a_device(self) -> PaperRow:
        if (self.device is None) != (self.fps is None):
            raise ValueError("a device and images per second belong together")
        return self

    def is_comparable_with(self, other: PaperRow) -> bool:
        """Whether both were measured on the same data and device, in the same precision."""
        conditions = (other.dataset, other.device, other.precision)
        return (self.dataset, self.device, self.precision) == conditions


class PaperModel(Table):
    """A network of the paper.

    Attributes:
        name: the paper's words.
        blocks: the residual blocks that were pruned; empty for the full model.
        parameters: learned numbers.
        gmacs: 10^9 multiply-adds for one image, to two digits.
        widths_known: whether half of the channels of `blocks` is all that is missing. The widths
            that iterative pruning arrived at are not published.
        rows: all that the paper measured of it.
    """

    name: str
    blocks: Tuple[str, ...] = ()
    parameters: int = Field(gt=0)
    gmacs: float = Field(gt=0)
    widths_known: bool = True
    rows: Tuple[PaperRow, ...] = Field(min_length=1)


class PaperNetwork(Table):
    """The geometry that all networks of the paper share, in the words of an `Architecture`.

    Parameters and multiply-adds are those with this number of classes.
    """

    encoder: str
    variant: str
    levels: int = Field(ge=1)
    output_stride: int = Field(ge=1)
    features: int = Field(ge=1)
    classes: int = Field(ge=1)


class Paper(Table):
    """The figures of the paper.

    Attributes:
        network: what all its networks have in common.
        size: height and width of its images in pixels.
        ratio: share of the channels that pruning took from each named block.
        models: its networks, the full one first.
    """

    network: PaperNetwork
    size: Tuple[int, int]
    ratio: float = Field(gt=0, lt=1)
    models: Tuple[PaperModel, ...] = Field(min_length=1)

    @property
    def full(self) -> PaperModel:
        """The network of which nothing was pruned."""
        return self.models[0]

    @model_validator(mode="after")
    def _everything_has_a_baseline(self) -> Paper:
        if self.full.blocks or not self.full.widths_known:
            raise ValueError("the first model is not the full one")
        for model in self.models:
            for row in model.rows:
                if not any(row.is_comparable_with(full) for full in self.full.rows):
                    raise ValueError(
                        f"the full model was not measured as {model.name} was on {row.dataset}"
                    )
        return self

    def baseline_of(self, row: PaperRow) -> PaperRow:
        """The full model on the same data, device and precision; of two, the more accurate."""
        alike = [full for full in self.full.rows if row.is_comparable_with(full)]
        return max(alike, key=lambda full: full.miou)


@lru_cache(maxsize=None)
def paper_from_file(path: Path = PAPER_FILE) -> Paper:
    """Reads the paper's figures.

    Raises:
        InvalidConfig: the file is missing, not TOML, or contradicts itself.
    """
    values = read_toml(path, "paper", "Install the package again").values
    return table_from_values(
        Paper, values, "paper", str(path), "runtime/experiments/report/paper.py"
    )
