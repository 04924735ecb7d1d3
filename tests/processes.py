"""What the kernel says about processes, descriptors and shared memory."""

from __future__ import annotations

from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether a process exists and is more than a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def open_descriptors() -> int:
    """How many files, sockets and pipes this process holds."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def maps_frames() -> bool:
    """Whether a ring of frames is mapped into this process."""
    return "runtime-frames" in Path("/proc/self/maps").read_text(encoding="utf-8")
