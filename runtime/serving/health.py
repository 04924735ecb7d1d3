"""Whether the daemon can give right answers now: proven by an image with a known answer."""

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

logger = logging.getLogger(__name__)


class Health:
    """The daemon's own judgement; a context manager that asks the known image now and then.

    Args:
        worker: runs the known image like any other request.
        image: None where the engine folder has none; then only failures make it unready.
        pause: seconds between two askings.
        metrics: learns of every right answer.
    """

    def __init__(
        self, worker: Worker, image: Optional[Canary], pause: float, metrics: Metrics
    ) -> None:
        self._worker = worker
        self._image = image
        self._pause = pause
        self._metrics = metrics.engine
        self._verdict = "the engine has not segmented its known image yet" if image else None
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
        return self._verdict

    @property
    def draining(self) -> bool:
        """Whether the daemon is on its way out; what never ends by itself ends now."""
        return self._draining

    def drain(self) -> None:
        """Tells everybody from now on that the daemon is shutting down."""
        self._draining = True
        self._stop.set()

    def ask(self) -> Optional[str]:
        """Asks the known image now; returns the new verdict, None for a right answer."""
        if self._image is None:
            return None
        try:
            agreement = self._agreement(self._image)
        except Overloaded:
            # A full queue is no illness; the next asking comes soon.
            return self._verdict
        except Exception as error:  # noqa: BLE001 - whatever it is, the masks cannot be trusted
            self._judge(_could_not(error))
        else:
            self._weigh(agreement, self._image.minimum_agreement)
        return self._verdict

    def _agreement(self, image: Canary) -> float:
        deadline = time.monotonic() + ANSWER_SECONDS
        answer = self._worker.submit(image.agreement, deadline, "canary")
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
                f"the engine labels {agreement:.1%} of its known image as when it was built, "
                f"less than {minimum:.1%}"
            )

    def _judge(self, verdict: Optional[str]) -> None:
        if self._draining:
            return
        if verdict != self._verdict:
            logger.log(logging.ERROR if verdict else logging.INFO, "%s", verdict or "ready")
        self._verdict = verdict

    def _watch(self) -> None:
        while not self._stop.wait(self._pause):
            self.ask()


def _could_not(error: Exception) -> str:
    problem = error.problem if isinstance(error, RuntimeFault) else repr(error)
    return f"the engine could not segment its known image: {problem}"
