"""What libraries would tell their makers about their use, if they were let."""

from __future__ import annotations

import sys


def report_nothing() -> None:
    """Keeps openvino from sending an event when it is imported; to be called before.

    It does so unless the user has found out how to forbid it. Where this module cannot be imported,
    openvino uses a stub that sends nothing.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
