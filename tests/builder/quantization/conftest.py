from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.builder.quantization.calibrated import Calibrated


@pytest.fixture(scope="package")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Calibrated:
    # Not every environment has torch and ONNX; the tests of this folder that need neither run.
    from tests.builder.quantization.calibrated import calibrated_in

    return calibrated_in(tmp_path_factory.mktemp("calibrated"))
