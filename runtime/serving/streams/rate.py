"""The clockwork of a stream: when to try again, when a frame is due, which frames are too many.

Nothing here waits or reads a clock; callers give the time and do the waiting, so that they can be
stopped meanwhile.
"""

from __future__ import annotations

import random
from typing import Callable

# A frame that comes this share of a period early is on time: cameras jitter.
JITTER_ALLOWED = 0.2


class Backoff:
    """Pauses between attempts that double up to a limit, each shortened at random by up to half.

    Without the randomness, cameras that a power cut ended together would all be tried together.

    Args:
        first: the first pause before shortening, seconds.
        longest: the limit, seconds.
        randomness: gives numbers from 0 up to 1.
    """

    def __init__(
        self,
        first: float = 0.5,
        longest: float = 30.0,
        randomness: Callable[[], float] = random.random,
    ) -> None:
        self._first = first
        self._longest = longest
        self._randomness = randomness
        self._pause = first

    def pause(self) -> float:
        """Seconds to wait before the next attempt."""
        pause, self._pause = self._pause, min(self._longest, 2 * self._pause)
        return pause * (1 - self._randomness() / 2)

    def reset(self) -> None:
        """Begins with short pauses again."""
        self._pause = self._first


class FrameRate:
    """Shows frames at a steady rate; what is late is shown at once and not caught up with."""

    def __init__(self) -> None:
        self._due = 0.0

    def delay(self, now: float, rate: float) -> float:
        """Seconds until the next frame is due; counts it as shown then.

        Args:
            now: seconds on a steady clock.
            rate: frames per second.
        """
        period = 1 / rate
        # Small delays are made up for, lest they add up to a lower rate.
        shown = self._due if now - self._due < period else now
        self._due = shown + period
        return max(0.0, shown - now)


class Limit:
    """Lets at most `rate` frames per second pass, as evenly as they come."""

    def __init__(self, rate: float) -> None:
        self._period = 1 / rate
        self._due = float("-inf")

    def admits(self, now: float) -> bool:
        """Whether a frame that comes `now`, seconds on a steady clock, may pass."""
        if now < self._due - JITTER_ALLOWED * self._period:
            return False
        passed = self._due if now - self._due < self._period else now
        self._due = passed + self._period
        return True
