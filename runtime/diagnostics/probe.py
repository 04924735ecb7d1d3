"""Everything that the doctor looks at, in one value, so that a test can imitate any machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, Mapping, Optional, Sequence, Tuple

from runtime.device.machine import Machine, package_version, this_machine
from runtime.repository.engine_folder import EngineFolder
from runtime.sources.opencv import OpenCv, installed_opencv

COMMAND_SECONDS = 10.0
# Modules whose presence or version decides what works.
PACKAGES = ("numpy", "pycuda", "openvino")


@dataclass(frozen=True)
class Surroundings:
    """A machine and what is asked of it.

    Attributes:
        machine: what it is.
        root: of its file system.
        packages: versions of Python packages by module, those that are not installed left out.
        opencv: None where it is not installed.
        opencv_fault: why it cannot be loaded although it is; empty otherwise.
        output: of a command given as a list; None where it is missing or fails.
        may_use: whether this user may read and write a device's file.
        now: seconds since the epoch.
        engine: the engine folder to look at; None for the machine alone.
        run: whether to run that engine on its canary.
        sources: addresses to try.
        listen: host and port that the daemon is to have.
    """

    machine: Machine = field(default_factory=Machine)
    root: Path = Path("/")
    packages: Mapping[str, str] = field(default_factory=dict)
    opencv: Optional[OpenCv] = None
    opencv_fault: str = ""
    output: Callable[[Sequence[str]], Optional[str]] = lambda _: None
    may_use: Callable[[Path], bool] = lambda path: os.access(path, os.R_OK | os.W_OK)
    now: Callable[[], float] = time.time
    engine: Optional[EngineFolder] = None
    run: bool = False
    sources: Tuple[str, ...] = ()
    listen: Tuple[str, int] = ("127.0.0.1", 8080)

    def text(self, name: str) -> Optional[str]:
        """The text of a file below the root; None where it cannot be read."""
        try:
            return (self.root / name).read_text(encoding="utf-8", errors="replace").strip("\0\n ")
        except OSError:
            return None


def surroundings_here(
    engine: Optional[EngineFolder], run: bool, sources: Sequence[str], listen: Tuple[str, int]
) -> Surroundings:
    """This machine; the arguments are the attributes of the same names."""
    opencv, fault = _opencv()
    return Surroundings(
        machine=this_machine(),
        packages=_versions(),
        opencv=opencv,
        opencv_fault=fault,
        output=command_output,
        engine=engine,
        run=run,
        sources=tuple(sources),
        listen=listen,
    )


def command_output(command: Sequence[str]) -> Optional[str]:
    """What a command prints; None where it is missing, fails or takes too long."""
    if shutil.which(command[0]) is None:
        return None
    try:
        ran = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=True,
        )
    except (subprocess.SubprocessError, OSError):
        return None
    return ran.stdout.decode(errors="replace").strip()


def _opencv() -> Tuple[Optional[OpenCv], str]:
    try:
        return installed_opencv(), ""
    except ImportError as error:
        return None, str(error)


def _versions() -> Dict[str, str]:
    versions = ((name, package_version(name)) for name in PACKAGES)
    return {name: version for name, version in versions if version is not None}
