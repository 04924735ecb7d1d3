from __future__ import annotations

import pytest

from tests.builder.quantization.calibrated import Calibrated, calibrated_in


@pytest.fixture(scope="package")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Calibrated:
    return calibrated_in(tmp_path_factory.mktemp("calibrated"))
