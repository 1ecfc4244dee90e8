"""The worker processes of `carddav-msg serve`: what they inherit, and how they are replaced while phones ask."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.settings import Settings
from tests.builders import add_network, add_user
from tests.dav.clients import basic
from tests.processes import (
    port_of,
    refuses,
    replaced,
    sockets_of,
    wait_for,
    waits_for_a_listener,
    workers_of,
)
from tests.servers import PATIENCE, Server, Servers, environment

PASSWORD = "secret-a"


@pytest.fixture
def anna(services: Services) -> dict[str, str]:
    """The headers of a user who may poll."""
    add_user(services, add_network(services, "acme"), "anna", password=PASSWORD)
    return {"Depth": "0", "Authorization": basic(f"acme~anna:{PASSWORD}")}


class Phones(threading.Thread):
    """Polls over a kept connection until told to end; `failed` has what went wrong.

    A kept connection that the server closed before it answered anything is made anew, as every HTTP client does.
    """

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        super().__init__()
        self._port = port
        self._headers = headers
        self._end = threading.Event()
        self.answered = 0
        self.failed: list[str] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        while not self._end.is_set():
            fresh = connection.sock is None
            try:
                connection.request("PROPFIND", "/dav/acme~anna/directory/", headers=self._headers)
                answer = connection.getresponse()
            except ConnectionError as error:
                connection.close()
                if fresh:
                    self.failed.append(repr(error))
                continue
            try:
                answer.read()
            except (ConnectionError, http.client.HTTPException) as error:
                connection.close()
                self.failed.append(repr(error))
                continue
            self.answered += 1
            if answer.status != 207:
                self.failed.append(f"{answer.status}")
        connection.close()

    def stop(self) -> None:
        """Ends the thread."""
        self._end.set()
        self.join()


@contextmanager
def polling(port: int, headers: dict[str, str], count: int = 4) -> Iterator[list[Phones]]:
    """Phones that poll meanwhile; nothing of what they ask fails."""
    phones = [Phones(port, headers) for _ in range(count)]
    for phone in phones:
        phone.start()
    try:
        yield phones
    finally:
        for phone in phones:
            phone.stop()
    assert [failure for phone in phones for failure in phone.failed] == []
    assert all(phone.answered for phone in phones)


def test_sighup_replaces_the_workers_and_takes_new_settings(
    server: Servers, settings: Settings, anna: dict[str, str], tmp_path: Path
) -> None:
    """No request fails meanwhile; a file with mistakes is told and changes nothing."""
    config = tmp_path / "carddav-msg.toml"
    config.write_text("contacts_own_entry = false\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "carddav_msg", "--config", str(config), "serve", "--port", str(port)]
    started = server.process(command, environment(replace(settings, workers=2)), f"http://127.0.0.1:{port}").wait()
    running = workers_of(started.pid)
    with polling(port, anna):
        config.write_text('log_level = "debug"\n')
        os.kill(started.pid, signal.SIGHUP)
        running = replaced(started, running)
        assert "were read again" in started.output()
        for mistake, told in (
            ("nonsense = 1", "unknown setting 'nonsense'"),
            ('auth_xml_names = ["no name", "uri", "list", "entry"]', "auth_xml_names: "),
        ):
            config.write_text(f"{mistake}\n")
            os.kill(started.pid, signal.SIGHUP)
            wait_for(lambda told=told: told in started.output(), started)
            running = replaced(started, running)


@contextmanager
def half_asked(server: Server, headers: dict[str, str]) -> Iterator[socket.socket]:
    """A request whose body is not complete: `finish` makes it so. Its worker can't end before."""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=PATIENCE) as slow:
        head = (
            f"PROPFIND /dav/ HTTP/1.1\r\nHost: x\r\nAuthorization: {headers['Authorization']}\r\n"
            "Content-Length: 9\r\n\r\n<prop"
        )
        slow.sendall(head.encode())
        with polling(port_of(server), headers, 1) as (phone,):
            wait_for(lambda: phone.answered > 5, server)
        yield slow


def finish(slow: socket.socket) -> bytes:
    """Sends the rest, which is no XML; the beginning of the answer."""
    slow.sendall(b"\n..\n")
    return slow.recv(100)


