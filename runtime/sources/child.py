"""The capture process of one live source: `python -m runtime.sources.child SOCKET MEMORY`.

It reads its camera as fast as frames come, so that the newest is always at hand, and never waits
for its parent. It ends with its parent, however that ends.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from typing import Tuple

import cv2

from runtime.errors import RuntimeFault
from runtime.sources.address import address_from_uri, without_credentials
from runtime.sources.capture import open_capture
from runtime.sources.ring import (
    LARGEST_MESSAGE,
    Failed,
    FrameRing,
    Message,
    Opened,
    bytes_from_message,
)
from runtime.sources.source import LossReason, SourceLost

MOST_UNDECODED = 30


def main(arguments: Tuple[str, str]) -> None:
    """Captures until the source or the parent ends.

    Args:
        arguments: the descriptors of the socket to the parent and of the ring's memory. The address
            comes as the first message, because every user of a machine can read arguments and
            addresses hold passwords.
    """
    link_descriptor, memory = map(int, arguments)
    with socket.socket(fileno=link_descriptor) as link, FrameRing(memory) as ring:
        uri = link.recv(LARGEST_MESSAGE).decode()
        threading.Thread(target=_end_with_parent, args=(link,), daemon=True).start()
        try:
            _capture(uri, link, ring)
        except SourceLost as loss:
            link.send(bytes_from_message(Failed(loss.reason, loss.problem, loss.cure)))
        except RuntimeFault as fault:
            link.send(bytes_from_message(Failed("", fault.problem, fault.cure)))


def _end_with_parent(link: socket.socket) -> None:
    # The kernel closes a dead parent's end, even after kill -9. PR_SET_PDEATHSIG would fire when
    # the *thread* that started this process ends, which is another thing.
    try:
        link.recv(1)
    finally:
        os._exit(0)


def _capture(uri: str, link: socket.socket, ring: FrameRing) -> None:
    cv2.setNumThreads(1)
    capture = open_capture(address_from_uri(uri))
    _offer(link, Opened(capture.frame_rate))
    name = without_credentials(uri)
    position = number = undecoded = 0
    while capture.grab():
        frame = capture.retrieve(number, time.time(), name)
        undecoded = 0 if frame is not None else undecoded + 1
        if undecoded > MOST_UNDECODED:
            raise _lost(name, f"sent {undecoded} undecodable frames in a row", "undecodable")
        if frame is not None:
            # A slot that the parent was not told of is simply written again.
            position += _offer(link, ring.write(position, frame))
        number += 1
    raise _lost(name, f"stopped sending after {number} frames", "ended")


def _lost(name: str, what: str, reason: LossReason) -> SourceLost:
    cure = "It is tried again by itself; look at its power and network if this repeats"
    return SourceLost(f"{name} {what}", cure, reason)


def _offer(link: socket.socket, message: Message) -> bool:
    """Sends without waiting; False where the parent is hundreds of messages behind."""
    try:
        link.send(bytes_from_message(message), socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    main((sys.argv[1], sys.argv[2]))
