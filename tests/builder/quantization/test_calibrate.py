from __future__ import annotations

from pathlib import Path
from typing import List

import numpy as np
import onnx
import pytest
from PIL import Image

from runtime.builder.data.dataset import read_image
from runtime.builder.export.export import onnx_from_model
from runtime.builder.export.onnx_runner import OnnxRunner
from runtime.builder.quantization.calibrate import (
    PASSES,
    RangeTable,
    ranges_from_images,
    table_from_file,
    table_text,
)
from runtime.builder.quantization.rules import RULES
from runtime.errors import BuildFailed, InvalidConfig, InvalidInput
from runtime.inference.preprocess.reference import network_input
from tests.awkward_names import NOT_UTF8
from tests.builder.networks import narrow, randomised, stretched, textured_images

SPEC = stretched(64, 96)


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return onnx_from_model(randomised(narrow(levels=2, output_stride=8)), 64, 96)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> List[Path]:
    return textured_images(tmp_path_factory.mktemp("calibration"), 4)


@pytest.fixture(scope="module")
def table(model: onnx.ModelProto, images: List[Path]) -> RangeTable:
    return ranges_from_images(model, images, SPEC)


def test_shuffled_images_give_the_same_bytes(
    model: onnx.ModelProto, images: List[Path], table: RangeTable
) -> None:
    shuffled = [images[index] for index in (2, 0, 3, 1)]
    assert table_text(ranges_from_images(model, shuffled, SPEC)) == table_text(table)


def test_images_whose_names_are_not_utf8_are_measured_and_told_of(
    model: onnx.ModelProto, images: List[Path], table: RangeTable, tmp_path: Path
) -> None:
    renamed = [tmp_path / f"{number}{NOT_UTF8}.png" for number in range(len(images))]
    for old, new in zip(images, renamed):
        new.write_bytes(old.read_bytes())
    found = ranges_from_images(model, renamed, SPEC)
    assert found.ranges == table.ranges
    assert found.images[0].name == "0caf\\udce9.png"
    assert table_text(found).encode("utf-8")


def test_the_maximum_is_that_of_all_images_as_the_runtime_prepares_them(
    model: onnx.ModelProto, images: List[Path], table: RangeTable
) -> None:
    tensor = "backbone.layer1.0.conv1@level0/relu"
    runner = OnnxRunner(model, (tensor,))
    frames = [network_input(read_image(path)[..., ::-1], SPEC) for path in images]
    largest = max(float(runner.run(frame)[0].max()) for frame in frames)
    assert table.ranges[tensor]["max"] == pytest.approx(largest)


def test_every_rule_has_a_threshold_for_every_tensor(table: RangeTable) -> None:
    assert {frozenset(by_rule) for by_rule in table.ranges.values()} == {frozenset(RULES)}
    for rule in RULES:
        assert all(
            0 <= threshold <= table.ranges[tensor]["max"]
            for tensor, threshold in table.thresholds(rule).items()
        )


def test_levels_have_ranges_of_their_own(table: RangeTable) -> None:
    conv = "backbone.layer2.0.conv1@level{}/relu"
    assert table.ranges[conv.format(0)] != table.ranges[conv.format(1)]


def test_a_image_that_cannot_be_read_stops_the_run_and_is_named(
    model: onnx.ModelProto, images: List[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(images[0].read_bytes()[:100])
    with pytest.raises(InvalidInput, match=r"broken\.png"):
        ranges_from_images(model, [*images, broken], SPEC)


def test_no_images_are_refused(model: onnx.ModelProto) -> None:
    with pytest.raises(BuildFailed, match="no calibration images"):
        ranges_from_images(model, [], SPEC)


def test_progress_is_told_for_every_image_of_every_pass(
    model: onnx.ModelProto, images: List[Path]
) -> None:
    told: List[int] = []
    ranges_from_images(model, images[:2], SPEC, lambda: told.append(1))
    assert len(told) == PASSES * 2


def test_a_table_survives_the_disk(table: RangeTable, tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    path.write_text(table_text(table), encoding="utf-8")
    assert table_from_file(path) == table


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    path.write_text('{"ranges": {}', encoding="utf-8")
    with pytest.raises(BuildFailed, match=r"ranges\.json is not a range table"):
        table_from_file(path)


def test_the_same_images_have_one_hash_and_others_another(table: RangeTable) -> None:
    fewer = table.model_copy(update={"images": table.images[:-1]})
    assert len(table.images_sha256) == 64
    assert fewer.images_sha256 != table.images_sha256


def test_an_unknown_rule_is_refused_with_the_known_ones(table: RangeTable) -> None:
    with pytest.raises(InvalidConfig, match="'median'") as refused:
        table.thresholds("median")
    assert "mse" in refused.value.cure


def test_numbers_that_are_not_finite_are_refused(
    model: onnx.ModelProto, images: List[Path]
) -> None:
    broken = onnx.ModelProto()
    broken.CopyFrom(model)
    weight = next(t for t in broken.graph.initializer if t.name.endswith("weight"))
    weight.raw_data = np.full(weight.dims, np.inf, np.float32).tobytes()
    with pytest.raises(BuildFailed, match=r"image-0\.png are not finite"):
        ranges_from_images(broken, images[:1], SPEC)


def test_a_grey_photograph_is_one(model: onnx.ModelProto, tmp_path: Path) -> None:
    grey = Image.fromarray(np.arange(64 * 96).reshape(64, 96).astype(np.uint8))
    grey.save(tmp_path / "grey.png")
    assert ranges_from_images(model, [tmp_path / "grey.png"], SPEC).ranges
