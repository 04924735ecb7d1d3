from __future__ import annotations

import shutil
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Tuple

import httpx
import pytest

from runtime.device.machine import Machine
from runtime.errors import RuntimeFault
from runtime.serving.daemon import Daemon
from runtime.serving.settings import load_settings
from tests.serving.daemons import (
    RUNS_BEFORE_SERVING,
    DaemonProcess,
    daemon,
    engine_folder,
    held_engine,
    known_labels,
    painted,
)

# What the daemon promises, whatever state it is in when the signal comes.
PROMISED_SECONDS = 5.0
LOOP = {"id": "gate", "uri": "synthetic:64x32@30"}


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    return engine_folder(tmp_path / "dark-or-bright")


def segment(client: httpx.Client) -> httpx.Response:
    return client.post("/segment?format=raw", content=painted(known_labels()))


def ends_in_time(running: DaemonProcess, told: float) -> int:
    code = running.ended()
    assert time.monotonic() - told < PROMISED_SECONDS, "".join(running.log)
    return code


@contextmanager
def serving(
    engine: Path, preparation: str = "", **settings: Any
) -> Iterator[Tuple[DaemonProcess, httpx.Client]]:
    with daemon(engine, preparation, **settings) as running, running.serving() as client:
        yield running, client


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as one_thread:
        yield one_thread


def test_it_loads_serves_and_ends(engine: Path) -> None:
    with serving(engine) as (running, client):
        assert client.get("/readyz").status_code == 200
        assert segment(client).content == known_labels().tobytes()
        assert client.get("/engine").json()["slots"] == 2
        assert ends_in_time(running, running.tell()) == 0
        assert "Traceback" not in "".join(running.log)
        with pytest.raises(httpx.ConnectError):
            client.get("/livez")


