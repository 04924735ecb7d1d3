from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Dict, List

import pytest

from runtime.device.gpu import Gpu
from runtime.device.machine import Machine
from runtime.errors import EngineRefused, OutputFailed
from runtime.repository.choose_build import choose_build
from runtime.repository.engine_folder import EngineFolder, Repository
from runtime.repository.manifest import (
    Build,
    CanarySpec,
    ClassesSpec,
    EngineManifest,
    InputSpec,
    ModelCard,
    OutputSpec,
    Provenance,
    manifest_text,
)

HASH = "0" * 64
PLAN: Dict[str, Any] = {
    "backend": "tensorrt",
    "backend_version": "8.5.2",
    "device": "Xavier",
    "compute_capability": "7.2",
}
XAVIER = Machine({"tensorrt": "8.5.2"}, Gpu("Xavier", "7.2"))
LAPTOP = Machine({"openvino": "2026.4"})


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def portable(precision: str = "fp32", content: bytes = b"model", **changes: Any) -> Build:
    fields: Dict[str, Any] = {
        "precision": precision,
        "backend": "openvino",
        "artefact": f"model.{precision}.onnx",
        "sha256": sha256(content),
        "size": len(content),
        "onnx_sha256": sha256(content),
        "backend_version": "2024.4",
        "calibration": {
            "name": "drive",
            "images": 3,
            "images_sha256": HASH,
            "ranges_sha256": HASH,
            "rule": "mse",
        },
    }
    return Build(**{**fields, **changes})


def engine(path: Path, builds: List[Build], content: bytes = b"model") -> EngineFolder:
    path.mkdir(parents=True)
    for build in builds:
        (path / build.artefact).write_bytes(content)
    for name in ("canary.png", "canary.labels.png"):
        (path / name).write_bytes(name.encode())
    manifest = EngineManifest(
        name="street",
        model=ModelCard(family="swiftnet", architecture={}, parameters=1, macs=1),
        classes=ClassesSpec(names=["a", "b"], palette=[(0, 0, 0), (1, 1, 1)]),
        input=InputSpec(height=64, width=96, mean=(0, 0, 0), std=(1, 1, 1)),
        output=OutputSpec(height=16, width=24),
        provenance=Provenance(
            created_at="2026-01-01", runtime_version="1", checkpoint_sha256=HASH, recipe_sha256=HASH
        ),
        canary=CanarySpec(
            image="canary.png",
            image_sha256=sha256(b"canary.png"),
            labels="canary.labels.png",
            labels_sha256=sha256(b"canary.labels.png"),
        ),
        builds=builds,
    )
    (path / "manifest.json").write_text(manifest_text(manifest), encoding="utf-8")
    return EngineFolder(path)


def test_an_intact_artefact_and_canary_are_handed_out(tmp_path: Path) -> None:
    folder = engine(tmp_path / "street", [portable()])
    assert folder.verified(folder.manifest.builds[0]) == folder.path / "model.fp32.onnx"
    assert folder.canary() == (folder.path / "canary.png", folder.path / "canary.labels.png")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.write_bytes(b"longer than before"), "bytes"),
        (lambda path: path.write_bytes(b"mode1"), "hash"),
    ],
)
def test_a_damaged_artefact_is_refused_with_the_command_that_rebuilds_it(
    tmp_path: Path, damage: Any, told: str
) -> None:
    folder = engine(tmp_path / "street", [portable("int8")])
    damage(folder.path / "model.int8.onnx")
    with pytest.raises(EngineRefused, match=told) as refused:
        folder.verified(folder.manifest.builds[0])
    recipe = folder.path / "recipe.toml"
    assert f"runtime build-engine --recipe {recipe} --int8" in refused.value.cure


def test_a_changed_canary_is_refused(tmp_path: Path) -> None:
    folder = engine(tmp_path / "street", [portable()])
    (folder.path / "canary.labels.png").write_bytes(b"another answer")
    with pytest.raises(EngineRefused, match="hash"):
        folder.canary()


def test_an_artefact_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    folder = engine(tmp_path / "street", [portable()])
    artefact = folder.path / "model.fp32.onnx"
    artefact.replace(tmp_path / "elsewhere.onnx")
    artefact.symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(EngineRefused, match="leads out"):
        folder.verified(folder.manifest.builds[0])


def test_the_fastest_build_that_fits_is_chosen(tmp_path: Path) -> None:
    plan = portable("fp16", artefact="xavier.plan", **PLAN)
    folder = engine(tmp_path / "street", [portable("fp32"), portable("int8"), plan])
    assert choose_build(folder, LAPTOP).precision == "int8"
    assert choose_build(folder, LAPTOP, "fp32").precision == "fp32"
    assert choose_build(folder, XAVIER).artefact == "xavier.plan"


