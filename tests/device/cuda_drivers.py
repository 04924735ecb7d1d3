"""CUDA drivers of machines that are not here: real libraries, compiled when a test asks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Dict, Union

import pytest

SOURCE = Path(__file__).parents[1] / "data" / "cuda" / "libcuda.c"
XAVIER: Dict[str, Union[int, str]] = {
    "GPU_NAME": '"Xavier"',
    "MAJOR": 7,
    "MINOR": 2,
    "MULTIPROCESSORS": 8,
    "INTEGRATED": 1,
    "MEMORY": f"{32 << 30}ul",
    "COUNT": 1,
    "VERSION": 11040,
    "INIT": 0,
}


def compiled_driver(folder: Path, **changes: Union[int, str]) -> str:
    """The path of a driver's library: a Xavier's, but for the changes."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    library = folder / "libcuda.so.1"
    macros = [f"-D{name}={value}" for name, value in {**XAVIER, **changes}.items()]
    command = [compiler, "-shared", "-fPIC", *macros, str(SOURCE), "-o", str(library)]
    subprocess.run(command, check=True)
    return str(library)
