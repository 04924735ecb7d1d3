from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Callable, List

import pytest

from runtime.builder.checkpoint import load_checkpoint
from runtime.builder.data.layouts import open_dataset
from runtime.builder.engine import resolve
from runtime.builder.engine.options import BuildEngineOptions
from runtime.builder.engine.recipe import CalibrationChoice, Recipe
from runtime.builder.engine.resolve import resolve_build
from runtime.builder.engine.save_recipe import resolve_and_save_recipe
from runtime.device.machine import Machine
from runtime.errors import InvalidConfig, InvalidInput
from tests.awkward_names import NOT_UTF8
from tests.builder.engine.recipes import CALIBRATION, INPUT, recipe_in
from tests.builder.networks import textured_dataset


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> List[Path]:
    """The checkpoints and datasets that resolving reads, in order."""
    read: List[Path] = []

    def noting(load: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def load_and_note(path: Path) -> Any:
            read.append(path)
            return load(path)

        return load_and_note

    monkeypatch.setattr(resolve, "load_checkpoint", noting(load_checkpoint))
    monkeypatch.setattr(resolve, "open_dataset", noting(open_dataset))
    return read


def test_a_derived_recipe_takes_one_look_at_each_file_and_writes_none(
    carded: Path, dataset: Path, tmp_path: Path, reads: List[Path]
) -> None:
    out = tmp_path / "engines" / "street"
    images = dataset / "train" / "images"
    resolved = resolve_build(BuildEngineOptions(checkpoint=carded, calibration=images, out=out))
    assert len(resolved.evaluation_sets) == 2
    assert reads == [carded, dataset]
    assert not out.exists()


def test_a_written_recipe_takes_one_look_at_each_file(
    bare: Path, dataset: Path, tmp_path: Path, reads: List[Path]
) -> None:
    recipe = recipe_in(tmp_path / "street", input=INPUT, calibration=CALIBRATION)
    resolve_build(BuildEngineOptions(recipe=recipe))
    assert reads == [bare, dataset]


def test_a_derived_recipe_evaluates_on_the_dataset_that_is_named(
    carded: Path, dataset: Path, tmp_path: Path, reads: List[Path]
) -> None:
    apart = tmp_path / "apart"
    apart.mkdir()
    for image in (dataset / "train" / "images").iterdir():
        shutil.copy(image, apart)
    resolved = resolve_build(
        BuildEngineOptions(checkpoint=carded, calibration=apart, dataset=dataset, out=tmp_path)
    )
    assert [each.choice.name for each in resolved.evaluation_sets] == ["held out image-2", "val"]
    assert reads == [carded, dataset]


def test_a_checkpoint_and_a_folder_are_enough(carded: Path, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "engines" / "street"
    resolved = resolve_build(
        BuildEngineOptions(checkpoint=carded, calibration=dataset / "train" / "images", out=out)
    )
    assert resolved.recipe.name == "street"
    assert resolved.precisions == ("fp32", "int8")
    assert (resolved.input.height, resolved.input.geometry) == (64, "stretch")
    assert [path.name for path in resolved.calibration_images] == [
        "image-0.png",
        "image-1.png",
        "image-2.png",
    ]
    assert resolved.classes.names[0] == "black"


def test_what_was_held_out_is_found_and_called_unseen(
    carded: Path, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "engine"
    resolved = resolve_build(
        BuildEngineOptions(checkpoint=carded, calibration=dataset / "train" / "images", out=out)
    )
    told = [
        (e.choice.name, e.choice.seen_in_training, len(e.images)) for e in resolved.evaluation_sets
    ]
    assert told == [("held out image-2", False, 1), ("val", False, 2)]


def test_the_engine_is_named_after_the_checkpoint_without_a_folder(
    carded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    resolved = resolve_build(BuildEngineOptions(checkpoint=carded))
    assert resolved.out == Path("engines/street-net")
    assert resolved.precisions == ("fp32",), "there is nothing to calibrate on"


def test_a_recipe_s_paths_start_from_its_folder(bare: Path, dataset: Path, tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path / "street", input=INPUT, calibration=CALIBRATION)
    resolved = resolve_build(BuildEngineOptions(recipe=recipe))
    assert resolved.out == tmp_path / "street"
    assert resolved.checkpoint.sha256
    assert len(resolved.calibration_images) == 2


def test_the_command_overrides_the_recipe(
    bare: Path, carded: Path, dataset: Path, tmp_path: Path
) -> None:
    recipe = recipe_in(tmp_path / "street", input=INPUT, calibration=CALIBRATION)
    moved = textured_dataset(tmp_path / "moved")
    resolved = resolve_build(
        BuildEngineOptions(
            recipe=recipe,
            checkpoint=carded,
            dataset=moved,
            calibration=moved / "val",
            precisions=("int8",),
        )
    )
    assert resolved.precisions == ("int8",)
    assert resolved.checkpoint.metadata
    assert {path.parent.resolve() for path in resolved.calibration_images} == {moved / "val/images"}


def test_the_canary_is_the_named_image_or_the_first_evaluated(
    bare: Path, dataset: Path, tmp_path: Path
) -> None:
    val = '[[evaluation]]\nname = "val"\nsplits = ["val"]\nseen_in_training = false'
    recipe = recipe_in(tmp_path / "street", input=INPUT, calibration=CALIBRATION, val=val)
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


def test_a_recipe_s_paths_start_from_where_a_linked_folder_really_is(
    bare: Path, dataset: Path, tmp_path: Path
) -> None:
    recipe_in(tmp_path / "street", input=INPUT, calibration=CALIBRATION)
    link = tmp_path / "deep" / "er" / "link"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "street")
    assert resolve_build(BuildEngineOptions(recipe=link / "recipe.toml")).checkpoint.sha256


def test_a_missing_checkpoint_is_called_what_the_user_called_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=r"no checkpoint runs/net\.pt"):
        resolve_build(BuildEngineOptions(checkpoint=Path("runs/net.pt")))


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
    options = BuildEngineOptions(recipe=recipe, precisions=("fp32",), plans=flags)
    plans = resolve_build(options).plans
    assert (plans and plans.workspace_mib) == workspace


def test_a_calibration_cache_needs_an_int8_build(bare: Path, dataset: Path) -> None:
    recipe = recipe_in(bare.parent / "street", input=INPUT)
    options = BuildEngineOptions(recipe=recipe, precisions=("fp32",), calibration_cache=True)
    with pytest.raises(InvalidConfig, match="Add --int8"):
        resolve_build(options)


class TestLabelMapsGivenAsImages:
    def test_they_are_refused_before_any_work(self, carded: Path, dataset: Path) -> None:
        options = BuildEngineOptions(
            checkpoint=carded, calibration=dataset / "train" / "labels", out=dataset.parent / "s"
        )
        with pytest.raises(InvalidInput, match=r"image-0\.png is a label map"):
            resolve_build(options)

    def test_whoever_knows_better_can_insist_and_the_recipe_remembers(
        self, carded: Path, dataset: Path
    ) -> None:
        out = dataset.parent / "street"
        options = BuildEngineOptions(
            checkpoint=carded, calibration=dataset / "train" / "labels", out=out, grey_images=True
        )
        first = resolve_and_save_recipe(options)
        again = resolve_build(BuildEngineOptions(out=out))
        assert again.calibration_images == first.calibration_images != ()

    def test_insisting_changes_nothing_that_is_built(self) -> None:
        choice = CalibrationChoice(name="night", folder="night")
        recipes = [
            Recipe(
                name="street",
                checkpoint="a.pt",
                calibration=choice.model_copy(update={"grey_images": insists}),
            )
            for insists in (False, True)
        ]
        assert recipes[0].sha256 == recipes[1].sha256


def test_a_folder_whose_name_a_recipe_cannot_hold_is_refused(
    carded: Path, dataset: Path, tmp_path: Path
) -> None:
    moved = dataset.rename(tmp_path / NOT_UTF8)
    options = BuildEngineOptions(
        checkpoint=carded, calibration=moved / "train" / "images", out=tmp_path / "street"
    )
    with pytest.raises(InvalidInput, match=r"cannot say dataset = .*caf\\udce9.*Rename"):
        resolve_and_save_recipe(options)
