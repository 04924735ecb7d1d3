"""Resampling whose sizes follow the input.

`torch.fx` must record each of these as one call instead of tracing into sizes that it cannot know,
so call them as `resample.resize_like(...)`: a name imported into another module would escape
`torch.fx.wrap`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def resize_like(x: Tensor, reference: Tensor) -> Tensor:
    """Bilinear resize of (N, C, h, w) to the size of `reference`, with half-pixel centres.

    Args:
        x: (N, C, h, w).
        reference: (N, any, H, W).
    """
    size = reference.shape[-2:]
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def shrink(image: Tensor, factor: int) -> Tensor:
    """Bicubic 1/`factor` of (N, C, H, W), without antialiasing; odd remainders are dropped.

    Args:
        image: (N, C, H, W).
        factor: by which rows and columns become fewer.
    """
    return functional.interpolate(
        image, scale_factor=1 / factor, mode="bicubic", align_corners=False
    )


def adaptive_average_pool(x: Tensor, grid: int) -> Tensor:
    """Mean of (N, C, h, w) over `grid` rows and as many columns as keep the cells nearly square.

    Args:
        x: (N, C, h, w).
        grid: rows of the result.
    """
    height, width = x.shape[-2:]
    return functional.adaptive_avg_pool2d(x, (grid, max(1, round(width / height * grid))))


torch.fx.wrap("resize_like")
torch.fx.wrap("shrink")
torch.fx.wrap("adaptive_average_pool")
