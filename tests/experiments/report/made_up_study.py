"""A study that nobody ran: nine rows of numbers such as a real one may give."""

from __future__ import annotations

import zlib
from typing import Any, Dict, Iterable, Optional, Sequence, Tuple

import numpy as np

from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.experiments.study.results import Speed, StudiedModel, StudyResults, Training

CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign", "fence", "car", "pedestrian", "bicyclist"),
)
LEVELS = np.array([0.9, 0.8, 0.25, 0.92, 0.77, 0.72, 0.35, 0.3, 0.8, 0.45, 0.4])
JUDGED = {
    "val": "101 images that no training saw, but settings were chosen on them",
    "held-out drive": "124 images of a drive kept out of training and of every choice",
}
WHOLE = (None, None)
LOSSES: Dict[Tuple[Optional[str], Optional[str]], float] = {
    WHOLE: 0.0,
    ("blocks-1-2", "lth"): 0.014,
    ("blocks-1-2", "ft"): 0.007,
    ("blocks-1-2", "ri"): 0.143,
    ("blocks-1-2", "ri-p"): 0.022,
    ("all-blocks", "lth"): 0.057,
    ("all-blocks", "ft"): 0.044,
    ("all-blocks", "ri"): 0.158,
    ("all-blocks", "ri-p"): 0.063,
}
BLOCKS: Dict[Optional[str], Tuple[str, ...]] = {
    None: (),
    "blocks-1-2": ("1", "2"),
    "all-blocks": ("1", "2", "3", "4"),
}
# Parameters, multiply-adds and milliseconds in FP32 and INT8.
COSTS: Dict[Optional[str], Tuple[int, int, float, float]] = {
    None: (12_055_243, 10_827_011_856, 118.0, 52.0),
    "blocks-1-2": (11_563_211, 6_871_300_096, 81.0, 37.0),
    "all-blocks": (3_301_643, 3_121_001_472, 44.0, 23.5),
}


def study_results(seeds: Sequence[int] = (1,), **changes: Any) -> StudyResults:
    """Full, blocks 1-2 and all blocks pruned by half, four arms each, FP32 and INT8."""
    models = [row(pruning, arm, seed) for pruning, arm in LOSSES for seed in seeds]
    content: Dict[str, Any] = {
        "study": "camvid",
        "recipe_sha256": "5e" * 32,
        "machine": "a made-up processor of 2 cores",
        "judged": JUDGED,
        "expected": len(models),
        "models": tuple(models),
    }
    return StudyResults(**{**content, **changes})


def row(
    pruning: Optional[str] = None, arm: Optional[str] = None, seed: int = 1, **changes: Any
) -> StudiedModel:
    """One row; every number of it follows from its name."""
    parameters, macs, slow, fast = COSTS.get(pruning, COSTS[None])
    name = "full" if pruning is None else f"{pruning}/{arm}"
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    content: Dict[str, Any] = {
        "name": f"{name}/seed-{seed}",
        "model": "resnet18",
        "pruning": pruning,
        "blocks": BLOCKS.get(pruning, ()),
        "ratio": None if pruning is None else 0.5,
        "arm": arm,
        "seed": seed,
        "architecture": architecture(),
        "size": (384, 480),
        "parameters": parameters,
        "macs": macs,
        "padded_macs": macs,
        "accuracy": accuracies(random, LOSSES.get((pruning, arm), 0.02)),
        "agreement": {"int8": {judged: float(random.uniform(0.97, 0.99)) for judged in JUDGED}},
        "speed": {"openvino fp32": speed(slow, random), "openvino int8": speed(fast, random)},
        "training": Training(steps=2000, seconds=5400 if pruning is None else 3100),
        "checkpoint_sha256": f"{seed:02x}" * 32,
        "plan_sha256": None if pruning is None else "ab" * 32,
    }
    return StudiedModel(**{**content, **changes})


def accuracies(random: np.random.Generator, loss: float) -> Dict[str, Any]:
    """Reports by precision and judged set, around the levels of the classes."""
    losses = loss * random.uniform(0.2, 1.8, len(CLASSES)) + random.normal(0, 0.003, len(CLASSES))
    int8 = random.uniform(-0.002, 0.014, len(CLASSES))
    drive = 0.08
    return {
        "fp32": {"val": report(LEVELS - losses), "held-out drive": report(LEVELS - losses - drive)},
        "int8": {
            "val": report(LEVELS - losses - int8),
            "held-out drive": report(LEVELS - losses - drive - int8),
        },
    }


def report(shares: Iterable[float], names: Sequence[str] = CLASSES) -> EvaluationReport:
    """Measures with these intersections over union."""
    ious: Dict[str, Optional[float]] = {
        name: min(max(float(share), 0.0), 1.0) for name, share in zip(names, shares)
    }
    return EvaluationReport(
        dataset="camvid",
        splits=("val",),
        images=101,
        miou=sum(filter(None, ious.values())) / len(ious),
        pixel_accuracy=0.9,
        iou=ious,
        confusion=((1, 0), (0, 1)),
    )


def speed(milliseconds: float, random: np.random.Generator) -> Speed:
    """A median and the range of most repetitions."""
    median = milliseconds * float(random.uniform(0.98, 1.02))
    return Speed(median=median, low=median * 0.97, high=median * 1.1, repetitions=20)


def architecture(encoder: str = "resnet18", classes: int = 11) -> Dict[str, Any]:
    """As in a checkpoint, without what a report does not read."""
    return {
        "encoder": encoder,
        "classes": classes,
        "variant": "pyramid",
        "levels": 3,
        "output_stride": 8 if encoder == "resnet34" else 4,
        "features": 128,
    }
