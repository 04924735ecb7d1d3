"""Images in NV12 for tests, by OpenCV's own conversion: limited BT.601."""

from __future__ import annotations

import cv2
import numpy as np


def nv12_from(bgr: np.ndarray) -> np.ndarray:
    """(height * 3 / 2, width) NV12 of (height, width, 3) BGR pixels."""
    planar = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
    height, width = bgr.shape[:2]
    chroma = planar[height:].reshape(2, height // 2 * width // 2)
    return np.concatenate([planar[:height], chroma.T.reshape(height // 2, width)])
