from __future__ import annotations

import io
from pathlib import Path
from typing import List

import pytest
from rich.console import Console

from runtime.device.gpu import Gpu
from runtime.device.machine import JetsonRelease, Machine
from runtime.diagnostics.inspection import inspect_engine
from runtime.diagnostics.inspection_text import described, machine_facts, page
from tests.folders import XAVIER_PLAN, build, evidence, write_engine

WIDTH = 80
LAPTOP = Machine({"openvino": "2026.4"}, no_gpu="there is no driver", architecture="x86_64")


@pytest.fixture
def lines(tmp_path: Path) -> List[str]:
    builds = [
        build("model.int8.onnx", evidence=[evidence(), evidence(split="night")]),
        build("fp16.xavier-8-sms.tensorrt-8.5.2.2.plan", **{**XAVIER_PLAN, "precision": "fp16"}),
        build("model.onnx", precision="fp32", evidence=[], portable_evidence=[evidence()]),
    ]
    output = io.StringIO()
    inspection = inspect_engine(write_engine(tmp_path / "street", builds), LAPTOP, verify=True)
    Console(file=output, width=WIDTH).print(page(inspection))
    return output.getvalue().splitlines()


def test_nothing_is_wider_than_a_terminal_or_cut_off(lines: List[str]) -> None:
    assert max(map(len, lines)) <= WIDTH
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize(
    "words",
    [
        "12,055,243",
        "10.83 GMACs",
        "96 wide, 64 high, letterbox, bilinear, rgb",
        "stem 64; stages 64 128 250 511; inner 64 64 / 120 128",
        "here would be served",
        "here could be served, but another is preferred",
        "here cannot run: it needs tensorrt, which is not installed",
        "#804080 road",
        "canary.png verified",
        "made for Xavier (8 SMs), compute capability 7.2",
        "calibrated on 120 images of drive, rule mse",
        "keep float decoder",
        "* measured on the portable build",
    ],
)
def test_it_says(lines: List[str], words: str) -> None:
    assert any(words in " ".join(line.split()) for line in lines)


def test_accuracy_is_in_points_beside_what_it_was_measured_on(lines: List[str]) -> None:
    row = next(line for line in lines if "streets val" in line)
    assert row.split()[-4:] == ["101", "81.23", "-0.42", "99.12%"]


def test_each_class_has_its_iou_of_every_measurement(lines: List[str]) -> None:
    car = next(line for line in lines if "#00008e car" in line)
    assert car.split()[-1] == "absent"
    road = next(line for line in lines if "#804080 road" in line)
    assert set(road.split()[3:]) == {"98.7"}


def test_figures_of_a_plans_twin_are_not_repeated_for_each_class(lines: List[str]) -> None:
    start, end = lines.index("Classes".ljust(WIDTH)), lines.index("How it was built".ljust(WIDTH))
    assert any(line.startswith("fp32 openvino* streets val") for line in lines[:start])
    assert not any("*" in line for line in lines[start:end])


def test_a_jetson_is_introduced_with_its_release() -> None:
    facts = machine_facts(
        Machine(
            {"tensorrt": "8.5.2.2"},
            Gpu("Xavier (8 SMs)", "7.2", memory=32 << 30, integrated=True),
            cuda="11.4",
            architecture="aarch64",
            jetson=JetsonRelease("35.4.1", "NVIDIA Jetson AGX Xavier"),
        )
    )
    assert facts == {
        "processor": "aarch64",
        "Jetson": "NVIDIA Jetson AGX Xavier, L4T 35.4.1, JetPack 5.1.2",
        "GPU": "Xavier (8 SMs), compute capability 7.2, 32.0 GiB, integrated",
        "driver": "for CUDA up to 11.4",
        "backends": "tensorrt 8.5.2.2",
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1, 2.5], "1 2.5"),
        ([[1, 2], [3]], "1 2 / 3"),
        ({"a": True, "b": []}, "a yes; b none"),
        ({}, "none"),
        (None, "none"),
    ],
)
def test_values_are_described_without_brackets(value: object, words: str) -> None:
    assert described(value) == words
