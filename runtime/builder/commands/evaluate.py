"""`runtime evaluate`: a checkpoint or an engine folder against the labels of a dataset."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Optional, Tuple

import numpy as np

from runtime.builder.card import card_of
from runtime.builder.checkpoint import load_checkpoint
from runtime.builder.commands.check_dataset import check_before_work
from runtime.builder.data.dataset import SegmentationDataset, require_same_classes
from runtime.builder.data.layouts import open_dataset
from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.builder.evaluation.evaluate import ModelPredictor, Predictor, evaluate
from runtime.builder.evaluation.plots import write_report
from runtime.builder.training.distributed import joined
from runtime.device.machine import this_machine
from runtime.image.frame import Frame
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.segmenter import segmenters_of
from runtime.repository.choose_build import choose_build
from runtime.repository.engine_folder import EngineFolder


@dataclass(frozen=True)
class EvaluateOptions:
    """What to evaluate on what.

    Attributes:
        subject: a checkpoint that `runtime train` wrote, or an engine folder.
        dataset: its folder.
        splits: the splits to use; empty for all.
        only: shell pattern of the names to use; None for all.
        precision: of an engine's build; None for the one that would be served here.
        device: where a checkpoint runs: `auto`, `cpu` or `cuda`.
    """

    subject: Path
    dataset: Path
    splits: Tuple[str, ...] = ("val",)
    only: Optional[str] = None
    precision: Optional[str] = None
    device: str = "auto"


def run_evaluate(options: EvaluateOptions, out: Optional[Path]) -> EvaluationReport:
    """Evaluates a checkpoint or an engine on labelled images.

    Args:
        options: what on what.
        out: folder that gets report.json and confusion.png; None writes nothing.

    Raises:
        InvalidInput: the dataset is broken, or its classes are not the subject's.
        EngineRefused: no build of the engine runs here.
    """
    dataset = open_dataset(options.dataset)
    if options.splits:
        dataset = dataset.of_splits(*options.splits)
    if options.only is not None:
        dataset = dataset.named(options.only)
    check_before_work({"+".join(dataset.splits): dataset})
    open_predictor = _open_engine if options.subject.is_dir() else _open_checkpoint
    with open_predictor(options, dataset) as predict:
        report = evaluate(predict, dataset)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_report(report, out)
    return report


@contextmanager
def _open_checkpoint(options: EvaluateOptions, dataset: SegmentationDataset) -> Iterator[Predictor]:
    checkpoint = load_checkpoint(options.subject)
    card = card_of(checkpoint)
    require_same_classes(card.classes.to_classes(), dataset)
    with joined(options.device) as place:
        yield ModelPredictor(checkpoint.model.to(place.device), card.input, place.device)


@contextmanager
def _open_engine(options: EvaluateOptions, dataset: SegmentationDataset) -> Iterator[Predictor]:
    folder = EngineFolder(options.subject)
    manifest = folder.manifest
    require_same_classes(manifest.classes.to_classes(), dataset)
    build = choose_build(folder, this_machine(), options.precision)
    with open_engine(manifest, build, folder.verified(build), mode="latency") as engine:
        # The way that serving takes; all segmenters of an engine compute the same.
        segmenter = segmenters_of(manifest, engine)[0]

        def predict(bgr: np.ndarray) -> np.ndarray:
            frame = Frame(bgr, number=0, captured_at=0.0, source="evaluation")
            return segmenter.segment(frame).labels.labels

        yield predict
