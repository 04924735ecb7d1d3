from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest

from runtime.inference.postprocess.reference import labels_from_logits


def test_the_largest_interpolated_logit_wins() -> None:
    logits = np.zeros((1, 2, 2), np.float32)
    logits[0, 0] = (3, 0)
    logits[0, 1] = (0, 1)
    # Class 0 falls from 3 to 0 where class 1 rises from 0 to 1: they meet at three quarters.
    assert labels_from_logits(logits, (1, 16)).tolist() == [[0] * 10 + [1] * 6]


def test_on_ties_the_lowest_class_wins() -> None:
    logits = np.zeros((3, 3, 5), np.float32)
    logits[..., 2] = logits[..., 4] = 1
    assert (labels_from_logits(logits, (24, 24)) == 2).all()


def test_the_highest_of_255_classes_has_a_label() -> None:
    logits = np.zeros((2, 2, 255), np.float32)
    logits[..., 254] = 1
    assert (labels_from_logits(logits, (5, 5)) == 254).all()


@pytest.mark.parametrize(("grid", "size"), [((9, 12), (72, 96)), ((23, 30), (180, 240))])
def test_torch_gives_the_same_labels_but_for_rounding(
    grid: Tuple[int, int], size: Tuple[int, int]
) -> None:
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(0).normal(size=(*grid, 7)).astype(np.float32)
    planar = torch.from_numpy(logits).permute(2, 0, 1)[None]
    full = torch.nn.functional.interpolate(planar, size, mode="bilinear", align_corners=False)[0]
    ours = torch.from_numpy(labels_from_logits(logits, size)).long()
    chosen = full.gather(0, ours[None])[0]
    assert (full.max(dim=0).values - chosen).max() < 1e-5
    assert (full.argmax(dim=0) == ours).float().mean() > 0.999
