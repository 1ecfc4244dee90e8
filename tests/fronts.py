"""The shipped configurations of nginx and Caddy, each in the real program, and servers that fail behind them."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

from tests import required
from tests.certificates import Certificate, certificate
from tests.servers import PATIENCE, ROOT, free_port

NAME = "contacts.example.com"
"""The host in the shipped configurations."""


@dataclass(frozen=True)
class Front:
    """A running front: its two ports, the folder with all that it writes, its log of requests, and how a route and the
    status of a server that failed are written there.
    """

    folder: Path
    plain: int
    secure: int
    requests: str
    route: str
    status: str

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: str = "", *, plain: bool = False
    ) -> tuple[int, str]:
        """(status, headers and body) of a request over https, or http."""
        connection: HTTPConnection = _Named(self.secure)
        if plain:
            connection = HTTPConnection("127.0.0.1", self.plain, timeout=60)
        try:
            connection.request(method, path, body.encode(), {**headers, "Host": NAME})
            answer = connection.getresponse()
            return answer.status, f"{answer.headers}\n{answer.read().decode('utf-8', 'replace')}"
        finally:
            connection.close()

    def written(self) -> dict[str, str]:
        """Every log that the front has, with what is in it."""
        return {path.name: path.read_text("utf-8", "replace") for path in self.folder.glob("*.log")}


class _Named(HTTPSConnection):
    """A connection to the host of the configuration, wherever that is; the certificate is the test's own."""

    def __init__(self, port: int) -> None:
        self._unverified = ssl._create_unverified_context()  # noqa: S323  # see above
        super().__init__(NAME, port, timeout=60)

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.sock = self._unverified.wrap_socket(plain, server_hostname=NAME)


@contextmanager
def nginx(folder: Path, upstream: int, shown: Certificate | None = None) -> Iterator[Front]:
    """The shipped configuration in front of a port, with places and a certificate of the test, and less patience."""
    program = required.program("nginx")
    folder.mkdir()
    shown = shown or certificate(folder, NAME)
    plain, secure = free_port(), free_port()
    shipped = _adapted(
        "nginx.conf",
        {
            "listen [::]:80;": "",
            "listen [::]:443 ssl;": "",
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "listen 443 ssl;": f"listen 127.0.0.1:{secure} ssl;",
            "server 127.0.0.1:8080;": f"server 127.0.0.1:{upstream};",
            "/var/log/nginx/": f"{folder}/",
            f"/etc/letsencrypt/live/{NAME}/fullchain.pem": str(shown.certificate),
            f"/etc/letsencrypt/live/{NAME}/privkey.pem": str(shown.key),
            "proxy_read_timeout 120s;": "proxy_read_timeout 1s;",
        },
    )
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    # What is around the shipped file on a Debian machine, the error log of all else included.
    main.write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log {folder}/access.log;\n{temporary}{shipped}}}\n"
    )
    with _running([program, "-c", str(main), "-p", str(folder), "-e", str(folder / "error.log")], folder, secure):
        yield Front(folder, plain, secure, "carddav-msg.log", " GET {} ", "upstream={}")


@contextmanager
def caddy(folder: Path, upstream: int, shown: Certificate | None = None) -> Iterator[Front]:
    """The same with Caddy, whose whole output is one log."""
    program = required.program("caddy")
    folder.mkdir()
    shown = shown or certificate(folder, NAME)
    plain, secure = free_port(), free_port()
    shipped = _adapted(
        "Caddyfile",
        {
            "auto_https disable_redirects": "auto_https disable_redirects\n\tadmin off\n\tskip_install_trust\n"
            f"\tdefault_bind 127.0.0.1\n\thttp_port {plain}\n\thttps_port {secure}",
            f"\n{NAME} {{": f"\n{NAME} {{\n\ttls {shown.certificate} {shown.key}",
            "reverse_proxy 127.0.0.1:8080": f"reverse_proxy 127.0.0.1:{upstream}",
            "response_header_timeout 120s": "response_header_timeout 1s",
        },
    )
    main = folder / "Caddyfile"
    main.write_text(shipped)
    command = [program, "run", "--config", str(main), "--adapter", "caddyfile"]
    with _running(command, folder, secure):
        yield Front(folder, plain, secure, "output.log", '"uri":"{}"', '"status":{}')


def _adapted(name: str, places: Mapping[str, str]) -> str:
    """A shipped configuration with other places."""
    shipped = (ROOT / "config" / name).read_text("utf-8")
    for old, new in places.items():
        assert old in shipped, f"the shipped configuration has no {old!r} any more"
        shipped = shipped.replace(old, new)
    return shipped


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """A program that writes into `output.log`, from when it listens on the port."""
    output = folder / "output.log"
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, **home})
    try:
        until = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def broken(port: int, *, slow: bool) -> Iterator[None]:
    """A server that never answers, or one that resets each connection once it has read the request."""
    listener = socket.create_server(("127.0.0.1", port))
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if slow:
                held.append(connection)
                continue
            connection.recv(65536)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in held:
            connection.close()
