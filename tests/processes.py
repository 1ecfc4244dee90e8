"""The processes of a server, looked at from outside: who answers, what they have open, who listens."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.servers import PATIENCE, Server


def workers_of(pid: int) -> set[int]:
    """The children of the server's first process that answer requests."""
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()}


def wait_for(condition: Callable[[], object], server: Server) -> None:
    """Waits until the callable is true."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, server.output()
        time.sleep(0.05)


def replaced(server: Server, before: set[int]) -> set[int]:
    """Waits until both workers are others than before; returns them."""
    wait_for(lambda: len(workers_of(server.pid)) == 2 and not workers_of(server.pid) & before, server)
    return workers_of(server.pid)


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


def refuses(server: Server) -> bool:
    """Whether nobody can connect any more."""
    with socket.socket() as late:
        return late.connect_ex(("127.0.0.1", port_of(server))) == errno.ECONNREFUSED


def descriptors_of(pid: int) -> dict[str, str]:
    """What each descriptor of a process is."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found[link.name] = os.readlink(link)
    return found


def sockets_of(*pids: int) -> set[str]:
    """The sockets that processes have open."""
    return {what for pid in pids for what in descriptors_of(pid).values() if what.startswith("socket:")}


def waits_for_a_listener(pid: int) -> bool:
    """Whether a process is told of new connections: one of its epolls has a socket that listens."""
    listening = {line.split()[9] for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines() if " 0A " in line}
    links = descriptors_of(pid)
    polled = []
    for name in [name for name, to in links.items() if to.endswith("[eventpoll]")]:
        with suppress(FileNotFoundError):  # closed meanwhile
            said = Path(f"/proc/{pid}/fdinfo/{name}").read_text()
            polled += [line.split()[1] for line in said.splitlines() if line.startswith("tfd:")]
    return any(links.get(name, "").removeprefix("socket:[").removesuffix("]") in listening for name in polled)
