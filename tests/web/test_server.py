"""The web faces in the real server process: what only a real connection shows."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.servers import Servers
from tests.web.conftest import People

if TYPE_CHECKING:
    from carddav_msg.settings import Settings

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SENT = "username=bert&password=bert%27s+password"


def test_bodies_and_secrets_on_a_real_connection(settings: Settings, people: People, server: Servers) -> None:
    """Chunked and oversized bodies, raw bytes and aborted requests are answered, and the log has no secret of them."""
    started = server(settings, log_level="debug", max_body_size=100_000)
    address = str(urlsplit(started.url).hostname), int(urlsplit(started.url).port or 0)

    def ask(method: str, path: str, body: object = None, **options: object) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(*address, timeout=30)
        try:
            headers = FORM | ({"Transfer-Encoding": "chunked"} if options else {})
            connection.request(method, path, body=body, headers=headers, **options)  # type: ignore[arg-type]
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    assert ask("GET", f"/auth?{SENT}")[0] == 200
    status, body = ask("POST", "/contacts", iter([SENT.encode()]), encode_chunked=True)
    assert status == 200
    assert [contact["displayName"] for contact in json.loads(body)["contacts"]] == ["Anna Ä"]
    status, body = ask("POST", "/provisioning", iter([SENT.encode(), b"&x=" + b"a" * 200_000]), encode_chunked=True)
    assert (status, b"<error><message>" in body) == (413, True)
    status, body = ask("POST", "/provisioning", SENT + "&x=" + "a" * 200_000)
    assert (status, b"<error><message>" in body) == (413, True)
    with socket.create_connection(address, timeout=30) as raw:
        raw.sendall(b"GET /auth?password=S3cret-\xff\xfe HTTP/1.1\r\nHost: x\r\nAuthorization: Basic UzNjcmV0\r\n\r\n")
        assert raw.recv(12).startswith(b"HTTP/1.1 400")
    with socket.create_connection(address, timeout=30) as raw:
        raw.sendall(b"POST /auth HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npassword=S3cret-aborted")
    assert ask("GET", "/healthz")[0] == 200
    log = started.stop()
    assert "status=413" in log
    for secret in ("S3cret", "UzNjcmV0", "bert's password", "bert%27s"):
        assert secret not in log