@pytest.mark.parametrize(
    ("machine", "told"),
    [
        (Machine({}), "needs tensorrt, which is not installed"),
        (Machine({"tensorrt": "10.3"}, Gpu("Xavier", "7.2")), "8.5.2, here is 10.3"),
        (Machine({"tensorrt": "8.5.2"}, Gpu("Orin", "8.7")), "capability 7.2, here is 8.7"),
        (Machine({"tensorrt": "8.5.2"}), "here is no GPU"),
        (Machine({"tensorrt": "8.5.2"}, Gpu("Xavier", "7.2"), launcher=False), "needs pycuda"),
        (Machine({"tensorrt": "8.5.2"}, Gpu("Other", "7.2")), "is for Xavier, here is Other"),
    ],
)
def test_a_foreign_plan_is_refused_and_both_sides_are_named(
    tmp_path: Path, machine: Machine, told: str
) -> None:
    folder = engine(tmp_path / "street", [portable("int8", artefact="xavier.plan", **PLAN)])
    with pytest.raises(EngineRefused, match=told) as refused:
        choose_build(folder, machine, "int8")
    assert "--int8" in refused.value.cure


def test_a_device_with_tensorrt_is_told_to_build_a_plan_and_others_to_use_the_recipe(
    tmp_path: Path,
) -> None:
    folder = engine(tmp_path / "street", [portable("int8", artefact="xavier.plan", **PLAN)])
    with pytest.raises(EngineRefused) as refused:
        choose_build(folder, Machine({"tensorrt": "10.3"}, Gpu("Orin", "8.7")))
    assert f"runtime build-engine --folder {folder.path} --tensorrt`" in refused.value.cure
    with pytest.raises(EngineRefused) as refused:
        choose_build(folder, LAPTOP)
    assert f"runtime build-engine --recipe {folder.recipe}`" in refused.value.cure


def test_a_plan_without_a_device_runs_on_every_gpu_of_its_capability(tmp_path: Path) -> None:
    plan: Dict[str, Any] = {
        "backend": "tensorrt_rtx",
        "backend_version": "1.7",
        "compute_capability": "8.9",
    }
    folder = engine(tmp_path / "street", [portable("fp16", artefact="sm89.plan", **plan)])
    for device in ("RTX 4090", "L4"):
        machine = Machine({"tensorrt_rtx": "1.7"}, Gpu(device, "8.9"))
        assert choose_build(folder, machine).artefact == "sm89.plan"
    with pytest.raises(EngineRefused, match=r"capability 8\.9, here is 8\.6"):
        choose_build(folder, Machine({"tensorrt_rtx": "1.7"}, Gpu("RTX 3060", "8.6")))


def test_the_gpu_comes_before_the_dla(tmp_path: Path) -> None:
    dla = portable("fp16", artefact="dla.plan", settings={"dla_core": 0}, **PLAN)
    folder = engine(tmp_path / "street", [dla, portable("fp16", artefact="xavier.plan", **PLAN)])
    assert choose_build(folder, XAVIER).artefact == "xavier.plan"


def test_what_plans_are_built_from_is_verified_like_builds(tmp_path: Path) -> None:
    folder = engine(tmp_path / "street", [portable()])
    content = b"the twin"
    sources = {"model.int8.fp16.onnx": hashlib.sha256(content).hexdigest()}
    manifest = folder.manifest.model_copy(update={"plan_sources": sources})
    folder.manifest_path.write_text(manifest_text(manifest), encoding="utf-8")
    fresh = EngineFolder(folder.path)
    with pytest.raises(EngineRefused, match="does not exist"):
        fresh.plan_source("model.int8.fp16.onnx")
    path = folder.path / "model.int8.fp16.onnx"
    path.write_bytes(content)
    assert fresh.plan_source("model.int8.fp16.onnx") == path
    assert fresh.plan_source("model.onnx") is None
    path.write_bytes(b"another one")
    with pytest.raises(EngineRefused, match="hash"):
        fresh.plan_source("model.int8.fp16.onnx")


def test_portable_builds_run_on_any_version(tmp_path: Path) -> None:
    folder = engine(tmp_path / "street", [portable(backend_version="2024.4")])
    assert choose_build(folder, LAPTOP).backend == "openvino"


def test_a_repository_lists_what_was_built(tmp_path: Path) -> None:
    engine(tmp_path / "street", [portable()])
    (tmp_path / "only-a-recipe").mkdir()
    repository = Repository(tmp_path)
    assert repository.names() == ["street"]
    assert repository.folder("street").manifest.name == "street"
    with pytest.raises(EngineRefused, match=r"'only-a-recipe'.*there are: street"):
        repository.folder("only-a-recipe")


def test_a_file_is_written_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    folder = EngineFolder(tmp_path / "new")
    assert folder.write("a.plan", b"first").read_bytes() == b"first"
    assert folder.write("a.plan", b"second").read_bytes() == b"second"
    assert [path.name for path in folder.path.iterdir()] == ["a.plan"]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "engine").write_bytes(b"a file where the folder should be")
    with pytest.raises(OutputFailed, match=r"engine/a\.plan cannot be written"):
        EngineFolder(tmp_path / "engine").write("a.plan", b"")
