"""Daemons in processes of their own, with a fake engine from a real engine folder."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import cv2
import httpx
import numpy as np

from runtime.image.label_map import LabelMap
from runtime.image.label_png import palette_png
from runtime.repository.manifest import CanarySpec, manifest_text
from tests.engines import HEIGHT, WIDTH, fake_build, small_manifest

ROOT = Path(__file__).resolve().parent.parent.parent
# Read before the imports that follow it: a test may replace parts of the engine.
PROGRAM = """
import json, sys
from runtime.serving.settings import load_settings
from runtime.serving.daemon import Daemon, log_to_stderr
from runtime.errors import RuntimeFault
from runtime.device.machine import Machine
{preparation}
log_to_stderr("info")
settings = load_settings(json.loads(sys.argv[1]), environ={{}})
try:
    Daemon(settings, Machine({{"fake": "1"}})).run()
except RuntimeFault as fault:
    sys.exit(f"FAULT {{fault}}")
"""
# Every run of the engine beyond the first ones says so, and waits until a file exists.
HELD_ENGINE = """
import time
from pathlib import Path
from runtime.inference.backends import fake
runs, run = [], fake.FakeSlot.run
def held(self):
    runs.append(1)
    if len(runs) > {free_runs}:
        print("running", flush=True)
        while not Path({until!r}).exists():
            time.sleep(0.01)
    run(self)
fake.FakeSlot.run = held
"""
# Two slots warm up with two frames each, then comes the canary.
RUNS_BEFORE_SERVING = 5


def held_engine(until: Path, free_runs: int = RUNS_BEFORE_SERVING) -> str:
    return HELD_ENGINE.format(until=str(until), free_runs=free_runs)


def known_labels() -> np.ndarray:
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[:, WIDTH // 2 :] = 1
    return labels


def painted(labels: np.ndarray) -> bytes:
    """A PNG in the palette's colours, which the fake engine segments into `labels`."""
    colours = small_manifest().classes.to_classes().colours()[labels]
    done, data = cv2.imencode(".png", np.ascontiguousarray(colours[..., ::-1]))
    assert done
    return data.tobytes()


def engine_folder(path: Path, answer: Optional[np.ndarray] = None) -> Path:
    """Writes a fake engine with its canary, whose mask may be a wrong one."""
    artefact, image = b"nothing to load", painted(known_labels())
    classes = small_manifest().classes.to_classes()
    labels = palette_png(LabelMap(known_labels() if answer is None else answer, classes))
    files = {"fake.bin": artefact, "canary.png": image, "canary.labels.png": labels}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    build = fake_build().model_copy(update={"sha256": hashes["fake.bin"], "size": len(artefact)})
    canary = CanarySpec(
        image="canary.png",
        image_sha256=hashes["canary.png"],
        labels="canary.labels.png",
        labels_sha256=hashes["canary.labels.png"],
    )
    manifest = small_manifest([build]).model_copy(update={"canary": canary})
    path.mkdir()
    for name, data in files.items():
        (path / name).write_bytes(data)
    (path / "manifest.json").write_text(manifest_text(manifest), encoding="utf-8")
    return path


class DaemonProcess:
    """A daemon that was started; its log is read line by line."""

    def __init__(self, *command: str) -> None:
        self.log: List[str] = []
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        )

    def until(self, pattern: str) -> str:
        """Reads the log up to a line with `pattern`; returns what its first group matched."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)
            found = re.search(pattern, line)
            if found:
                return found.group(found.lastindex or 0)
        raise AssertionError(f"{pattern!r} is not in the log:\n{''.join(self.log)}")

    def serving(self) -> httpx.Client:
        """A client of the daemon, as soon as it serves."""
        return httpx.Client(base_url=self.until(r"serving .* at (http://\S+)"), timeout=20)

    def tell(self, number: int = signal.SIGTERM) -> float:
        """Sends a signal; returns the moment."""
        self.process.send_signal(number)
        return time.monotonic()

    def ended(self) -> int:
        """Waits for the end; returns the exit code."""
        assert self.process.stdout is not None
        self.log += self.process.stdout
        return self.process.wait(20)


@contextmanager
def started(*command: str) -> Iterator[DaemonProcess]:
    """A daemon from arguments for Python; whatever happens, it is gone in the end."""
    running = DaemonProcess(*command)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        assert running.process.stdout is not None
        running.process.stdout.close()


@contextmanager
def daemon(engine: Path, preparation: str = "", **settings: Any) -> Iterator[DaemonProcess]:
    """A daemon that serves a fake engine, after some preparation in its own process."""
    flags: Dict[str, Any] = {"engine": str(engine), "port": 0, "clients": 2, **settings}
    with started("-c", PROGRAM.format(preparation=preparation), json.dumps(flags)) as running:
        yield running
