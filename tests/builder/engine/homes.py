"""Homes of engines: a dataset, a checkpoint and the options that build an engine of them."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Optional

from runtime.builder.card import TrainingCard
from runtime.builder.checkpoint import save_checkpoint
from runtime.builder.data.layouts import open_dataset
from runtime.builder.engine.build_steps import build_engine
from runtime.builder.engine.options import BuildEngineOptions
from runtime.builder.engine.save_recipe import resolve_and_save_recipe
from runtime.builder.progress import Advance, Reporter
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import ClassesSpec, EngineManifest
from tests.builder.networks import narrow, randomised, stretched


class Listener:
    """Remembers which steps ran and which were done before."""

    def __init__(self) -> None:
        self.ran: List[str] = []
        self.done_before: List[str] = []

    @contextmanager
    def step(self, title: str, parts: int = 1) -> Iterator[Advance]:
        self.ran.append(title)
        yield lambda: None

    def skipped(self, title: str) -> None:
        self.done_before.append(title)


def checkpoint_in(
    folder: Path, dataset: Path, seed: int = 3, hold_out: Optional[str] = None
) -> Path:
    """A checkpoint that knows what it was trained on."""
    card = TrainingCard(
        dataset="brightness",
        pictures=3,
        classes=ClassesSpec.of(open_dataset(dataset).classes),
        input=stretched(64, 96),
        plan={"splits": ["train"], "hold_out": hold_out},
    )
    path = folder / f"net{seed}.pt"
    network = randomised(narrow(levels=1, output_stride=8), seed)
    save_checkpoint(path, network, card.model_dump(mode="json"))
    return path


def build_from_options(
    options: BuildEngineOptions, reporter: Optional[Reporter] = None
) -> EngineManifest:
    """As the command does it."""
    return build_engine(resolve_and_save_recipe(options), reporter)


def options_in(home: Path, **changes: object) -> BuildEngineOptions:
    """INT8 beside FP32; a random network's labels are noise, so any drop is accepted."""
    fields = {
        "checkpoint": home / "net3.pt",
        "calibration": home / "brightness" / "train" / "images",
        "out": home / "engines" / "brightness",
        "max_drop": 100.0,
        **changes,
    }
    return BuildEngineOptions(**fields)  # type: ignore[arg-type]


def engine_of(home: Path) -> EngineFolder:
    return EngineFolder(home / "engines" / "brightness")
