from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from runtime.cli.image_size import image_size


def test_rows_come_first() -> None:
    assert image_size("360x480") == (360, 480)


@pytest.mark.parametrize("text", ["", "big", "128", "128x", "x128", "-1x128", "1.5x2", "1x2x3"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"is no size: .* such as 1024x2048"):
        image_size(text)
