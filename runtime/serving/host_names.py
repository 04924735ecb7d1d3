"""The names under which a daemon is asked for, against DNS rebinding.

A page of a foreign name can have that name point at this machine, and the browser then takes the
daemon for the page's own. What it cannot change is the Host header, which still says the name.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from functools import lru_cache
from typing import FrozenSet, Iterable, Optional

# Clients say the same few names in every request.
REMEMBERED = 256
# Of a name 253 letters, and a port.
LONGEST = 260

_HOST = re.compile(r"(?:\[(?P<address>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::\d*)?")


class HostNames:
    """Which Host headers are this daemon's.

    Args:
        names: in lower case; `*.example.org` stands for every name below example.org.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        given = frozenset(names)
        self._exact = given | own_names()
        self._below = tuple(name[1:] for name in given if name.startswith("*."))
        self._judged = lru_cache(REMEMBERED)(self._judge)

    def accept(self, host: str) -> bool:
        """Whether `host`, with or without a port, is an address or one of the names."""
        return len(host) <= LONGEST and self._judged(host)

    def _judge(self, host: str) -> bool:
        name = _name_in(host)
        if name is None:
            return False
        return name in self._exact or is_address(name) or name.endswith(self._below)


def own_names() -> FrozenSet[str]:
    """What this machine calls itself, also on its local network, and localhost.

    Nobody is asked for it: a look-up of the full name would wait for a network.
    """
    full = socket.gethostname().lower()
    short = full.partition(".")[0]
    return frozenset({"localhost", full, short, f"{short}.local"} if short else {"localhost"})


def is_address(name: str) -> bool:
    """Whether `name` is an IP address: nobody can have that point elsewhere."""
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Whether an IP address is of this machine alone."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _name_in(host: str) -> Optional[str]:
    match = _HOST.fullmatch(host.strip().lower())
    if match is None:
        return None
    name = match["address"] if match["address"] is not None else match["name"]
    return name[:-1] if name.endswith(".") else name
