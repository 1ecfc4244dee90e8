"""Canary secrets, right and wrong, through every face of a really started server: none is in anything it says.

The server runs at log level debug, so its whole output is searched, and every body and header of a refusal. A secret is
looked for as it was sent and in the spellings that logs and URLs give it.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

import pytest
from sqlalchemy import MetaData, create_engine

from carddav_msg.bootstrap import Services
from carddav_msg.settings import Settings
from tests.builders import add_network, add_user
from tests.servers import Server, Servers

RIGHT = "Canary-right-7Qz!&é"
SIP = "Canary-sip-8Wx?=ü"
WRONG = "Canary-wrong-9Kv#%ß"
FORGED = "d1.k00000000.canarydevice.Q2FuYXJ5bWFj"
SECRETS = (RIGHT, SIP, WRONG, FORGED)
PROPFIND = '<propfind xmlns="DAV:"><prop><displayname/></prop></propfind>'


@dataclass
class Answer:
    """What came back, headers and all."""

    status: int
    text: str


def ask(url: str, method: str, path: str, headers: dict[str, str] | None = None, body: str = "") -> Answer:
    """One request, sent as it is."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as connection:
        connection.request(method, path, body=body.encode(), headers=headers or {})
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
        return Answer(response.status, f"{response.headers}\n{text}")


def basic(login: str, secret: str) -> dict[str, str]:
    """The header of HTTP Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{login}:{secret}".encode()).decode()}


def spellings(secret: str) -> set[str]:
    """A secret as logs, URLs, JSON, reprs and Basic headers would show it."""
    basics = {basic(login, secret)["Authorization"][6:] for login in ("acme~anna", "anna")}
    plain = {secret, quote(secret), quote(secret, safe=""), urlencode({"": secret})[1:]}
    return (
        plain
        | basics
        | {json.dumps(secret)[1:-1], repr(secret)[1:-1], secret.encode().decode("latin-1"), ascii(secret)[1:-1]}
    )


def leaks(text: str, secrets: tuple[str, ...] = SECRETS) -> list[str]:
    """The secrets that are in a text in any spelling."""
    return [secret for secret in secrets if any(spelling in text for spelling in spellings(secret))]


def leaking_lines(output: str) -> list[str]:
    """The lines of a log with a secret in them."""
    return [line for line in output.splitlines() if leaks(line)]


def requests(secret: str) -> Iterator[tuple[str, str, dict[str, str], str]]:
    """(method, path, headers, body): each face, each way of sending a secret, and each way of getting it wrong."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    as_json = {"Content-Type": "application/json"}
    for path, names in (
        ("/auth", ("username", "password")),
        ("/provisioning", ("cloud_username", "cloud_password")),
        ("/provisioning/refresh", ("cloud_username", "cloud_password")),
        ("/contacts", ("cloud_username", "cloud_password")),
    ):
        for login in ("acme~anna", "anna", "nobody", "acme~disabled"):
            fields = {names[0]: login, names[1]: secret, "cloud_id": "ACMEAPP"}
            yield "GET", f"{path}?{urlencode(fields)}", {}, ""
            yield "POST", path, form, urlencode(fields)
            yield "POST", path, as_json, json.dumps(fields)
        yield "GET", f"{path}?{names[1]}={quote(secret)}", {}, ""
        yield "GET", f"{path}?{names[0]}=anna&{names[1]}=%ff{quote(secret)}%00", {}, ""
        yield "POST", path, as_json, '{"password": "' + secret
        yield "POST", path, as_json, json.dumps({names[0]: {"deep": secret}, names[1]: [secret]})
        yield "DELETE", f"{path}?{names[1]}={quote(secret)}", {}, ""
        yield "GET", path, basic("acme~anna", secret), ""
    for method, path in (
        ("PROPFIND", "/dav/"),
        ("PROPFIND", "/dav/acme~anna/"),
        ("PROPFIND", "/dav/acme~anna/directory/"),
        ("GET", "/dav/acme~anna/directory/none.vcf"),
        ("MKCOL", "/dav/acme~anna/further/"),
        ("REPORT", "/dav/acme~anna/directory/"),
    ):
        yield method, path, basic("acme~anna", secret), PROPFIND
        yield method, path, basic("nobody", secret), PROPFIND
    yield "PROPFIND", "/dav/", {"Authorization": f"Basic {secret.encode().decode('latin-1')}"}, ""
    yield "PROPFIND", "/dav/", {"Authorization": f"Bearer {quote(secret)}"}, ""
    yield "PROPFIND", f"/dav/?password={quote(secret)}", basic("acme~anna", secret), "<broken " + secret
    card = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{secret}\r\n" + "broken"
    yield "PUT", "/dav/acme~anna/personal/x.vcf", basic("acme~anna", secret) | {"Content-Type": "text/vcard"}, card
    yield "GET", f"/healthz?password={quote(secret)}", {}, ""
    yield "GET", f"/nothing/here?password={quote(secret)}", basic("acme~anna", secret), ""


@pytest.fixture
def talkative(any_settings: Settings, any_services: Services, server: Servers) -> Server:
    """A server that logs all it can, with a user who has both canary secrets."""
    acme = add_network(any_services, "acme", cloud_ids=("ACMEAPP",), sip_host="sip.example.com")
    add_user(any_services, acme, "anna", password=RIGHT, sip_password=SIP, sip_username="S1")
    add_user(any_services, acme, "disabled", password=RIGHT, sip_password=SIP, sip_username="S2", enabled=False)
    return server(any_settings, log_level="debug")


def test_no_secret_in_output_or_errors(talkative: Server) -> None:
    """Right, wrong and forged secrets in every place of a request leave no trace in log, traceback or error."""
    count = 0
    for secret in SECRETS:
        for method, path, headers, body in requests(secret):
            answer = ask(talkative.url, method, path, headers, body)
            count += 1
            assert answer.status < 500, (method, path, answer)
            if answer.status >= 300:
                assert leaks(answer.text) == [], (method, path, answer)
            elif not path.startswith("/provisioning"):
                assert leaks(answer.text, (RIGHT, SIP)) == [], (method, path, answer)
    output = talkative.stop()
    assert count > 300
    assert output.count("\n") >= count / 2, "the server logs too little for this test to mean anything"
    assert leaking_lines(output) == []
    issued = re.findall(r"d1\.[\w-]+\.[\w-]+\.[\w=-]{8,}", output)
    assert issued == [], "a device credential is in the log"


def test_no_secret_when_the_database_fails(talkative: Server, any_settings: Settings) -> None:
    """A database that breaks under the server shows up in the log, and no secret with it."""
    engine = create_engine(any_settings.database_url)
    metadata = MetaData()
    metadata.reflect(engine)
    metadata.drop_all(engine)
    engine.dispose()
    statuses = set()
    for secret in SECRETS:
        for method, path, headers, body in requests(secret):
            answer = ask(talkative.url, method, path, headers, body)
            statuses.add(answer.status)
            assert leaks(answer.text) == [], (method, path, answer)
    assert statuses & {500, 503}
    assert leaking_lines(talkative.stop()) == []


def test_leaks_are_found() -> None:
    """The search finds a secret in each spelling: it would fail if the server showed one."""
    for secret in SECRETS:
        for spelling in spellings(secret):
            assert leaks(f"2025-01-01 info: user said [{spelling}] and left") != []
    assert leaks("2025-01-01 info: nothing to see") == []
