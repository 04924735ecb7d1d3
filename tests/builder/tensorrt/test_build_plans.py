"""A folder gets its plans, from TensorRT alone or with onnx beside it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import onnx
import pytest

from runtime.builder.export.export import onnx_from_model
from runtime.builder.export.onnx_graph import OnnxGraph
from runtime.builder.progress import Advance, Silence
from runtime.builder.quantization.qdq_placement import (
    EVERYTHING,
    QuantizationOptions,
    placement_for,
)
from runtime.builder.quantization.quantize import int8_from_float
from runtime.builder.tensorrt.build_plans import build_plans, installed_tensorrt
from runtime.builder.tensorrt.plan_settings import PlanChoice
from runtime.device.gpu import Gpu
from runtime.device.machine import Machine
from runtime.errors import BuildFailed, InvalidConfig
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import Build, manifest_text
from tests.builder.networks import narrow, randomised
from tests.engines import small_manifest
from tests.inference.backends.tensorrt.fake_tensorrt import FakeTensorRT

ROOT = Path(__file__).resolve().parents[3]
XAVIER = Machine({"tensorrt": "8.5.0.1"}, Gpu("Xavier", "7.2"))
CALIBRATION: Dict[str, Any] = {
    "name": "drive",
    "images": 3,
    "images_sha256": "1" * 64,
    "ranges_sha256": "2" * 64,
    "rule": "mse",
}


class Heard(Silence):
    """Remembers the titles of steps."""

    def __init__(self) -> None:
        self.titles: List[str] = []

    @contextmanager
    def step(self, title: str, parts: int = 1) -> Iterator[Advance]:
        self.titles.append(title)
        yield lambda: None


def portable(precision: Any, name: str, content: bytes) -> Build:
    sha256 = hashlib.sha256(content).hexdigest()
    return Build(
        precision=precision,
        backend="openvino",
        artefact=name,
        sha256=sha256,
        size=len(content),
        onnx_sha256=sha256,
        backend_version="2026.1",
        calibration=CALIBRATION if precision == "int8" else None,  # type: ignore[arg-type]
    )


def folder_of(path: Path, files: Dict[str, bytes]) -> EngineFolder:
    precisions = {"model.onnx": "fp32", "model.fp16.onnx": "fp16", "model.int8.onnx": "int8"}
    builds = [portable(precisions[name], name, content) for name, content in files.items()]
    for name, content in files.items():
        (path / name).write_bytes(content)
    (path / "manifest.json").write_text(manifest_text(small_manifest(builds)), encoding="utf-8")
    return EngineFolder(path)


@pytest.fixture
def scripted(tmp_path: Path) -> EngineFolder:
    """Graphs in the fake's language."""
    plain = json.dumps({"layers": [["CONVOLUTION", "FLOAT"]]}).encode()
    quantized = json.dumps({"layers": [["QUANTIZE", "FLOAT"]]}).encode()
    return folder_of(tmp_path, {"model.onnx": plain, "model.int8.onnx": quantized})


@pytest.mark.parametrize(
    ("backends", "sm", "name"),
    [
        ({}, (), None),
        ({"openvino": "1"}, (), None),
        ({"tensorrt": "10.3", "tensorrt_rtx": "1.7"}, (), "tensorrt"),
        ({"tensorrt": "10.3", "tensorrt_rtx": "1.7"}, ("8.6",), "tensorrt_rtx"),
        ({"tensorrt_rtx": "1.7"}, (), "tensorrt_rtx"),
    ],
)
def test_rtx_builds_for_named_gpus_and_where_nothing_else_is(
    backends: Dict[str, str], sm: Tuple[str, ...], name: str
) -> None:
    assert installed_tensorrt(PlanChoice(compute_capabilities=sm), Machine(backends)) == name


def test_every_precision_of_the_folder_becomes_a_plan_the_fastest_last(
    scripted: EngineFolder,
) -> None:
    heard, trt = Heard(), FakeTensorRT("8.5")
    module: Any = trt
    manifest = build_plans(scripted, (), PlanChoice(), heard, module, XAVIER)
    assert heard.titles == ["plan fp32 xavier", "plan int8 xavier"]
    plans = [build for build in manifest.builds if build.backend == "tensorrt"]
    assert [plan.precision for plan in plans] == ["fp32", "int8"]
    assert EngineFolder(scripted.path).manifest == manifest


def test_asked_precisions_alone_are_built(scripted: EngineFolder) -> None:
    heard, module = Heard(), FakeTensorRT("8.5")
    fake: Any = module
    build_plans(scripted, ("fp16",), PlanChoice(workspace_mib=64), heard, fake, XAVIER)
    assert heard.titles == ["plan fp16 xavier"]
    assert module.config.workspace == 64 << 20


def test_a_dla_leaves_out_what_it_cannot_compute(scripted: EngineFolder) -> None:
    only_float = scripted.manifest.model_copy(update={"builds": scripted.manifest.builds[:1]})
    scripted.manifest_path.write_text(manifest_text(only_float), encoding="utf-8")
    fake: Any = FakeTensorRT("8.5")
    folder = EngineFolder(scripted.path)
    with pytest.raises(InvalidConfig, match="no build that plans could follow"):
        build_plans(folder, (), PlanChoice(dla_core=0), Silence(), fake, XAVIER)


def test_without_a_gpu_and_without_a_name_there_is_nothing_to_build_for(
    scripted: EngineFolder,
) -> None:
    fake: Any = FakeTensorRT("8.5")
    with pytest.raises(BuildFailed, match=r"no GPU .*--sm"):
        build_plans(scripted, (), PlanChoice(), Silence(), fake, Machine({"tensorrt": "8.5"}))


def test_a_twin_that_the_folder_lacks_follows_from_the_file_beside_it(tmp_path: Path) -> None:
    master = onnx_from_model(randomised(narrow(levels=1, output_stride=8)), 64, 96)
    tensors = placement_for(OnnxGraph(master), EVERYTHING).tensors
    quantized = int8_from_float(master, dict.fromkeys(tensors, 4.0), QuantizationOptions())
    folder = folder_of(tmp_path, {"model.int8.onnx": quantized.SerializeToString()})
    fake: Any = FakeTensorRT("11.1")
    with pytest.raises(BuildFailed, match="not ONNX"):
        build_plans(folder, (), PlanChoice(), Silence(), fake, XAVIER)
    twin = EngineFolder(folder.path).plan_source("model.int8.fp16.onnx")
    assert twin is not None
    assert onnx.load(str(twin)).opset_import[0].version == 19


def test_without_onnx_the_command_that_writes_the_twin_is_told(
    scripted: EngineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnx" else find_spec(name)
    )
    fake: Any = FakeTensorRT("11.1")
    with pytest.raises(BuildFailed, match=r"knows no model\.int8\.fp16\.onnx.*build-engine"):
        build_plans(scripted, ("int8",), PlanChoice(), Silence(), fake, XAVIER)


DEVICE = """
import sys
for absent in ("torch", "onnx", "openvino", "PIL", "cv2"):
    sys.modules[absent] = None
from runtime.cli.main import main
sys.exit(main(["build-engine", "--folder", sys.argv[1], "--tensorrt"]))
"""


def test_the_command_needs_neither_torch_nor_onnx(scripted: EngineFolder) -> None:
    command = [sys.executable, "-c", DEVICE, str(scripted.path)]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert "tensorrt cannot be imported" in ran.stderr
    assert ran.returncode == 1
