from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import List

from runtime.serving.streams.reorder_buffer import ReorderBuffer


def tickets(sequencer: ReorderBuffer[int], count: int) -> List[int]:
    issued = [sequencer.issue() for _ in range(count)]
    return [ticket for ticket in issued if ticket is not None]


def test_results_come_out_in_the_order_in_which_the_work_was_handed_out() -> None:
    out: List[int] = []
    sequencer: ReorderBuffer[int] = ReorderBuffer(out.append)
    first, second, third = tickets(sequencer, 3)
    assert sequencer.settle(third, 30)
    assert sequencer.settle(second, 20)
    assert out == []
    assert sequencer.settle(first, 10)
    assert out == [10, 20, 30]


def test_work_that_failed_leaves_no_gap_to_wait_for() -> None:
    out: List[int] = []
    sequencer: ReorderBuffer[int] = ReorderBuffer(out.append)
    first, second = tickets(sequencer, 2)
    sequencer.settle(second, 20)
    sequencer.settle(first, None)
    assert out == [20]


def test_patience_ends_and_what_was_given_up_comes_too_late() -> None:
    out: List[int] = []
    sequencer: ReorderBuffer[int] = ReorderBuffer(out.append, patience=2)
    lost, second, third, fourth = tickets(sequencer, 4)
    sequencer.settle(second, 20)
    sequencer.settle(third, 30)
    assert out == []
    sequencer.settle(fourth, 40)
    assert out == [20, 30, 40]
    assert not sequencer.settle(lost, 10)
    assert out == [20, 30, 40]


def test_a_new_ticket_waits_while_too_many_are_unsettled() -> None:
    sequencer: ReorderBuffer[int] = ReorderBuffer(lambda _: None)
    first, _ = tickets(sequencer, 2)
    issued: List[object] = []
    waiting = threading.Thread(target=lambda: issued.append(sequencer.issue(below=2)))
    waiting.start()
    assert issued == []
    sequencer.settle(first, 1)
    waiting.join(timeout=20)
    assert issued == [2]


def test_closing_wakes_all_who_wait_and_drops_what_is_held() -> None:
    out: List[int] = []
    sequencer: ReorderBuffer[int] = ReorderBuffer(out.append)
    first, second = tickets(sequencer, 2)
    sequencer.settle(second, 20)
    woken: List[object] = []
    waiting = [
        threading.Thread(target=lambda: woken.append(sequencer.issue(below=1))),
        threading.Thread(target=lambda: woken.append(sequencer.wait_until_settled())),
    ]
    for thread in waiting:
        thread.start()
    assert sequencer.close() == 1
    for thread in waiting:
        thread.join(timeout=20)
    assert sorted(map(str, woken)) == ["False", "None"]
    assert not sequencer.settle(first, 10)
    assert out == []


def test_many_threads_settle_in_disorder() -> None:
    out: List[int] = []
    sequencer: ReorderBuffer[int] = ReorderBuffer(out.append)
    order = tickets(sequencer, 500)
    random.Random(7).shuffle(order)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda ticket: sequencer.settle(ticket, ticket), order))
    assert sequencer.wait_until_settled()
    assert out == list(range(500))
