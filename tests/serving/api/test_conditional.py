from __future__ import annotations

from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from runtime.serving.api.conditional import client_has


def headers(*lines: str) -> Headers:
    return Headers(raw=[(b"if-none-match", line.encode("latin-1")) for line in lines])


@pytest.mark.parametrize(
    "lines",
    [
        ['"5"'],
        ['W/"5"'],
        ['"4", "5"'],
        ['"4","5","6"'],
        ['"a,b", W/"5"'],
        [', "4",, "5" ,'],
        ['"4"', '"5"'],
        ["*"],
        [" * "],
    ],
)
def test_a_list_that_names_the_version_or_any_is_a_match(lines: List[str]) -> None:
    assert client_has(headers(*lines), '"5"')


@pytest.mark.parametrize(
    "lines",
    [[], [""], ['"4"'], ["5"], ['"4, "5"'], ['"4" "5"'], ['w/"5"'], ['"*"'], ['*, "4"'], ['"5']],
)
def test_everything_else_is_none(lines: List[str]) -> None:
    assert not client_has(headers(*lines), '"5"')


@given(st.text(alphabet='W/"*,5 \t\\\xff', max_size=40))
def test_no_header_does_harm(line: str) -> None:
    assert client_has(headers(line), '"5"') in (True, False)
