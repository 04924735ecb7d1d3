"""What a recipe leaves to measurement, decided while a tiny engine is built."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from runtime.builder.commands.int8_sensitivity import (
    Int8SensitivityOptions,
    run_quantization_sensitivity,
    sensitivity_table,
)
from runtime.builder.export.onnx_graph import OnnxGraph, module_of
from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.rules import RULES, RuleChoice
from runtime.builder.quantization.sensitivity import SENSITIVITY_NAME, SensitivityReport, layers_of
from runtime.errors import InvalidConfig
from runtime.repository.engine_folder import FLOAT_MODEL, INT8_MODEL
from tests.builder.engine.homes import (
    Listener,
    build_from_options,
    checkpoint_in,
    engine_of,
    options_in,
)
from tests.builder.networks import textured_dataset

LAYERS = {"backbone.conv1", "backbone.layer1.0.conv1", "backbone.layer2.0.conv2", "logits.conv"}


def with_line(recipe: Path, table: str, line: str) -> None:
    """Adds a line to a table of a recipe, and the table if it is not there."""
    text = recipe.read_text(encoding="utf-8")
    if f"[{table}]" not in text:
        text += f"\n[{table}]\n"
    recipe.write_text(text.replace(f"[{table}]", f"[{table}]\n{line}"), encoding="utf-8")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    checkpoint_in(folder, textured_dataset(folder / "brightness"))
    build_from_options(options_in(folder))
    layers = layers_of(onnx.load(str(engine_of(folder).path / FLOAT_MODEL)), QuantizationOptions())
    # Few layers, so that measuring each takes seconds.
    named = json.dumps([layer for layer in layers if layer not in LAYERS])
    with_line(engine_of(folder).recipe, "quantization", f"keep_float = {named}")
    return folder


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


def test_a_rule_is_chosen_by_measuring_all_and_the_manifest_shows_them(copy: Path) -> None:
    manifest = build_from_options(options_in(copy, rule="auto"))
    build = next(build for build in manifest.builds if build.precision == "int8")
    choice = RuleChoice.model_validate(build.settings["threshold_rules"])
    assert build.calibration is not None
    assert build.calibration.rule == choice.rule
    assert set(choice.scores) == set(RULES)
    assert (choice.pictures, choice.images) == ("brightness val", 2)
    listener = Listener()
    build_from_options(options_in(copy, rule="auto"), listener)
    assert listener.ran == []
    assert "rule" in listener.done_before


def test_the_layers_that_int8_hurts_most_stay_float(copy: Path) -> None:
    manifest = build_from_options(options_in(copy, keep_worst=2))
    build = next(build for build in manifest.builds if build.precision == "int8")
    path = engine_of(copy).path / SENSITIVITY_NAME
    report = SensitivityReport.model_validate_json(path.read_text(encoding="utf-8"))
    assert set(report.layers) == LAYERS
    model = onnx.load(str(engine_of(copy).path / "model.int8.onnx"))
    inputs = {node.name: node.input[1] for node in model.graph.node if node.op_type == "Conv"}
    kept = {module_of(name) for name, weight in inputs.items() if "dequantized" not in weight}
    assert kept == set(build.settings["keep_float"])
    assert kept & LAYERS == set(report.worst()[:2])


def test_more_layers_than_there_are_cannot_stay_float(copy: Path) -> None:
    with pytest.raises(InvalidConfig, match="999 layers are to stay float"):
        build_from_options(options_in(copy, keep_worst=999))


def test_biases_are_corrected_where_the_recipe_says_so(copy: Path) -> None:
    with_line(engine_of(copy).recipe, "quantization", "bias_correction = true")
    listener = Listener()
    build_from_options(options_in(copy), listener)
    assert listener.ran == ["correct biases", "quantize", "halve int8", "examine"]
    name = "logits.conv.bias"
    before, after = (_constant(copy, file, name) for file in (FLOAT_MODEL, INT8_MODEL))
    # How much is right is tested with the corrections themselves.
    assert (after != before).all()


def _constant(home: Path, file: str, name: str) -> np.ndarray:
    found = OnnxGraph(onnx.load(str(engine_of(home).path / file))).constant(name)
    assert found is not None
    return found


@pytest.mark.long
def test_the_sensitivity_of_an_engine_is_written_beside_it_and_kept(copy: Path) -> None:
    build_from_options(options_in(copy, keep_worst=1))
    listener = Listener()
    options = Int8SensitivityOptions(subject=engine_of(copy).path)
    report = run_quantization_sensitivity(options, listener)
    # The build has measured one view; the study adds the other.
    assert listener.ran == ["sensitivity"]
    assert set(report.alone) == set(report.left_out) == set(report.layers)
    stem = engine_of(copy).path / SENSITIVITY_NAME
    assert all(stem.with_suffix(ending).is_file() for ending in (".json", ".csv", ".png"))
    assert sensitivity_table(report).row_count == len(LAYERS)
    again = Listener()
    assert run_quantization_sensitivity(options, again) == report
    assert again.ran == []
