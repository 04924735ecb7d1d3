"""The kernels' sources: one translation unit and the headers it includes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Dict, Final

FOLDER: Final = Path(__file__).resolve().parent / "source"
MAIN: Final = "kernels.cu"


def texts() -> Dict[str, bytes]:
    """Every source file by name, in the order of names."""
    paths = sorted(path for path in FOLDER.iterdir() if path.suffix in (".cu", ".cuh"))
    return {path.name: path.read_bytes() for path in paths}


def digest() -> str:
    """sha256 of all sources with their names, hexadecimal: what a binary was made from."""
    total = hashlib.sha256()
    for name, text in texts().items():
        total.update(f"{name} {len(text)}\n".encode())
        total.update(text)
    return total.hexdigest()
