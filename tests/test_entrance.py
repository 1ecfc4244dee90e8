"""What every request passes first: proxies, https, headers of all answers, and the access log."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import Client, TestResponse

from carddav_msg.wsgi import mount
from tests.builders import add_network, add_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

PASSWORD = "Canary-entrance-1"
BASIC = {"Authorization": "Basic " + base64.b64encode(f"acme~anna:{PASSWORD}".encode()).decode()}
Ask = Callable[..., TestResponse]
CREDENTIAL_ROUTES = (
    "/auth",
    "/provisioning",
    "/provisioning/refresh",
    "/contacts",
    "/dav/",
    "/dav/acme~anna/directory/",
)


@pytest.fixture
def ask(services: Services) -> Callable[..., Ask]:
    """A server with these settings, as peers reach it: `ask(trusted_proxies=(…))(path, peer=…)`."""
    add_user(services, add_network(services, "acme"), "anna", password=PASSWORD)

    def served(**changes: Any) -> Ask:
        client = Client(mount(replace(services, settings=replace(services.settings, **changes))))

        def request(path: str, peer: str = "127.0.0.1", server: str = "127.0.0.1", **headers: str) -> TestResponse:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            environ = {"REMOTE_ADDR": peer, "SERVER_NAME": server}
            method = "PROPFIND" if path.startswith("/dav") else "GET"
            with client.open(path, method=method, headers={**BASIC, **sent}, environ_overrides=environ) as answer:
                answer.get_data()
                return answer

        return request

    return served


@pytest.mark.parametrize("path", CREDENTIAL_ROUTES)
def test_credentials_need_https(ask: Callable[..., Ask], path: str) -> None:
    """Refused on an address that others reach, whatever a stranger says; taken on loopback and Unix sockets."""
    path_ = f"{path}?username=acme~anna&password={PASSWORD}" if path in ("/auth", "/provisioning") else path
    plain, behind = ask(), ask(trusted_proxies=("10.0.0.0/8", "unix"))
    refused = 503 if path == "/provisioning/refresh" else 403
    assert plain(path_, "192.0.2.1", "192.0.2.200").status_code == refused
    assert plain(path_, "192.0.2.1", "192.0.2.200", X_Forwarded_Proto="https").status_code == refused
    assert behind(path_, "10.0.0.1", "10.0.0.9", X_Forwarded_Proto="https").status_code != refused
    assert behind(path_, "10.0.0.1", "10.0.0.9", X_Forwarded_Proto="http").status_code == refused
    assert behind(path_, "10.0.0.1", "10.0.0.9").status_code == refused
    assert plain(path_).status_code != refused
    assert plain(path_, peer="", server="contacts.example").status_code != refused
    assert behind(path_, peer="", X_Forwarded_Proto="http").status_code == refused
    assert ask(plain_http="allow")(path_, "192.0.2.1", "192.0.2.200").status_code != refused
    assert plain("/healthz", "192.0.2.1", "192.0.2.200").status_code == 200


def test_all_answers_over_https_say_so(ask: Callable[..., Ask]) -> None:
    """Strict-Transport-Security and Referrer-Policy, for the web, CardDAV and refusals; without https no HSTS."""
    behind = ask(trusted_proxies=("127.0.0.1",), hsts=600)
    for path in ("/healthz", "/dav/acme~anna/", "/contacts", "/nothing", "/.well-known/carddav"):
        answer = behind(path, X_Forwarded_Proto="https")
        assert answer.headers["Strict-Transport-Security"] == "max-age=600"
        assert answer.headers.getlist("Referrer-Policy") == ["no-referrer"]
        assert "Strict-Transport-Security" not in behind(path).headers
    assert (
        "Strict-Transport-Security"
        not in ask(trusted_proxies=("127.0.0.1",), hsts=0)("/healthz", X_Forwarded_Proto="https").headers
    )


def test_the_client_s_address_is_what_throttling_and_logs_see(
    ask: Callable[..., Ask], caplog: pytest.LogCaptureFixture
) -> None:
    """Through a trusted proxy that of the client, on web and CardDAV; of strangers their own, whatever they claim."""
    caplog.set_level(logging.INFO)
    behind = ask(trusted_proxies=("127.0.0.1",))
    wrong = "Basic " + base64.b64encode(b"acme~anna:wrong").decode()
    for path in ("/contacts", "/dav/acme~anna/"):
        behind(path, Authorization=wrong, X_Forwarded_For="6.6.6.6, 203.0.113.9")
    assert caplog.text.count("203.0.113.9") == 3  # two answers, one failure
    assert "6.6.6.6" not in caplog.text
    caplog.clear()
    ask()("/contacts", Authorization=wrong, X_Forwarded_For="203.0.113.9")
    assert "203.0.113.9" not in caplog.text
    assert "127.0.0.1 sent forwarding headers and is not in trusted_proxies" in caplog.text


def test_a_host_name_narrows_and_never_grants(services: Services, ask: Callable[..., Ask]) -> None:
    """The forwarded host selects a network like a typed one; it opens nothing without the right password."""
    globex = add_network(services, "globex", domains=("globex.example",))
    add_user(services, globex, "anna", password="globex-secret")
    behind = ask(trusted_proxies=("127.0.0.1",))

    def status(host: str, password: str) -> int:
        basic = "Basic " + base64.b64encode(f"anna:{password}".encode()).decode()
        return behind("/contacts", Authorization=basic, X_Forwarded_Host=host).status_code

    assert status("globex.example", "globex-secret") == 200
    assert status("globex.example", PASSWORD) == 401
    assert status("elsewhere.example", "globex-secret") == 401


def test_external_authentication_may_be_closed(ask: Callable[..., Ask]) -> None:
    """To all but the listed addresses, of proxies' clients too; other faces stay open."""
    query = f"?username=anna&password={PASSWORD}"
    closed = ask(auth_access="closed", auth_allowed_sources=("203.0.113.0/24",), trusted_proxies=("127.0.0.1",))
    refused = closed("/auth" + query, X_Forwarded_For="198.51.100.1")
    assert refused.status_code == 403
    assert b"<error><message>" in refused.data
    assert closed("/auth" + query, X_Forwarded_For="203.0.113.9").status_code == 200
    assert closed("/auth" + query, X_Forwarded_For="203.0.113.9, 198.51.100.1").status_code == 403
    assert closed("/contacts", X_Forwarded_For="198.51.100.1").status_code == 200
    assert ask(auth_access="closed")("/auth" + query).status_code == 403
    assert ask()("/auth" + query, peer="198.51.100.1").status_code == 200


