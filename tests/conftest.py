"""What the tests need of the machine, and what is said where it is missing.

A test marked `browser`, `rtsp` or `prometheus` runs against the real component. Where that is not
installed the test is skipped and the closing summary says so, with the cure; so is a whole file
that imports a library of an extra which is not installed. With RUNTIME_TEST_NO_SKIP=1, as in
continuous integration, both fail instead.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union

import pytest

if TYPE_CHECKING:
    from tests.cuda.kernels.host import HostMachine

# What only some of the environments have: the builder's libraries are not for a serving device,
# and those of `make test-rtx` and `make test-pycuda` hold no more than their tests need.
OPTIONAL_LIBRARIES = ("torch", "onnx", "openvino", "matplotlib", "tensorboard")
# How a test says what it lacks: in words of its own, or by `pytest.importorskip`.
NEEDS = re.compile(r"needs (?P<what>[^:]+): (?P<cure>.+?)(?: for \S+\.py)?$")
IMPORT_OR_SKIP = re.compile(r"could not import '(?P<what>\w+)")
LOOPBACK = ("127.", "::1", "localhost")
NO_SKIP = os.environ.get("RUNTIME_TEST_NO_SKIP") == "1"
# A discrete GPU's node, and that of a Jetson.
GPU_NODES = (Path("/dev/nvidiactl"), Path("/dev/nvhost-gpu"))
RTSP_PROBE = "import gi; gi.require_version('GstRtspServer', '1.0')"

# Tests run tiny networks, where a second thread costs more than it brings, and beside each other.
# Set before torch is imported, and inherited by every process that a test starts.
os.environ["OMP_NUM_THREADS"] = "1"

Address = Union[Tuple[object, ...], str, bytes]


@dataclass(frozen=True)
class Component:
    """Something a test needs that may not be on the machine.

    Attributes:
        present: whether it is here.
        cure: how to get it.
        can_be_installed: whether a machine without it is to blame; nobody can install a GPU.
    """

    present: Callable[[], bool]
    cure: str
    can_be_installed: bool = True


def chromium() -> Optional[str]:
    """The path of a Chromium that tests may drive, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def has_rtsp_server() -> bool:
    # GStreamer's bindings come from the distribution, for the distribution's own Python.
    python = Path("/usr/bin/python3")
    probe = [str(python), "-c", RTSP_PROBE]
    return (
        python.exists() and subprocess.run(probe, check=False, capture_output=True).returncode == 0
    )


def has_nvrtc() -> bool:
    from runtime.cuda.kernels.nvrtc import packaged_library
    from runtime.errors import BuildFailed

    try:
        return packaged_library().is_file()
    except BuildFailed:
        return False


COMPONENTS: Dict[str, Component] = {
    "browser": Component(
        lambda: chromium() is not None and has_module("playwright"),
        "apt-get install chromium; pip install playwright",
    ),
    "rtsp": Component(
        has_rtsp_server,
        "apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-ugly",
    ),
    "prometheus": Component(
        lambda: None not in (shutil.which("prometheus"), shutil.which("promtool")),
        "apt-get install prometheus",
    ),
    # Without a GPU it still parses and builds; being large it has an environment of its own.
    "rtx": Component(
        lambda: has_module("tensorrt_rtx"), "run `make test-rtx`", can_be_installed=False
    ),
    # Over a stub of the driver, which the loader must not confuse with NVIDIA's own.
    "pycuda": Component(
        lambda: has_module("pycuda") and not any(map(Path.exists, GPU_NODES)),
        "run `make test-pycuda` on a machine without an NVIDIA GPU",
        can_be_installed=False,
    ),
    "ffmpeg": Component(lambda: shutil.which("ffmpeg") is not None, "apt-get install ffmpeg"),
    "openssl": Component(lambda: shutil.which("openssl") is not None, "apt-get install openssl"),
    "gxx": Component(lambda: shutil.which("g++") is not None, "apt-get install g++"),
    "nvrtc": Component(has_nvrtc, "pip install nvidia-cuda-nvrtc-cu11"),
    "gpu": Component(
        lambda: has_module("pycuda") and any(map(Path.exists, GPU_NODES)),
        "run `make test-gpu` on a machine with an NVIDIA GPU and pycuda",
        can_be_installed=False,
    ),
}


@lru_cache(maxsize=None)
def is_present(name: str) -> bool:
    return COMPONENTS[name].present()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, component in COMPONENTS.items():
        if item.get_closest_marker(name) is None or is_present(name):
            continue
        if NO_SKIP and component.can_be_installed:
            pytest.fail(f"{name} is missing: {component.cure}", pytrace=False)
        pytest.skip(f"needs {name}: {component.cure}")


class TestFile(pytest.Module):
    """A file of tests, skipped whole where it imports a library that is not installed."""

    def collect(self) -> Iterable[Union[pytest.Item, pytest.Collector]]:
        try:
            return super().collect()
        except self.CollectError as error:
            library = missing_library(error.__cause__)
            if library is None or NO_SKIP:
                raise
            # Its name makes the reason its own: of equal ones pytest-xdist reports one.
            pytest.skip(f"needs {library}: pip install {library} for {self.nodeid}")


def missing_library(error: Optional[BaseException]) -> Optional[str]:
    """The optional library that an import failed for, or None where it failed otherwise."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    library = error.name.split(".")[0]
    return library if library in OPTIONAL_LIBRARIES else None


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> TestFile:
    return TestFile.from_parent(parent, path=module_path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # Read from the reports: pytest-xdist brings here those of every worker, and nothing else.
    unmet: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2]
        needed = NEEDS.search(reason) or IMPORT_OR_SKIP.search(reason)
        if needed is not None:
            whole = ", whole files" if isinstance(report, pytest.CollectReport) else ""
            cure = needed.groupdict().get("cure") or f"pip install {needed['what']}"
            unmet[f"{needed['what']} ({cure}){whole}"] += 1
    for missing, count in sorted(unmet.items()):
        terminalreporter.write_line(f"NOT RUN for want of {missing}: {count}", yellow=True)


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> HostMachine:
    """The CUDA kernels on the host, compiled once for the tests of every folder."""
    from tests.cuda.kernels.host import build

    return build(tmp_path_factory.mktemp("kernels"))


@pytest.fixture(autouse=True)
def _default_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the daemon's settings in the developer's shell out of the tests."""
    for name in [name for name in os.environ if name.startswith("SWIFTNET_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse every connection to another machine, and fail the test that tried."""
    connect = socket.socket.connect
    attempts: List[Address] = []

    def connect_on_this_machine(self: socket.socket, address: Address) -> None:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOOPBACK):
            attempts.append(address)
            raise PermissionError(f"{address!r} is another machine; the runtime needs no network")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_on_this_machine)
    yield
    assert attempts == []
