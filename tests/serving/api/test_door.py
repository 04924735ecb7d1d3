from __future__ import annotations

import asyncio
from typing import Any, Coroutine, List

import pytest

from runtime.errors import Overloaded
from runtime.serving.api.door import Door, DoorLimits


def door(places: int = 1, **limits: Any) -> Door:
    told = Overloaded("all places are taken", "Send it again", retry_after=1.0)
    return Door(DoorLimits(places, **limits), lambda: told)


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Visitors:
    """Requests that pass the door one after another and tell in which order."""

    def __init__(self, at: Door) -> None:
        self.door, self.passed = at, ""
        self._leave = asyncio.Event()
        self.tasks: List[asyncio.Task[None]] = []

    async def come(self, *clients: str) -> None:
        for client in clients:
            self.tasks.append(asyncio.ensure_future(self._pass(client)))
            await settled()

    async def _pass(self, client: str) -> None:
        async with self.door.place(client):
            self.passed += client[0]


def test_a_free_place_is_taken_at_once() -> None:
    async def story() -> None:
        async with door(places=2).place("a"):
            pass

    run(story())


def test_who_waits_comes_in_when_a_place_is_free() -> None:
    async def story() -> None:
        at = door()
        visitors = Visitors(at)
        async with at.place("first"):
            await visitors.come("second")
            assert (visitors.passed, at.waiting) == ("", 1)
        await asyncio.gather(*visitors.tasks)
        assert (visitors.passed, at.waiting) == ("s", 0)

    run(story())


def test_clients_take_turns_however_many_requests_one_of_them_has() -> None:
    async def story() -> None:
        at = door()
        visitors = Visitors(at)
        async with at.place("x"):
            await visitors.come(*"aaaaa", *"bb", "c")
        await asyncio.gather(*visitors.tasks)
        assert visitors.passed == "abcabaaa"

    run(story())


def test_who_waited_too_long_is_refused() -> None:
    async def story() -> None:
        at = door(wait_seconds=0.01)
        async with at.place("a"):
            with pytest.raises(Overloaded):
                async with at.place("b"):
                    pass
        assert at.waiting == 0
        async with at.place("c"):
            pass

    run(story())


def test_refusals_are_spaced() -> None:
    async def story() -> None:
        at = door(wait_seconds=0.0, refusals_per_second=100.0)
        clock = asyncio.get_running_loop().time
        started = clock()
        async with at.place("a"):
            waits = (at.admitted("b") for _ in range(6))
            told = await asyncio.gather(*waits, return_exceptions=True)
        assert [type(fault) for fault in told] == [Overloaded] * 6
        # Five pauses of a hundredth of a second lie between six refusals, however busy the machine;
        # a loop's timers may fire early by its clock's resolution, a millisecond at most.
        assert clock() - started > 0.049

    run(story())


def test_one_client_may_not_fill_the_line() -> None:
    async def story() -> None:
        at = door(client_share=2)
        visitors = Visitors(at)
        async with at.place("x"):
            await visitors.come("a", "a", "b")
            with pytest.raises(Overloaded):
                await at.admitted("a")
            assert at.waiting == 3
        await asyncio.gather(*visitors.tasks)

    run(story())


def test_a_request_that_is_cancelled_while_it_waits_leaves_the_line() -> None:
    async def story() -> None:
        at = door()
        visitors = Visitors(at)
        async with at.place("x"):
            await visitors.come("a")
            visitors.tasks[0].cancel()
            await settled()
            assert at.waiting == 0
        async with at.place("b"):
            pass

    run(story())


def test_a_place_that_came_with_the_cancellation_is_not_lost() -> None:
    async def story() -> None:
        at = door()
        visitors = Visitors(at)
        async with at.place("x"):
            await visitors.come("a")
        visitors.tasks[0].cancel()
        await settled()
        async with at.place("b"):
            pass

    run(story())


def test_a_place_is_lent_to_others_while_its_owner_is_slow() -> None:
    async def story() -> None:
        at = door()
        async with at.place("slow") as place:
            place.give_back()
            async with at.place("quick"):
                back = asyncio.ensure_future(place.take())
                await settled()
                assert not back.done()
            await back
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(at.admitted("other"), 0.01)
        async with at.place("other"):
            pass

    run(story())
