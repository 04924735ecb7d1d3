"""What the real TensorRT-RTX says of a real plan where there is no GPU, in our words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.builder.tensorrt.options import PlanOptions
from runtime.builder.tensorrt.plan import plan_from_onnx
from runtime.errors import EngineRefused
from runtime.inference.backends.tensorrt.execution import LoadedPlan
from runtime.inference.backends.tensorrt.library import tensorrt_module
from runtime.repository.manifest import manifest_from_file
from tests.conftest import GPU_NODES

SOUND = Path(__file__).parent.parent.parent.parent / "data/tensorrt/sound.onnx"
DEMO = Path(__file__).parent.parent.parent.parent.parent / "engines/camvid-demo/manifest.json"


@pytest.mark.rtx
@pytest.mark.skipif(any(map(Path.exists, GPU_NODES)), reason="there is a GPU, which loads it")
@pytest.mark.parametrize("damaged", [False, True])
def test_loading_without_a_gpu_is_explained(damaged: bool) -> None:
    rtx = tensorrt_module("tensorrt_rtx")
    built = plan_from_onnx(
        SOUND.read_bytes(), PlanOptions("int8", compute_capabilities=("8.6",)), rtx
    )
    device: Any = None
    content = b"no plan" if damaged else built.content
    plan = LoadedPlan(rtx, device, content, manifest_from_file(DEMO))
    with pytest.raises(EngineRefused, match=r"cannot load the plan.*CUDA finds no GPU"), plan:
        pass
