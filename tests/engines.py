"""Small engines for the tests of serving: real segmenters around slots that tests can steer."""

from __future__ import annotations

import threading
from typing import Callable, List, Optional

import numpy as np

from runtime.errors import EngineFailed
from runtime.inference.segmenter import Segmenter
from runtime.repository.manifest import (
    Build,
    ClassesSpec,
    EngineManifest,
    InputSpec,
    ModelCard,
    OutputSpec,
    Provenance,
)

HASH = "0" * 64
HEIGHT, WIDTH, STRIDE = 32, 64, 8


def fake_build() -> Build:
    return Build(
        precision="fp32",
        backend="fake",
        artefact="fake.bin",
        sha256=HASH,
        size=1,
        onnx_sha256=HASH,
        backend_version="1",
    )


def small_manifest(builds: Optional[List[Build]] = None) -> EngineManifest:
    """Two classes, dark and bright, on a 32 x 64 input."""
    return EngineManifest(
        name="dark-or-bright",
        model=ModelCard(family="test", architecture={}, parameters=10, macs=2_000_000_000),
        classes=ClassesSpec(names=["dark", "bright"], palette=[(0, 0, 64), (255, 255, 0)]),
        input=InputSpec(height=HEIGHT, width=WIDTH, mean=(0, 0, 0), std=(1, 1, 1)),
        output=OutputSpec(height=HEIGHT // STRIDE, width=WIDTH // STRIDE),
        provenance=Provenance(
            created_at="2026-01-01", runtime_version="1", checkpoint_sha256=HASH, recipe_sha256=HASH
        ),
        builds=builds or [fake_build()],
    )


class BrightnessSlot:
    """A slot whose network says "bright" above the middle grey; `before_run` may wait or raise."""

    def __init__(self, before_run: Callable[[], None] = lambda: None) -> None:
        self.input = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self.output = np.zeros((HEIGHT // STRIDE, WIDTH // STRIDE, 2), np.float32)
        self.before_run = before_run

    def run(self) -> None:
        self.before_run()
        cells = self.input.reshape(HEIGHT // STRIDE, STRIDE, WIDTH // STRIDE, STRIDE, 3)
        self.output[..., 1] = cells.mean(axis=(1, 3, 4), dtype=np.float32) - 127.5


class Gate:
    """Holds slots inside `run` until it is opened, and tells how many stand there."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = False
        self._inside = 0

    def __call__(self) -> None:
        with self._changed:
            self._inside += 1
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._open, 20)
            self._inside -= 1

    def wait_for(self, slots: int) -> None:
        """Waits until that many slots are held."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._inside == slots, 20)

    def open(self) -> None:
        with self._changed:
            self._open = True
            self._changed.notify_all()


def broken() -> None:
    """What a slot of a failed engine does."""
    raise EngineFailed("the device fell off the bus", "Restart the daemon")


def segmenters(count: int = 1, before_run: Callable[[], None] = lambda: None) -> List[Segmenter]:
    manifest = small_manifest()
    return [Segmenter(manifest, BrightnessSlot(before_run)) for _ in range(count)]
