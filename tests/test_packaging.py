"""The wheel holds what the running daemon reads, and installs without the builder's world."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import FrozenSet

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "runtime"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return HeaderParser().parsestr(wheel.read(name).decode())


def source_files() -> FrozenSet[str]:
    files = (path for path in PACKAGE.rglob("*") if path.is_file())
    return frozenset(
        str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts
    )


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = frozenset(name for name in wheel.namelist() if ".dist-info/" not in name)
    assert names == source_files()
    assert "runtime/py.typed" in names


def test_the_wheel_carries_its_licence_and_the_data_sets_citation(wheel: zipfile.ZipFile) -> None:
    licences = {Path(name).name for name in wheel.namelist() if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE"}


def test_the_wheel_is_versioned_as_the_package_says(metadata: Message) -> None:
    from runtime import __version__

    assert (metadata["Name"], metadata["Version"]) == ("swiftnet-runtime", __version__)


@pytest.mark.parametrize("extra", ["", "cpu", "tensorrt"])
def test_serving_needs_no_training_library(metadata: Message, extra: str) -> None:
    requirements = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    names = {
        requirement.name
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra})
    }
    assert "numpy" in names
    assert not {"torch", "onnx", "matplotlib", "pytest"} & names
