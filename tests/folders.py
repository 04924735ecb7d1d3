"""Engine folders with everything that a manifest can say, small and not to be run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Dict, Sequence, Tuple

from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import (
    Build,
    Calibration,
    CanarySpec,
    ClassesSpec,
    EngineManifest,
    Evidence,
    InputSpec,
    ModelCard,
    OutputSpec,
    Provenance,
    manifest_text,
)

HASH = "0" * 64
CONTENT = b"an artefact"
CONTENT_SHA256 = hashlib.sha256(CONTENT).hexdigest()
PALETTE = [(128, 64, 128), (70, 130, 180), (0, 0, 142)]
CLASSES = ClassesSpec(names=["road", "sky", "car"], palette=PALETTE)
CALIBRATION = Calibration(
    name="drive", images=120, images_sha256=HASH, ranges_sha256=HASH, rule="mse"
)
XAVIER_PLAN: Dict[str, Any] = {
    "backend": "tensorrt",
    "backend_version": "8.5.2.2",
    "device": "Xavier (8 SMs)",
    "compute_capability": "7.2",
}


def evidence(**changes: Any) -> Evidence:
    fields: Dict[str, Any] = {
        "dataset": "streets",
        "split": "val",
        "seen_in_training": False,
        "images": 101,
        "miou": 0.8123,
        "iou": {"road": 0.987, "sky": 0.6376, "car": None},
        "reference_miou": 0.8165,
        "agreement": 0.9912,
    }
    return Evidence(**{**fields, **changes})


def build(artefact: str, **changes: Any) -> Build:
    fields: Dict[str, Any] = {
        "precision": "int8",
        "backend": "openvino",
        "artefact": artefact,
        "sha256": CONTENT_SHA256,
        "size": len(CONTENT),
        "onnx_sha256": CONTENT_SHA256,
        "backend_version": "2024.4",
        "calibration": CALIBRATION,
        "evidence": [evidence()],
        "settings": {"keep_float": ["decoder"], "classifier": True},
    }
    return Build(**{**fields, **changes})


def write_engine(path: Path, builds: Sequence[Build]) -> EngineFolder:
    """A folder whose every file is what its manifest says."""
    folder = EngineFolder(path)
    further = ("canary.png", "canary.labels.png", "model.fp16.onnx")
    for name in (*(b.artefact for b in builds), *further):
        folder.write(name, CONTENT)
    manifest = EngineManifest(
        name="street",
        model=ModelCard(
            family="swiftnet",
            architecture=architecture(),
            parameters=12_055_243,
            macs=10_827_011_856,
        ),
        classes=CLASSES,
        input=InputSpec(height=64, width=96, mean=(123.675, 116.28, 103.53), std=(58, 57, 57.375)),
        output=OutputSpec(height=16, width=24),
        provenance=Provenance(
            created_at="2026-01-01", runtime_version="1", checkpoint_sha256=HASH, recipe_sha256=HASH
        ),
        canary=CanarySpec(
            image="canary.png",
            image_sha256=CONTENT_SHA256,
            labels="canary.labels.png",
            labels_sha256=CONTENT_SHA256,
        ),
        plan_sources={"model.fp16.onnx": CONTENT_SHA256},
        builds=list(builds),
    )
    folder.write("manifest.json", manifest_text(manifest).encode())
    return folder


def architecture() -> Dict[str, Any]:
    stages: Tuple[int, ...] = (64, 128, 250, 511)
    return {
        "encoder": "resnet18",
        "classes": 3,
        "variant": "pyramid",
        "widths": {"stem": 64, "stages": list(stages), "inner": [[64, 64], [120, 128]]},
    }