def test_the_access_log_has_templates_and_harmless_parameters(
    ask: Callable[..., Ask], caplog: pytest.LogCaptureFixture
) -> None:
    """No path as it came, no value of another parameter, one line a request."""
    caplog.set_level(logging.INFO, "carddav_msg.access")
    served = ask(access_log=True)
    paths = [
        f"/contacts?cloud_id=APP1&password={PASSWORD}&x={PASSWORD}",
        f"/avatars/{PASSWORD}",
        f"/dav/{PASSWORD}/{PASSWORD}/{PASSWORD}.vcf",
        f"/auth%3Fpassword={PASSWORD}",
        f"/{PASSWORD}",
        f"/contacts?username=a%0A{'b' * 500}",
    ]
    for path in paths:
        served(path)
    lines = [record.getMessage() for record in caplog.records if record.name == "carddav_msg.access"]
    assert [line.split()[1] for line in lines] == [
        "/contacts?cloud_id=APP1",
        "/avatars/<digest>",
        "/dav/<principal>/<book>/<card>",
        "(other)",
        "(other)",
        "/contacts?username=a\\n" + "b" * 58,
    ]
    assert PASSWORD not in caplog.text
    caplog.clear()
    ask()("/contacts")
    assert not [record for record in caplog.records if record.name == "carddav_msg.access"]


def test_waiting_is_429_on_every_face(ask: Callable[..., Ask]) -> None:
    """With Retry-After, in each face's format; the counters are the same for all."""
    served = ask(trusted_proxies=("127.0.0.1",))

    def wrong(path: str, n: int) -> TestResponse:
        basic = "Basic " + base64.b64encode(f"acme~anna:wrong-{n}".encode()).decode()
        query = f"?username=acme~anna&password=wrong-{n}" if path != "/contacts" and not path.startswith("/dav") else ""
        return served(path + query, Authorization=basic, X_Forwarded_For="203.0.113.9")

    faces = ("/dav/acme~anna/", "/contacts", "/provisioning", "/auth")
    ends = [wrong(faces[n % 4], n).status_code for n in range(10)]
    assert ends.count(429) == 10 - 5  # throttle_pair 10, two workers
    for path, start in zip(faces, (b"<?xml", b'{"error"', b"<", b"<"), strict=True):
        answer = wrong(path, 99)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 900
        assert answer.data.startswith(start)
        assert b"too many failed sign-ins" in answer.data
        assert "WWW-Authenticate" not in answer.headers
