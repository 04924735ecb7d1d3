"""Whether an engine fits into a GPU's memory, asked before any of it is taken."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from runtime.errors import EngineRefused

MEMINFO: Final = Path("/proc/meminfo")
_AVAILABLE: Final = re.compile(r"^MemAvailable:\s+(\d+) kB", re.MULTILINE)
_MIB: Final = 1 << 20


def require_room(needed: int, free: int, integrated: bool, meminfo: Path = MEMINFO) -> None:
    """Refuses an engine that will not fit: running out half-way takes other programs down.

    Args:
        needed: bytes of everything that is still to be taken.
        free: bytes that CUDA calls free.
        integrated: whether the GPU shares the processor's memory, where CUDA counts the file cache
            as taken although the system gives it back when asked.
        meminfo: where the system says how much that is.

    Raises:
        EngineRefused: with both figures.
    """
    available = max(free, _available(meminfo)) if integrated else free
    if needed > available:
        raise EngineRefused(
            f"the engine needs {needed // _MIB} MiB of GPU memory, {available // _MIB} are free",
            "Stop the desktop and other programs, or build with a smaller workspace, FP16 or INT8",
        )


def _available(meminfo: Path) -> int:
    match = _AVAILABLE.search(meminfo.read_text(encoding="ascii")) if meminfo.is_file() else None
    return 1024 * int(match[1]) if match else 0