def test_a_worker_that_is_replaced_takes_no_more_connections(
    server: Servers, settings: Settings, anna: dict[str, str]
) -> None:
    """While it finishes an answer all who come are for the new one, which has the same listener."""
    started = server(settings, workers=1)
    (old,) = workers_of(started.pid)
    wait_for(lambda: waits_for_a_listener(old), started)
    with half_asked(started, anna) as slow:
        os.kill(started.pid, signal.SIGHUP)
        wait_for(lambda: not waits_for_a_listener(old), started)
        (new,) = workers_of(started.pid) - {old}
        wait_for(lambda: waits_for_a_listener(new), started)
        with polling(port_of(started), anna) as phones:
            wait_for(lambda: all(phone.answered > 100 for phone in phones), started)
        assert old in workers_of(started.pid)
        assert finish(slow).startswith(b"HTTP/1.1 400")
    wait_for(lambda: workers_of(started.pid) == {new}, started)


def test_the_end_comes_before_a_reload_is_through(server: Servers, settings: Settings, anna: dict[str, str]) -> None:
    """Who is told to end while workers are replaced does so: nobody waits for it, and it ends well."""
    started = server(settings, workers=2)
    before = workers_of(started.pid)
    with half_asked(started, anna) as slow:
        os.kill(started.pid, signal.SIGHUP)
        wait_for(lambda: workers_of(started.pid) - before, started)
        os.killpg(started.pid, signal.SIGTERM)
        wait_for(lambda: refuses(started), started)
        assert finish(slow).startswith(b"HTTP/1.1 400")
    wait_for(lambda: started.status is not None, started)
    assert started.status == 0, started.output()


def test_a_reload_keeps_the_old_worker_when_the_new_one_dies(
    server: Servers, settings: Settings, anna: dict[str, str]
) -> None:
    """What works stays, and goes on to take connections."""
    started = server(settings, workers=1)
    for _ in range(5):  # a machine that is busy may not let us kill it in the second before the old one ends
        before = workers_of(started.pid)
        os.kill(started.pid, signal.SIGHUP)
        wait_for(lambda: len(workers_of(started.pid)) == 2, started)
        for new in workers_of(started.pid) - before:
            os.kill(new, signal.SIGKILL)
        wait_for(lambda: len(workers_of(started.pid)) == 1, started)
        if "the old one stays" in started.output():
            break
    with polling(port_of(started), anna) as phones:
        wait_for(lambda: all(phone.answered > 200 for phone in phones), started)
    assert workers_of(started.pid) == before


def test_a_worker_that_dies_soon_after_a_reload_is_replaced(
    server: Servers, settings: Settings, anna: dict[str, str]
) -> None:
    """A reload is no crash."""
    started = server(settings, workers=2)
    before = workers_of(started.pid)
    os.kill(started.pid, signal.SIGHUP)
    victim = min(replaced(started, before))
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len(workers_of(started.pid) - {victim}) == 2, started)
    with polling(port_of(started), anna) as phones:
        wait_for(lambda: all(phone.answered for phone in phones), started)
    assert victim not in workers_of(started.pid)


def test_a_worker_that_dies_is_replaced(server: Servers, settings: Settings, anna: dict[str, str]) -> None:
    """One that the kernel killed is missed for a moment only."""
    started = server(settings, workers=2)
    victim = min(workers_of(started.pid))
    with polling(port_of(started), anna) as phones:
        wait_for(lambda: all(phone.answered for phone in phones), started)
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(workers_of(started.pid) - {victim}) == 2, started)
        asked = [phone.answered for phone in phones]
        wait_for(lambda: all(phone.answered > before for phone, before in zip(phones, asked, strict=True)), started)
    assert victim not in workers_of(started.pid)


def test_connections_are_dealt_out_between_the_workers(
    server: Servers, settings: Settings, anna: dict[str, str]
) -> None:
    """Few phones, or a proxy that keeps its connections, don't all come to the worker that happens to be awake."""
    started = server(settings, workers=2)
    phones = [http.client.HTTPConnection("127.0.0.1", port_of(started), timeout=PATIENCE) for _ in range(64)]
    before = {worker: sockets_of(worker) for worker in workers_of(started.pid)}
    for phone in phones:
        phone.request("PROPFIND", "/dav/acme~anna/directory/", headers=anna)
        assert phone.getresponse().read()
    shares = [len(sockets_of(worker) - sockets) for worker, sockets in before.items()]
    for phone in phones:
        phone.close()
    # By chance alone one of them has fewer than 12 once in a few million times.
    assert min(shares) >= 12


def test_a_server_that_ends_takes_no_more_connections(
    server: Servers, settings: Settings, anna: dict[str, str]
) -> None:
    """While a request is finished, new ones are refused at once, so that a proxy asks another server."""
    started = server(settings, workers=2)
    with half_asked(started, anna) as slow:
        os.kill(started.pid, signal.SIGTERM)
        wait_for(lambda: refuses(started), started)
        assert started.status is None
        assert finish(slow).startswith(b"HTTP/1.1 400")


