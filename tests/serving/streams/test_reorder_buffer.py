from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import List

from runtime.serving.streams.reorder_buffer import ReorderBuffer


def numbers(order: ReorderBuffer[int], count: int) -> List[int]:
    issued = [order.issue() for _ in range(count)]
    return [number for number in issued if number is not None]


def test_results_come_out_in_the_order_in_which_the_work_was_handed_out() -> None:
    out: List[int] = []
    order: ReorderBuffer[int] = ReorderBuffer(out.append)
    first, second, third = numbers(order, 3)
    assert order.complete(third, 30)
    assert order.complete(second, 20)
    assert out == []
    assert order.complete(first, 10)
    assert out == [10, 20, 30]


def test_work_that_failed_leaves_no_gap_to_wait_for() -> None:
    out: List[int] = []
    order: ReorderBuffer[int] = ReorderBuffer(out.append)
    first, second = numbers(order, 2)
    order.complete(second, 20)
    order.complete(first, None)
    assert out == [20]


def test_patience_ends_and_what_was_given_up_comes_too_late() -> None:
    out: List[int] = []
    order: ReorderBuffer[int] = ReorderBuffer(out.append, patience=2)
    lost, second, third, fourth = numbers(order, 4)
    order.complete(second, 20)
    order.complete(third, 30)
    assert out == []
    order.complete(fourth, 40)
    assert out == [20, 30, 40]
    assert not order.complete(lost, 10)
    assert out == [20, 30, 40]


def test_a_new_number_waits_while_too_many_are_incomplete() -> None:
    order: ReorderBuffer[int] = ReorderBuffer(lambda _: None)
    first, _ = numbers(order, 2)
    issued: List[object] = []
    waiting = threading.Thread(target=lambda: issued.append(order.issue(below=2)))
    waiting.start()
    assert issued == []
    order.complete(first, 1)
    waiting.join(timeout=20)
    assert issued == [2]


def test_closing_wakes_all_who_wait_and_drops_what_is_held() -> None:
    out: List[int] = []
    order: ReorderBuffer[int] = ReorderBuffer(out.append)
    first, second = numbers(order, 2)
    order.complete(second, 20)
    woken: List[object] = []
    waiting = [
        threading.Thread(target=lambda: woken.append(order.issue(below=1))),
        threading.Thread(target=lambda: woken.append(order.wait_until_complete())),
    ]
    for thread in waiting:
        thread.start()
    assert order.close() == 1
    for thread in waiting:
        thread.join(timeout=20)
    assert sorted(map(str, woken)) == ["False", "None"]
    assert not order.complete(first, 10)
    assert out == []


def test_many_threads_complete_their_work_in_disorder() -> None:
    out: List[int] = []
    order: ReorderBuffer[int] = ReorderBuffer(out.append)
    shuffled = numbers(order, 500)
    random.Random(7).shuffle(shuffled)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: order.complete(number, number), shuffled))
    assert order.wait_until_complete()
    assert out == list(range(500))
