"""Random views of a training image: scale, crop, flip, colour and blur.

Each is a pure function of the image and a generator of random numbers.
"""

from __future__ import annotations

import math
from typing import Tuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from runtime.files.toml import Table

Range = Tuple[float, float]
LUMA = (0.299, 0.587, 0.114)


class Augmentation(Table):
    """How wide training images vary; every strength 0 (and scale 1 to 1) leaves crops only.

    Attributes:
        crop: height and width of the view, pixels.
        scale: the image is enlarged by a factor from this range, log-uniform.
        flip: probability of mirroring left and right.
        brightness: largest change, as a share of the full range, added.
        contrast: largest relative change of the distance to the mean grey.
        saturation: largest relative change of the distance to the pixel's own grey.
        hue: largest rotation of the colour circle, as a share of a turn.
        gamma: largest natural logarithm of the exponent.
        tint: largest relative change of each colour channel alone, as of another light.
        blur: probability of a light 3x3 blur.
    """

    crop: Tuple[int, int] = (320, 448)
    scale: Range = (0.5, 2.0)
    flip: float = Field(default=0.5, ge=0, le=1)
    brightness: float = Field(default=0.25, ge=0, le=1)
    contrast: float = Field(default=0.4, ge=0, lt=1)
    saturation: float = Field(default=0.5, ge=0, le=1)
    hue: float = Field(default=0.06, ge=0, le=0.5)
    gamma: float = Field(default=0.5, ge=0, le=2)
    tint: float = Field(default=0.15, ge=0, lt=1)
    blur: float = Field(default=0.2, ge=0, le=1)


def random_view(
    image: np.ndarray,
    labels: np.ndarray,
    ignore_id: int,
    how: Augmentation,
    rng: np.random.Generator,
) -> Tuple[Tensor, Tensor]:
    """A random view of an image.

    Args:
        image: (height, width, 3) uint8 RGB.
        labels: (height, width) uint8.
        ignore_id: the label of what lies outside the image.
        how: the ranges to draw from.
        rng: the only source of randomness.

    Returns:
        the view, (3, *crop) uint8 RGB, and its labels, (*crop) uint8.
    """
    colour, truth = _crop_and_scale(image, labels, ignore_id, how, rng)
    if rng.random() < how.flip:
        colour, truth = colour.flip(-1), truth.flip(-1)
    colour = _recolour(colour / 255, how, rng)
    if rng.random() < how.blur:
        colour = _blur(colour, strength=rng.uniform(0.3, 1.0))
    return (colour * 255).round_().clamp_(0, 255).to(torch.uint8), truth.contiguous()


def _crop_and_scale(
    image: np.ndarray,
    labels: np.ndarray,
    ignore_id: int,
    how: Augmentation,
    rng: np.random.Generator,
) -> Tuple[Tensor, Tensor]:
    """Cuts out what becomes the crop and resizes only that.

    Returns:
        (3, *crop) float32 from 0 to 255, and (*crop) uint8.
    """
    scale = math.exp(rng.uniform(math.log(how.scale[0]), math.log(how.scale[1])))
    region = tuple(max(1, round(side / scale)) for side in how.crop)
    cuts, pads = zip(*(_cut(have, want, rng) for have, want in zip(labels.shape, region)))
    padding = (*pads[1], *pads[0])
    colour = torch.from_numpy(image[cuts[0], cuts[1]]).permute(2, 0, 1).float()
    truth = torch.from_numpy(labels[cuts[0], cuts[1]])
    if any(padding):
        colour = functional.pad(colour, padding, value=float(image.mean()))
        truth = functional.pad(truth, padding, value=ignore_id)
    colour = functional.interpolate(
        colour[None], how.crop, mode="bilinear", align_corners=False, antialias=scale < 1
    )[0]
    return colour, functional.interpolate(truth[None, None], how.crop, mode="nearest-exact")[0, 0]


def _cut(have: int, want: int, rng: np.random.Generator) -> Tuple[slice, Tuple[int, int]]:
    """A random stretch of `want` out of `have` pixels, and the padding where these are too few."""
    if want <= have:
        start = int(rng.integers(0, have - want + 1))
        return slice(start, start + want), (0, 0)
    before = int(rng.integers(0, want - have + 1))
    return slice(0, have), (before, want - have - before)


def _recolour(colour: Tensor, how: Augmentation, rng: np.random.Generator) -> Tensor:
    """Another light and camera: (3, height, width) float32 in 0-1."""

    def around_one(width: float) -> float:
        return float(rng.uniform(1 - width, 1 + width))

    colour = _turn_hue(colour, float(rng.uniform(-how.hue, how.hue)) * 2 * math.pi)
    grey = (colour * torch.tensor(LUMA).view(3, 1, 1)).sum(0, keepdim=True)
    colour = grey + (colour - grey) * around_one(how.saturation)
    colour = colour * torch.tensor([around_one(how.tint) for _ in range(3)]).view(3, 1, 1)
    mean = grey.mean()
    colour = (
        mean
        + (colour - mean) * around_one(how.contrast)
        + float(rng.uniform(-how.brightness, how.brightness))
    )
    return colour.clamp_(0, 1).pow_(math.exp(rng.uniform(-how.gamma, how.gamma)))


def _turn_hue(colour: Tensor, angle: float) -> Tensor:
    """Rotate around the grey axis (Rodrigues' formula), which keeps greys grey."""
    along = (1 - math.cos(angle)) / 3
    across = math.sin(angle) / math.sqrt(3)
    centre = math.cos(angle) + along
    turn = torch.tensor(
        [
            [centre, along - across, along + across],
            [along + across, centre, along - across],
            [along - across, along + across, centre],
        ]
    )
    return torch.einsum("ij,jhw->ihw", turn, colour)


def _blur(colour: Tensor, strength: float) -> Tensor:
    """A 3x3 Gaussian of this standard deviation, pixels."""
    side = math.exp(-0.5 / strength**2)
    line = torch.tensor([side, 1.0, side]) / (1 + 2 * side)
    kernel = torch.outer(line, line).expand(3, 1, 3, 3)
    padded = functional.pad(colour[None], (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, kernel, groups=3)[0]
