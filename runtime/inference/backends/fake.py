"""An engine without a library or a network: each sample takes the class of the nearest colour.

An image painted in the palette's colours segments into its own classes, so everything around the
engine can be tried and tested with masks whose truth is known.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Optional, Sequence, Type

import numpy as np

from runtime.errors import EngineFailed
from runtime.inference.engine import TensorSpec, input_tensor, output_tensor
from runtime.repository.manifest import EngineManifest


class FakeEngine:
    """Logits from colours: minus the squared distance to each class's colour, in steps of 255.

    Args:
        manifest: geometry, grid of logits and palette; no build is read.
        slots: frames at once.
        fail_after: runs that succeed, over all slots, before every further one fails; None never.
    """

    def __init__(
        self, manifest: EngineManifest, slots: int = 2, fail_after: Optional[int] = None
    ) -> None:
        self.input: TensorSpec = input_tensor(manifest)
        self.output: TensorSpec = output_tensor(manifest)
        self.slots: Sequence[FakeSlot] = ()
        self._colours_bgr = np.array(manifest.classes.palette, np.float32)[:, ::-1]
        self._count = slots
        self._left = fail_after
        self._taken = threading.Lock()

    def __enter__(self) -> FakeEngine:
        self.slots = tuple(FakeSlot(self, self._colours_bgr) for _ in range(self._count))
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.slots = ()

    def permit(self, slot: FakeSlot) -> None:
        """Counts one run.

        Raises:
            EngineFailed: the engine is closed, or `fail_after` runs have been made.
        """
        with self._taken:
            if slot not in self.slots:
                raise EngineFailed("the engine is closed", "Run it inside its `with` block")
            if self._left is None:
                return
            if self._left == 0:
                raise EngineFailed("the fake engine was told to fail", "Raise its `fail_after`")
            self._left -= 1


class FakeSlot:
    """Room for one frame; see `engine.Slot`."""

    def __init__(self, engine: FakeEngine, colours_bgr: np.ndarray) -> None:
        self.input: np.ndarray = np.zeros(engine.input.shape, np.uint8)
        self.output: np.ndarray = np.zeros(engine.output.shape, np.float32)
        self._engine = engine
        self._colours_bgr = colours_bgr
        self._rows = _middles(engine.input.shape[0], engine.output.shape[0])
        self._columns = _middles(engine.input.shape[1], engine.output.shape[1])

    def run(self) -> None:
        """Compares the pixel in the middle of each grid cell with every colour."""
        self._engine.permit(self)
        seen = self.input[self._rows][:, self._columns].astype(np.float32)
        distance = ((seen[:, :, None] - self._colours_bgr) / 255) ** 2
        np.negative(distance.sum(axis=-1), out=self.output)


def _middles(pixels: int, cells: int) -> np.ndarray:
    return (2 * np.arange(cells) + 1) * pixels // (2 * cells)
