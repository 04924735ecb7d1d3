"""The demo engine's folder gets plans from TensorRT-RTX for GPUs that are not here."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime.builder.tensorrt.options import PlanOptions
from runtime.builder.tensorrt.plan import plan_from_onnx
from runtime.device.gpu import Gpu
from runtime.device.machine import Machine, installed_backends
from runtime.errors import EngineRefused
from runtime.inference.backends.tensorrt.library import tensorrt_module
from runtime.repository.choose_build import choose_build
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import Build

ROOT = Path(__file__).resolve().parent.parent.parent.parent
DATA = ROOT / "tests/data/tensorrt"
DEMO = ROOT / "engines/camvid-demo"
SENT = ("manifest.json", "model.int8.onnx")

pytestmark = pytest.mark.rtx

# As on a device: whatever imports one of these ends with a ModuleNotFoundError.
WITHOUT_ONNX = """
import sys
for absent in ("torch", "onnx", "openvino"):
    sys.modules[absent] = None
from runtime.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def build(folder: Path, *capabilities: str, without_onnx: bool = False) -> str:
    """Runs the command as a user does and returns what it shows."""
    program = ["-c", WITHOUT_ONNX] if without_onnx else ["-m", "runtime"]
    flags = ["--folder", str(folder), "--tensorrt", "--sm", *capabilities]
    command = [sys.executable, *program, "build-engine", *flags]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> EngineFolder:
    """The demo as it is shipped; its FP16 twin is written on the way, then onnx is gone."""
    path = tmp_path_factory.mktemp("camvid-demo")
    for name in SENT:
        shutil.copy(str(DEMO / name), str(path))
    build(path, "8.6")
    shown = build(path, "8.9", without_onnx=True)
    assert "portable twin" in " ".join(shown.replace("│", " ").split())
    return EngineFolder(path)


def machine(device: str, capability: str, **backends: str) -> Machine:
    return Machine(backends or installed_backends(), Gpu(device, capability))


def plan_for(folder: EngineFolder, capability: str) -> Build:
    (found,) = [b for b in folder.manifest.builds if b.compute_capability == capability]
    return found


@pytest.mark.parametrize("capability", ["8.6", "8.9"])
def test_each_gpu_gets_the_plan_for_its_capability(folder: EngineFolder, capability: str) -> None:
    chosen = choose_build(folder, machine("whichever", capability))
    assert (chosen.backend, chosen.precision) == ("tensorrt_rtx", "int8")
    assert chosen.compute_capability == capability
    assert chosen == plan_for(folder, capability)
    assert folder.verified(chosen).stat().st_size > 1_000_000


def test_another_gpu_is_refused_with_both_sides_and_the_command(folder: EngineFolder) -> None:
    only_rtx = installed_backends()["tensorrt_rtx"]
    with pytest.raises(EngineRefused) as refused:
        choose_build(folder, machine("RTX 2080", "7.5", tensorrt_rtx=only_rtx))
    assert "is for compute capability 8.6, here is 7.5" in refused.value.problem
    assert "is for compute capability 8.9, here is 7.5" in refused.value.problem
    assert f"`runtime build-engine --folder {folder.path} --tensorrt`" in refused.value.cure


def test_another_release_is_refused_with_both_sides(folder: EngineFolder) -> None:
    with pytest.raises(EngineRefused, match=r"is for tensorrt_rtx 1\.\S+, here is 9\.9"):
        choose_build(folder, machine("RTX 3060", "8.6", tensorrt_rtx="9.9"))


def test_the_plan_was_not_run_and_says_so(folder: EngineFolder) -> None:
    (portable,) = [b for b in folder.manifest.builds if b.compute_capability is None]
    plan = plan_for(folder, "8.9")
    assert plan.evidence == []
    assert plan.portable_evidence == portable.evidence
    assert plan.calibration == portable.calibration
    assert plan.settings["onnx"] == "model.int8.fp16.onnx"
    assert plan.settings["types"]["INT8"] > 50
    # A plan for a GPU that is not here cannot be loaded, so nobody has looked into it.
    assert plan.settings["inspection"] is None


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_graph_with_labels_inside_becomes_a_plan(precision: Any) -> None:
    onnx = pytest.importorskip("onnx")
    from runtime.builder.export.argmax_output import with_labels_inside

    stored = gzip.decompress((DATA / f"resnet18-single-8-aligned-{precision}.onnx.gz").read_bytes())
    model = with_labels_inside(onnx.load_from_string(stored)).SerializeToString()
    options = PlanOptions(precision, compute_capabilities=("8.6",))
    plan = plan_from_onnx(model, options, tensorrt_module("tensorrt_rtx"))
    assert plan.facts["outputs"] == {"labels": {"shape": [1, 256, 512], "dtype": "UINT8"}}
