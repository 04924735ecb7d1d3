"""A device adds a plan of its own to an engine folder that came from elsewhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from runtime.backends.plan_for_device import add_tensorrt_build, tensorrt_build
from runtime.backends.plan_options import PlanOptions
from runtime.errors import BuildFailed, EngineRefused
from runtime.manifest import Build, manifest_from_file, manifest_text
from runtime.repository import EngineFolder, Machine, choose_build
from tests.backends.fake_tensorrt import FakeTensorRT
from tests.engines import small_manifest

XAVIER = Machine({"tensorrt": "8.5.0.1"}, "NVIDIA Xavier", "7.2")
ORIN = Machine({"tensorrt": "10.3.0.1"}, "Orin", "8.7")
FLOAT, HALF = [["CONVOLUTION", "FLOAT"]], [["CONVOLUTION", "HALF"]]
GRAPHS: Dict[str, List[List[str]]] = {
    "model.onnx": FLOAT,
    "model.fp16.onnx": HALF,
    "model.int8.onnx": [["QUANTIZE", "FLOAT"], *FLOAT],
    "model.int8.fp16.onnx": [["QUANTIZE", "HALF"], *HALF],
}
CALIBRATION = {
    "name": "drive",
    "images": 3,
    "images_sha256": "1" * 64,
    "ranges_sha256": "2" * 64,
    "rule": "mse",
}


@pytest.fixture
def folder(tmp_path: Path) -> EngineFolder:
    builds = []
    for name, layers in GRAPHS.items():
        content = json.dumps({"layers": layers}).encode()
        (tmp_path / name).write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        if name in ("model.onnx", "model.int8.onnx"):
            int8 = "int8" in name
            fields: Dict[str, Any] = {
                "precision": "int8" if int8 else "fp32",
                "backend": "openvino",
                "artefact": name,
                "sha256": sha256,
                "size": len(content),
                "onnx_sha256": sha256,
                "backend_version": "2026.1",
                "calibration": CALIBRATION if int8 else None,
            }
            builds.append(Build(**fields))
    manifest = manifest_text(small_manifest(builds))
    (tmp_path / "manifest.json").write_text(manifest, encoding="utf-8")
    return EngineFolder(tmp_path)


@pytest.mark.parametrize(
    ("release", "precision", "source"),
    [
        ("8.5", "fp32", "model.onnx"),
        ("8.5", "fp16", "model.onnx"),
        ("8.5", "int8", "model.int8.onnx"),
        ("10.3", "fp32", "model.onnx"),
        ("10.3", "fp16", "model.fp16.onnx"),
        ("10.3", "int8", "model.int8.fp16.onnx"),
    ],
)
def test_each_typing_takes_its_own_file(
    folder: EngineFolder, release: str, precision: Any, source: str
) -> None:
    trt: Any = FakeTensorRT(release)
    builds = folder.manifest.builds
    build = tensorrt_build(folder, builds, PlanOptions(precision), XAVIER, module=trt)
    assert build.settings["onnx"] == source
    assert build.onnx_sha256 == hashlib.sha256((folder.path / source).read_bytes()).hexdigest()
    assert (build.calibration is not None) == (precision == "int8")


def test_the_manifest_names_the_plan_and_serving_prefers_it(folder: EngineFolder) -> None:
    trt: Any = FakeTensorRT("8.5")
    add_tensorrt_build(folder, PlanOptions("int8"), XAVIER, module=trt)
    fresh = EngineFolder(folder.path)
    build = choose_build(fresh, XAVIER)
    assert build.artefact == "int8.nvidia-xavier.tensorrt-8.5.0.1.plan"
    assert fresh.verified(build).read_bytes() == b"a plan"
    assert build.settings["builder_flags"] == ["FP16", "INT8", "TF32"]
    assert build.evidence == []
    assert [other.backend for other in fresh.manifest.builds] == [
        "openvino",
        "openvino",
        "tensorrt",
    ]


def test_plans_of_other_devices_stay_and_the_same_one_is_replaced(folder: EngineFolder) -> None:
    for machine, release in ((XAVIER, "8.5"), (ORIN, "10.3"), (XAVIER, "8.5")):
        trt: Any = FakeTensorRT(release)
        add_tensorrt_build(EngineFolder(folder.path), PlanOptions("fp16"), machine, module=trt)
    plans = [b for b in manifest_from_file(folder.manifest_path).builds if b.backend == "tensorrt"]
    assert [plan.device for plan in plans] == ["Orin", "NVIDIA Xavier"]


def test_the_second_build_continues_the_timings_of_the_first(folder: EngineFolder) -> None:
    trt: Any = FakeTensorRT("8.5")
    builds = folder.manifest.builds
    tensorrt_build(folder, builds, PlanOptions("fp32"), XAVIER, module=trt)
    cache = folder.path / "timing.nvidia-xavier.tensorrt-8.5.0.1.cache"
    trt.script.own_caches = (b"", cache.read_bytes())
    second = tensorrt_build(folder, builds, PlanOptions("fp16"), XAVIER, module=trt)
    assert second.settings["timing_cache"] == "continued"


def test_a_file_that_is_not_what_the_manifest_says_is_not_built(folder: EngineFolder) -> None:
    (folder.path / "model.onnx").write_bytes(b"{}")
    trt: Any = FakeTensorRT("8.5")
    with pytest.raises(EngineRefused, match="has 2 bytes, the manifest says"):
        tensorrt_build(folder, folder.manifest.builds, PlanOptions(), XAVIER, module=trt)


def test_a_missing_file_is_named_with_the_command_that_writes_it(folder: EngineFolder) -> None:
    (folder.path / "model.int8.fp16.onnx").unlink()
    trt: Any = FakeTensorRT("10.3")
    with pytest.raises(BuildFailed, match=r"model\.int8\.fp16\.onnx.*build-engine.*--int8"):
        tensorrt_build(folder, folder.manifest.builds, PlanOptions("int8"), ORIN, module=trt)


def test_a_failed_build_leaves_the_folder_as_it_was(folder: EngineFolder) -> None:
    before = sorted(folder.path.iterdir())
    trt: Any = FakeTensorRT("8.5")
    trt.script.builds = False
    with pytest.raises(BuildFailed):
        add_tensorrt_build(folder, PlanOptions(), XAVIER, module=trt)
    assert sorted(folder.path.iterdir()) == before
    assert len(EngineFolder(folder.path).manifest.builds) == 2


def test_without_a_gpu_there_is_nothing_to_build_for(folder: EngineFolder) -> None:
    laptop = Machine({"openvino": "2026.1"})
    with pytest.raises(BuildFailed, match="no GPU"):
        tensorrt_build(folder, folder.manifest.builds, PlanOptions(), laptop)
