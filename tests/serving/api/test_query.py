from __future__ import annotations

import pytest

from runtime.inference.engine import SegmentOptions
from tests.inference.drawing_pipeline import (
    drawing_pipeline,
    drawing_segmenter,
    drawn_by_the_pipeline,
)
from tests.serving.api.serving import Parts, image, served


@pytest.mark.parametrize(
    ("query", "accept", "wanted"),
    [
        ("", "*/*", SegmentOptions("frame")),
        ("", "image/jpeg", SegmentOptions("frame")),
        ("size=model", "*/*", SegmentOptions("model")),
        (
            "size=model&format=overlay&opacity=0.3",
            "*/*",
            SegmentOptions("model", image=True, overlay=0.3),
        ),
        ("size=model", "image/jpeg", SegmentOptions("model", image=True, overlay=0.5)),
    ],
)
def test_a_device_draws_only_overlays_of_the_model_s_size(
    query: str, accept: str, wanted: SegmentOptions
) -> None:
    pipeline = drawing_pipeline()
    with served(Parts(inside=[drawing_segmenter(pipeline)])) as running:
        headers = {"Accept": accept}
        answer = running.client.post(f"/segment?{query}", content=image(), headers=headers)
    assert answer.status_code == 200
    assert pipeline.asked == [wanted]
    if answer.headers["Content-Type"] == "image/jpeg":
        assert drawn_by_the_pipeline(answer.content) == (wanted.overlay is not None)
