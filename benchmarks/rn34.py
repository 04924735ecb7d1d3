"""The study's ResNet-34 models at 1024x2048: full FP32 against INT8 and against the pruned ones.

    python -m benchmarks.rn34 FOLDER IMAGE [IMAGE ...]

The networks are untrained, with norms of random statistics: their speed is that of trained ones,
their masks mean nothing. They are built once into FOLDER, INT8 calibrated on the images, and
opened in latency mode. Printed are frames per second to the logits, and then to full-size labels:
150 classes of an untrained network rarely agree from cell to cell, which is the worst case for
`postprocess.cpu`.
"""

from __future__ import annotations

import argparse
import shutil
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Dict, List, Mapping, Tuple

import numpy as np
import torch
from torch import nn

from benchmarks.core import runs_per_second
from benchmarks.ratios import Measure, interleaved, show
from runtime.builder.card import TrainingCard
from runtime.builder.checkpoint import load_checkpoint, save_checkpoint
from runtime.builder.engine.build_steps import build_engine
from runtime.builder.engine.options import BuildEngineOptions
from runtime.builder.engine.save_recipe import resolve_and_save_recipe
from runtime.builder.pruning.apply_plan import pruned_from_plan
from runtime.builder.pruning.make_plan import plan_from_checkpoint
from runtime.builder.pruning.request import PruningRequest
from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.engine import Slot
from runtime.inference.postprocess.cpu import LabelUpsampler
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import ClassesSpec, InputSpec

SIZE = (1024, 2048)
CLASSES = 150
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
PRUNED: Dict[str, Tuple[str, ...]] = {
    "full": (),
    "blocks-1-2": ("1", "2"),
    "all-blocks": ("1", "2", "3", "4"),
}


def main() -> None:
    """Builds what is missing and prints both tables; a ratio above 1 is faster than full FP32."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    engines = _engines(arguments.folder, arguments.images)
    with ExitStack() as opened:
        slots: Dict[str, Slot] = {}
        for engine in engines:
            folder = EngineFolder(engine)
            for build in folder.manifest.builds:
                device = open_engine(folder.manifest, build, folder.verified(build), "latency")
                slot = opened.enter_context(device).slots[0]
                noise = np.random.default_rng(1).integers(0, 256, slot.input.shape)
                slot.input[...] = noise.astype(slot.input.dtype)
                slots[f"{engine.name} {build.precision}"] = slot
        cores = {k: partial(runs_per_second, s, arguments.seconds) for k, s in slots.items()}
        _compare("to the logits", cores, arguments.rounds)
        full_size = {k: partial(_labels, s, arguments.seconds) for k, s in slots.items()}
        _compare("to full-size labels", full_size, arguments.rounds)


def _compare(title: str, measures: Mapping[str, Measure], rounds: int) -> None:
    (baseline, measure), *others = measures.items()
    rows = interleaved(measure, dict(others), rounds)
    show(f"{title}, latency mode, against {baseline}", "frames/s", rows)


def _labels(slot: Slot, seconds: float) -> float:
    """Label maps of 1024x2048 per second."""
    upsampler = LabelUpsampler(SIZE)
    slot.run()
    started, runs = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        slot.run()
        upsampler.labels(slot.output)
        runs += 1
    return runs / (time.perf_counter() - started)


def _engines(folder: Path, images: List[Path]) -> List[Path]:
    engines = [folder / name for name in PRUNED]
    if all((engine / "manifest.json").is_file() for engine in engines):
        return engines
    calibration = folder / "calibration-pictures"
    calibration.mkdir(parents=True, exist_ok=True)
    for image in images:
        shutil.copy(image, calibration / image.name)
    full = folder / "full.pt"
    save_checkpoint(full, _untrained(), _card().model_dump(mode="json"))
    for engine, blocks in zip(engines, PRUNED.values()):
        checkpoint = _pruned(full, blocks) if blocks else full
        build_engine(
            resolve_and_save_recipe(
                BuildEngineOptions(
                    checkpoint=checkpoint,
                    precisions=("fp32", "int8"),
                    calibration=calibration,
                    out=engine,
                )
            )
        )
    return engines


def _pruned(full: Path, blocks: Tuple[str, ...]) -> Path:
    checkpoint = load_checkpoint(full)
    plan = plan_from_checkpoint(checkpoint, PruningRequest(blocks=blocks, ratio=0.5))
    path = full.with_name(f"blocks-{'-'.join(blocks)}.pt")
    save_checkpoint(path, pruned_from_plan(checkpoint.model, plan), checkpoint.metadata)
    return path


def _untrained() -> SwiftNet:
    torch.manual_seed(1)
    network = SwiftNet(Architecture("resnet34", CLASSES, output_stride=8, mean=MEAN, std=STD))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return network


def _card() -> TrainingCard:
    palette = [(n, n, n) for n in range(CLASSES)]
    return TrainingCard(
        dataset="none",
        pictures=0,
        classes=ClassesSpec(names=[f"class {n}" for n in range(CLASSES)], palette=palette),
        input=InputSpec(height=SIZE[0], width=SIZE[1], mean=MEAN, std=STD, geometry="stretch"),
        plan={},
    )


if __name__ == "__main__":
    main()
