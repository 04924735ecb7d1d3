from __future__ import annotations

from typing import Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.builder.tensorrt.calibration_cache import cache_from_ranges, ranges_from_cache
from runtime.errors import InvalidInput

# As TensorRT calibrated a network whose images lie between 0 and 1.
PUBLISHED = "TRT-8502-EntropyCalibration2\nimages: 3c00f9f4\n"


def test_the_format_is_that_of_published_caches() -> None:
    text = cache_from_ranges({"images": 1.0, "backbone.conv1@level0": 127.0})
    header, *lines = text.splitlines()
    assert header == "TRT-8502-EntropyCalibration2"
    # 1.0 as a big-endian float32; names are sorted.
    assert lines[0] == "backbone.conv1@level0: 3f800000"
    assert lines[1].startswith("images: 3c0")
    assert ranges_from_cache(PUBLISHED)["images"] == pytest.approx(1.0, rel=1e-3)


@given(
    st.dictionaries(
        st.text("abc.:@/ 019", min_size=1), st.floats(0.125, 1024, width=32), max_size=5
    )
)
def test_what_was_written_is_read_again(ranges: Dict[str, float]) -> None:
    found = ranges_from_cache(cache_from_ranges(ranges))
    assert found == pytest.approx(ranges, rel=1e-6)


def test_caches_of_other_releases_and_calibrators_are_read() -> None:
    text = "TRT-100300-MinMaxCalibration\nx: 3f800000\n"
    assert ranges_from_cache(text) == {"x": 127.0}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "begins with ''"),
        ("{}", "begins with '{}'"),
        ("TRT-8502-EntropyCalibration2\nx: 1.0\n", "line 2"),
        ("TRT-8502-EntropyCalibration2\nx: 3f800000\ny 3f800000\n", "line 3"),
    ],
)
def test_what_is_no_cache_is_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        ranges_from_cache(text)


@pytest.mark.parametrize("largest", [0.0, -1.0, float("inf"), float("nan")])
def test_a_range_is_a_positive_number(largest: float) -> None:
    with pytest.raises(InvalidInput, match="'x'"):
        cache_from_ranges({"x": largest})
