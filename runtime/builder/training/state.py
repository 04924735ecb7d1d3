"""The state of a training on disk: all that a killed run needs to go on as if nothing happened."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional

import torch

from runtime.builder.swiftnet import SwiftNet
from runtime.builder.training.ema import WeightAverage
from runtime.errors import InvalidInput
from runtime.files.atomic import whole_file

STATE_NAME = "state.pt"


@dataclass
class TrainingState:
    """What changes from step to step.

    Attributes:
        model: the trained weights, without any wrapper for several devices.
        optimiser: with its moments.
        average: averaged weights, if wanted.
        scaler: of float16 gradients; disabled for other precisions.
        step: steps done.
    """

    model: SwiftNet
    optimiser: torch.optim.Optimizer
    average: Optional[WeightAverage[SwiftNet]]
    scaler: torch.amp.GradScaler
    step: int = 0

    def result(self) -> SwiftNet:
        """The weights to use: the averaged ones where there are any."""
        return self.model if self.average is None else self.average.model

    def save(self, folder: Path, fingerprint: str) -> None:
        """Replaces the state in `folder` atomically: a kill leaves the old one or the new one.

        Args:
            folder: an existing one.
            fingerprint: says which training it is.
        """
        content: Dict[str, Any] = {
            "fingerprint": fingerprint,
            "step": self.step,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        if self.average is not None:
            content["average"] = self.average.model.state_dict()
        # One training writes here, and a kill must not leave a second state beside each new one.
        with whole_file(folder / STATE_NAME, alone=True) as file:
            torch.save(content, file)

    def restore(self, folder: Path, fingerprint: str) -> bool:
        """Takes over the state in `folder`; False when there is none.

        Args:
            folder: of the training.
            fingerprint: SHA-256 of what the result follows from; a state of another training is
                refused.

        Raises:
            InvalidInput: the state there cannot be read, or belongs to another training.
        """
        path = folder / STATE_NAME
        if not path.is_file():
            return False
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as broken:
            raise InvalidInput(
                f"{path} is no training state", "Remove it to start the training again"
            ) from broken
        if content["fingerprint"] != fingerprint:
            raise InvalidInput(
                f"{path} is of a training with other settings, images or initial weights",
                "Choose another output folder, or remove this one to start again",
            )
        self.model.load_state_dict(content["model"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.scaler.load_state_dict(content["scaler"])
        self.step = content["step"]
        if self.average is not None:
            self.average.model.load_state_dict(content["average"])
            self.average.updates = self.step
        return True
