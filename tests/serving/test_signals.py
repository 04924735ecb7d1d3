from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from runtime.serving.signals import StopSignals


def test_the_first_signal_asks_and_every_further_one_insists() -> None:
    asked, insisted = threading.Semaphore(0), threading.Semaphore(0)
    with StopSignals(asked.release, insisted.release):
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked.acquire(timeout=20)
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
            assert insisted.acquire(timeout=20)
        assert not asked.acquire(blocking=False)


def test_a_signal_is_noticed_while_the_main_thread_is_busy() -> None:
    noticed = threading.Event()
    with StopSignals(noticed.set, lambda: None):
        # The handler of another signal keeps the main thread from running the handler of ours.
        before = signal.signal(signal.SIGUSR1, lambda *_: sent_and_noticed(noticed))
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert noticed.wait(20)
        finally:
            signal.signal(signal.SIGUSR1, before)


def sent_and_noticed(noticed: threading.Event) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    assert noticed.wait(20)


def test_everything_is_as_before_in_the_end() -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    # Threads and files that earlier tests left behind may go meanwhile; none may be added.
    threads, files = set(threading.enumerate()), open_files()
    with StopSignals(lambda: None, lambda: None):
        (added,) = set(threading.enumerate()) - threads
    added.join(20)
    assert not added.is_alive()
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == handlers
    assert open_files() <= files


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
