"""What `runtime build-engine` makes of its flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest

from runtime.cli import build_engine
from runtime.cli.main import main

pytest.importorskip("torch")

from runtime.builder.commands import build_engine as build_engine_command
from runtime.builder.commands import plan_command
from runtime.builder.engine.resolve import BuildEngineOptions
from runtime.builder.quantization.histogram import RULES


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> List[Any]:
    """What the command's rooms were asked for."""
    calls: List[Any] = []
    monkeypatch.setattr(build_engine_command, "build_engine_command", calls.append)
    monkeypatch.setattr(plan_command, "build_plans_command", lambda *given: calls.append(given))
    return calls


def run(*arguments: str) -> int:
    return main(["build-engine", *arguments])


def test_plans_are_built_for_a_folder(asked: List[Any]) -> None:
    assert run("--folder", "engines/street", "--tensorrt", "--int8", "--sm", "8.6", "8.9") == 0
    flags: Dict[str, Any] = {"compute_capabilities": ["8.6", "8.9"]}
    assert asked == [(Path("engines/street"), ("int8",), flags)]


def test_flags_about_plans_reach_the_chain(asked: List[Any]) -> None:
    batch = ("--batch", "1", "2", "4")
    run("net.pt", "--tensorrt", "--workspace", "512", *batch, "--require-int8", "--level", "5")
    (request,) = asked
    assert isinstance(request, BuildEngineOptions)
    assert request.plans == {
        "workspace_mib": 512,
        "batch": [1, 2, 4],
        "require_int8": True,
        "optimization_level": 5,
    }


def test_without_the_flag_the_recipe_decides(asked: List[Any]) -> None:
    run("net.pt", "--labels-inside", "--calibration-cache")
    (request,) = asked
    assert request.plans is None
    assert request.labels_inside
    assert request.calibration_cache


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("net.pt", "--dla", "0"), "--dla is about TensorRT plans"),
        (("--folder", "engines/street"), "--folder is for building plans"),
        (("net.pt", "--folder", "engines/street", "--tensorrt"), "checkpoint would build it anew"),
        (("--folder", "f", "--tensorrt", "--labels-inside"), "labels_inside would build it anew"),
    ],
)
def test_what_does_not_go_together_is_refused(
    asked: List[Any], capsys: pytest.CaptureFixture[str], arguments: List[str], told: str
) -> None:
    assert run(*arguments) == 2
    assert told in capsys.readouterr().err
    assert asked == []


def test_the_rules_that_can_be_asked_for_are_those_that_exist() -> None:
    assert sorted(build_engine.RULES) == sorted(("auto", *RULES))
