"""The whole chain on a tiny network: every artefact real, opened by the backend that serves it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import List, Mapping

import onnx
import pytest

from runtime.builder.commands.build_engine import build_engine_command
from runtime.builder.data.dataset import read_image
from runtime.builder.engine import build_steps
from runtime.builder.engine.accuracy import labels_of
from runtime.builder.engine.accuracy_report import REPORT_NAME
from runtime.builder.quantization.calibrate import table_from_file
from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.quantize import int8_from_float
from runtime.builder.tensorrt.calibration_cache import ranges_from_cache
from runtime.builder.tensorrt.plan_settings import PlanChoice
from runtime.device.machine import this_machine
from runtime.errors import BuildFailed, InvalidInput
from runtime.image.label_png import ids_from_png
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.segmenter import Segmenter
from runtime.repository.choose_build import choose_build
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import manifest_text
from tests.builder.engine.homes import (
    Listener,
    build_from_options,
    checkpoint_in,
    engine_of,
    options_in,
)
from tests.builder.networks import narrow, randomised, textured_dataset


@pytest.fixture
def home(tmp_path: Path) -> Path:
    checkpoint_in(tmp_path, textured_dataset(tmp_path / "brightness"))
    return tmp_path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose engine was built once; tests that change anything take a `copy`."""
    folder = tmp_path_factory.mktemp("home")
    checkpoint_in(folder, textured_dataset(folder / "brightness"))
    build_from_options(options_in(folder))
    return folder


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


def test_the_command_shows_the_evidence_and_ends_with_how_to_serve(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_engine_command(options_in(copy))
    told = capsys.readouterr()
    assert "measured on" in told.out
    assert told.err.splitlines()[-1] == f"Serve it with `runtime serve {engine_of(copy).path}`."


def test_a_build_can_be_served_and_gives_the_known_answer(built: Path) -> None:
    folder = engine_of(built)
    build = choose_build(folder, this_machine())
    assert build.precision == "int8"
    manifest, known = folder.manifest, folder.canary()
    assert known is not None
    assert manifest.canary is not None
    image, labels = known
    with open_engine(manifest, build, folder.verified(build), "latency") as engine:
        mask = labels_of(Segmenter(manifest, engine.slots[0]), read_image(image))
    agreement = float((mask == ids_from_png(labels.read_bytes())).mean())
    assert agreement >= manifest.canary.minimum_agreement


def test_the_manifest_says_what_was_measured_and_made_of_what(built: Path) -> None:
    manifest = engine_of(built).manifest
    assert [build.precision for build in manifest.builds] == ["fp32", "int8"]
    full, small = manifest.builds
    assert small.calibration is not None
    assert (small.calibration.images, small.calibration.rule) == (3, "mse")
    (found,) = small.evidence
    assert (found.split, found.seen_in_training, found.images) == ("val", False, 2)
    assert found.reference_miou == full.evidence[0].miou
    assert manifest.model.parameters == sum(
        p.numel() for p in randomised(narrow(levels=1, output_stride=8)).parameters()
    )
    assert (manifest.output.height, manifest.output.width) == (8, 12)


def test_ranges_are_kept_beside_the_engines(built: Path) -> None:
    (table,) = (built / "calibration").glob("*/ranges-*.json")
    assert table.parent.name == "brightness-train"


def test_a_second_build_does_nothing_and_changes_nothing(built: Path) -> None:
    before = engine_of(built).manifest_path.read_bytes()
    listener = Listener()
    build_from_options(options_in(built), listener)
    assert listener.ran == []
    assert listener.done_before == ["export", "calibrate", "quantize", "halve int8", "examine"]
    assert engine_of(built).manifest_path.read_bytes() == before


def test_a_changed_rule_makes_anew_what_depends_on_it(copy: Path) -> None:
    recipe = engine_of(copy).recipe
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("[calibration]", '[calibration]\nrule = "max"'), "utf-8")
    listener = Listener()
    build_from_options(options_in(copy), listener)
    assert listener.done_before == ["export", "calibrate"]
    assert listener.ran == ["quantize", "halve int8", "examine"]


def test_another_checkpoint_makes_everything_anew_and_drops_former_builds(copy: Path) -> None:
    other = checkpoint_in(copy, copy / "brightness", seed=4)
    listener = Listener()
    manifest = build_from_options(
        options_in(copy, checkpoint=other, precisions=("fp32",)), listener
    )
    assert listener.ran == ["export", "examine"]
    assert [build.precision for build in manifest.builds] == ["fp32"]


def test_a_further_precision_joins_the_builds_that_are_there(copy: Path) -> None:
    manifest = build_from_options(options_in(copy, precisions=("fp16",)))
    assert sorted(build.precision for build in manifest.builds) == ["fp16", "fp32", "int8"]
    folder = engine_of(copy)
    assert all(folder.verified(build).is_file() for build in folder.manifest.builds)


