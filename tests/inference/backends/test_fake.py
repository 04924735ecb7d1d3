from __future__ import annotations

import numpy as np
import pytest

from runtime.errors import EngineFailed
from runtime.inference.backends.fake import FakeEngine
from runtime.inference.engine import Engine
from tests.contracts.engine import EngineContract, computed, image, striped_manifest


class TestFakeEngine(EngineContract):
    tolerance = 1e-6

    @pytest.fixture
    def engine(self) -> Engine:
        return FakeEngine(striped_manifest(), slots=2)

    def expected(self, pixels: np.ndarray) -> np.ndarray:
        colours = np.array(striped_manifest().classes.palette)[:, ::-1]
        middles = pixels[4::8, 4::8].astype(float)
        distances = [((middles - colour) ** 2).sum(axis=-1) for colour in colours]
        return np.stack(distances, axis=-1) / -(255**2)


def test_a_image_in_the_palette_s_colours_becomes_its_classes() -> None:
    manifest = striped_manifest()
    truth = np.arange(32).reshape(4, 8) % 3
    painted = np.array(manifest.classes.palette, np.uint8)[truth][..., ::-1]
    with FakeEngine(manifest) as engine:
        logits = computed(engine.slots[0], painted.repeat(8, axis=0).repeat(8, axis=1))
    assert (logits.argmax(axis=-1) == truth).all()


def test_it_fails_when_told_and_goes_on_failing() -> None:
    with FakeEngine(striped_manifest(), slots=2, fail_after=2) as engine:
        for slot in engine.slots:
            slot.run()
        for slot in engine.slots:
            with pytest.raises(EngineFailed, match="told to fail"):
                slot.run()


def test_a_failed_run_leaves_the_logits_alone() -> None:
    with FakeEngine(striped_manifest(), fail_after=1) as engine:
        slot = engine.slots[0]
        before = computed(slot, image(1))
        with pytest.raises(EngineFailed):
            computed(slot, image(2))
        assert (slot.output == before).all()
