"""What every engine keeps to; a subclass says how to make one and what it should compute."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from runtime.errors import EngineFailed
from runtime.inference.engine import Engine, Slot
from runtime.repository.manifest import ClassesSpec, EngineManifest, InputSpec, OutputSpec
from tests.engines import small_manifest


def striped_manifest() -> EngineManifest:
    """Three classes, a 32 x 64 input, a 4 x 8 grid and a normalisation that shows mistakes."""
    return small_manifest().model_copy(
        update={
            "classes": ClassesSpec(
                names=["sky", "road", "car"], palette=[(90, 160, 255), (128, 64, 128), (0, 0, 142)]
            ),
            "input": InputSpec(height=32, width=64, mean=(120, 110, 90), std=(60, 50, 70)),
            "output": OutputSpec(height=4, width=8),
        }
    )


def image(seed: int) -> np.ndarray:
    """An image of the model's size that no two seeds share."""
    return np.random.default_rng(seed).integers(0, 256, (32, 64, 3), dtype=np.uint8)


def computed(slot: Slot, pixels: np.ndarray) -> np.ndarray:
    slot.input[...] = pixels
    slot.run()
    return np.array(slot.output)


class EngineContract:
    """Subclasses provide an `engine` fixture, not yet opened, and `expected`."""

    tolerance = 0.0
    """How far logits may be from `expected`, as a share of the largest."""

    def expected(self, pixels: np.ndarray) -> np.ndarray:
        """(4, 8, 3) float32 logits of a (32, 64, 3) uint8 BGR image, by other means."""
        raise AssertionError("a subclass says what its engine computes")

    def test_it_computes_what_it_should(self, engine: Engine) -> None:
        with engine:
            logits = computed(engine.slots[0], image(1))
        expected = self.expected(image(1))
        assert np.abs(logits - expected).max() <= self.tolerance * np.abs(expected).max()

    def test_every_slot_has_the_buffers_that_the_engine_announces(self, engine: Engine) -> None:
        with engine:
            for slot in engine.slots:
                for buffer, spec in ((slot.input, engine.input), (slot.output, engine.output)):
                    assert buffer.shape == spec.shape
                    assert buffer.dtype.name == spec.dtype
                    assert len(spec.layout) == buffer.ndim

    def test_buffers_stay_where_they_are(self, engine: Engine) -> None:
        with engine:
            slot = engine.slots[0]
            given, taken = slot.input, slot.output
            first = computed(slot, image(1))
            second = computed(slot, image(2))
            assert slot.input is given
            assert slot.output is taken
            assert (given == image(2)).all()
            assert (taken == second).all()
            assert (first != second).any()

    def test_the_same_image_gives_the_same_logits(self, engine: Engine) -> None:
        with engine:
            slot = engine.slots[-1]
            assert (computed(slot, image(1)) == computed(slot, image(1))).all()

    def test_slots_run_side_by_side_without_mixing_frames(self, engine: Engine) -> None:
        with engine:
            alone = [computed(engine.slots[0], image(seed)) for seed in range(len(engine.slots))]

            def many(nth: int) -> bool:
                slot = engine.slots[nth]
                return all((computed(slot, image(nth)) == alone[nth]).all() for _ in range(20))

            with ThreadPoolExecutor(len(engine.slots)) as threads:
                assert all(threads.map(many, range(len(engine.slots))))

    def test_there_are_slots_only_inside_the_block(self, engine: Engine) -> None:
        assert not engine.slots
        with engine:
            assert len(engine.slots) >= 1
        assert not engine.slots

    def test_a_slot_kept_beyond_the_block_refuses_to_run(self, engine: Engine) -> None:
        with engine:
            slot = engine.slots[0]
        with pytest.raises(EngineFailed, match="closed"):
            slot.run()

    def test_it_can_be_opened_again(self, engine: Engine) -> None:
        with engine:
            first = computed(engine.slots[0], image(1))
        with engine:
            assert (computed(engine.slots[0], image(1)) == first).all()
