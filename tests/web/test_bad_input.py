"""Bad input to the web faces: a defined status, a body the caller can parse, one log line, no secret, never a 500."""

from __future__ import annotations

import copy
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug.serving import make_server

from carddav_msg import bootstrap
from carddav_msg.errors import Unavailable
from carddav_msg.services.authentication.names import Names
from carddav_msg.web import create_app
from tests.web.conftest import PASSWORD, Lines, People

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.settings import Settings

FACES = ["/auth", "/provisioning", "/provisioning/refresh", "/contacts"]
SECRET = "Canary-4711"
FORM = "application/x-www-form-urlencoded"


def message(answer: Any) -> str:
    """The message of an error document in the format that its Content-Type says."""
    if answer.headers["Content-Type"] == "application/json":
        return str(json.loads(answer.data)["error"]["message"])
    assert answer.headers["Content-Type"] == "application/xml"
    root = ElementTree.fromstring(answer.data)
    assert root.tag == "error"
    return str(root.findtext("message"))


def check(answer: Any, status: int, lines: Lines) -> None:
    """The answer has this status and a message; one line was logged, and no secret is in either."""
    assert answer.status_code == status
    assert message(answer)
    (line,) = lines.of("carddav_msg.web")
    assert f" status={status} " in line
    others = [other for other in lines.text.splitlines() if other not in lines.of("carddav_msg.refusals")]
    assert others == [line]
    assert SECRET not in line
    assert SECRET not in answer.get_data(as_text=True)
    lines.clear()


QUERIES = {
    "login missing": f"password={SECRET}",
    "password missing": "username=anna",
    "password empty": "username=anna&password=",
    "two logins": f"username=anna&cloud_username=bert&password={SECRET}",
    "two passwords": f"username=anna&password={SECRET}&password=other",
    "overlong login": f"username={'a' * 1025}&password={SECRET}",
    "overlong password": f"username=anna&password={SECRET * 100}",
    "overlong device": f"username=anna&password={SECRET}&device={'d' * 201}",
    "control character": f"username=an%00na&password={SECRET}",
    "line end": f"username=anna%0D%0Astatus=200&password={SECRET}",
    "control in password": f"username=anna&password={SECRET}%07",
    "control in host": f"username=anna&password={SECRET}&host=a%1Fb",
    "not UTF-8": f"username=%FF%FE&password={SECRET}",
    "latin-1 password": f"username=anna&password={SECRET}%E4",
    "too many": f"username=anna&password={SECRET}&" + "x=1&" * 100,
}


@pytest.mark.parametrize("what", QUERIES)
def test_unclear_parameters_are_400(client: FlaskClient, lines: Lines, what: str) -> None:
    """Missing, contradicting, overlong, undecodable: 400 with a message from every face, in the query as in a form."""
    for face in FACES:
        check(client.get(f"{face}?{QUERIES[what]}"), 400, lines)
        check(client.post(face, data=QUERIES[what], content_type=FORM), 400, lines)


BODIES = {
    "broken JSON": ("application/json", b'{"username": "anna", '),
    "JSON list": ("application/json", b'["username", "anna"]'),
    "JSON pairs": ("application/json", b'[["username", "anna"], ["password", "x"]]'),
    "JSON text": ("application/json", b'"anna"'),
    "JSON number": ("application/json", b'{"username": 1000, "password": "x"}'),
    "JSON null": ("application/json", b'{"username": "anna", "password": null}'),
    "JSON object inside": ("application/json", b'{"username": {"a": 1}, "password": "x"}'),
    "JSON twice": ("application/json", b'{"username": "anna", "username": "bert", "password": "x"}'),
    "JSON not UTF-8": ("application/json", b'{"username": "\xff", "password": "x"}'),
    "JSON half surrogate": ("application/json", b'{"username": "\\ud800", "password": "x"}'),
    "JSON control": ("application/json", b'{"username": "a\\u0000", "password": "x"}'),
    "JSON deep": ("application/json", b'{"username":' + b"[" * 100_000),
    "JSON long number": ("application/json", b'{"username":' + b"9" * 10_000 + b"}"),
    "JSON in another charset": ("application/json; charset=utf-16", '{"username": "anna"}'.encode("utf-16")),
    "XML": ("application/xml", b"<username>anna</username>"),
    "entity bomb": ("text/xml", b'<!DOCTYPE a [<!ENTITY b "c">]><username>&b;</username>'),
    "multipart": ("multipart/form-data; boundary=x", b"--x\r\n\r\nanna\r\n--x--"),
    "no type": ("", b"username=anna&password=x"),
    "odd type": (";;;/", b"username=anna&password=x"),
}