def test_a_server_that_ends_answers_whom_it_has_taken(
    server: Servers, settings: Settings, anna: dict[str, str]
) -> None:
    """Who is connected and has not asked yet when a server ends is answered, for the last time on that connection.

    All its processes are told at the same moment, as systemd does it.
    """
    started = server(settings, workers=2)
    workers = workers_of(started.pid)
    wait_for(lambda: all(map(waits_for_a_listener, workers)), started)
    before = sockets_of(*workers)
    taken = [http.client.HTTPConnection("127.0.0.1", port_of(started), timeout=PATIENCE) for _ in range(8)]
    with ExitStack() as opened:
        for phone in taken:
            opened.callback(phone.close)
            phone.connect()
        wait_for(lambda: len(sockets_of(*workers) - before) == len(taken), started)
        os.killpg(started.pid, signal.SIGTERM)
        wait_for(lambda: refuses(started), started)
        for phone in taken:
            phone.request("PROPFIND", "/dav/acme~anna/directory/", headers=anna)
        answers = [phone.getresponse() for phone in taken]
        assert {(answer.status, answer.getheader("Connection")) for answer in answers} == {(207, "close")}
    wait_for(lambda: started.status is not None, started)
    assert started.status == 0


def test_an_address_that_is_taken_is_told(server: Servers, settings: Settings) -> None:
    """Also by a server of the same user with the same settings, whose connections it could share."""
    port = port_of(server(settings, workers=2))
    command = [sys.executable, "-m", "carddav_msg", "serve", "--port", str(port)]
    again = server.process(command, environment(replace(settings, workers=2)), f"http://127.0.0.1:{port}")
    wait_for(lambda: again.status is not None, again)
    assert f"Can't listen on 127.0.0.1:{port}: Address already in use." in again.output()


def test_systemd_keeps_the_socket_over_a_restart(
    server: Servers, settings: Settings, anna: dict[str, str], tmp_path: Path
) -> None:
    """With a socket unit a restart, and so an upgrade, makes nobody's request fail: new connections wait."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port = listener.getsockname()[1]
        launch = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3);"
            " os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()));"
            " os.execv(sys.executable, [sys.executable, '-m', 'carddav_msg', 'serve'])"
        )
        listener.set_inheritable(True)

        def start() -> Server:
            command = [sys.executable, "-c", launch, str(listener.fileno())]
            running = server.process(
                command, environment(settings), f"http://127.0.0.1:{port}", pass_fds=[listener.fileno()]
            )
            return running.wait()

        first = start()
        assert f"serves http://127.0.0.1:{port}" in first.output()
        with polling(port, anna):
            first.stop()
            second = start()
        assert second.status is None


def test_workers_inherit_nothing_that_is_open(server: Servers, settings: Settings, anna: dict[str, str]) -> None:
    """Before the fork there are listeners and no database, and only the main thread runs Python of ours."""
    started = server(settings, workers=2)
    with polling(port_of(started), anna, 1) as (phone,):
        wait_for(lambda: phone.answered > 0, started)
    database = Path(settings.database_url.removeprefix("sqlite:///"))
    parent = [os.readlink(link) for link in Path(f"/proc/{started.pid}/fd").iterdir()]
    assert [name for name in parent if name.startswith(str(database))] == []
    assert len([name for name in parent if name.startswith("socket:")]) == 2
    for worker in workers_of(started.pid):
        listeners = [link for link in Path(f"/proc/{worker}/fd").iterdir() if os.readlink(link) in parent]
        assert len([link for link in listeners if os.readlink(link).startswith("socket:")]) == 1
    held = [os.readlink(link) for worker in workers_of(started.pid) for link in Path(f"/proc/{worker}/fd").iterdir()]
    assert any(name.startswith(str(database)) for name in held)


def test_what_is_forked_holds_no_thread_and_no_connection(settings: Settings, anna: dict[str, str]) -> None:
    """What `serve` has ready before the fork: a child of it answers, whatever locks there are."""
    code = """
import os, sys, threading
from pathlib import Path
from carddav_msg import settings
from carddav_msg.cli.server import _checked
chosen = settings.load(None, os.environ)
services, application, _ = _checked(chosen)
assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
database = chosen.database_url.removeprefix("sqlite:///")
held = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.exists()]
assert not [name for name in held if name.startswith((database, "socket:"))], held
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
from tests.outside import asking
from carddav_msg.probe.transport import Call
poll = Call("PROPFIND", "http://127.0.0.1/dav/acme~anna/", {"Authorization": sys.argv[1], "Depth": "0"})
assert asking(application, "phone")(poll).status == 207
"""
    command = [sys.executable, "-c", code, anna["Authorization"]]
    done = subprocess.run(
        command, env=environment(settings), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
