"""A real Redis for tests, on a Unix socket in the test's own folder."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests import required
from tests.servers import PATIENCE


class Redis:
    """A server that can be stopped and started again; `url` is how the settings name it."""

    def __init__(self, folder: Path) -> None:
        self._program = required.program("redis-server")
        self._socket = folder / "redis.sock"
        self._folder = folder
        self.url = f"redis+unix://{self._socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it takes connections."""
        command = [self._program, "--port", "0", "--unixsocket", str(self._socket), "--save", "", "--dir"]
        self._process = subprocess.Popen([*command, str(self._folder)], stdout=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < until, "Redis does not start"
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self) -> None:
        """Ends it; what it knew is lost."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Redis]:
    """A started Redis, stopped at the end."""
    redis = Redis(folder)
    redis.start()
    try:
        yield redis
    finally:
        redis.stop()
