from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from runtime.errors import EngineRefused
from runtime.repository.manifest import MANIFEST_NAME, manifest_from_file, manifest_text
from tests.engines import small_manifest

Json = Dict[str, Any]


@pytest.fixture
def content() -> Json:
    text: Json = json.loads(manifest_text(small_manifest()))
    return text


def refusal(folder: Path, content: object) -> EngineRefused:
    path = folder / MANIFEST_NAME
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(EngineRefused) as refused:
        manifest_from_file(path)
    assert str(path) in refused.value.problem
    return refused.value


def test_a_manifest_comes_back_from_its_file_unchanged(tmp_path: Path) -> None:
    manifest = small_manifest()
    path = tmp_path / MANIFEST_NAME
    path.write_text(manifest_text(manifest))
    assert manifest_from_file(path) == manifest


def test_the_file_is_indented_and_ends_with_a_newline() -> None:
    text = manifest_text(small_manifest())
    assert text.startswith('{\n  "format_version": 1,\n')
    assert text.endswith("}\n")


def absence(folder: Path) -> EngineRefused:
    with pytest.raises(EngineRefused) as refused:
        manifest_from_file(folder / MANIFEST_NAME)
    return refused.value


def test_a_folder_that_does_not_exist_is_not_to_be_rebuilt(tmp_path: Path) -> None:
    fault = absence(tmp_path / "engnies")
    assert fault.problem == f"there is no engine folder {tmp_path / 'engnies'}"
    assert "--recipe" not in fault.cure


def test_a_recipe_without_a_manifest_is_refused_with_the_command_that_builds_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "recipe.toml").touch()
    fault = absence(tmp_path)
    assert "is not built" in fault.problem
    assert f"runtime build-engine --recipe {tmp_path / 'recipe.toml'}" in fault.cure


def test_a_folder_of_engines_is_refused_with_their_names(tmp_path: Path) -> None:
    assert absence(tmp_path).problem.endswith(f"it has no {MANIFEST_NAME}")
    for name in ("night", "day"):
        (tmp_path / name).mkdir()
        (tmp_path / name / MANIFEST_NAME).touch()
    assert absence(tmp_path).cure == "Name one of the engines in it: day, night"


def test_a_manifest_that_cannot_be_opened_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).mkdir()
    assert "Is a directory" in absence(tmp_path).problem


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"manifest"', "\0"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    refusal(tmp_path, text)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / MANIFEST_NAME
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EngineRefused, match="is written in UTF-16"):
        manifest_from_file(path)


def test_another_format_version_is_named_before_anything_else(
    tmp_path: Path, content: Json
) -> None:
    fault = refusal(tmp_path, {"format_version": 2, "whatever": content})
    assert "format version 2, this runtime reads 1" in fault.problem


def change(path: str, value: object) -> Callable[[Json], None]:
    def apply(content: Json) -> None:
        *parents, last = path.split(".")
        place: Any = content
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place[key]
        place[last] = value

    return apply


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("surprise", 1, "surprise: there is no such key"),
        ("name", "../other", "name: String should match"),
        ("builds", [], "builds: List should have at least 1"),
        ("input.std", [1, 0, 1], "a standard deviation is not positive"),
        ("input.pad", [0, 0, 300], r"the padding \(0, 0, 300\) is not a colour"),
        ("input.height", 16, "input.height: Input should be greater"),
        ("output.height", 33, "the grid of logits is larger than the input"),
        ("classes.names", ["a", "a"], "class names repeat"),
        ("builds.0.artefact", "../model.onnx", "not a plain file name"),
        ("builds.0.artefact", "..", "not a plain file name"),
        ("builds.0.sha256", "abc", "builds.0.sha256: String should match"),
        ("builds.0.backend", "onnxruntime", "builds.0.backend: Input should be"),
        ("model.macs", 0, "model.macs: Input should be greater"),
    ],
)
def test_a_contradiction_is_named_with_its_place(
    tmp_path: Path, content: Json, path: str, value: object, problem: str
) -> None:
    change(path, value)(content)
    fault = refusal(tmp_path, content)
    assert re.search(problem, fault.problem)
    assert fault.cure.startswith("Rebuild it with")


def test_an_int8_build_says_how_it_was_calibrated(tmp_path: Path, content: Json) -> None:
    content["builds"][0].update(precision="int8", backend="openvino")
    assert "does not say how it was calibrated" in refusal(tmp_path, content).problem


@pytest.mark.parametrize(("order", "expected"), [("rgb", (3, 2, 1)), ("bgr", (1, 2, 3))])
def test_padding_is_turned_to_the_order_of_frames(order: str, expected: object) -> None:
    spec = small_manifest().input.model_copy(update={"pad": (1, 2, 3), "colour_order": order})
    assert spec.pad_bgr == expected
