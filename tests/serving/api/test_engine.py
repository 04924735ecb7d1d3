from __future__ import annotations

from tests.serving.api.serving import served


def test_the_engine_describes_itself() -> None:
    with served() as running:
        assert running.client.get("/engine").json() == {
            "name": "dark-or-bright",
            "precision": "fp32",
            "backend": "fake",
            "classes": [
                {"id": 0, "name": "dark", "colour": "#000040"},
                {"id": 1, "name": "bright", "colour": "#ffff00"},
            ],
            "input": {"height": 32, "width": 64},
            "parameters": 10,
            "gmacs": 2.0,
            "evidence": [],
            "calibration": None,
            "slots": 1,
            "mode": "throughput",
        }
