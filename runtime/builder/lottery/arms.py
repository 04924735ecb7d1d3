"""Ways to train a pruned network on: the lottery ticket, and what it must be compared with.

| arm  | what remains is chosen by | weights start              | training begins at  |
|------|---------------------------|----------------------------|---------------------|
| lth  | the trained network       | as they were at step k     | k                   |
| ri-p | chance, the same widths   | as they were at step k     | k                   |
| lrr  | the trained network       | as they are trained        | k                   |
| ft   | the trained network       | as they are trained        | 0, at a lower rate  |
| ri   | the trained network       | anew, at random            | 0                   |

lth goes back to step k with everything that the training had then: batch-norm statistics, the
optimiser's moments, the learning rate, the order of the images. What distinguishes it from ri-p
is the choice of channels alone. ri loses the pretraining behind step 0 as well, so its distance
from lth says nothing of the ticket where there was one.

Sources: Frankle and Carbin, "The lottery ticket hypothesis", ICLR 2019 (lth from step 0, ri);
Frankle et al., "Linear mode connectivity and the lottery ticket hypothesis", ICML 2020 (step k);
Renda et al., "Comparing rewinding and fine-tuning in neural network pruning", ICLR 2020 (lrr).
"""

from __future__ import annotations

from typing_extensions import Literal

Arm = Literal["lth", "ft", "ri", "ri-p", "lrr"]
ARMS = ("lth", "ft", "ri", "ri-p", "lrr")
NEED_EARLY_WEIGHTS = ("lth", "ri-p")
