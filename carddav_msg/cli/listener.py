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
            yield _tcp_for_each(opened, host, port, workers)


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


def _tcp_for_each(opened: ExitStack, host: str, port: int, workers: int) -> list[socket.socket]:
    first = _tcp(host, port)
    if workers == 1 or sys.platform != "linux":  # elsewhere the kernel does not deal out evenly
        return [opened.enter_context(first)]
    with first:  # whoever listens there already would be joined, and not noticed
        port = first.getsockname()[1]
    return [opened.enter_context(_tcp(host, port, shared=True)) for _ in range(workers)]


def _tcp(host: str, port: int, names: str = "host and port", *, shared: bool = False) -> socket.socket:
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
        return _listening(listener, address)
    except OSError as error:
        where = f"{_bracketed(host)}:{port}"
        raise ConfigurationError([f"Can't listen on {where}: {error.strerror}. See the settings {names}."]) from None


def _unix(path: str) -> socket.socket:
    """Whoever can open it is a proxy, so only the group can."""
    before = os.umask(_GROUP_ONLY)
    try:
        if Path(path).is_socket():
            Path(path).unlink()  # left by a server that was killed
        return _listening(socket.socket(socket.AF_UNIX), path)
    except OSError as error:
        raise ConfigurationError([f"Can't listen on {UNIX}{path}: {error.strerror}. See the setting host."]) from None
    finally:
        os.umask(before)


def _listening(listener: socket.socket, address: Any) -> socket.socket:
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