@pytest.mark.parametrize("what", BODIES)
def test_unclear_bodies_are_400(client: FlaskClient, lines: Lines, what: str) -> None:
    """What is no form and no JSON object of texts: 400 with a message from every face."""
    content_type, body = BODIES[what]
    for face in FACES:
        check(client.post(face, data=body, headers={"Content-Type": content_type}), 400, lines)


@pytest.mark.parametrize("face", [*FACES, "/healthz", "/readyz", "/", "/avatars/0123456789abcdef"])
def test_wrong_method_is_405(client: FlaskClient, lines: Lines, face: str) -> None:
    """405 says in Allow what is possible."""
    for method in ("PUT", "DELETE", "PATCH", "PROPFIND"):
        answer = client.open(face, method=method)
        check(answer, 405, lines)
        assert "GET" in answer.headers["Allow"]
        assert ("POST" in answer.headers["Allow"]) == (face in FACES)


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/auth/nothing", "/avatars/short", "/avatars/%00", "/avatars/..%2f..", "/avatars/" + "a" * 64],
)
def test_unknown_address_is_404(client: FlaskClient, lines: Lines, path: str) -> None:
    """404 with a message, and never a redirect that would repeat the query."""
    check(client.get(f"{path}?password={SECRET}"), 404, lines)


def test_doubled_slash_is_no_redirect(client: FlaskClient, lines: Lines) -> None:
    """Two slashes inside are another address; a redirect would repeat the query."""
    check(client.get(f"/provisioning//refresh?username=anna&password={SECRET}"), 404, lines)


@pytest.mark.parametrize("face", FACES)
def test_host_header_that_is_no_host_is_400(client: FlaskClient, lines: Lines, face: str) -> None:
    """A label of more than 63 characters can't be a host name."""
    answer = client.get(f"{face}?username=anna&password={SECRET}", environ_overrides={"HTTP_HOST": "a" * 300})
    check(answer, 400, lines)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_large_body_is_413(client: FlaskClient, lines: Lines, face: str, method: str) -> None:
    """5 MB of anything: 413 before it is read."""
    check(client.open(face, method=method, data=b"a" * 5_000_000, content_type=FORM), 413, lines)


