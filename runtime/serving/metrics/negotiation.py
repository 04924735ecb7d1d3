"""Which of Prometheus' text formats a scrape asks for (RFC 9110, 12.5.1)."""

from __future__ import annotations

from typing import Dict, List, Tuple

OPEN_METRICS, PLAIN = "application/openmetrics-text", "text/plain"
# Of each format, those that are written here; the client library would promise any.
VERSIONS: Dict[str, Tuple[str, ...]] = {
    OPEN_METRICS: ("", "1.0.0"),
    PLAIN: ("", "0.0.4", "1.0.0"),
}
COVERS = {"application/*": OPEN_METRICS, "text/*": PLAIN, "*/*": PLAIN}


def preferred(accept: str) -> str:
    """The one entry of an Accept header that is answered, as the client library reads it.

    Args:
        accept: the header; several lines joined by commas.

    Returns:
        A media type with its parameters but without its weight; "" for the plain format, also where
        nothing that is written here was asked for: whoever asks at all is better off with it.
    """
    best, most = "", 0.0
    for media_type, parameters in map(_taken_apart, accept.lower().split(",")):
        weight = _weight(parameters.pop("q", "1"))
        kind = COVERS.get(media_type, media_type)
        # The first of equals, but what was named wins over what a * covers.
        named = kind == media_type
        if parameters.get("version", "") not in VERSIONS.get(kind, ()):
            continue
        rank = weight + (1e-6 if named else 0.0)
        if weight > 0 and rank > most:
            most = rank
            words: List[str] = [f"{name}={value}" for name, value in parameters.items()]
            best = ";".join([kind, *words]) if named or kind == OPEN_METRICS else ""
    return best


def _taken_apart(entry: str) -> Tuple[str, Dict[str, str]]:
    media_type, *parts = (part.strip() for part in entry.split(";"))
    pairs = (part.partition("=") for part in parts if part)
    return media_type, {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def _weight(quality: str) -> float:
    """A number from 0 to 1; what is none counts as 0."""
    weight = float(quality) if quality.replace(".", "", 1).isdecimal() else 0.0
    return weight if weight <= 1 else 0.0
