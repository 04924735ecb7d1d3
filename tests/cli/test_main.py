from __future__ import annotations

import argparse
import builtins
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, Callable, List

import pytest

from runtime import __version__
from runtime.cli import serve
from runtime.cli.main import COMMANDS, main
from runtime.errors import BuildFailed, EngineFailed, EngineRefused, InvalidInput, SourceFailed

ROOT = Path(__file__).resolve().parents[2]


def raising(error: BaseException) -> Callable[[Namespace], None]:
    def run(_arguments: Namespace) -> None:
        raise error

    return run


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    assert f"usage: runtime {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("the thing is wrong", "Mend it"), 2),
        (EngineRefused("the thing is wrong", "Mend it"), 2),
        (EngineFailed("the thing is wrong", "Mend it"), 1),
        (BuildFailed("the thing is wrong", "Mend it"), 1),
        (SourceFailed("the thing is wrong", "Mend it"), 1),
    ],
)
def test_a_fault_is_one_line_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
) -> None:
    monkeypatch.setattr(serve, "run", raising(error))
    assert main(["serve"]) == code
    assert capsys.readouterr().err == "runtime: the thing is wrong. Mend it.\n"


def test_a_defect_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "run", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["serve"])


def test_an_interrupted_command_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "run", raising(KeyboardInterrupt()))
    assert main(["serve"]) == 130


def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ModuleNotFoundError("No module named 'torch'", name="torch.nn")
    monkeypatch.setattr(serve, "run", raising(error))
    assert main(["serve"]) == 2
    assert "pip install '.[builder]'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["serve", "--port"], ["segment", "a.png"]])
def test_a_command_that_lacks_something_is_an_error(arguments: List[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["serve", "--prot", "80"], "`runtime serve` does not take --prot. Did you mean --port? "),
        (["serve", "--prot=80"], "`runtime serve` does not take --prot. Did you mean --port? "),
        (["serve", "--po=1"], "`runtime serve` does not take --po. "),
        (["inspect", "an-engine", "another"], "`runtime inspect` does not take another. "),
    ],
)
def test_what_a_command_does_not_take_is_told_with_the_nearest_flag(
    arguments: List[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"runtime: {complaint}")
    assert told.endswith(f"`runtime {arguments[0]} --help` shows what it takes.\n")


def test_version_names_the_runtime_and_what_runs_engines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["version"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"swiftnet-runtime {__version__}\nPython 3.")


def test_the_module_is_the_command() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "runtime", "--version"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert answer.stdout == f"{__version__}\n"


def test_help_needs_no_builder(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_torch(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".", maxsplit=1)[0] in ("torch", "onnx", "openvino", "cv2"):
            raise ModuleNotFoundError(name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_no_flag_is_stored_where_main_looks_for_the_command(name: str) -> None:
    tree = argparse.ArgumentParser()
    COMMANDS[name].add_arguments(tree)
    stored = {action.dest for action in tree._actions}
    assert stored.isdisjoint({"run", "tree"})