@pytest.fixture
def address(app: Flask) -> Iterator[tuple[str, int]]:
    """The application behind a real HTTP server."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield "127.0.0.1", server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("face", FACES)
def test_chunked_bodies_are_read(address: tuple[str, int], people: People, face: str) -> None:
    """A body without Content-Length is read, and refused with 413 beyond the limit."""
    for size, status in ((0, 200), (5_000_000, 413)):
        connection = http.client.HTTPConnection(*address, timeout=30)
        body = [b"username=bert&password=", b"bert%27s+password&x=", b"a" * size]
        headers = {"Content-Type": FORM, "Transfer-Encoding": "chunked"}
        connection.request("POST", face, body=iter(filter(None, body)), headers=headers, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == status
        assert answer.read()
        connection.close()


@pytest.mark.parametrize("face", FACES)
def test_forged_proxy_headers_change_nothing(client: FlaskClient, people: People, lines: Lines, face: str) -> None:
    """What a client says about proxies is not believed: neither paths nor the address in the log."""
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example.com",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-Prefix": "/evil",
        "X-Script-Name": "/evil",
        "X-Remote-User": "Anna.A",
        "Forwarded": "for=203.0.113.9;host=evil.example.com",
    }
    sent = {"username": "bert", "password": "bert's password"}
    plain = client.post(face, data=sent)
    answer = client.post(face, data=sent, headers=forged)
    assert (answer.status_code, answer.data) == (200, plain.data)
    assert client.post(face, data=sent | {"password": "wrong"}, headers=forged).status_code in (401, 403)
    assert "203.0.113.9" not in lines.text
    assert "client=127.0.0.1" in lines.of("carddav_msg.web")[-1]


@pytest.mark.parametrize("host", ["a\x00b", "[::1", "é.example.com", "", "*", "::::"])
def test_odd_host_headers_are_no_hint(client: FlaskClient, people: People, host: str) -> None:
    """A Host header that names nothing neither helps nor hurts."""
    answer = client.get(
        "/auth", query_string={"username": "Anna.A", "password": PASSWORD}, environ_overrides={"HTTP_HOST": host}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("face", FACES)
def test_long_and_hostile_logins_stay_one_line(client: FlaskClient, people: People, lines: Lines, face: str) -> None:
    """A login of 1,024 characters, with direction marks and quotes, is one short printable line in the log."""
    answer = client.get(face, query_string={"username": "\u202e'\"" + "ä" * 1000, "password": SECRET})
    assert len(lines.text.splitlines()) == 2  # of the answer, and for fail2ban
    for line in lines.text.splitlines():
        assert line.isascii()
        assert len(line) < 800
    check(answer, 403 if face.startswith("/provisioning") else 401, lines)


@pytest.mark.parametrize("face", FACES)
def test_database_that_is_away_is_503(services: Services, people: People, lines: Lines, face: str) -> None:
    """An outage is never a refusal: 503 with Retry-After, in the caller's format."""

    class Away:
        def __getattr__(self, name: str) -> Any:
            raise Unavailable("The database can't be reached (SomeError).", retry_after=7)

    client = create_app(_asked_of(services, Away())).test_client()
    answer = client.get(f"{face}?username=bert&password={SECRET}")
    check(answer, 503, lines)
    assert answer.headers["Retry-After"] == "7"


@pytest.mark.parametrize("face", FACES)
def test_fault_is_a_500_without_values(services: Services, people: People, lines: Lines, face: str) -> None:
    """A bug of ours: a 500 to parse, a traceback in the log; the password is in neither, though the error names it.

    A phone that refreshes is told to come again, as whenever we are in doubt.
    """

    class Faulty:
        def __getattr__(self, name: str) -> Any:
            raise KeyError(f"{SECRET} of somebody")

    client = create_app(_asked_of(services, Faulty())).test_client()
    answer = client.get(f"{face}?username=bert&password={SECRET}")
    assert "KeyError" in lines.text
    assert "test_bad_input.py" in lines.text
    if face != "/provisioning/refresh":
        check(answer, 500, lines)
        return
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert message(answer)
    assert SECRET not in lines.text + answer.get_data(as_text=True)


def _asked_of(services: Services, directory: Any) -> Services:
    """The services with another directory behind sign-in."""
    built = services.authentication
    asked = copy.copy(built)
    asked._names = Names(directory)
    return replace(services, authentication=asked)


def test_missing_key_is_503_not_a_refusal(settings: Settings, people: People, lines: Lines) -> None:
    """A SIP password that no key opens is our fault: nobody is told that a password is wrong."""
    from carddav_msg.credentials import keyring

    other = bootstrap.build(replace(settings, keys=keyring.dump(keyring.generate())))
    answer = create_app(other).test_client().post("/provisioning", data={"username": "Anna.A", "password": PASSWORD})
    other.close()
    assert "is missing" in lines.text
    check(answer, 503, lines)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    face=st.sampled_from(FACES),
    query=st.binary(max_size=60),
    body=st.binary(max_size=60),
    kind=st.sampled_from(["application/json", FORM, "text/plain", ""]),
    headers=st.fixed_dictionaries(
        {},
        optional={
            name: st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
            for name in ("Accept", "Authorization", "If-None-Match", "If-Modified-Since", "Host")
        },
    ),
)
def test_nothing_is_a_500(
    client: FlaskClient, face: str, query: bytes, body: bytes, kind: str, headers: dict[str, str]
) -> None:
    """Random bytes in query, body and headers are refused with a document that can be parsed."""
    answer = client.open(
        face,
        method="POST",
        data=body,
        content_type=kind,
        headers=headers,
        environ_overrides={"QUERY_STRING": query.decode("latin-1")},
    )
    assert 400 <= answer.status_code < 500
    assert message(answer)
