"""What is measured of a build is what would be served: the very way that the daemon takes."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import onnx
import pytest

from runtime.builder.engine import evaluate_builds as module
from runtime.builder.engine.evaluate_builds import evaluate_builds, evaluation_parts
from runtime.builder.engine.options import BuildEngineOptions
from runtime.builder.engine.resolve import ResolvedBuild, resolve_build
from runtime.builder.export.export import onnx_from_model
from runtime.image.label_png import ids_from_png
from runtime.repository.engine_folder import CANARY_LABELS, FLOAT_MODEL
from runtime.repository.manifest import Build, EngineManifest, Precision
from tests.builder.pipeline_engine import PipelineEngine
from tests.engines import fake_build


@pytest.fixture
def resolved(carded: Path, dataset: Path, tmp_path: Path) -> ResolvedBuild:
    """A build whose float master is there, and two images of `val` and one held out."""
    out = tmp_path / "engine"
    images = dataset / "train" / "images"
    resolved = resolve_build(BuildEngineOptions(checkpoint=carded, calibration=images, out=out))
    out.mkdir()
    onnx.save(onnx_from_model(resolved.checkpoint.model, 64, 96), str(out / FLOAT_MODEL))
    return resolved


def test_builds_are_measured_by_the_pipelines_that_serve_them(
    resolved: ResolvedBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines: List[PipelineEngine] = []

    def opened(manifest: EngineManifest, build: Build, artefact: Path, mode: str) -> PipelineEngine:
        engines.append(PipelineEngine(manifest))
        return engines[-1]

    monkeypatch.setattr(module, "open_engine", opened)
    builds: Dict[Precision, Build] = {"fp32": fake_build(), "int8": fake_build()}
    told: List[int] = []
    findings = evaluate_builds(resolved, builds, lambda: told.append(1))

    # Each sees three labelled images and the canary, which FP32 also labels for the folder.
    assert [engine.pipeline.frames for engine in engines] == [5, 4]
    assert len(told) == evaluation_parts(resolved) == 4
    (held_out, val) = findings.evidence["int8"]
    assert (held_out.images, val.images) == (1, 2)
    assert val.agreement == 1
    assert val.iou["black"] != 0
    assert set(val.iou.values()) == {val.iou["black"], 0}
    labels = ids_from_png((resolved.out / CANARY_LABELS).read_bytes())
    assert not labels.any()