def test_the_twin_for_strongly_typed_tensorrt_is_written_and_vouched_for(built: Path) -> None:
    folder = engine_of(built)
    twin = folder.plan_source("model.int8.fp16.onnx")
    assert twin is not None
    half = onnx.load(str(twin))
    assert half.opset_import[0].version == 19
    scales = [t for t in half.graph.initializer if t.name.endswith("scale")]
    assert {onnx.TensorProto.DataType.Name(t.data_type) for t in scales} == {"FLOAT16"}
    assert folder.plan_source("model.onnx") is not None


def test_labels_and_a_calibration_cache_are_written_when_asked_for(copy: Path) -> None:
    folder = engine_of(copy).path
    assert not list(folder.glob("*labels.onnx"))
    manifest = build_from_options(options_in(copy, labels_inside=True, calibration_cache=True))
    assert sorted(path.name for path in folder.glob("*labels.onnx")) == [
        "model.int8.labels.onnx",
        "model.labels.onnx",
    ]
    ranges = ranges_from_cache((folder / "calibration.cache").read_text(encoding="ascii"))
    (table,) = (copy / "calibration").glob("*/ranges-*.json")
    assert ranges == pytest.approx(table_from_file(table).thresholds("mse"), rel=1e-6)
    assert "calibration.cache" in manifest.plan_sources
    assert {build.artefact for build in manifest.builds} == {"model.onnx", "model.int8.onnx"}


def test_plans_are_built_last_into_the_finished_folder(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: List[object] = []

    def noted(folder: EngineFolder, precisions: object, choice: PlanChoice, _: object) -> object:
        asked.append((precisions, choice.workspace_mib))
        return folder.manifest

    monkeypatch.setattr(build_steps, "build_plans", noted)
    build_from_options(options_in(copy))
    assert asked == []
    manifest = build_from_options(options_in(copy, plans={"workspace_mib": 64}))
    assert asked == [(("fp32", "int8"), 64)]
    assert manifest == engine_of(copy).manifest


def test_a_plan_stays_until_the_file_it_was_built_from_changes(copy: Path) -> None:
    folder = engine_of(copy)
    plan = folder.manifest.builds[1].model_copy(
        update={
            "artefact": "int8.plan",
            "backend": "tensorrt",
            "device": "Xavier",
            "compute_capability": "7.2",
            "settings": {"onnx": "model.int8.onnx"},
        }
    )
    with_plan = folder.manifest.model_copy(update={"builds": [*folder.manifest.builds, plan]})
    folder.manifest_path.write_text(manifest_text(with_plan), encoding="utf-8")
    same = build_from_options(options_in(copy))
    assert same.builds[-1] == plan
    recipe = folder.recipe.read_text(encoding="utf-8")
    changed = recipe.replace("[calibration]", '[calibration]\nrule = "max"')
    folder.recipe.write_text(changed, encoding="utf-8")
    assert plan.artefact not in {b.artefact for b in build_from_options(options_in(copy)).builds}


def test_a_build_killed_on_the_way_is_taken_up_where_it_stopped(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(build_steps, "int8_from_float", killed)
        with pytest.raises(KeyboardInterrupt):
            build_from_options(options_in(home))
    assert not engine_of(home).manifest_path.exists()
    listener = Listener()
    build_from_options(options_in(home), listener)
    assert listener.done_before == ["export", "calibrate"]
    assert engine_of(home).manifest.builds


def test_a_damaged_artefact_is_made_again(copy: Path) -> None:
    artefact = engine_of(copy).path / "model.int8.onnx"
    artefact.write_bytes(artefact.read_bytes()[:-1])
    listener = Listener()
    build_from_options(options_in(copy), listener)
    assert listener.ran == ["quantize"]


def test_a_broken_image_stops_the_build_and_leaves_no_manifest(home: Path) -> None:
    broken = home / "brightness" / "train" / "images" / "image-1.png"
    broken.write_bytes(broken.read_bytes()[:50])
    with pytest.raises(InvalidInput, match=r"image-1\.png"):
        build_from_options(options_in(home))
    assert not engine_of(home).manifest_path.exists()
    assert not list((home / "calibration").glob("**/*.json"))


@pytest.mark.long
def test_a_build_that_loses_too_much_leaves_no_manifest(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ruined(
        model: onnx.ModelProto, thresholds: Mapping[str, float], options: QuantizationOptions
    ) -> onnx.ModelProto:
        return int8_from_float(model, dict.fromkeys(thresholds, 1e-3), options)

    monkeypatch.setattr(build_steps, "int8_from_float", ruined)
    with pytest.raises(BuildFailed, match="int8 build loses") as refused:
        build_from_options(options_in(home, max_drop=0.0))
    assert not engine_of(home).manifest_path.exists()
    report = json.loads((engine_of(home).path / REPORT_NAME).read_text(encoding="utf-8"))
    worst = report["layers"][0][0]
    assert f"layers: {worst} (" in refused.value.problem
    assert "--int8 --keep-float 3" in report["command"]
    assert report["command"] in refused.value.cure
    assert str(engine_of(home).path / REPORT_NAME) in refused.value.cure


def test_the_state_holds_no_absolute_paths(built: Path) -> None:
    state = json.loads((engine_of(built).path / "build-state.json").read_text(encoding="utf-8"))
    names = [name for step in state["steps"].values() for name in step["outputs"]]
    assert names
    assert not [name for name in names if name.startswith("/")]
