from __future__ import annotations

import pytest

from runtime.serving.metrics.negotiation import OPEN_METRICS, preferred
from runtime.serving.metrics.registry import Metrics

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", ""),
        ("*/*", ""),
        ("application/json", ""),
        ("text/html,*/*;q=0.8", ""),
        (OPEN_METRICS, OPEN_METRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0", f"{OPEN_METRICS};version=1.0.0"),
        (PROMETHEUS_3, f"{OPEN_METRICS};version=1.0.0;escaping=allow-utf-8"),
        (f"{OPEN_METRICS};q=0.1, text/plain", "text/plain"),
        (f"text/plain;q=0.5, {OPEN_METRICS};q=0.9", OPEN_METRICS),
        (f"{OPEN_METRICS};q=0, */*", ""),
        (f"{OPEN_METRICS};version=0.0.1", ""),
        (f"{OPEN_METRICS};version=2.0.0, text/plain;q=0.1", "text/plain"),
        (f"*/*, {OPEN_METRICS}", OPEN_METRICS),
        (f"{OPEN_METRICS};q=high", ""),
    ],
)
def test_the_heaviest_entry_that_is_written_here_wins(accept: str, wanted: str) -> None:
    assert preferred(accept) == wanted


@pytest.mark.parametrize(
    ("accept", "media_type", "last"),
    [
        (f"{OPEN_METRICS};q=0.1, text/plain", "text/plain", b"\n"),
        (f"{OPEN_METRICS};version=1.0.0", OPEN_METRICS, b"# EOF\n"),
    ],
)
def test_what_is_sent_is_what_was_chosen(accept: str, media_type: str, last: bytes) -> None:
    body, told = Metrics().exposition(accept)
    assert told.startswith(media_type)
    assert body.endswith(last)
    assert body.endswith(b"# EOF\n") == (media_type == OPEN_METRICS)
