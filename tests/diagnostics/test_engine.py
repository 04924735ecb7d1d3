from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator, List, Sequence

import pytest

from runtime.device.gpu import Gpu
from runtime.device.machine import Machine
from runtime.diagnostics.engine import answer, fit, least_memory, memory
from runtime.diagnostics.probe import Surroundings
from runtime.inference.backends.fake import FakeEngine
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import Build, EngineManifest, manifest_text
from tests.device.jetsons import write_tree
from tests.diagnostics.verdicts import findings, only, verdicts
from tests.folders import XAVIER_PLAN, build, write_engine
from tests.inference.drawing_pipeline import DrawingPipeline
from tests.serving.daemons import engine_folder, known_labels

LAPTOP = Machine({"openvino": "2026.4"})
XAVIER = Machine({"tensorrt": "8.5.2.2", "openvino": "2024.4"}, Gpu("Xavier (8 SMs)", "7.2"))
PORTABLE, PLAN = build("model.int8.onnx"), build("xavier.plan", **XAVIER_PLAN)
UNMEASURED = build("model.int8.onnx", evidence=[])


@pytest.mark.parametrize(
    ("builds", "machine", "expected"),
    [
        ([PORTABLE], LAPTOP, [("engine", "ok"), ("build", "ok")]),
        ([PLAN, PORTABLE], XAVIER, [("engine", "ok"), ("build", "ok")]),
        ([PLAN], LAPTOP, [("engine", "ok"), ("build", "problem"), ("build", "warning")]),
        ([PORTABLE], XAVIER, [("engine", "ok"), ("build", "ok"), ("build", "warning")]),
        ([UNMEASURED], LAPTOP, [("engine", "ok"), ("build", "ok"), ("evidence", "warning")]),
    ],
)
def test_an_engine_fits_or_not(
    tmp_path: Path, builds: Sequence[Build], machine: Machine, expected: object
) -> None:
    here = Surroundings(machine, engine=write_engine(tmp_path / "street", builds))
    assert verdicts(fit, here) == expected


def test_a_foreign_plan_is_named_with_the_command_that_builds_it_here(tmp_path: Path) -> None:
    folder = write_engine(tmp_path / "street", [PLAN, PORTABLE])
    orin = Machine({"tensorrt": "10.3.0", "openvino": "2026.4"}, Gpu("Orin (16 SMs)", "8.7"))
    foreign = findings(fit, Surroundings(orin, engine=folder))[1]
    assert "is for tensorrt 8.5.2.2, here is 10.3.0" in foreign.says
    assert f"runtime build-engine --folder {folder.path} --tensorrt --int8" in foreign.cure


def test_a_damaged_file_is_a_problem(tmp_path: Path) -> None:
    folder = write_engine(tmp_path / "street", [PORTABLE])
    (folder.path / "model.int8.onnx").write_bytes(b"an artifact")
    assert verdicts(fit, Surroundings(LAPTOP, engine=folder)) == [("engine", "problem")]


def test_a_folder_without_an_engine_is_a_problem_said_once(tmp_path: Path) -> None:
    here = Surroundings(LAPTOP, engine=EngineFolder(tmp_path), run=True)
    found = [finding for check in (fit, memory, answer) for finding in findings(check, here)]
    assert [finding.verdict for finding in found] == ["problem"]


def test_the_least_memory_is_weights_and_one_frame(tmp_path: Path) -> None:
    folder = write_engine(tmp_path / "street", [PORTABLE])
    frame, logits, labels = 64 * 96 * 3 * 4, 16 * 24 * 3 * 4, 64 * 96
    needed = len(b"an artefact") + frame + logits + labels
    assert least_memory(folder.manifest, PORTABLE) == needed
    for free, verdict in ((needed // 1024 + 1, "ok"), (needed // 1024, "problem")):
        write_tree(tmp_path, {"proc/meminfo": f"MemAvailable: {free} kB"})
        assert only(memory, Surroundings(LAPTOP, tmp_path, engine=folder)).verdict == verdict


# ---- the canary --------------------------------------------------------------------------

FAKE = Machine({"fake": "1"})


def test_the_engine_is_run_only_when_asked_for(tmp_path: Path) -> None:
    folder = EngineFolder(engine_folder(tmp_path / "engine"))
    assert findings(answer, Surroundings(FAKE, engine=folder)) == []
    assert only(answer, Surroundings(FAKE, engine=folder, run=True)).verdict == "ok"


def test_another_mask_of_the_canary_than_the_known_one_is_a_problem(tmp_path: Path) -> None:
    folder = EngineFolder(engine_folder(tmp_path / "engine", answer=1 - known_labels()))
    found = only(answer, Surroundings(FAKE, engine=folder, run=True))
    assert (found.verdict, found.says) == ("problem", "0.00% of its pixels are as they should be")


def test_an_engine_without_a_canary_is_warned_of(tmp_path: Path) -> None:
    folder = EngineFolder(engine_folder(tmp_path / "engine"))
    manifest = folder.manifest.model_copy(update={"canary": None})
    folder.write("manifest.json", manifest_text(manifest).encode())
    here = Surroundings(FAKE, engine=EngineFolder(folder.path), run=True)
    assert only(answer, here).verdict == "warning"


def test_the_engine_is_run_as_the_daemon_serves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def with_pipelines(manifest: EngineManifest, *_: object) -> Iterator[SimpleNamespace]:
        with FakeEngine(manifest, slots=1) as engine:
            pipelines.append(DrawingPipeline(manifest, engine.slots[0]))
            # An engine whose slot is not what is served: whoever takes it finds none.
            yield SimpleNamespace(pipelines=pipelines, slots=())

    pipelines: List[DrawingPipeline] = []
    monkeypatch.setattr("runtime.inference.backends.open_engine.open_engine", with_pipelines)
    folder = EngineFolder(engine_folder(tmp_path / "engine"))
    assert only(answer, Surroundings(FAKE, engine=folder, run=True)).verdict == "ok"
    assert [len(pipeline.asked) for pipeline in pipelines] == [1]
