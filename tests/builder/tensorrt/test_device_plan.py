"""A device adds a plan of its own to an engine folder that came from elsewhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from runtime.builder.tensorrt.calibration_cache import cache_from_ranges
from runtime.builder.tensorrt.device_plan import (
    Target,
    add_tensorrt_build,
    portable_twin,
    target_on,
    tensorrt_build,
)
from runtime.builder.tensorrt.options import PlanOptions
from runtime.device.gpu import Gpu
from runtime.device.machine import Machine
from runtime.errors import BuildFailed, EngineRefused
from runtime.repository.choose_build import choose_build
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import Build, Evidence, manifest_from_file, manifest_text
from tests.engines import small_manifest
from tests.inference.backends.tensorrt.fake_tensorrt import FakeTensorRT, Script

XAVIER = Machine({"tensorrt": "8.5.0.1"}, Gpu("NVIDIA Xavier", "7.2"))
ORIN = Machine({"tensorrt": "10.3.0.1"}, Gpu("Orin", "8.7"))
FLOAT, HALF = [["CONVOLUTION", "FLOAT"]], [["CONVOLUTION", "HALF"]]
GRAPHS: Dict[str, List[List[str]]] = {
    "model.onnx": FLOAT,
    "model.fp16.onnx": HALF,
    "model.int8.onnx": [["QUANTIZE", "FLOAT"], *FLOAT],
    "model.int8.fp16.onnx": [["QUANTIZE", "HALF"], *HALF],
}
BUILDS = {"model.onnx": "fp32", "model.fp16.onnx": "fp16", "model.int8.onnx": "int8"}
EVIDENCE = Evidence(
    dataset="drive", split="val", seen_in_training=False, images=2, miou=0.5, iou={}
)
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
    sources = {}
    for name, layers in GRAPHS.items():
        content = json.dumps({"layers": layers}).encode()
        (tmp_path / name).write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        if name not in BUILDS:
            sources[name] = sha256
            continue
        fields: Dict[str, Any] = {
            "precision": BUILDS[name],
            "backend": "openvino",
            "artefact": name,
            "sha256": sha256,
            "size": len(content),
            "onnx_sha256": sha256,
            "backend_version": "2026.1",
            "calibration": CALIBRATION if BUILDS[name] == "int8" else None,
            "evidence": [EVIDENCE],
        }
        builds.append(Build(**fields))
    manifest = small_manifest(builds).model_copy(update={"plan_sources": sources})
    (tmp_path / "manifest.json").write_text(manifest_text(manifest), encoding="utf-8")
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
    build = tensorrt_build(folder, PlanOptions(precision), target_on(XAVIER), module=trt)
    assert build.settings["onnx"] == source
    assert build.onnx_sha256 == hashlib.sha256((folder.path / source).read_bytes()).hexdigest()
    assert (build.calibration is not None) == (precision == "int8")


def test_the_manifest_names_the_plan_and_serving_prefers_it(folder: EngineFolder) -> None:
    trt: Any = FakeTensorRT("8.5")
    add_tensorrt_build(folder, PlanOptions("int8"), target_on(XAVIER), module=trt)
    fresh = EngineFolder(folder.path)
    build = choose_build(fresh, XAVIER)
    assert build.artefact == "int8.nvidia-xavier.tensorrt-8.5.0.1.plan"
    assert fresh.verified(build).read_bytes() == b"a plan"
    assert build.settings["builder_flags"] == ["FP16", "INT8", "TF32"]
    backends = [other.backend for other in fresh.manifest.builds]
    assert backends == [*["openvino"] * 3, "tensorrt"]


def test_plans_of_other_devices_stay_and_the_same_one_is_replaced(folder: EngineFolder) -> None:
    for machine, release in ((XAVIER, "8.5"), (ORIN, "10.3"), (XAVIER, "8.5")):
        trt: Any = FakeTensorRT(release)
        add_tensorrt_build(
            EngineFolder(folder.path), PlanOptions("fp16"), target_on(machine), module=trt
        )
    plans = [b for b in manifest_from_file(folder.manifest_path).builds if b.backend == "tensorrt"]
    assert [plan.device for plan in plans] == ["Orin", "NVIDIA Xavier"]


def test_the_second_build_continues_the_timings_of_the_first(folder: EngineFolder) -> None:
    trt: Any = FakeTensorRT("8.5")
    tensorrt_build(folder, PlanOptions("fp32"), target_on(XAVIER), module=trt)
    cache = folder.path / "timing.nvidia-xavier.tensorrt-8.5.0.1.cache"
    trt.script.own_caches = (b"", cache.read_bytes())
    second = tensorrt_build(folder, PlanOptions("fp16"), target_on(XAVIER), module=trt)
    assert second.settings["timing_cache"] == "continued"


def test_a_file_that_is_not_what_the_manifest_says_is_not_built(folder: EngineFolder) -> None:
    (folder.path / "model.onnx").write_bytes(b"{}")
    trt: Any = FakeTensorRT("8.5")
    with pytest.raises(EngineRefused, match="has 2 bytes, the manifest says"):
        tensorrt_build(folder, PlanOptions(), target_on(XAVIER), module=trt)


def test_a_file_that_nobody_vouches_for_is_not_built(folder: EngineFolder) -> None:
    manifest = folder.manifest.model_copy(update={"plan_sources": {}})
    folder.manifest_path.write_text(manifest_text(manifest), encoding="utf-8")
    trt: Any = FakeTensorRT("11.1")
    fresh = EngineFolder(folder.path)
    with pytest.raises(BuildFailed, match=r"knows no model\.int8\.fp16\.onnx.*build-engine"):
        tensorrt_build(fresh, PlanOptions("int8"), target_on(ORIN), module=trt)


def test_without_the_strongly_typed_twin_weak_typing_serves_where_it_exists(
    folder: EngineFolder,
) -> None:
    (folder.path / "model.int8.fp16.onnx").unlink()
    trt: Any = FakeTensorRT("10.3")
    build = tensorrt_build(folder, PlanOptions("int8"), target_on(ORIN), module=trt)
    assert (build.settings["typing"], build.settings["onnx"]) == ("weak", "model.int8.onnx")
    newer: Any = FakeTensorRT("11.1")
    with pytest.raises(EngineRefused, match=r"model\.int8\.fp16\.onnx.*does not exist"):
        tensorrt_build(folder, PlanOptions("int8"), target_on(ORIN), module=newer)


def test_a_plan_that_was_not_run_has_no_evidence_but_its_portable_twins(
    folder: EngineFolder,
) -> None:
    trt: Any = FakeTensorRT("8.5")
    build = tensorrt_build(folder, PlanOptions("fp16"), target_on(XAVIER), module=trt)
    assert build.evidence == []
    assert build.portable_evidence == [EVIDENCE]


def test_an_int8_plan_needs_to_know_how_it_was_calibrated(folder: EngineFolder) -> None:
    builds = [build for build in folder.manifest.builds if build.precision != "int8"]
    floats = folder.manifest.model_copy(update={"builds": builds})
    assert portable_twin(folder.manifest, "int8") is not None
    with pytest.raises(BuildFailed, match="no portable INT8 build"):
        portable_twin(floats, "int8")


def test_what_the_inspector_tells_lies_beside_the_plan(folder: EngineFolder) -> None:
    trt: Any = FakeTensorRT("8.5")
    build = tensorrt_build(folder, PlanOptions("int8"), target_on(XAVIER), module=trt)
    told = folder.path / build.artefact.replace(".plan", ".layers.json")
    assert told.read_text(encoding="utf-8") == trt.script.layers
    assert build.settings["inspection"]["layers"] == 1


def test_a_dla_takes_the_float_file_and_the_calibration_cache(folder: EngineFolder) -> None:
    content = cache_from_ranges({"image": 2.0})
    folder.write("calibration.cache", content.encode())
    sources = {"calibration.cache": hashlib.sha256(content.encode()).hexdigest()}
    manifest = folder.manifest.model_copy(update={"plan_sources": sources})
    folder.manifest_path.write_text(manifest_text(manifest), encoding="utf-8")
    trt: Any = FakeTensorRT("8.5", Script(dla_cores=2))
    options = PlanOptions("int8", dla_core=1)
    build = tensorrt_build(EngineFolder(folder.path), options, target_on(XAVIER), module=trt)
    assert build.artefact == "int8.dla1.nvidia-xavier.tensorrt-8.5.0.1.plan"
    assert (build.settings["onnx"], build.settings["dla_core"]) == ("model.onnx", 1)
    assert trt.network.input.range == pytest.approx((-2.0, 2.0))


def test_a_plan_for_a_capability_names_no_device(folder: EngineFolder) -> None:
    trt: Any = FakeTensorRT("8.5")
    with pytest.raises(BuildFailed, match="no builds for other GPUs"):
        tensorrt_build(folder, PlanOptions("fp16"), Target("8.6"), module=trt)
    assert Target("8.6").label == "sm86"
    assert Target("8.7", "Orin (16 SMs)").label == "orin-16-sms"


def test_a_failed_build_leaves_the_folder_as_it_was(folder: EngineFolder) -> None:
    before = sorted(folder.path.iterdir())
    trt: Any = FakeTensorRT("8.5")
    trt.script.builds = False
    with pytest.raises(BuildFailed):
        add_tensorrt_build(folder, PlanOptions(), target_on(XAVIER), module=trt)
    assert sorted(folder.path.iterdir()) == before
    assert len(EngineFolder(folder.path).manifest.builds) == 3


def test_without_a_gpu_there_is_nothing_to_build_for() -> None:
    with pytest.raises(BuildFailed, match=r"no GPU .*no driver"):
        target_on(Machine({"openvino": "2026.1"}, no_gpu="no driver"))
