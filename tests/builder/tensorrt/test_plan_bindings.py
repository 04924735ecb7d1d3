"""The real bindings of four releases, without TensorRT behind them, have every name in use."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Dict

import pytest

from runtime.builder.tensorrt.progress import PARTS

ROOT = Path(__file__).resolve().parent.parent.parent.parent
# `make test-rtx` puts them there, for the Python that it runs with.
TAG = f"cp{sys.version_info[0]}{sys.version_info[1]}"
WHEELS = sorted((ROOT / ".venv-rtx/wheels").glob(f"tensorrt*-{TAG}-*.whl"))
EXPECTED: Dict[str, Dict[str, Any]] = {
    "8.6.1": {"weak_typing": True, "strong_typing": False, "managed_memory": False},
    "10.3.0": {"weak_typing": True, "strong_typing": True, "managed_memory": True},
    "10.13.0.35": {"weak_typing": True, "strong_typing": True, "managed_memory": True},
    "11.4.0.106": {"weak_typing": False, "strong_typing": True, "managed_memory": True},
}
RTX_ALONE = {"ComputeCapability", "CudaGraphStrategy"}
NOT_YET = {"8.6.1": {"ExecutionContextAllocationStrategy", "IProgressMonitor"}}

pytestmark = pytest.mark.skipif(
    not WHEELS or shutil.which("cc") is None or shutil.which("readelf") is None,
    reason="needs the binding wheels, cc and readelf: run `make test-rtx`",
)


def read_elf(binding: Path, *what: str) -> str:
    command = ["readelf", "--wide", *what, str(binding)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def make_stubs(binding: Path, folder: Path) -> None:
    """Libraries that export what a binding links to; each function answers null."""
    undefined = re.findall(r" UND (\w+)", read_elf(binding, "--dyn-syms"))
    ours = [s for s in undefined if re.match(r"create\w+_INTERNAL|get\w+Registry|_ZN\d+nv", s)]
    ours += [s for s in undefined if s in ("getNvOnnxParserVersion", "initLibNvInferPlugins")]
    source = folder / "stub.c"
    source.write_text("".join(f"void *{symbol}(void) {{ return 0; }}\n" for symbol in ours))
    for library in re.findall(r"\[(libnv(?:infer|onnx|parsers)\S*)\]", read_elf(binding, "-d")):
        command = ["cc", "-shared", "-fPIC", f"-Wl,-soname,{library}", "-o", str(folder / library)]
        subprocess.run([*command, str(source)], check=True)


def inspected(wheel: Path, folder: Path) -> Dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    (binding,) = folder.glob("tensorrt_bindings/tensorrt*.so")
    make_stubs(binding, folder)
    answer = subprocess.run(
        [sys.executable, "-m", "tests.builder.tensorrt.inspect_binding", str(binding)],
        cwd=ROOT,
        env={"LD_LIBRARY_PATH": str(folder)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: Dict[str, Any] = json.loads(answer.stdout)
    return found


@pytest.fixture(scope="module")
def bindings(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Dict[str, Any]]:
    found = {}
    for wheel in WHEELS:
        version = wheel.name.split("-")[1]
        found[version] = inspected(wheel, tmp_path_factory.mktemp(version))
    return found


@pytest.mark.parametrize("version", EXPECTED)
def test_a_real_binding_has_what_is_used_of_it(
    bindings: Dict[str, Dict[str, Any]], version: str
) -> None:
    if version not in bindings:
        pytest.skip(f"the index has no binding of {version} for this Python")
    found, expected = bindings[version], EXPECTED[version]
    assert found["missing"] == []
    assert set(found["absent"]) == RTX_ALONE | NOT_YET.get(version, set())
    assert expected.items() <= found["capabilities"].items()
    assert found["log"] == "ERROR: heard"
    assert found["progress"] == PARTS
    assert "cannot start" in found["refusal"]


def test_a_flag_has_another_number_in_another_release(bindings: Dict[str, Dict[str, Any]]) -> None:
    numbers = {version: found["flags"].get("STRONGLY_TYPED") for version, found in bindings.items()}
    known = {"8.6.1": None, "10.3.0": 1, "10.13.0.35": 1, "11.4.0.106": 0}
    assert numbers == {version: known[version] for version in bindings}
