"""What `runtime build-engine` makes of its flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest

from runtime.cli.main import main

pytest.importorskip("torch")

from runtime.builder.commands import build_engine as commands
from runtime.builder.engine.options import BuildEngineOptions


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> List[Any]:
    """What the command's rooms were asked for."""
    calls: List[Any] = []
    monkeypatch.setattr(commands, "build_engine_command", calls.append)
    monkeypatch.setattr(commands, "build_plans_command", lambda *given: calls.append(given))
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
    (options,) = asked
    assert isinstance(options, BuildEngineOptions)
    assert options.plans == {
        "workspace_mib": 512,
        "batch": [1, 2, 4],
        "require_int8": True,
        "optimization_level": 5,
    }


def test_without_the_flag_the_recipe_decides(asked: List[Any]) -> None:
    run("net.pt", "--labels-inside", "--calibration-cache")
    (options,) = asked
    assert options.plans is None
    assert options.labels_inside
    assert options.calibration_cache


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
