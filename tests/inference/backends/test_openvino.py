from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openvino")
pytest.importorskip("onnx")

from runtime.errors import EngineFailed, EngineRefused
from runtime.inference.backends.openvino import OpenVinoEngine
from runtime.inference.engine import Engine, Mode
from runtime.inference.preprocess.reference import network_input
from runtime.repository.manifest import EngineManifest, Precision
from tests.contracts.engine import EngineContract, computed, image, striped_manifest
from tests.engines import fake_build
from tests.inference.backends.networks import logits_in_numpy, write_onnx

CORES = len(os.sched_getaffinity(0))
ROOT = Path(__file__).resolve().parents[3]


def openvino_engine(
    path: Path,
    manifest: EngineManifest,
    precision: Precision = "fp32",
    mode: Mode = "throughput",
) -> OpenVinoEngine:
    build = fake_build().model_copy(update={"backend": "openvino", "precision": precision})
    return OpenVinoEngine(manifest, build, path, mode)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_onnx(tmp_path_factory.mktemp("network") / "model.onnx")


class TestOpenVinoEngine(EngineContract):
    tolerance = 1e-5

    @pytest.fixture
    def engine(self, network: Path) -> Engine:
        return openvino_engine(network, striped_manifest())

    def expected(self, pixels: np.ndarray) -> np.ndarray:
        return logits_in_numpy(network_input(pixels, striped_manifest().input))


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_the_manifest_s_colour_order_is_followed(network: Path, order: str) -> None:
    manifest = striped_manifest()
    spec = manifest.input.model_copy(update={"colour_order": order})
    manifest = manifest.model_copy(update={"input": spec})
    with openvino_engine(network, manifest) as engine:
        logits = computed(engine.slots[0], image(3))
    expected = logits_in_numpy(network_input(image(3), spec))
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_half_precision_is_close(network: Path) -> None:
    with openvino_engine(network, striped_manifest(), "fp16") as engine:
        logits = computed(engine.slots[0], image(3))
    expected = logits_in_numpy(network_input(image(3), striped_manifest().input))
    np.testing.assert_allclose(logits, expected, atol=0.02 * np.abs(expected).max())


def test_latency_mode_has_one_slot_and_throughput_mode_one_per_core(network: Path) -> None:
    with openvino_engine(network, striped_manifest(), mode="latency") as engine:
        assert len(engine.slots) == 1
        quick = computed(engine.slots[0], image(4))
    with openvino_engine(network, striped_manifest(), mode="throughput") as engine:
        assert len(engine.slots) == CORES
        np.testing.assert_allclose(computed(engine.slots[0], image(4)), quick, atol=1e-5)


def test_a_network_of_another_size_than_the_manifest_s_is_refused(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "model.onnx", height=64)
    engine = openvino_engine(path, striped_manifest())
    with pytest.raises(EngineRefused, match=r"1, 3, 64, 64.* its manifest says .*1, 3, 32, 64"):
        engine.__enter__()
    assert not engine.slots


def test_a_request_that_breaks_is_a_failed_engine(network: Path) -> None:
    class BrokenRequest:
        def infer(self, *, share_outputs: bool) -> None:
            raise RuntimeError("Exception from src/cpu.cpp:84:\nCheck 'memory' failed\n")

    with openvino_engine(network, striped_manifest()) as engine:
        slot = engine.slots[0]
        slot._request = BrokenRequest()
        with pytest.raises(EngineFailed, match="stopped computing: Check 'memory' failed"):
            slot.run()


def test_what_openvino_cannot_read_is_refused_with_the_cure(tmp_path: Path) -> None:
    for content in (None, b"no network"):
        path = tmp_path / "model.onnx"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(EngineRefused, match=r"model\.onnx") as refused:
            openvino_engine(path, striped_manifest()).__enter__()
        assert "runtime build-engine" in refused.value.cure


def test_a_signal_after_engines_were_closed_is_handled(network: Path) -> None:
    command = [sys.executable, "-m", "tests.inference.backends.signal_after_engines", str(network)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "noticed\n"), run.stderr
