from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runtime.errors import EngineRefused, InvalidInput
from runtime.inference.canary import read_canary
from runtime.inference.engine import SegmentOptions
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import manifest_text
from tests.engines import HEIGHT, segmenters
from tests.inference.canaries import canary, right_labels
from tests.inference.drawing_pipeline import drawing_pipeline, drawing_segmenter
from tests.serving.daemons import engine_folder, known_labels


@pytest.mark.parametrize("step", [1, 2], ids=["frame's size", "model's size"])
def test_the_mask_may_have_the_size_of_the_frame_or_of_the_model(step: int) -> None:
    labels = np.ascontiguousarray(right_labels()[::step, ::step])
    assert canary(labels).agreement(segmenters()[0]) == 1.0


def test_no_more_than_the_mask_is_wanted() -> None:
    pipeline = drawing_pipeline()
    assert canary(right_labels()).agreement(drawing_segmenter(pipeline)) == 1.0
    assert pipeline.asked == [SegmentOptions("frame")]


def test_agreement_is_the_share_of_equal_pixels() -> None:
    labels = right_labels()
    labels[: HEIGHT // 2] = 1 - labels[: HEIGHT // 2]
    assert canary(labels).agreement(segmenters()[0]) == 0.75


def test_a_mask_of_another_size_is_a_broken_engine_folder() -> None:
    with pytest.raises(InvalidInput, match="Rebuild"):
        canary(np.zeros((5, 5), np.uint8)).agreement(segmenters()[0])


class TestReading:
    def test_image_and_mask_come_from_the_engine_folder(self, tmp_path: Path) -> None:
        folder = EngineFolder(engine_folder(tmp_path / "engine"))
        read = read_canary(folder)
        assert read is not None
        np.testing.assert_array_equal(read.labels.labels, known_labels())
        declared = folder.manifest.canary
        assert declared is not None
        assert read.minimum_agreement == declared.minimum_agreement

    def test_a_folder_may_have_none(self, tmp_path: Path) -> None:
        folder = EngineFolder(engine_folder(tmp_path / "engine"))
        manifest = folder.manifest.model_copy(update={"canary": None})
        folder.write("manifest.json", manifest_text(manifest).encode())
        assert read_canary(EngineFolder(folder.path)) is None

    def test_another_image_than_the_manifest_s_is_refused(self, tmp_path: Path) -> None:
        folder = EngineFolder(engine_folder(tmp_path / "engine"))
        (folder.path / "canary.png").write_bytes(b"another image")
        with pytest.raises(EngineRefused):
            read_canary(folder)
