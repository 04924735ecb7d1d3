from __future__ import annotations

import threading
from typing import List, Optional

from runtime.serving.streams.broadcast import Broadcast


def test_every_viewer_sees_every_value_that_it_keeps_up_with() -> None:
    broadcast: Broadcast[int] = Broadcast()
    with broadcast.subscribe() as one, broadcast.subscribe() as other:
        for value in range(3):
            broadcast.publish(value)
            assert one.take() == other.take() == value


def test_a_slow_viewer_loses_values_and_holds_nobody_up() -> None:
    broadcast: Broadcast[int] = Broadcast()
    with broadcast.subscribe() as slow, broadcast.subscribe() as quick:
        seen = []
        for value in range(100):
            broadcast.publish(value)
            seen.append(quick.take())
        assert seen == list(range(100))
        assert slow.take() == 99
        assert slow.dropped == 99


def test_a_new_viewer_sees_the_newest_value_at_once() -> None:
    broadcast: Broadcast[str] = Broadcast()
    assert broadcast.newest() is None
    broadcast.publish("old")
    broadcast.publish("new")
    with broadcast.subscribe() as viewer:
        assert viewer.take() == "new"
        assert viewer.take() is None


def test_a_viewer_who_leaves_is_forgotten() -> None:
    broadcast: Broadcast[int] = Broadcast()
    with broadcast.subscribe() as viewer:
        assert broadcast.viewers == 1
    assert broadcast.viewers == 0
    broadcast.publish(1)
    assert viewer.closed
    assert viewer.take() is None


def test_a_viewer_may_leave_while_it_is_told() -> None:
    broadcast: Broadcast[int] = Broadcast()

    def leave() -> None:
        if not viewer.closed:
            viewer.close()

    viewer = broadcast.subscribe(notify=leave)
    broadcast.publish(1)
    assert broadcast.viewers == 0


def test_the_end_wakes_those_who_wait_and_keeps_the_last_value() -> None:
    broadcast: Broadcast[int] = Broadcast()
    broadcast.publish(7)
    taken: List[Optional[int]] = []
    with broadcast.subscribe() as viewer:
        assert viewer.take() == 7
        waiting = threading.Thread(target=lambda: taken.append(viewer.take(timeout=None)))
        waiting.start()
        broadcast.close()
        waiting.join(timeout=20)
    assert taken == [None]
    assert broadcast.newest() == 7
    broadcast.publish(8)
    assert broadcast.newest() == 7


def test_who_comes_after_the_end_is_told_so() -> None:
    broadcast: Broadcast[int] = Broadcast()
    broadcast.close()
    with broadcast.subscribe() as viewer:
        assert viewer.closed


def test_a_viewer_that_cannot_wait_is_told_of_each_value_and_of_the_end() -> None:
    broadcast: Broadcast[int] = Broadcast()
    broadcast.publish(0)
    told: List[int] = []
    with broadcast.subscribe(notify=lambda: told.append(1)) as viewer:
        assert len(told) == 1  # of the newest
        broadcast.publish(1)
        assert viewer.take() == 1
        assert len(told) == 2
        broadcast.close()
        assert viewer.closed
        assert len(told) == 3
