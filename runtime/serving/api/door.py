"""Where requests wait, their bodies unread, while every place at the engine is taken.

A refusal costs a quarter of a millisecond of the event loop and the interpreter's lock. Clients
that send again at once turn a full queue into thousands of refusals a second, for which the
engine's threads wait. So nobody is refused at once: a request first waits in the line of its
client, the lines take turns, and what has waited too long is refused at a bounded rate. Waiting
costs a timer.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import AsyncIterator, Callable, Deque

from runtime.errors import Overloaded

Line = Deque["asyncio.Future[None]"]


@dataclass(frozen=True)
class DoorLimits:
    """How long and how many may wait.

    Attributes:
        places: requests that may be past the door at one time: those on a slot and in the queue.
        wait_seconds: how long a request waits for a place before it is refused.
        refusals_per_second: how many are refused at most; the others wait for their refusal.
        client_share: requests of one client that may wait; more are refused without a wait for a
            place.
    """

    places: int
    wait_seconds: float = 1.0
    refusals_per_second: float = 100.0
    client_share: int = 256


class Place:
    """A request's place past the door; used on the event loop alone."""

    def __init__(self, door: Door, client: str) -> None:
        self._door = door
        self._client = client
        self._held = False

    async def take(self) -> None:
        """Waits for the place, unless it is held.

        Raises:
            Overloaded: there was none within the time a request may wait.
        """
        if not self._held:
            await self._door.admitted(self._client)
            self._held = True

    def give_back(self) -> None:
        """Lets the next request in, such as while the body of this one is slow to arrive."""
        if self._held:
            self._held = False
            self._door.freed()


class Door:
    """Admits requests to the engine; used on one event loop.

    Args:
        limits: how many may pass and wait.
        overloaded: what a request is told that was not admitted.
    """

    def __init__(self, limits: DoorLimits, overloaded: Callable[[], Overloaded]) -> None:
        self._limits = limits
        self._overloaded = overloaded
        self._free = limits.places
        self._lines: OrderedDict[str, Line] = OrderedDict()
        self._next_refusal = 0.0

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return sum(map(len, self._lines.values()))

    @asynccontextmanager
    async def place(self, client: str) -> AsyncIterator[Place]:
        """A place for the length of the block.

        Args:
            client: whose line the request joins if it has to wait: an address or a token's name.

        Raises:
            Overloaded: there was none within the time a request may wait.
        """
        place = Place(self, client)
        await place.take()
        try:
            yield place
        finally:
            place.give_back()

    async def admitted(self, client: str) -> None:
        """Returns when the request has a place; see `place`."""
        if self._free and not self._lines:
            self._free -= 1
        elif not await self._its_turn_came(client):
            await self.refusal()

    async def refusal(self) -> None:
        """Raises what a request is told that finds no place, not before it is due.

        Raises:
            Overloaded: always.
        """
        loop = asyncio.get_running_loop()
        due = max(loop.time(), self._next_refusal)
        self._next_refusal = due + 1 / self._limits.refusals_per_second
        await asyncio.sleep(due - loop.time())
        raise self._overloaded()

    def freed(self) -> None:
        """Notes that a place is free, and hands it to whose turn it is."""
        self._free += 1
        while self._free and self._lines:
            client, line = next(iter(self._lines.items()))
            self._free -= 1
            line.popleft().set_result(None)
            if line:
                self._lines.move_to_end(client)
            else:
                del self._lines[client]

    async def _its_turn_came(self, client: str) -> bool:
        """Waits in the client's line; False where that is full or the wait was too long."""
        line = self._lines.setdefault(client, deque())
        if len(line) >= self._limits.client_share:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await asyncio.wait((turn,), timeout=self._limits.wait_seconds)
        except asyncio.CancelledError:
            if turn.done():
                self.freed()
            else:
                self._leave(client, turn)
            raise
        if turn.done():
            return True
        self._leave(client, turn)
        return False

    def _leave(self, client: str, turn: asyncio.Future[None]) -> None:
        line = self._lines[client]
        line.remove(turn)
        if not line:
            del self._lines[client]
