"""What the pruning study that this project continues reports: facts, none of them measured here.

Source: the slides "Pruning and quantization of SwiftNet", whose tables are named in each row. Its
network is SwiftNet with a ResNet-34 encoder on three pyramid levels, 1024 x 2048 pixels; parameters
and multiply-adds are of 150 classes. Pruning by 50 % takes half of the channels of the stem and the
named residual blocks. Arms: LTH (lottery ticket), FT (fine-tuning), RI (random initialisation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

NETWORK: Dict[str, Any] = {
    "encoder": "resnet34",
    "variant": "pyramid",
    "levels": 3,
    "output_stride": 8,
    "features": 128,
    "classes": 150,
}
SIZE = (1024, 2048)
RATIO = 0.5
GTX, XAVIER = "GTX 1080 Ti", "AGX Xavier"
ADE20K, OLD_ROMB, ROMB = "ADE20K", "old Romb", "updated Romb"


@dataclass(frozen=True)
class PaperModel:
    """A network of the paper.

    Attributes:
        name: the paper's words.
        blocks: the residual blocks that were pruned; empty for the full model.
        parameters: learned numbers.
        gmacs: 10^9 multiply-adds for one image, to two digits.
        widths_known: whether half of the channels of `blocks` is all that is missing. The widths
            that iterative pruning arrived at are not published.
    """

    name: str
    blocks: Tuple[str, ...]
    parameters: int
    gmacs: float
    widths_known: bool = True


FULL = PaperModel("full", (), 22_040_278, 209.67)
BLOCKS_1_2 = PaperModel("blocks 1 and 2 pruned", ("1", "2"), 20_857_526, 139.68)
ALL_BLOCKS = PaperModel("all blocks pruned", ("1", "2", "3", "4"), 6_010_806, 59.75)
ITERATIVE = PaperModel("iteratively pruned", (), 21_004_589, 143.13, widths_known=False)
MODELS = (FULL, BLOCKS_1_2, ALL_BLOCKS, ITERATIVE)


@dataclass(frozen=True)
class PaperRow:
    """One measurement of the paper.

    Attributes:
        model: the network.
        dataset: what it was judged on.
        miou: mean IoU in percent.
        arm: as in `runtime prune --then`; None where the paper names none.
        precision: None where the paper names none.
        device: None where no speed was measured.
        fps: images per second.
        start: what was trained before on another dataset, in words.
    """

    model: PaperModel
    dataset: str
    miou: float
    arm: Optional[str] = None
    precision: Optional[str] = None
    device: Optional[str] = None
    fps: Optional[float] = None
    start: str = ""


TRANSFERRED = "from ADE20K"

ROWS: Tuple[PaperRow, ...] = (
    # Two tables: "Performance on Ade20k for model pruned by 50% in first 2 blocks" and "all 4".
    PaperRow(FULL, ADE20K, 33.89, device=GTX, fps=18.43),
    PaperRow(BLOCKS_1_2, ADE20K, 32.48, "lth", device=GTX, fps=24.63),
    PaperRow(BLOCKS_1_2, ADE20K, 32.05, "ft", device=GTX, fps=24.63),
    PaperRow(BLOCKS_1_2, ADE20K, 20.39, "ri", device=GTX, fps=24.63),
    PaperRow(ALL_BLOCKS, ADE20K, 30.55, "lth", device=GTX, fps=36.30),
    PaperRow(ALL_BLOCKS, ADE20K, 31.49, "ft", device=GTX, fps=36.30),
    PaperRow(ALL_BLOCKS, ADE20K, 22.84, "ri", device=GTX, fps=36.30),
    # "Performance on Romb data for iteratively pruned model on Ade20k and finetuned on Romb data"
    PaperRow(FULL, OLD_ROMB, 48.6, device=GTX, fps=18.2),
    PaperRow(ITERATIVE, OLD_ROMB, 49.5, device=GTX, fps=23.4, start=TRANSFERRED),
    # "Performance on Jetson AGX Xavier and old Romb data"
    PaperRow(FULL, OLD_ROMB, 48.6, precision="fp16", device=XAVIER, fps=16.4),
    PaperRow(FULL, OLD_ROMB, 48.6, precision="int8", device=XAVIER, fps=30.4),
    PaperRow(ITERATIVE, OLD_ROMB, 49.5, None, "fp16", XAVIER, 20.4, TRANSFERRED),
    PaperRow(ITERATIVE, OLD_ROMB, 49.5, None, "int8", XAVIER, 34.4, TRANSFERRED),
    # "Performance on new Romb data"
    PaperRow(FULL, ROMB, 65.86, start="from random"),
    PaperRow(FULL, ROMB, 70.65, start=TRANSFERRED),
    PaperRow(BLOCKS_1_2, ROMB, 76.06),
    PaperRow(ALL_BLOCKS, ROMB, 75.54),
    # "Performance on Jetson AGX Xavier and updated data"
    PaperRow(FULL, ROMB, 70.65, precision="fp16", device=XAVIER, fps=16.4),
    PaperRow(FULL, ROMB, 70.60, precision="int8", device=XAVIER, fps=30.4),
    PaperRow(BLOCKS_1_2, ROMB, 76.1, precision="fp16", device=XAVIER, fps=23.0),
    PaperRow(BLOCKS_1_2, ROMB, 75.6, precision="int8", device=XAVIER, fps=37.9),
    PaperRow(ALL_BLOCKS, ROMB, 75.5, precision="fp16", device=XAVIER, fps=37.4),
    PaperRow(ALL_BLOCKS, ROMB, 75.0, precision="int8", device=XAVIER, fps=54.5),
)
