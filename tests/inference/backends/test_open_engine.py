from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import EngineRefused
from runtime.inference.backends import open_engine as opening
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.engine import Mode
from tests.engines import fake_build, small_manifest

ARTEFACT = Path("artefact")


@pytest.mark.parametrize(("mode", "slots"), [("latency", 1), ("throughput", 2)])
def test_the_fake_engine_needs_no_artefact(mode: Mode, slots: int) -> None:
    with open_engine(small_manifest(), fake_build(), ARTEFACT, mode) as engine:
        assert len(engine.slots) == slots


def test_openvino_is_chosen_without_reading_anything() -> None:
    pytest.importorskip("openvino")
    build = fake_build().model_copy(update={"backend": "openvino"})
    engine = open_engine(small_manifest(), build, ARTEFACT)
    assert type(engine).__name__ == "OpenVinoEngine"


def test_a_missing_library_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda _name: None)
    build = fake_build().model_copy(update={"backend": "openvino"})
    with pytest.raises(EngineRefused, match=r"OpenVINO, which is not installed.*pip install"):
        open_engine(small_manifest(), build, ARTEFACT)


@pytest.mark.parametrize("backend", ["tensorrt", "tensorrt_rtx"])
def test_a_plan_is_opened_where_its_libraries_are(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setattr(opening, "find_spec", {backend: 1, "pycuda": 1}.get)
    build = fake_build().model_copy(update={"backend": backend})
    engine = open_engine(small_manifest(), build, ARTEFACT)
    assert type(engine).__name__ == "TensorRtEngine"
    assert not engine.slots
