"""Whether the daemon can give right answers now: proven by a canary, an image with a known mask."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from types import TracebackType
from typing import Optional, Type

from runtime.errors import Expired, Overloaded, RuntimeFault
from runtime.inference.canary import Canary
from runtime.serving.metrics.registry import Metrics
from runtime.serving.worker import Worker

# Long enough for the largest network on a small processor, behind a full queue.
ANSWER_SECONDS = 10.0
THE_CANARY = "its canary (an image with a known mask)"

logger = logging.getLogger(__name__)


class Health:
    """The daemon's own judgement; a context manager that checks the canary now and then.

    Args:
        worker: segments the canary like any other request.
        canary: None where the engine folder has none; then only failures make the daemon unready.
        pause: seconds between two checks.
        metrics: learns of every check that passed.
    """

    def __init__(
        self, worker: Worker, canary: Optional[Canary], pause: float, metrics: Metrics
    ) -> None:
        self._worker = worker
        self._canary = canary
        self._pause = pause
        self._metrics = metrics.engine
        self._problem = f"the engine has not segmented {THE_CANARY} yet" if canary else None
        self._draining = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="canary", daemon=True)
        self._metrics.watch_readiness(lambda: self.reason is None)

    def __enter__(self) -> Health:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._stop.set()
        self._thread.join(0.5)

    @property
    def reason(self) -> Optional[str]:
        """Why requests had better go elsewhere, in one sentence; None when all is well."""
        if self._draining:
            return "the daemon is shutting down"
        if self._worker.failure is not None:
            return f"the engine failed: {self._worker.failure.problem}"
        return self._problem

    @property
    def draining(self) -> bool:
        """Whether the daemon is on its way out; what never ends by itself ends now."""
        return self._draining

    def drain(self) -> None:
        """Tells everybody from now on that the daemon is shutting down."""
        self._draining = True
        self._stop.set()

    def check(self) -> Optional[str]:
        """Segments the canary now; returns what is wrong since then, None where nothing is."""
        if self._canary is None:
            return None
        try:
            agreement = self._agreement(self._canary)
        except Overloaded:
            # The canary has a place of its own; only a worker that is closing refuses it.
            return self._problem
        except Exception as error:  # noqa: BLE001 - whatever it is, the masks cannot be trusted
            self._judge(_could_not(error))
        else:
            self._weigh(agreement, self._canary.minimum_agreement)
        return self._problem

    def _agreement(self, canary: Canary) -> float:
        deadline = time.monotonic() + ANSWER_SECONDS
        answer = self._worker.submit(canary.agreement, deadline, "canary")
        try:
            return answer.result(ANSWER_SECONDS)
        except concurrent.futures.TimeoutError as error:
            answer.cancel()
            raise Expired(
                f"no answer came in {ANSWER_SECONDS:g} s", "Look for what keeps the engine"
            ) from error

    def _weigh(self, agreement: float, minimum: float) -> None:
        if agreement >= minimum:
            self._metrics.canary_passed(time.time())
            self._judge(None)
        else:
            self._judge(
                f"the engine labels {agreement:.1%} of {THE_CANARY} as when it was built, "
                f"less than {minimum:.1%}"
            )

    def _judge(self, problem: Optional[str]) -> None:
        if self._draining:
            return
        if problem != self._problem:
            logger.log(logging.ERROR if problem else logging.INFO, "%s", problem or "ready")
        self._problem = problem

    def _watch(self) -> None:
        while not self._stop.wait(self._pause):
            self.check()


def _could_not(error: Exception) -> str:
    problem = error.problem if isinstance(error, RuntimeFault) else repr(error)
    return f"the engine could not segment {THE_CANARY}: {problem}"
