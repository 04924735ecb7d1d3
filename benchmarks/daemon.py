"""The daemon as a process of its own, as users run it."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Optional, Type
from urllib.parse import urlsplit

from benchmarks.http_load import Target

ADDRESS = re.compile(r"serving .* at (http://\S+)")


class Daemon:
    """`runtime serve ENGINE` on a free port; a context manager that ends it with SIGTERM.

    Args:
        engine: the engine folder.
        mode: latency or throughput.
        more: further arguments.
    """

    def __init__(self, engine: Path, mode: str, *more: str) -> None:
        serve = [sys.executable, "-m", "runtime", "serve", str(engine), "--port", "0"]
        self._command = [*serve, "--mode", mode, *more]
        self._house = ExitStack()
        self.url = ""

    def __enter__(self) -> Daemon:
        process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        self._house.callback(process.communicate, timeout=10)
        self._house.callback(process.terminate)
        for line in process.stderr or ():
            found = ADDRESS.search(line)
            if found:
                self.url = found.group(1)
                return self
        raise RuntimeError(f"{' '.join(self._command)} ended with {process.wait()}")

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._house.close()

    def target(self, path: str, body: bytes) -> Target:
        """Requests with this body to this path of it."""
        address = urlsplit(self.url)
        return Target(str(address.hostname), int(address.port or 80), path, body)
