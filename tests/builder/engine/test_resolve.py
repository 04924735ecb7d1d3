from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from runtime.builder.engine import resolve
from runtime.builder.engine.recipe import recipe_from_file
from runtime.builder.engine.resolve import BuildEngineOptions, resolve_build
from runtime.device.machine import Machine
from runtime.errors import InvalidConfig, InvalidInput
from tests.builder.engine.homes import checkpoint_in
from tests.builder.networks import narrow, randomised, textured_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return textured_dataset(tmp_path / "brightness")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkpoint as others publish them: tensors, and nothing about what they are for."""
    path = tmp_path / "published.pth"
    torch.save(randomised(narrow(levels=1)).state_dict(), path)
    return path


@pytest.fixture
def carded(tmp_path: Path, dataset: Path) -> Path:
    """A checkpoint that knows what it was trained on."""
    path = checkpoint_in(tmp_path, dataset, hold_out="image-2")
    return path.rename(tmp_path / "Street Net.pt")


def recipe_in(folder: Path, **lines: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.toml"
    text = 'name = "street"\ncheckpoint = "../published.pth"\ndataset = "../brightness"\n'
    path.write_text(text + "".join(f"\n{body}\n" for body in lines.values()), encoding="utf-8")
    return path


INPUT = "[input]\nheight = 64\nwidth = 96"
CALIBRATION = '[calibration]\nname = "few"\ncount = 2'


def test_a_checkpoint_and_a_folder_are_enough(carded: Path, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "engines" / "street"
    order = resolve_build(
        BuildEngineOptions(checkpoint=carded, calibration=dataset / "train" / "images", out=out)
    )
    assert order.recipe.name == "street"
    assert order.precisions == ("fp32", "int8")
    assert (order.input.height, order.input.geometry) == (64, "stretch")
    assert [path.name for path in order.calibration_images] == [
        "image-0.png",
        "image-1.png",
        "image-2.png",
    ]
    assert order.classes.names[0] == "black"


def test_what_was_held_out_is_found_and_called_unseen(
    carded: Path, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "engine"
    order = resolve_build(
        BuildEngineOptions(checkpoint=carded, calibration=dataset / "train" / "images", out=out)
    )
    told = [(e.choice.name, e.choice.seen_in_training, len(e.images)) for e in order.exams]
    assert told == [("held out image-2", False, 1), ("val", False, 2)]


def test_images_of_unknown_history_count_as_seen(bare: Path, dataset: Path, tmp_path: Path) -> None:
    folder = dataset / "train" / "images"
    request = BuildEngineOptions(checkpoint=bare, calibration=folder, out=tmp_path / "engine")
    with pytest.raises(InvalidConfig, match="size of the input"):
        resolve_build(request)
    written = tmp_path / "engine" / "recipe.toml"
    text = f'{written.read_text(encoding="utf-8")}\n{INPUT}\nresampling = "area"\n'
    written.write_text(text, encoding="utf-8")
    order = resolve_build(request)
    assert [exam.choice.seen_in_training for exam in order.exams] == [True]
    assert order.input.resampling == "area"


def test_the_derived_recipe_is_written_and_builds_the_same(
    carded: Path, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "engines" / "street"
    first = resolve_build(
        BuildEngineOptions(
            checkpoint=carded, calibration=dataset / "train" / "images", out=out, max_drop=9
        )
    )
    again = resolve_build(BuildEngineOptions(out=out))
    assert recipe_from_file(out / "recipe.toml") == again.recipe
    assert again.calibration_images == first.calibration_images
    assert (first.recipe.gate.max_drop, again.recipe.gate.max_drop) == (9, 0.5)


def test_the_engine_is_named_after_the_checkpoint_without_a_folder(
    carded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    order = resolve_build(BuildEngineOptions(checkpoint=carded))
    assert order.out == Path("engines/street-net")
    assert order.precisions == ("fp32",), "there is nothing to calibrate on"


def test_a_recipe_s_paths_start_from_its_folder(bare: Path, dataset: Path, tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path / "street", input=INPUT, calibration=CALIBRATION)
    order = resolve_build(BuildEngineOptions(recipe=recipe))
    assert order.out == tmp_path / "street"
    assert order.checkpoint.sha256
    assert len(order.calibration_images) == 2


def test_a_recipe_can_build_elsewhere(bare: Path, dataset: Path, tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path / "street", input=INPUT, calibration=CALIBRATION)
    elsewhere = tmp_path / "deep" / "er" / "copy"
    order = resolve_build(BuildEngineOptions(recipe=recipe, out=elsewhere))
    assert order.out == elsewhere
    assert resolve_build(BuildEngineOptions(out=elsewhere)).checkpoint.sha256


def test_the_command_overrides_the_recipe(
    bare: Path, carded: Path, dataset: Path, tmp_path: Path
) -> None:
    recipe = recipe_in(tmp_path / "street", input=INPUT, calibration=CALIBRATION)
    moved = textured_dataset(tmp_path / "moved")
    order = resolve_build(
        BuildEngineOptions(
            recipe=recipe,
            checkpoint=carded,
            dataset=moved,
            calibration=moved / "val",
            precisions=("int8",),
        )
    )
    assert order.precisions == ("int8",)
    assert order.checkpoint.metadata
    assert {path.parent.resolve() for path in order.calibration_images} == {moved / "val/images"}


def test_the_canary_is_the_named_image_or_the_first_of_an_exam(
    bare: Path, dataset: Path, tmp_path: Path
) -> None:
    exam = '[[evaluation]]\nname = "val"\nsplits = ["val"]\nseen_in_training = false'
    recipe = recipe_in(tmp_path / "street", input=INPUT, calibration=CALIBRATION, exam=exam)
    canary = resolve_build(BuildEngineOptions(recipe=recipe)).canary
    assert canary is not None
    assert canary.parent.parent.name == "val"
    recipe.write_text(f'canary = "image-2"\n{recipe.read_text(encoding="utf-8")}', encoding="utf-8")
    canary = resolve_build(BuildEngineOptions(recipe=recipe)).canary
    assert canary is not None
    assert canary.name == "image-2.png"


@pytest.mark.parametrize(
    ("body", "request_changes", "fault", "told"),
    [
        ({"input": INPUT}, {"precisions": ("int8",)}, InvalidConfig, "needs calibration images"),
        ({"calibration": CALIBRATION}, {}, InvalidConfig, "size of the input"),
        ({"input": INPUT}, {"dataset": Path("/nowhere")}, InvalidInput, "/nowhere does not exist"),
        (
            {"input": INPUT, "c": '[calibration]\nname = "x"\npictures = "q*"'},
            {},
            InvalidInput,
            "no image of 'brightness'",
        ),
        ({"input": INPUT}, {"calibration": Path("/")}, InvalidInput, "holds no images"),
    ],
)
@pytest.mark.usefixtures("dataset")
def test_what_is_missing_is_named(
    bare: Path, body: Any, request_changes: Any, fault: Any, told: str
) -> None:
    recipe = recipe_in(bare.parent / "street", **body)
    with pytest.raises(fault, match=told):
        resolve_build(BuildEngineOptions(recipe=recipe, **request_changes))


def test_neither_checkpoint_nor_recipe_is_refused_with_both_ways() -> None:
    with pytest.raises(InvalidConfig, match="neither") as refused:
        resolve_build(BuildEngineOptions())
    assert "CHECKPOINT --int8 --calib DIR" in refused.value.cure


def test_another_number_of_classes_is_refused(bare: Path, dataset: Path, tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path / "street", input=INPUT, calibration=CALIBRATION)
    described = (dataset / "dataset.json").read_text(encoding="utf-8")
    fewer = described.replace('"black", ', "").replace("[0, 0, 0], ", "")
    (dataset / "dataset.json").write_text(fewer, encoding="utf-8")
    with pytest.raises(InvalidConfig, match="5 classes, its dataset 4"):
        resolve_build(BuildEngineOptions(recipe=recipe, precisions=("fp32",)))


@pytest.mark.parametrize(
    ("backends", "flags", "workspace"),
    [
        ({}, None, None),
        ({"openvino": "1"}, None, None),
        ({"tensorrt": "8.5"}, None, 512),
        # The command insists, and its flags win.
        ({}, {}, 512),
        ({"tensorrt": "8.5"}, {"workspace_mib": 64}, 64),
    ],
)
def test_a_recipes_plans_wait_for_tensorrt_unless_the_command_insists(
    bare: Path,
    dataset: Path,
    monkeypatch: pytest.MonkeyPatch,
    backends: Any,
    flags: Any,
    workspace: Any,
) -> None:
    monkeypatch.setattr(resolve, "this_machine", lambda: Machine(backends))
    tensorrt = "[tensorrt]\nworkspace_mib = 512"
    recipe = recipe_in(bare.parent / "street", input=INPUT, tensorrt=tensorrt)
    request = BuildEngineOptions(recipe=recipe, precisions=("fp32",), plans=flags)
    plans = resolve_build(request).plans
    assert (plans and plans.workspace_mib) == workspace


def test_a_calibration_cache_needs_an_int8_build(bare: Path, dataset: Path) -> None:
    recipe = recipe_in(bare.parent / "street", input=INPUT)
    request = BuildEngineOptions(recipe=recipe, precisions=("fp32",), calibration_cache=True)
    with pytest.raises(InvalidConfig, match="Add --int8"):
        resolve_build(request)
