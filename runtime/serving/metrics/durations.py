"""How finely durations are told apart."""

from __future__ import annotations

SECONDS = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075),
    *(0.1, 0.15, 0.25, 0.5, 1.0, 2.5),
)
"""Upper bounds of the buckets, seconds: fine where an edge device's frames are."""
