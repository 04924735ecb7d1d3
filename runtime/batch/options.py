"""What a run over images or a video is told, shares and reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator, Optional, Sequence

from typing_extensions import Protocol

from runtime.batch.output_folder import OutputFolder
from runtime.errors import RuntimeFault
from runtime.image.codec import OWN_FILES, ImageLimits
from runtime.image.mask_formats import EncodeOptions
from runtime.inference.segmenter import Segmenter

Progress = Callable[[str, int, Optional[int]], None]
"""Told what was finished, how many that are, and of how many (None where that is unknown)."""


def silent(_name: str, _done: int, _total: Optional[int]) -> None:
    """Shows no progress."""


@dataclass(frozen=True)
class BatchOptions:
    """How results are written.

    Attributes:
        encode: opacity and JPEG quality of overlays; a video takes the opacity alone.
        label_maps: whether a video's label maps are kept, one PNG per frame in NAME.labels/.
        overwrite: make everything anew instead of continuing an earlier run.
        limits: what an image may cost; files of one's own may be large.
    """

    encode: EncodeOptions = field(default_factory=EncodeOptions)
    label_maps: bool = False
    overwrite: bool = False
    limits: ImageLimits = OWN_FILES


class Incomplete(RuntimeFault):
    """Some inputs could not be segmented; all others were."""


@dataclass(frozen=True)
class Report:
    """What a run did.

    Attributes:
        done: images, or frames of the video, that were segmented.
        skipped: those an earlier run had finished; a finished video counts as one.
        failures: one sentence for each input that could not be segmented in full, naming it.
        hidden: files and folders that were left out because their names begin with a dot.
        notes: one sentence for each result that is not quite what its source would suggest.
    """

    done: int
    skipped: int = 0
    failures: Sequence[str] = ()
    hidden: int = 0
    notes: Sequence[str] = ()

    def require_complete(self) -> None:
        """Raises Incomplete, with every failure, if there were any."""
        if self.failures:
            raise Incomplete(
                f"{len(self.failures)} could not be segmented, {self.done + self.skipped} were:\n  "
                + "\n  ".join(self.failures),
                "Replace or remove what failed and run the same command again",
            )


@dataclass(frozen=True)
class Run:
    """What everything in one run shares."""

    folder: OutputFolder
    segmenters: Sequence[Segmenter]
    options: BatchOptions
    progress: Progress


class Task(Protocol):
    """One input on its way to its results."""

    def results(self) -> Iterator[Path]:
        """Every file and folder that the task makes."""

    def segment(self) -> Report:
        """Makes those that are not finished."""