def test_a_request_in_flight_is_finished(
    engine: Path, tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    released = tmp_path / "released"
    with serving(engine, held_engine(released)) as (running, client):
        answer = pool.submit(segment, client)
        running.until("running")
        told = running.tell()
        # Alive, and honest about it, as long as there is something to finish.
        running.until("draining")
        readiness = httpx.get(client.base_url.join("/readyz"))
        assert readiness.status_code == 503
        assert "shutting down" in readiness.json()["reason"]
        released.touch()
        assert ends_in_time(running, told) == 0
        assert answer.result().content == known_labels().tobytes()


def test_viewers_are_let_go(engine: Path) -> None:
    with serving(engine, streams=[LOOP]) as (running, client):
        images = client.stream("GET", "/streams/gate/mjpeg")
        events = client.stream("GET", "/events")
        with images as seen, events as told:
            parts = seen.iter_raw()
            next(parts), next(parts)
            next(told.iter_raw())
            assert ends_in_time(running, running.tell()) == 0
        assert "Traceback" not in "".join(running.log)


@pytest.mark.long
def test_a_camera_that_does_not_answer_is_let_go(engine: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"rtsp://user:secret@127.0.0.1:{silent.getsockname()[1]}/cam"
        with serving(engine, streams=[{"id": "gate", "uri": uri}]) as (running, client):
            # Its child process is on the line now, waiting for an answer.
            connection, _ = silent.accept()
            assert client.get("/streams/gate").json()["state"] == "CONNECTING"
            assert ends_in_time(running, running.tell()) == 0
            connection.close()
            assert "secret" not in "".join(running.log)


@pytest.mark.long
def test_an_upload_that_does_not_end_is_cut_off(engine: Path) -> None:
    with serving(engine) as (running, client), socket.socket() as slow:
        slow.connect((client.base_url.host, client.base_url.port))
        slow.sendall(b"POST /segment HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nabc")
        # A later request was answered, so this one has been read as far as it goes.
        assert client.get("/livez").status_code == 200
        assert ends_in_time(running, running.tell()) == 0


@pytest.mark.long
def test_an_engine_that_hangs_does_not_hold_it(engine: Path, pool: ThreadPoolExecutor) -> None:
    with serving(engine, held_engine(engine / "never")) as (running, client):
        answer = pool.submit(segment, client)
        running.until("running")
        assert ends_in_time(running, running.tell()) == 0
        assert answer.result().status_code == 503


def test_a_signal_while_it_loads_ends_it_at_once(engine: Path) -> None:
    with daemon(engine, held_engine(engine / "never", free_runs=0)) as running:
        running.until("running")
        assert ends_in_time(running, running.tell()) == 0


def test_who_insists_is_obeyed(engine: Path, pool: ThreadPoolExecutor) -> None:
    with serving(engine, held_engine(engine / "never"), drain_seconds=2.5) as (running, client):
        answer = pool.submit(segment, client)
        running.until("running")
        running.tell(signal.SIGINT)
        running.until("draining")
        told = running.tell(signal.SIGINT)
        assert running.ended() == 1
        assert time.monotonic() - told < 1.0
        assert isinstance(answer.exception(), httpx.TransportError)


def test_a_failed_engine_ends_it_with_a_fault(engine: Path) -> None:
    failing = (
        "from functools import partial\nfrom runtime.inference.backends import fake\n"
        f"fake.FakeEngine = partial(fake.FakeEngine, fail_after={RUNS_BEFORE_SERVING + 1})\n"
    )
    with serving(engine, failing) as (running, client):
        assert segment(client).status_code == 200
        assert segment(client).status_code == 503
        assert ends_in_time(running, time.monotonic()) == 1
        assert "FAULT the fake engine was told to fail" in "".join(running.log)


def spoil_artefact(engine: Path) -> None:
    (engine / "fake.bin").write_bytes(b"something else!")


def spoil_known_answer(engine: Path) -> None:
    shutil.rmtree(engine)
    engine_folder(engine, answer=1 - known_labels())


def leave_alone(engine: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("spoil", "settings", "complaint"),
    [
        (spoil_artefact, {}, r"fake.bin has the hash"),
        (spoil_known_answer, {}, r"labels 0.0% of its canary.*build-engine"),
        (leave_alone, {"precision": "int8"}, r"no build of engine 'dark-or-bright' fits"),
        (shutil.rmtree, {}, r"there is no engine folder"),
        (leave_alone, {"streams": [{"id": "a", "uri": "ftp://camera"}]}, r"ftp://camera"),
        (leave_alone, {"host": "192.0.2.1"}, r"--host"),
    ],
)
def test_what_cannot_be_served_is_refused_and_nothing_is_left(
    engine: Path, spoil: Callable[[Path], None], settings: Dict[str, Any], complaint: str
) -> None:
    spoil(engine)
    before = set(threading.enumerate())
    flags = {"engine": engine, "port": 0, **settings}
    with pytest.raises(RuntimeFault, match=complaint):
        Daemon(load_settings(flags, environ={}), Machine({"fake": "1"})).run()
    # The signals' thread may be on its way out.
    assert len(set(threading.enumerate()) - before) <= 1
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


AUDIT = """
import socket, sys
def refuse_the_world(event, arguments):
    if event == "socket.connect" and arguments[0].family != socket.AF_UNIX:
        host = str(arguments[1][0])
    elif event == "socket.getaddrinfo":
        host = str(arguments[0])
    else:
        return
    if not host.startswith("127.") and host not in ("::1", "localhost"):
        print("OUTBOUND", event, arguments, flush=True)
sys.addaudithook(refuse_the_world)
"""


def test_it_never_tries_to_reach_another_machine(engine: Path) -> None:
    with serving(engine, AUDIT, streams=[LOOP], canary_seconds=0.05) as (running, client):
        for path in ("/", "/docs", "/metrics", "/engine", "/streams/gate"):
            assert client.get(path).status_code == 200
        assert segment(client).status_code == 200
        wait_for_frames(client)
        running.tell()
        assert running.ended() == 0
        assert "OUTBOUND" not in "".join(running.log)


def test_the_audit_would_notice(engine: Path) -> None:
    attempt = "import socket\ntry: socket.getaddrinfo('example.org', 80)\nexcept OSError: ...\n"
    with daemon(engine, AUDIT + attempt) as running:
        running.until("OUTBOUND socket.getaddrinfo")


def wait_for_frames(client: httpx.Client) -> None:
    for frames in processed(client):
        if frames > 2:
            return
        time.sleep(0.02)


def processed(client: httpx.Client) -> Iterator[int]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        yield client.get("/streams/gate").json()["frames"]["processed"]
    pytest.fail("no frame came")
