"""The real server as a process on a free port: started, waited for, its output kept, ended with the test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Self

from carddav_msg.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def environment(settings: Settings | None) -> dict[str, str]:
    """The environment of a process with exactly these settings (None: none at all), which finds our packages."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    environ["PYTHONUNBUFFERED"] = "1"
    for item in fields(Settings) if settings else ():
        value = getattr(settings, item.name)
        if value != item.default:
            environ[PREFIX + item.name.upper()] = _text(value)
    return environ


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, tuple) else str(value)


class Server:
    """A process that serves `url`. `output()` is all it has written so far, to both streams."""

    def __init__(
        self,
        command: list[str],
        environ: dict[str, str],
        url: str,
        log: Path,
        cwd: Path | None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.url = url
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                command,
                env=environ,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                pass_fds=pass_fds,
            )

    def wait(self, path: str = "/readyz") -> Self:
        """Returns when the path is answered below 500; fails with the output when the process ends before."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"The server ended with {self._process.returncode}:\n{self.output()}")
            if self._answers(path):
                return self
            time.sleep(0.05)
        raise TimeoutError(f"The server is not ready after {PATIENCE} s:\n{self.output()}")

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5):  # noqa: S310  # our own server
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return error.code < 500
        except OSError:
            return False

    @property
    def pid(self) -> int:
        """The first process, whose children answer."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """How the process ended; None while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """What the process and its workers have written."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> str:
        """Ends the process as an operator would (SIGTERM), kills what is left of it, and returns its output."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        return self.output()


class Servers:
    """Starts servers and ends them all: `servers(settings)`, `servers(settings, log_level="debug")`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Server] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._started:
            server.stop()

    def __call__(self, settings: Settings, **changes: Any) -> Server:
        """The product's own server, ready to answer. A port that somebody else took meanwhile is tried once more."""
        for last in (False, True):
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            chosen: dict[str, Any] = {"host": "127.0.0.1", "port": port, "workers": 1, "threads": 4}
            chosen |= changes
            command = [sys.executable, "-m", "carddav_msg", "serve"]
            server = self.process(command, environment(replace(settings, **chosen)), url)
            try:
                return server.wait()
            except RuntimeError:
                if last or "in use" not in server.output():
                    raise
        raise AssertionError("not reached")

    def process(
        self,
        command: list[str],
        environ: dict[str, str],
        url: str,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Server:
        """Any command that serves `url`, such as a stock Radicale; `wait()` is the caller's."""
        log = self._folder / f"server-{len(self._started)}.log"
        server = Server(command, environ, url, log, cwd, pass_fds)
        self._started.append(server)
        return server
