"""Contacts in browsers: pages of other origins, and answers that are packed."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from flask.testing import FlaskClient

from carddav_msg.web import create_app
from tests.web.test_contacts import BASIC, People, names

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

ORIGIN, STRANGE = "https://app.example.com", "https://evil.example.com"


@pytest.fixture
def browser(services: Services, people: People) -> FlaskClient:
    """A caller of a server that lets pages of one origin read."""
    settings = replace(services.settings, cors_origins=(ORIGIN,))
    return create_app(replace(services, settings=settings)).test_client()


def test_a_preflight_is_answered_for_configured_origins(browser: FlaskClient) -> None:
    """Without credentials, as browsers ask; nobody else is allowed anything."""
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    allowed = browser.options("/contacts", headers={"Origin": ORIGIN, **asked})
    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert allowed.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert "Authorization" in allowed.headers["Access-Control-Allow-Headers"]
    assert "Origin" in allowed.headers["Vary"]
    refused = browser.options("/contacts", headers={"Origin": STRANGE, **asked})
    assert not [name for name in refused.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118  # a list of pairs
    assert "Origin" in refused.headers["Vary"]


@pytest.mark.parametrize(("headers", "status"), [(BASIC, 200), ({}, 401)])
def test_answers_and_refusals_name_the_origin(browser: FlaskClient, headers: dict[str, str], status: int) -> None:
    """Never `*`; a page can also read that it was refused, and the validators."""
    answer = browser.get("/contacts", headers={"Origin": ORIGIN, **headers})
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    for origin in (STRANGE, "null", ORIGIN + ".evil.example", ORIGIN.upper()):
        answer = browser.get("/contacts", headers={"Origin": origin, **headers})
        assert answer.status_code == status
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" in browser.get("/contacts", headers=headers).headers["Vary"]


def test_without_origins_nothing_is_said(client: FlaskClient, people: People) -> None:
    """The default: no page reads anything, and no cache keeps answers apart by origin."""
    answer = client.get("/contacts", headers={"Origin": ORIGIN, **BASIC})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" not in answer.headers["Vary"].split(", ")


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("gzip;q=0", False), ("br", False), ("", False)],
)
def test_contacts_are_packed_for_who_takes_it(client: FlaskClient, people: People, accepts: str, packed: bool) -> None:
    """The same document under the same tag; caches are told what it depends on."""
    plain = client.get("/contacts", headers=BASIC)
    assert "Content-Encoding" not in plain.headers
    answer = client.get("/contacts", headers={**BASIC, "Accept-Encoding": accepts})
    assert answer.headers.get("Content-Encoding") == ("gzip" if packed else None)
    assert (gzip.decompress(answer.data) if packed else answer.data) == plain.data
    assert names(plain) == ["Bert"]
    assert answer.headers["ETag"] == plain.headers["ETag"]
    assert answer.headers["Vary"] == "Authorization, Accept-Encoding"
    held = client.get(
        "/contacts", headers={**BASIC, "Accept-Encoding": accepts, "If-None-Match": plain.headers["ETag"]}
    )
    assert (held.status_code, held.data, "Content-Encoding" in held.headers) == (304, b"", False)
