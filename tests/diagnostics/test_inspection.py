from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.device.gpu import Gpu
from runtime.device.machine import Machine
from runtime.diagnostics.inspection import inspect_engine
from runtime.errors import EngineRefused
from runtime.repository.engine_folder import EngineFolder
from tests.folders import XAVIER_PLAN, build, write_engine

LAPTOP = Machine({"openvino": "2026.4"}, no_gpu="there is no driver")
XAVIER = Machine({"tensorrt": "8.5.2.2"}, Gpu("Xavier (8 SMs)", "7.2"))


@pytest.fixture
def folder(tmp_path: Path) -> EngineFolder:
    builds = [build("model.int8.onnx"), build("xavier.plan", precision="fp16", **XAVIER_PLAN)]
    return write_engine(tmp_path / "street", builds)


def test_what_would_be_served_depends_on_the_machine(folder: EngineFolder) -> None:
    here = {b.build.artefact: b for b in inspect_engine(folder, LAPTOP).builds}
    assert here["model.int8.onnx"].chosen
    assert here["xavier.plan"].misfit == "needs tensorrt, which is not installed"
    there = {b.build.artefact: b for b in inspect_engine(folder, XAVIER).builds}
    assert there["xavier.plan"].chosen
    assert there["model.int8.onnx"].misfit == "needs openvino, which is not installed"


def test_an_engine_that_nothing_here_runs_can_still_be_looked_at(folder: EngineFolder) -> None:
    inspection = inspect_engine(folder, Machine({}))
    assert not any(inspected.chosen for inspected in inspection.builds)
    assert inspection.refusal is not None
    assert f"runtime build-engine --recipe {folder.recipe}" in inspection.refusal.cure
    inspection.require_intact()


def test_hashes_are_read_only_when_asked_for(folder: EngineFolder) -> None:
    artefact = folder.path / "model.int8.onnx"
    artefact.write_bytes(artefact.read_bytes()[::-1])
    inspect_engine(folder, LAPTOP).require_intact()
    verified = inspect_engine(folder, LAPTOP, verify=True)
    states = {b.build.artefact: b.file.state for b in verified.builds}
    assert states == {"model.int8.onnx": "broken", "xavier.plan": "verified"}
    assert {file.state for file in verified.further_files} == {"verified"}
    with pytest.raises(EngineRefused, match=r"model\.int8\.onnx has the hash"):
        verified.require_intact()


@pytest.mark.parametrize("name", ["canary.png", "model.fp16.onnx", "xavier.plan"])
def test_each_broken_file_is_named_alone(folder: EngineFolder, name: str) -> None:
    (folder.path / name).write_bytes(b"something else")
    inspection = inspect_engine(folder, LAPTOP, verify=True)
    files = [*(b.file for b in inspection.builds), *inspection.further_files]
    assert [file.name for file in files if file.state == "broken"] == [name]


def test_a_missing_file_is_noticed_without_reading_any(folder: EngineFolder) -> None:
    (folder.path / "canary.labels.png").unlink()
    with pytest.raises(EngineRefused, match=r"canary\.labels\.png does not exist"):
        inspect_engine(folder, LAPTOP).require_intact()


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineRefused, match="is no engine folder"):
        inspect_engine(EngineFolder(tmp_path), LAPTOP)


def test_as_json_it_holds_the_manifest_and_the_choice(folder: EngineFolder) -> None:
    told = json.loads(json.dumps(inspect_engine(folder, XAVIER, verify=True).as_json()))
    assert told["manifest"] == json.loads(folder.manifest_path.read_text(encoding="utf-8"))
    assert [b["artefact"] for b in told["builds"] if b["chosen"]] == ["xavier.plan"]
    assert told["machine"]["gpu"]["compute_capability"] == "7.2"
    assert told["refusal"] is None
