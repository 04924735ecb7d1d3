"""Plans run over a stand-in for GPU and TensorRT that holds to the rules of both."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, Iterator, List

import numpy as np
import pytest

from runtime.cuda.errors import DeviceLost
from runtime.errors import EngineFailed, EngineRefused
from runtime.image.frame import Frame
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.backends.tensorrt.engine import TensorRtEngine
from runtime.inference.engine import DeviceOptions, Engine, SegmentOptions
from runtime.inference.preprocess.reference import network_input
from runtime.repository.manifest import Build
from tests.contracts.engine import EngineContract, computed, image, striped_manifest
from tests.cuda.fake_cuda import ILLEGAL
from tests.cuda.gpus import kind, left_behind, new_gpu
from tests.cuda.kernels.host import HostMachine
from tests.engines import fake_build
from tests.inference.backends.tensorrt.fake_execution import (
    PLAN,
    Behaviour,
    FakeExecution,
    logits_of,
)

__all__ = ["kind"]
pytestmark = pytest.mark.gxx
MANIFEST = striped_manifest()


def plan_build(release: str = "10.3") -> Build:
    version = {"backend": "tensorrt", "backend_version": f"{release}.0.1"}
    return fake_build().model_copy(update=version)


@pytest.fixture
def driver(kind: str, host: HostMachine) -> Iterator[Any]:
    """A discrete GPU, on which nothing may be left behind."""
    driver = new_gpu(kind, host)
    yield driver
    assert driver.pushed == [], "a context is still pushed"
    assert driver.retained == 0, "the primary context is still held"
    assert driver.broken or left_behind(driver) == {}


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "fp16.plan"
    path.write_bytes(PLAN)
    return path


def engine_on(
    driver: Any, plan: Path, behaviour: Behaviour, release: str = "10.3"
) -> TensorRtEngine:
    trt: Any = FakeExecution(driver, MANIFEST, release, behaviour)
    return TensorRtEngine(MANIFEST, plan_build(release), plan).on(trt, driver)


class TestTensorRtEngine(EngineContract):
    tolerance = 1e-5

    @pytest.fixture(params=["8.5", "8.6", "10.3", "10.13", "11.0", "11.1"])
    def engine(self, request: pytest.FixtureRequest, driver: Any, plan: Path) -> Engine:
        return engine_on(driver, plan, Behaviour(), request.param)

    def expected(self, pixels: np.ndarray) -> np.ndarray:
        planar = network_input(pixels, MANIFEST.input)[0]
        logits: np.ndarray = logits_of(planar, MANIFEST).transpose(1, 2, 0)
        return logits


@pytest.mark.parametrize("integrated", [False, True])
@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(types=("HALF", "HALF")),
        Behaviour(types=("HALF", "FLOAT"), layout="HWC8"),
        Behaviour(layout="HWC"),
        Behaviour(batch=-1),
    ],
    ids=["half", "padded", "classes last", "open batch"],
)
def test_types_and_layouts_of_plans(
    kind: str, host: HostMachine, plan: Path, behaviour: Behaviour, integrated: bool
) -> None:
    driver = new_gpu(kind, host, integrated)
    with engine_on(driver, plan, behaviour) as engine:
        logits = computed(engine.slots[0], image(3))
    expected = logits_of(network_input(image(3), MANIFEST.input)[0], MANIFEST)
    np.testing.assert_allclose(logits, expected.transpose(1, 2, 0), rtol=0, atol=0.01)


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (Behaviour(types=("INT8", "FLOAT")), "image has the type INT8"),
        (Behaviour(types=("FLOAT", "INT8")), "logits has the type INT8"),
        (Behaviour(shapes={"image": (1, 3, 64, 64)}), r"\[1, 3, 64, 64\].*\[1, 3, 32, 64\]"),
        (Behaviour(shapes={"logits": (1, 9, 4, 8)}), r"\[1, 9, 4, 8\].*\[1, 3, 4, 8\]"),
        (Behaviour(shapes={"image": (4, 3, 32, 64)}), r"\[4, 3, 32, 64\]"),
        (Behaviour(extra={"boxes": "OUTPUT"}), "not one of each"),
        (Behaviour(layout="CHW32"), "gives CHW32"),
        (Behaviour(loads=False), "no plan, or one of another TensorRT"),
        (
            Behaviour(
                loads=False, says="incompatible device, expecting compute 8.6 got compute 7.2"
            ),
            "the plan is for compute capability 8.6, the GPU here has 7.2",
        ),
        (Behaviour(prepares=False, says="Error Code 2: OutOfMemory"), "memory ran out"),
        (Behaviour(scratch=1 << 40), "needs 1048576 MiB of GPU memory, 25[0-9] are free"),
    ],
)
def test_what_cannot_run_is_refused_with_its_cause_and_cure(
    driver: Any, plan: Path, behaviour: Behaviour, told: str
) -> None:
    engine = engine_on(driver, plan, behaviour)
    with pytest.raises(EngineRefused, match=told) as refused, engine:
        pass
    assert re.search("build-engine|Stop", refused.value.cure)


def test_memory_is_counted_before_a_context_is_made(driver: Any, plan: Path) -> None:
    trt: Any = FakeExecution(driver, MANIFEST, behaviour=Behaviour(scratch=1 << 40))
    engine = TensorRtEngine(MANIFEST, plan_build(), plan).on(trt, driver)
    with pytest.raises(EngineRefused), engine:
        pass
    assert trt.contexts == 0


def test_a_plan_of_another_version_is_never_deserialised(driver: Any, plan: Path) -> None:
    trt: Any = FakeExecution(driver, MANIFEST, "8.5")
    engine = TensorRtEngine(MANIFEST, plan_build("8.6"), plan).on(trt, driver)
    with pytest.raises(EngineRefused, match=r"is for tensorrt 8\.6\.0\.1, here is 8\.5"), engine:
        pass
    assert trt.deserialised == 0


def test_a_plan_of_another_device_is_never_deserialised(driver: Any, plan: Path) -> None:
    trt: Any = FakeExecution(driver, MANIFEST, "10.3")
    foreign = plan_build().model_copy(update={"compute_capability": "8.7"})
    engine = TensorRtEngine(MANIFEST, foreign, plan).on(trt, driver)
    with pytest.raises(EngineRefused, match=r"is for compute capability 8\.7, .* has 9\.0"), engine:
        pass
    assert trt.deserialised == 0


@pytest.mark.parametrize("release", ["8.5", "8.6", "10.3", "11.1"])
def test_pipelines_take_turns_with_a_plan_of_an_open_batch(
    driver: Any, plan: Path, release: str
) -> None:
    given = [Frame(image(seed), seed, 0.0, "test") for seed in range(3)]
    with engine_on(driver, plan, Behaviour(batch=-1), release) as engine, ThreadPoolExecutor(
        len(given)
    ) as threads:
        begun = Barrier(len(given))

        def labels(nth: int) -> List[np.ndarray]:
            begun.wait(20)
            pipeline, frames = engine.pipelines[nth], (given[nth], given[nth - 1], given[nth])
            return [pipeline.label(frame, SegmentOptions()).labels for frame in frames]

        found = list(threads.map(labels, range(len(given))))
        for nth, (first, other, again) in enumerate(found):
            np.testing.assert_array_equal(first, again)
            np.testing.assert_array_equal(other, found[nth - 1][0])
        assert (found[0][0] != found[1][0]).any()
        computed(engine.slots[0], image(3))


@pytest.mark.parametrize("release", ["8.5", "10.3", "11.1"])
def test_pipelines_share_one_scratch_memory(driver: Any, plan: Path, release: str) -> None:
    scratch = 100 << 20
    with engine_on(driver, plan, Behaviour(scratch=scratch), release) as engine:
        assert len(engine.pipelines) == 3
        assert scratch <= driver.taken < 2 * scratch


def test_a_plan_for_a_dla_is_loaded_for_its_core(driver: Any, plan: Path) -> None:
    build = plan_build().model_copy(update={"settings": {"dla_core": 1}})
    behaviour = Behaviour(dla_cores=2, loadables=9)
    trt: Any = FakeExecution(driver, MANIFEST, behaviour=behaviour)
    with TensorRtEngine(MANIFEST, build, plan).on(trt, driver) as engine:
        assert len(engine.pipelines) == 3
        computed(engine.slots[0], image(1))
    assert trt.dla_core == 1
    trt.does.dla_cores = 1
    with pytest.raises(EngineRefused, match="for DLA core 1, this machine has 1"), engine:
        pass


def test_graphs_are_refused_where_nothing_captures_them(driver: Any, plan: Path) -> None:
    trt: Any = FakeExecution(driver, MANIFEST)
    options = DeviceOptions(cuda_graphs=True)
    engine = TensorRtEngine(MANIFEST, plan_build(), plan, options=options).on(trt, driver)
    with pytest.raises(EngineRefused, match="captures no CUDA graphs") as refused, engine:
        pass
    assert "gpu_cuda_graphs" in refused.value.cure


@pytest.mark.parametrize("busy_wait", [False, True])
def test_waiting_sleeps_unless_a_core_may_be_spent(
    driver: Any, plan: Path, busy_wait: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: List[int] = []
    event, flags = driver.Event, driver.event_flags

    def noted(chosen: int) -> Any:
        made.append(chosen)
        return event(chosen)

    monkeypatch.setattr(driver, "Event", noted)
    trt: Any = FakeExecution(driver, MANIFEST)
    options = DeviceOptions(busy_wait=busy_wait)
    with TensorRtEngine(MANIFEST, plan_build(), plan, options=options).on(trt, driver):
        pass
    assert set(made) == {flags.DEFAULT if busy_wait else flags.BLOCKING_SYNC}


def test_a_machine_without_a_gpu_is_told_so(driver: Any, plan: Path) -> None:
    driver.absent = True
    with pytest.raises(EngineRefused, match="CUDA does not start"), engine_on(
        driver, plan, Behaviour()
    ):
        pass


def test_missing_libraries_are_named(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.inference.backends.open_engine.find_spec", lambda _: None)
    with pytest.raises(EngineRefused, match=r"needs TensorRT, which is not installed"):
        open_engine(MANIFEST, plan_build(), plan)
    monkeypatch.setattr(
        "runtime.inference.backends.open_engine.find_spec", lambda name: name != "pycuda" or None
    )
    with pytest.raises(EngineRefused, match=r"needs pycuda.*'\.\[tensorrt\]'"):
        open_engine(MANIFEST, plan_build(), plan)


def test_a_refused_pass_fails_and_leaves_the_logits_alone(driver: Any, plan: Path) -> None:
    behaviour = Behaviour()
    with engine_on(driver, plan, behaviour) as engine:
        before = computed(engine.slots[0], image(1))
        behaviour.runs, behaviour.says = False, "Error Code 1: Cuda Runtime"
        with pytest.raises(EngineFailed, match="Error Code 1"):
            computed(engine.slots[0], image(2))
        assert (engine.slots[0].output == before).all()


def test_a_lost_gpu_stays_lost_and_is_still_let_go(driver: Any, plan: Path) -> None:
    with engine_on(driver, plan, Behaviour()) as engine:
        driver.broken = ILLEGAL
        for _ in range(2):
            with pytest.raises(DeviceLost, match="illegal memory access") as lost:
                engine.slots[0].run()
            assert "Restart the daemon" in lost.value.cure


def test_several_engines_share_a_process(driver: Any, plan: Path) -> None:
    with engine_on(driver, plan, Behaviour()) as one, engine_on(driver, plan, Behaviour()) as two:
        with ThreadPoolExecutor(1) as other:
            first = other.submit(computed, one.slots[0], image(1)).result()
        assert (computed(two.slots[0], image(1)) == first).all()


def test_layers_are_timed_as_trtexec_writes_it(driver: Any, plan: Path, tmp_path: Path) -> None:
    with engine_on(driver, plan, Behaviour()) as engine:
        text = engine.layer_times(passes=4)
    assert json.loads(text)[0] == {"count": 4}
    (tmp_path / "profile.json").write_text(text, encoding="utf-8")
    pytest.importorskip("torch", reason="the builder reads profiles")
    from runtime.experiments.profile.tensorrt_profile import layer_times

    assert layer_times(tmp_path / "profile.json") == {"layer1.conv + relu": 2.0, "logits": 0.5}
