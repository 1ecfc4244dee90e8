"""The shipped nginx configuration, in a real nginx in front of the real server: canaries of queries are in no log."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.settings import Settings
from tests import required
from tests.builders import add_network, add_user
from tests.servers import PATIENCE, ROOT, Servers, free_port
from tests.test_canary import leaks, requests

CANARY = "Canary-nginx-7Qz!&é"
NAME = "contacts.example.com"


@dataclass(frozen=True)
class Nginx:
    """A running nginx: its two ports, and the folder with all that it writes."""

    folder: Path
    plain: int
    secure: int

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: str = "", *, plain: bool = False
    ) -> tuple[int, str]:
        """(status, headers and body) of a request over https, or http."""
        context = ssl._create_unverified_context()  # noqa: S323  # a certificate of the test's own
        connection: HTTPConnection = HTTPSConnection("127.0.0.1", self.secure, timeout=60, context=context)
        if plain:
            connection = HTTPConnection("127.0.0.1", self.plain, timeout=60)
        try:
            connection.request(method, path, body.encode(), {**headers, "Host": NAME})
            answer = connection.getresponse()
            return answer.status, f"{answer.headers}\n{answer.read().decode('utf-8', 'replace')}"
        finally:
            connection.close()

    def written(self) -> dict[str, str]:
        """Every log that nginx has, with what is in it."""
        return {path.name: path.read_text("utf-8", "replace") for path in self.folder.glob("*.log")}


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[Nginx]:
    """The shipped configuration in front of a port, with places and a certificate of the test, and less patience."""
    program = required.program("nginx")
    folder.mkdir()
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    plain, secure = free_port(), free_port()
    shipped = (ROOT / "config" / "nginx.conf").read_text("utf-8")
    for old, new in (
        ("listen [::]:80;", ""),
        ("listen [::]:443 ssl;", ""),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{secure} ssl;"),
        ("server 127.0.0.1:8080;", f"server 127.0.0.1:{upstream};"),
        ("/var/log/nginx/", f"{folder}/"),
        (f"/etc/letsencrypt/live/{NAME}/", f"{folder}/"),
        ("proxy_read_timeout 120s;", "proxy_read_timeout 1s;"),
    ):
        assert old in shipped, f"the shipped configuration has no {old!r} any more"
        shipped = shipped.replace(old, new)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    # What is around the shipped file on a Debian machine, the error log of all else included.
    main.write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log {folder}/access.log;\n{temporary}{shipped}}}\n"
    )
    process = subprocess.Popen([program, "-c", str(main), "-p", str(folder), "-e", str(folder / "error.log")])
    try:
        until = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", secure)) == 0:
                    break
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield Nginx(folder, plain, secure)
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


def assert_nothing_leaked(front: Nginx, routes: int) -> None:
    """The logs have lines, of the right routes, and no canary. nginx writes a line after it has sent the answer."""
    until = time.monotonic() + 20
    while (logs := front.written())["carddav-msg.log"].count("\n") < routes and time.monotonic() < until:
        time.sleep(0.05)
    assert set(logs) <= {"access.log", "error.log", "carddav-msg.log", "carddav-msg-error.log"}
    for name, text in logs.items():
        assert leaks(text, (CANARY,)) == [], name
        assert "cloud_username" not in text, name
    assert logs["carddav-msg.log"].count("\n") >= routes
    assert " GET /auth " in logs["carddav-msg.log"]


def test_no_query_is_in_a_log_of_the_proxy(
    tmp_path: Path, server: Servers, settings: Settings, services: Services
) -> None:
    """Right and wrong secrets in every place of a request, over https; and over http, which takes none of them."""
    acme = add_network(services, "acme", cloud_ids=("ACMEAPP",), sip_host="sip.example.com")
    add_user(services, acme, "anna", password=CANARY)
    running = server(settings, trusted_proxies=("127.0.0.1",), access_log=True, log_level="debug", throttle_pair=10_000)
    statuses = set()
    count = 0
    with nginx(tmp_path / "nginx", _port(running.url)) as front:
        for method, path, headers, body in requests(CANARY):
            status, text = front.ask(method, path, headers, body)
            statuses.add(status)
            if status >= 300:
                assert leaks(text, (CANARY,)) == [], (method, path)
            status, text = front.ask(method, path, headers, body, plain=True)
            assert status == 403, "no redirect would repeat a query, or let it be sent in the clear again"
            count += 2
        assert statuses >= {200, 207, 400, 401, 403}
        assert_nothing_leaked(front, count)
    output = running.stop()
    assert leaks(output, (CANARY,)) == []
    assert re.search(r"carddav_msg\.access: GET /auth\?username=\S+ \d+ \S+ client=127\.0\.0\.1", output)


def test_what_the_server_learns_of_the_proxy(
    tmp_path: Path, server: Servers, settings: Settings, services: Services
) -> None:
    """It believes nginx that the client used https, and nginx passes on nothing that the client made up."""
    add_user(services, add_network(services, "acme"), "anna", password=CANARY)
    running = server(settings, trusted_proxies=("127.0.0.1",))
    forged = {"X-Forwarded-Proto": "http", "X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6;proto=http"}
    with nginx(tmp_path / "nginx", _port(running.url)) as front:
        status, text = front.ask("GET", "/auth?username=anna&password=wrong", forged)
        assert status == 401
        assert "strict-transport-security: max-age=31536000" in text.lower()
        assert front.ask("GET", "/.well-known/carddav", {}, plain=True)[0] == 301
    assert "sign-in refused: client=127.0.0.1 " in running.stop()


@pytest.mark.parametrize("fault", ["stopped", "slow", "resetting"])
def test_no_query_is_in_a_log_when_the_server_fails(tmp_path: Path, fault: str) -> None:
    """nginx says much of a server that is away, and at most levels the request line with it."""
    plain = CANARY.encode().hex()
    asked = [
        ("GET", f"{path}?cloud_username=anna&cloud_password={plain}", dict[str, str](), "")
        for path in ("/auth", "/provisioning", "/contacts", "/nothing")
    ]
    asked += [one for one in requests(CANARY) if one[0] in ("GET", "POST")]
    upstream = free_port()
    with (
        broken(upstream, slow=fault == "slow") if fault != "stopped" else nullcontext(),
        nginx(tmp_path / "nginx", upstream) as front,
    ):
        asked = asked[: 12 if fault == "slow" else 200]
        for method, path, headers, body in asked:
            status, _ = front.ask(method, path, headers, body)
            assert status in (502, 504)
        assert_nothing_leaked(front, len(asked))
        assert plain not in "".join(front.written().values())
        assert f"upstream={504 if fault == 'slow' else 502}" in front.written()["carddav-msg.log"]


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])
