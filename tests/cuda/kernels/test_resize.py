from __future__ import annotations

import numpy as np
import pytest

from runtime.inference.postprocess.cpu import resize_labels
from tests.cuda.kernels.machine import Machine, Size, resized


@pytest.mark.parametrize("size", [(5, 7), (10, 14), (11, 13), (3, 2), (1, 1), (50, 300), (9, 129)])
def test_labels_are_resized_as_the_processor_does(machine: Machine, size: Size) -> None:
    labels = np.random.default_rng(0).integers(0, 255, (5, 7), dtype=np.uint8)
    np.testing.assert_array_equal(resized(machine, labels, size), resize_labels(labels, *size))
