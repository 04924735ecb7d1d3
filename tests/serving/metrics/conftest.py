from __future__ import annotations

from pathlib import Path

import pytest

from tests.device.jetsons import write_tree, write_xavier
from tests.serving.metrics.measured import Measured


@pytest.fixture
def measured(tmp_path: Path) -> Measured:
    root = write_xavier(tmp_path)
    write_tree(root, {"sys/class/hwmon/hwmon4/oc1_event_cnt": 0})
    return Measured(root)
