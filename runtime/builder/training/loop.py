"""One training loop, for one device or several, resumable after a kill with the same result."""

from __future__ import annotations

import hashlib
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, List, Optional, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.swiftnet import SwiftNet
from runtime.builder.training.batches import RandomViews, Visits, batches, steps_per_epoch
from runtime.builder.training.distributed import Place
from runtime.builder.training.ema import WeightAverage
from runtime.builder.training.loss import boundary_weights, pixel_losses, summed_loss
from runtime.builder.training.resized_dataset import FittedSamples
from runtime.builder.training.schedule import TrainingSettings, learning_rate
from runtime.builder.training.state import TrainingState
from runtime.errors import BuildFailed
from runtime.repository.manifest import InputSpec

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
BETAS = (0.9, 0.99)


@dataclass(frozen=True)
class RunOptions:
    """How a training runs, without any effect on its result.

    Attributes:
        workers: processes that prepare batches, 0 for this one.
        save_every: seconds between saved states.
        cache_bytes: memory for decoded images.
    """

    workers: int = 0
    save_every: float = 120.0
    cache_bytes: int = 1 << 30


@dataclass(frozen=True)
class Step:
    """What a listener hears of a step that was taken.

    Attributes:
        number: steps done, 1 after the first.
        of: steps of the whole training.
        per_epoch: steps of an epoch.
        loss: a scalar still on the device; the mean over all devices is that of the whole batch.
        learning_rate: the decoder's, as it was used.
        model: the weights to use if training ended here.
    """

    number: int
    of: int
    per_epoch: int
    loss: Tensor
    learning_rate: float
    model: SwiftNet


Listener = Callable[[Step], None]


class Training:
    """A model being trained on some images.

    Args:
        settings: what the result depends on.
        model: a SwiftNet with its weights at step 0.
        samples: labelled images to learn from.
        spec: the model's input; images are brought to its geometry as in serving.
        options: how to run.
        place: this process among those that train together.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        model: SwiftNet,
        samples: SegmentationDataset,
        spec: InputSpec,
        options: RunOptions,
        place: Place,
    ) -> None:
        self.settings = settings
        self.options = options
        self.place = place
        self.samples = FittedSamples(samples, spec, options.cache_bytes)
        self.per_epoch = steps_per_epoch(len(samples), settings.batch)
        self.steps = settings.epochs * self.per_epoch
        self.fingerprint = _fingerprint(settings, model, samples, spec)
        # Channels last is what convolutions on the CPU and on tensor cores are fastest with.
        model = model.to(memory_format=torch.channels_last).to(place.device)  # type: ignore[call-overload]
        self.state = TrainingState(
            model,
            _optimiser(model, settings),
            WeightAverage(model, settings.ema) if settings.ema else None,
            torch.amp.GradScaler(place.device.type, enabled=settings.precision == "fp16"),
        )
        self._class_weights: Optional[Tensor] = None

    def run(self, folder: Path, listener: Listener) -> SwiftNet:
        """Trains to the end, from the state in `folder` if there is one.

        Args:
            folder: keeps the state; made where it does not exist.
            listener: called after every step.

        Returns:
            The weights to use, averaged if the settings ask for it.

        Raises:
            InvalidInput: the state in `folder` is of another training, or an image is broken.
            BuildFailed: the loss is no longer a finite number.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.state.restore(folder, self.fingerprint)
        self.samples.fill()
        self._class_weights = _class_weights(self.samples, self.settings.rarity)
        network = self.place.shared(self.state.model)
        views = RandomViews(self.samples, self.settings.augmentation, self.settings.seed)
        visits = Visits(len(self.samples), self.settings, self.state.step, self.place)
        saved_at = time.monotonic()
        for images, labels in batches(views, visits, self.options.workers):
            listener(self._step(network, images, labels))
            if self.place.leads and time.monotonic() - saved_at > self.options.save_every:
                self.state.save(folder, self.fingerprint)
                saved_at = time.monotonic()
        if self.place.leads:
            self.state.save(folder, self.fingerprint)
        return self.state.result()

    def _step(self, network: nn.Module, images: Tensor, labels: Tensor) -> Step:
        """One update from a batch: images (N, 3, H, W) uint8 RGB, labels (N, H, W) uint8."""
        state, rate = self.state, learning_rate(self.settings, self.state.step, self.steps)
        for group in state.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        # A listener may have evaluated the model.
        network.train()
        device = self.place.device
        total, count = self._loss(network, images.to(device), labels.to(device))
        loss = total / self.place.mean(count).clamp_min(1)
        if not torch.isfinite(loss):
            raise BuildFailed(
                f"the loss of step {state.step + 1} is {float(loss.detach())}",
                "Train with a lower learning rate or a longer warm-up, or in fp32",
            )
        state.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(state.scaler.scale(loss))
        state.scaler.step(state.optimiser)
        state.scaler.update()
        state.step += 1
        if state.average is not None:
            state.average.update(state.model)
        result = state.result()
        return Step(state.step, self.steps, self.per_epoch, loss.detach(), rate, result)

    def _loss(self, network: nn.Module, images: Tensor, labels: Tensor) -> Tuple[Tensor, Tensor]:
        """The summed loss of a batch and its labelled pixels."""
        settings, ignore_id = self.settings, self.samples.dataset.classes.ignore_id
        image = self.state.model.normalise(images.float())
        with _autocast(settings.precision, self.place.device):
            logits = network(image.contiguous(memory_format=torch.channels_last))
        full = nn.functional.interpolate(
            logits.float(), labels.shape[1:], mode="bilinear", align_corners=False
        )
        focal = settings.loss == "boundary-focal"
        gamma = settings.focal_gamma if focal else 0.0
        losses = pixel_losses(full, labels.long(), ignore_id, gamma, self._class_weights_on(full))
        near = None
        if focal:
            near = boundary_weights(labels, settings.boundary_radii, settings.boundary_weights)
        return summed_loss(losses, labels, near, ignore_id)

    def _class_weights_on(self, other: Tensor) -> Optional[Tensor]:
        return None if self._class_weights is None else self._class_weights.to(other.device)


