"""The sockets that `serve` listens on: made here once, before the workers, and kept while workers come and go.

So a worker that ends or is replaced takes no waiting connection with it. Each worker has a queue of its own, between
which the kernel deals connections out: of one queue the worker that is awake takes most, and the others little.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from carddav_msg.errors import ConfigurationError

UNIX: Final = "unix:"
BACKLOG: Final = 1024
_FIRST_FD: Final = 3  # sd_listen_fds(3): where systemd leaves the sockets that it opened for us
_GROUP_ONLY: Final = 0o007


@contextmanager
def listening(host: str, port: int, workers: int) -> Iterator[list[socket.socket]]:
    """A socket for each worker, or the one that all share: systemd's, or a Unix socket.

    ConfigurationError when the address can't be listened on. At the end a Unix socket of ours is taken from its folder;
    one of systemd's stays for the next server.
    """
    handed = _handed_over()
    with ExitStack() as opened:
        if handed:
            yield [opened.enter_context(handed)]
        elif host.startswith(UNIX):
            listener = opened.enter_context(_unix(host.removeprefix(UNIX)))
            opened.callback(Path(listener.getsockname()).unlink, missing_ok=True)
            yield [listener]
        else:
            yield [opened.enter_context(listener) for listener in _tcp_for_each(host, port, workers)]


def _handed_over() -> socket.socket | None:
    if os.environ.pop("LISTEN_PID", "") != str(os.getpid()):
        return None
    number = os.environ.pop("LISTEN_FDS", "")
    if number != "1":
        raise ConfigurationError([f"systemd passes {number or 'no'} sockets; the socket unit has to open one."])
    return socket.socket(fileno=_FIRST_FD)


def check_address(host: str, port: int, names: str) -> None:
    """ConfigurationError, with the names of the settings, when nobody could listen there now."""
    _tcp(host, port, names).close()


def place(listener: socket.socket) -> str:
    """Where a listener listens, as a URL where there is one."""
    name = listener.getsockname()
    return f"{UNIX}{name}" if isinstance(name, str) else f"http://{_bracketed(name[0])}:{name[1]}"


def _tcp_for_each(host: str, port: int, workers: int) -> Iterator[socket.socket]:
    first = _tcp(host, port)
    if workers == 1 or sys.platform != "linux":  # elsewhere the kernel does not deal out evenly
        with _told(host, port):
            first.listen(BACKLOG)
        yield first
        return
    with first:  # whoever listens there already would be joined, and not noticed
        family, address = first.family, first.getsockname()
    for _ in range(workers):
        with _told(host, port):
            listener = _bound(family, address, socket.SO_REUSEPORT)
            listener.listen(BACKLOG)
        yield listener


def _tcp(host: str, port: int, names: str = "host and port") -> socket.socket:
    """A socket that nobody else may share, at an address where nobody listens. It does not listen yet."""
    with _told(host, port, names):
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return _bound(family, address)


@contextmanager
def _told(host: str, port: int, names: str = "host and port") -> Iterator[None]:
    """ConfigurationError for what the system says."""
    try:
        yield
    except OSError as error:
        where = f"{_bracketed(host)}:{port}"
        raise ConfigurationError([f"Can't listen on {where}: {error.strerror}. See the settings {names}."]) from None


def _bound(family: int, address: Any, *options: int) -> socket.socket:
    listener = socket.socket(family)
    try:
        for option in (socket.SO_REUSEADDR, *options):
            listener.setsockopt(socket.SOL_SOCKET, option, 1)
        if family != socket.AF_UNIX:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _unix(path: str) -> socket.socket:
    """Whoever can open it is a proxy, so only the group can."""
    before = os.umask(_GROUP_ONLY)
    try:
        if Path(path).is_socket():
            Path(path).unlink()  # left by a server that was killed
        listener = _bound(socket.AF_UNIX, path)
        listener.listen(BACKLOG)
        return listener
    except OSError as error:
        raise ConfigurationError([f"Can't listen on {UNIX}{path}: {error.strerror}. See the setting host."]) from None
    finally:
        os.umask(before)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
