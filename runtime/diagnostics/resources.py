"""What the daemon takes from the machine: memory, disk, files, a port and the time."""

from __future__ import annotations

import datetime as dt
import os
import re
import resource
import shutil
import socket
from typing import Dict, Iterator

from runtime.diagnostics.finding import Finding, ok, problem, warning
from runtime.diagnostics.probe import Surroundings
from runtime.sources.ring import anonymous_file

MEBIBYTE = 2**20
# A daemon with a camera takes 200 to 400 MB; less than that free, and it is killed when it loads.
LITTLE_MEMORY, NO_MEMORY = 1024 * MEBIBYTE, 256 * MEBIBYTE
# TensorRT builds plans in several GB, which boards with 8 GB do not have beside a desktop.
MEMORY_FOR_PLANS = 8 * 1024 * MEBIBYTE
LITTLE_DISK, NO_DISK = 1024 * MEBIBYTE, 100 * MEBIBYTE
FEW_FILES = 1024
# Before this project: a clock without a battery, started at the epoch or its kernel's build.
TOO_EARLY = dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc).timestamp()
SYNCHRONIZED = "run/systemd/timesync/synchronized"


def memory(here: Surroundings) -> Iterator[Finding]:
    """What is free now, and what there is to fall back on."""
    known = _memory(here)
    if "MemAvailable" not in known or "MemTotal" not in known:
        return
    free, total, swap = known["MemAvailable"], known["MemTotal"], known.get("SwapTotal", 0)
    says = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB are free"
    stop = "Stop other programs, on a Jetson the desktop: `sudo systemctl isolate multi-user`"
    if free < NO_MEMORY:
        yield problem("memory", says, stop)
    elif free < LITTLE_MEMORY:
        yield warning("memory", says, stop)
    else:
        yield ok("memory", says)
    if here.machine.jetson is not None and total <= MEMORY_FOR_PLANS and not swap:
        yield warning(
            "swap",
            f"there is none, and {total / 2**30:.0f} GiB may be too little to build TensorRT plans",
            "Add a swap file of 4 GiB or more for the time of building",
        )


def disk(here: Surroundings) -> Iterator[Finding]:
    """Room beside the engine, where plans and their timings are written."""
    place = here.root if here.engine is None else here.engine.path
    if not place.exists():
        return
    free = shutil.disk_usage(place).free
    says = f"{free / 2**30:.1f} GiB are free at {place}"
    if free < NO_DISK:
        yield problem("disk", says, "Free some: masks and plans are written there")
    elif free < LITTLE_DISK:
        yield warning("disk", says, "Free some before building engines")
    else:
        yield ok("disk", says)


def shared_memory(_here: Surroundings) -> Iterator[Finding]:
    """Memory that cameras' processes share with the daemon; /dev/shm is not needed."""
    try:
        os.close(anonymous_file())
    except OSError as error:
        yield problem(
            "shared memory",
            f"the kernel gives none to cameras: {error.strerror}",
            "Allow memfd_create, for example in the container's seccomp profile",
        )
    else:
        yield ok("shared memory", "cameras can share theirs")


def open_files(_here: Surroundings) -> Iterator[Finding]:
    """Connections and cameras take files."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit != resource.RLIM_INFINITY and limit < FEW_FILES:
        yield warning(
            "open files",
            f"this user may open {limit} at once",
            f"Raise it with `ulimit -n {FEW_FILES}`, or LimitNOFILE= in a systemd unit",
        )
    else:
        yield ok("open files", f"{'any number' if limit < 0 else limit} at once")


def port(here: Surroundings) -> Iterator[Finding]:
    """Whether the daemon could listen."""
    host, number = here.listen
    try:
        with socket.create_server((host, number)):
            yield ok("port", f"{host}:{number} is free")
    except OSError as error:
        yield problem(
            "port",
            f"{host}:{number} cannot be listened at: {_reason(error)}",
            f"Stop what listens there (`ss -ltnp sport = :{number}`), or serve with --port",
        )


def clock(here: Surroundings) -> Iterator[Finding]:
    """Whether the time is right: frames and metrics carry it."""
    told = here.output(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
    cure = "Switch on its synchronisation with `sudo timedatectl set-ntp true`"
    if here.now() < TOO_EARLY:
        year = dt.datetime.fromtimestamp(here.now(), dt.timezone.utc).year
        yield problem("clock", f"it says that this is the year {year}", cure)
    elif told == "yes" or (here.root / SYNCHRONIZED).exists():
        yield ok("clock", "it is synchronised")
    elif told == "no":
        yield warning("clock", "it is not synchronised, so times of frames drift", cure)


def _reason(error: OSError) -> str:
    # The socket module repeats the address; names that do not resolve have numbers of their own.
    number = error.errno
    return os.strerror(number) if number is not None and number > 0 else str(error.strerror)


def _memory(here: Surroundings) -> Dict[str, int]:
    """Bytes by the kernel's names."""
    lines = (here.text("proc/meminfo") or "").splitlines()
    found = filter(None, (re.match(r"(\w+):\s+(\d+) kB", line) for line in lines))
    return {match[1]: int(match[2]) * 1024 for match in found}