def _autocast(precision: str, device: torch.device) -> ContextManager[Any]:
    dtype = AUTOCAST.get(precision)
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype)


def _optimiser(model: SwiftNet, settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW over encoder and decoder, each with decay (convolution weights) and without."""
    encoder = {id(parameter) for parameter in model.encoder_parameters()}
    groups: List[Dict[str, Any]] = []
    for share, inside in ((settings.encoder_rate, True), (1.0, False)):
        mine = [p for p in model.parameters() if (id(p) in encoder) is inside]
        weights = [p for p in mine if p.ndim > 1]
        others = [p for p in mine if p.ndim <= 1]
        groups.append({"params": weights, "share": share})
        groups.append({"params": others, "share": share, "weight_decay": 0.0})
    return torch.optim.AdamW(
        groups, settings.learning_rate, BETAS, weight_decay=settings.weight_decay
    )


def _class_weights(samples: FittedSamples, rarity: float) -> Optional[Tensor]:
    """(1 / pixel share) ** rarity, (classes,) float32 with a mean of 1 over labelled pixels."""
    if not rarity:
        return None
    classes = len(samples.dataset.classes)
    counts = np.zeros(256, np.int64)
    for index in range(len(samples)):
        counts += np.bincount(samples[index][1].reshape(-1), minlength=256)
    shares = np.maximum(counts[:classes], 1) / counts[:classes].sum()
    weights = shares**-rarity
    return torch.tensor(weights / (weights * shares).sum(), dtype=torch.float32)


def _fingerprint(
    settings: TrainingSettings, model: nn.Module, samples: SegmentationDataset, spec: InputSpec
) -> str:
    """SHA-256 of what the result follows from: settings, images' names, initial weights."""
    digest = hashlib.sha256(settings.model_dump_json().encode() + spec.model_dump_json().encode())
    digest.update("\n".join(f"{each.split}/{each.name}" for each in samples.samples).encode())
    for key, value in model.state_dict().items():
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
