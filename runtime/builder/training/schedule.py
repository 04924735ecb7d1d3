"""What a training is: every number its result depends on, and the learning rate of each step."""

from __future__ import annotations

import math
from typing import Tuple

from pydantic import Field, model_validator
from typing_extensions import Literal

from runtime.builder.training.augment import Augmentation
from runtime.files.toml import Table


class TrainingSettings(Table):
    """Everything that the weights depend on, besides the images and the initial weights.

    Attributes:
        seed: of the initial weights, the order of images and their random views.
        epochs: passes over the training images.
        batch: images per step, over all devices together.
        learning_rate: its peak, for the decoder.
        encoder_rate: the encoder's rate as a share of the decoder's: 1 from scratch, about 0.25
            when it is pretrained.
        final_learning_rate: where the cosine ends.
        warmup_steps: steps of linear growth to the peak.
        weight_decay: of convolution weights (decoupled, AdamW); norms and biases have none.
        loss: boundary-aware focal loss or plain cross-entropy.
        focal_gamma: strength of the focal factor of the former.
        boundary_radii: its distance bins, pixels; the paper's, for 1024x2048, are 16, 64, 128.
        boundary_weights: weight of each bin, and of what is farther away.
        rarity: exponent of the class weights, (1 / pixel share) ** rarity scaled to a mean of 1
            over all labelled pixels; 0 weighs all classes alike.
        ema: decay of the averaged weights per step, 0 for none.
        precision: of the arithmetic; weights are always float32.
        augmentation: how images vary.
    """

    seed: int = Field(default=0, ge=0)
    epochs: int = Field(default=100, ge=1)
    batch: int = Field(default=8, ge=2)
    learning_rate: float = Field(default=4e-4, gt=0)
    encoder_rate: float = Field(default=0.25, gt=0, le=1)
    final_learning_rate: float = Field(default=1e-6, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    loss: Literal["boundary-focal", "cross-entropy"] = "boundary-focal"
    focal_gamma: float = Field(default=0.5, ge=0)
    boundary_radii: Tuple[int, ...] = (16, 64, 128)
    boundary_weights: Tuple[float, ...] = (8.0, 4.0, 2.0, 1.0)
    rarity: float = Field(default=0.0, ge=0, le=1)
    ema: float = Field(default=0.0, ge=0, lt=1)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    augmentation: Augmentation = Augmentation()

    @model_validator(mode="after")
    def _bins_fit(self) -> TrainingSettings:
        radii = self.boundary_radii
        if len(self.boundary_weights) != len(radii) + 1:
            raise ValueError("boundary_weights needs one weight per radius and one for the rest")
        if list(radii) != sorted(set(radii)) or min(radii, default=1) < 1:
            raise ValueError("boundary_radii must be positive and increase")
        return self


def learning_rate(settings: TrainingSettings, step: int, steps: int) -> float:
    """The decoder's rate at a step: linear warm-up, then half a cosine from peak to final rate.

    Args:
        settings: peak, final rate and length of the warm-up.
        step: counted from 0.
        steps: of the whole training.
    """
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    share = (step - settings.warmup_steps) / max(1, steps - settings.warmup_steps)
    falling = 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    final = settings.final_learning_rate
    return final + (settings.learning_rate - final) * falling
