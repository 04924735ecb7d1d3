"""One publisher, many viewers: each sees the newest value, and a slow one only loses values."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Callable, Generic, List, Optional, Type, TypeVar

from runtime.serving.streams.latest_value import LatestValue

T = TypeVar("T")


def _nobody_waits() -> None:
    """For viewers that wait in `take`."""


class Viewer(Generic[T]):
    """One viewer's own box; a context manager whose end takes it off the list."""

    def __init__(self, leave: Callable[[Viewer[T]], None], notify: Callable[[], None]) -> None:
        self._leave = leave
        self._notify = notify
        self._box: LatestValue[T] = LatestValue()

    def take(self, timeout: Optional[float] = 0.0) -> Optional[T]:
        """The newest value not taken yet, or None.

        Args:
            timeout: seconds to wait for one; 0 does not wait, None waits until the end.
        """
        return self._box.take(timeout)

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._box.closed

    @property
    def dropped(self) -> int:
        """Values that this viewer was too slow to take."""
        return self._box.dropped

    def deliver(self, value: T) -> None:
        """Leaves a value for the viewer; called by the broadcast."""
        self._box.put(value)
        self._notify()

    def close(self) -> None:
        """Ends this viewer; its `take` returns None from now on."""
        self._leave(self)
        self._box.close()
        self._notify()

    def __enter__(self) -> Viewer[T]:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()


class Broadcast(Generic[T]):
    """Hands every published value to every viewer. Never waits for one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._viewers: List[Viewer[T]] = []
        self._newest: Optional[T] = None
        self._closed = False

    def publish(self, value: T) -> None:
        """Shows `value` to all; ignored when closed. Calls must come one at a time."""
        with self._lock:
            if self._closed:
                return
            self._newest = value
            viewers = list(self._viewers)
        for viewer in viewers:
            viewer.deliver(value)

    def newest(self) -> Optional[T]:
        """The last value published, also after `close`; None before the first."""
        with self._lock:
            return self._newest

    @property
    def viewers(self) -> int:
        """How many are watching."""
        with self._lock:
            return len(self._viewers)

    def subscribe(self, notify: Callable[[], None] = _nobody_waits) -> Viewer[T]:
        """A new viewer, who sees the newest value at once; leave by ending its `with` block.

        Args:
            notify: called after each delivery and at the end, on whichever thread that happens, the
                first time perhaps before this returns; for viewers that cannot wait in `take`, such
                as coroutines. It must return at once.
        """
        viewer: Viewer[T] = Viewer(self._remove, notify)
        with self._lock:
            if not self._closed:
                self._viewers.append(viewer)
                # Under the lock, lest it replace a value published meanwhile.
                if self._newest is not None:
                    viewer.deliver(self._newest)
                return viewer
        viewer.close()
        return viewer

    def close(self) -> None:
        """Ends every viewer. What was published last can still be had."""
        with self._lock:
            self._closed = True
            viewers = list(self._viewers)
        for viewer in viewers:
            viewer.close()

    def _remove(self, viewer: Viewer[T]) -> None:
        with self._lock:
            if viewer in self._viewers:
                self._viewers.remove(viewer)
